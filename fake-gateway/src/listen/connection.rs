//! One client's socket: the handshake, then a reader and a writer side by side.

use super::http::{self, Ask};
use super::shared::{Order, Orders, Shared, Socket, Verdict};
use super::tls::Identity;
use super::valve::{Valve, Valved};
use crate::input::{ConnectionId, Delivery, Input};
use crate::record::head;
use async_tungstenite::tokio::TokioAdapter;
use async_tungstenite::tungstenite::error::{Error, ProtocolError};
use async_tungstenite::tungstenite::protocol::frame::coding::{CloseCode as WireCode, Data, OpCode};
use async_tungstenite::tungstenite::protocol::frame::{CloseFrame, Frame};
use async_tungstenite::tungstenite::protocol::{Message as WireMessage, Role, WebSocketConfig};
use async_tungstenite::{WebSocketReceiver, WebSocketSender, WebSocketStream};
use bytes::Bytes;
use core::future::pending;
use core::pin::pin;
use core::time::Duration;
use futures_util::StreamExt as _;
use futures_util::future::select;
use futures_util::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use portcullis::{CloseCode, Message};
use std::sync::Arc;
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

/// How long a client may take to ask for its upgrade.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// How long one write may take before its client counts as dead.
const WRITE: Duration = Duration::from_secs(10);
/// How long an HTTP answer may take, and the client to close its stream after it.
const LINGER: Duration = Duration::from_secs(2);
/// How long the other side may take to answer a close frame.
const FAREWELL: Duration = Duration::from_secs(5);
/// Longer messages are not read at all; the limit of the protocol is the machine's matter.
const READ_MAX: usize = 1 << 20;
/// A close frame has no room for more.
const REASON_MAX: usize = 123;

/// Serves a client, behind TLS if there is an identity, until one of the two ends it.
pub(super) async fn serve(stream: TcpStream, identity: Option<Identity>, socket: Socket) {
    // Pieces are to leave as they are written.
    let _ = stream.set_nodelay(true);
    let stream = TokioAdapter::new(stream);
    match identity {
        None => answer(stream, &socket.shared).await,
        Some(identity) => {
            if let Ok(Ok(stream)) = timeout(HANDSHAKE, identity.acceptor.accept(stream)).await {
                answer(stream, &socket.shared).await;
            }
        }
    }
}

/// Reads one request and answers it; a WebSocket is served to its end.
async fn answer<S: AsyncRead + AsyncWrite + Unpin>(mut stream: S, shared: &Arc<Shared>) {
    let Ok(Some(ask)) = timeout(HANDSHAKE, http::ask(&mut stream)).await else { return };
    match ask {
        Ask::Upgrade { target, key, behind } => upgrade(stream, target, &key, behind, shared).await,
        Ask::Plain { method, target, authorization } => {
            let answer = shared.http(&method, &target, authorization.as_deref());
            say(stream, &http::answer(&answer)).await;
        }
        Ask::Wrong(wrong) => say(stream, &http::objection(wrong)).await,
    }
}

/// Writes the only answer a stream gets, and ends it.
async fn say<S: AsyncRead + AsyncWrite + Unpin>(mut stream: S, text: &str) {
    let written = async {
        stream.write_all(text.as_bytes()).await?;
        stream.close().await?;
        // A stream that is dropped with unread bytes is reset, and the answer may be lost with it.
        let mut rest = [0; 1024];
        while stream.read(&mut rest).await? > 0 {}
        std::io::Result::Ok(())
    };
    let _ = timeout(LINGER, written).await;
}

async fn upgrade<S: AsyncRead + AsyncWrite + Unpin>(
    mut stream: S,
    target: String,
    key: &str,
    behind: Vec<u8>,
    shared: &Arc<Shared>,
) {
    let Some(guest) = shared.open() else { return say(stream, &http::refusal(503, None)).await };
    let connection = guest.connection;
    match shared.feed(Input::Upgrade { connection, path_and_query: target }) {
        Some(Verdict::Accepted) => {}
        Some(Verdict::Refused { status, retry_after }) => {
            shared.gone(connection);
            return say(stream, &http::refusal(status, retry_after)).await;
        }
        None => return shared.gone(connection),
    }
    let life = pin!(async {
        let switched = timeout(WRITE, stream.write_all(http::switching(key).as_bytes())).await;
        if matches!(switched, Ok(Ok(()))) {
            live(stream, behind, connection, guest.orders, shared).await;
        }
    });
    select(life, guest.killed).await;
    shared.gone(connection);
}

async fn live<S: AsyncRead + AsyncWrite + Unpin>(
    stream: S,
    behind: Vec<u8>,
    connection: ConnectionId,
    orders: Orders,
    shared: &Shared,
) {
    let valve = Valve::default();
    let stream = Valved::new(stream, valve.clone());
    let socket = WebSocketStream::from_partially_read(stream, behind, Role::Server, Some(limits())).await;
    let (sender, receiver) = socket.split();
    let write = pin!(write(sender, orders, valve, connection, shared));
    let read = pin!(read(receiver, connection, shared));
    select(write, read).await;
}

/// Small buffers, for there may be many clients. The write buffer has no bound of its own: one message is in it at a
/// time, and the queue before it has one.
fn limits() -> WebSocketConfig {
    WebSocketConfig::default()
        .read_buffer_size(4 << 10)
        .write_buffer_size(0)
        .max_message_size(Some(READ_MAX))
        .max_frame_size(Some(READ_MAX))
}

/// Gives the machine all that comes, and returns when nothing more will.
async fn read<S: AsyncRead + AsyncWrite + Unpin>(
    mut receiver: WebSocketReceiver<S>,
    connection: ConnectionId,
    shared: &Shared,
) {
    while let Some(read) = receiver.next().await {
        match read {
            Ok(WireMessage::Text(text)) => {
                shared.feed(Input::Message(connection, Message::Text(Bytes::from(text))));
            }
            Ok(WireMessage::Binary(bytes)) => {
                shared.feed(Input::Message(connection, Message::Binary(bytes)));
            }
            Ok(WireMessage::Close(frame)) => {
                let code = frame.map(|frame| CloseCode(frame.code.into()));
                shared.feed(Input::Closed(connection, code));
                // Reading on sends the answer to the close frame.
                let _ = timeout(FAREWELL, receiver.next()).await;
                return;
            }
            Ok(WireMessage::Ping(_) | WireMessage::Pong(_) | WireMessage::Frame(_)) => {}
            Err(Error::Capacity(_) | Error::Utf8(_)) => {
                // What cannot be read whole is garbage to the machine; nothing more can be read after it.
                shared.feed(Input::Message(connection, Message::Binary(Bytes::new())));
                return pending().await;
            }
            Err(Error::Protocol(ProtocolError::ResetWithoutClosingHandshake)) => return,
            Err(Error::Protocol(_)) => {
                shared.feed(Input::Malformed(connection));
                return pending().await;
            }
            Err(_) => return,
        }
    }
}

/// Writes what is ordered, and returns when the connection is to be dropped.
async fn write<S: AsyncRead + AsyncWrite + Unpin>(
    mut sender: WebSocketSender<S>,
    mut orders: Orders,
    valve: Valve,
    connection: ConnectionId,
    shared: &Shared,
) {
    while let Some(order) = orders.next().await {
        let written = match order {
            Order::Send(message, delivery) => deliver(&mut sender, message, delivery, &valve).await,
            Order::Confirm => {
                shared.feed(Input::Confirmed(connection));
                Ok(())
            }
            Order::Close(code, reason) => {
                let frame = code.map(|code| CloseFrame {
                    code: WireCode::from(code.0),
                    reason: head(&reason, REASON_MAX).to_owned().into(),
                });
                valve.open();
                let _ = timeout(WRITE, sender.close(frame)).await;
                return sleep(FAREWELL).await;
            }
            Order::Drop => return,
        };
        match written {
            Ok(()) => {}
            // The reader may have its close frame yet to report.
            Err(Broken::Failed) => return sleep(FAREWELL).await,
            Err(Broken::Stuck) => return,
        }
    }
}

async fn deliver<S: AsyncRead + AsyncWrite + Unpin>(
    sender: &mut WebSocketSender<S>,
    message: Message,
    delivery: Delivery,
    valve: &Valve,
) -> Result<(), Broken> {
    let mut opcode = opcode(&message);
    match delivery {
        Delivery::Whole => {
            valve.open();
            send(sender, Frame::message(message.into_bytes(), opcode, true)).await
        }
        Delivery::Joined => {
            valve.gather();
            send(sender, Frame::message(message.into_bytes(), opcode, true)).await
        }
        Delivery::Stalled { bytes, pause } => {
            let frame = Frame::message(message.into_bytes(), opcode, true);
            let head = frame.len() - frame.payload().len();
            valve.limit(head + bytes);
            let release = async {
                match pause {
                    Some(pause) => sleep(pause).await,
                    None => pending().await,
                }
                valve.open();
            };
            // Sending ends only behind the release; that the client may be gone by then is found out there.
            let sent = async { sender.send(WireMessage::Frame(frame)).await.map_err(|_| Broken::Failed) };
            futures_util::future::join(sent, release).await.0
        }
        Delivery::Pieces(pieces) => {
            valve.open();
            let mut left = pieces.len();
            for piece in pieces {
                sleep(piece.after).await;
                left -= 1;
                send(sender, Frame::message(piece.bytes, opcode, left == 0)).await?;
                opcode = OpCode::Data(Data::Continue);
            }
            Ok(())
        }
        Delivery::Cut { bytes } => {
            valve.open();
            send(sender, Frame::message(message.into_bytes().slice(..bytes), opcode, false)).await
        }
    }
}

enum Broken {
    Failed,
    Stuck,
}

async fn send<S: AsyncRead + AsyncWrite + Unpin>(sender: &mut WebSocketSender<S>, frame: Frame) -> Result<(), Broken> {
    match timeout(WRITE, sender.send(WireMessage::Frame(frame))).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(_)) => Err(Broken::Failed),
        Err(_) => Err(Broken::Stuck),
    }
}

const fn opcode(message: &Message) -> OpCode {
    OpCode::Data(match message {
        Message::Text(_) => Data::Text,
        Message::Binary(_) => Data::Binary,
    })
}
