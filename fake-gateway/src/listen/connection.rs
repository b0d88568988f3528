//! One client's socket: the handshake, then a reader and a writer side by side.

use super::shared::{Order, Orders, Shared, Verdict};
use crate::input::{ConnectionId, Delivery, Input};
use crate::record::head;
use async_tungstenite::tokio::{TokioAdapter, accept_hdr_async_with_config};
use async_tungstenite::tungstenite::error::Error;
use async_tungstenite::tungstenite::handshake::server::{ErrorResponse, Request, Response};
use async_tungstenite::tungstenite::http::{HeaderValue, StatusCode, header};
use async_tungstenite::tungstenite::protocol::frame::coding::{CloseCode as WireCode, Data, OpCode};
use async_tungstenite::tungstenite::protocol::frame::{CloseFrame, Frame};
use async_tungstenite::tungstenite::protocol::{Message as WireMessage, WebSocketConfig};
use async_tungstenite::{WebSocketReceiver, WebSocketSender};
use bytes::Bytes;
use core::future::pending;
use core::pin::pin;
use core::time::Duration;
use futures_util::StreamExt as _;
use futures_util::future::select;
use portcullis::{CloseCode, Message};
use std::sync::Arc;
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::time::{sleep, timeout};

/// How long a client may take to ask for its upgrade.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// How long one write may take before its client counts as dead.
const WRITE: Duration = Duration::from_secs(10);
/// How long the other side may take to answer a close frame.
const FAREWELL: Duration = Duration::from_secs(5);
/// Longer messages are not read at all; the limit of the protocol is the machine's matter.
const READ_MAX: usize = 1 << 20;
/// A close frame has no room for more.
const REASON_MAX: usize = 123;

type Stream = TokioAdapter<TcpStream>;

/// Serves a client until one of the two ends it, or `killed` does.
pub(super) async fn serve(
    stream: TcpStream,
    connection: ConnectionId,
    orders: Orders,
    killed: oneshot::Receiver<()>,
    shared: Arc<Shared>,
) {
    let life = pin!(live(stream, connection, orders, &shared));
    select(life, killed).await;
    shared.gone(connection);
}

async fn live(stream: TcpStream, connection: ConnectionId, orders: Orders, shared: &Shared) {
    // Pieces are to leave as they are written.
    let _ = stream.set_nodelay(true);
    #[expect(clippy::result_large_err, reason = "the handshake's own type of callback")]
    let answer = |request: &Request, response: Response| {
        let path_and_query = request.uri().path_and_query().map_or("/", |target| target.as_str()).to_owned();
        match shared.feed(Input::Upgrade { connection, path_and_query }) {
            Some(Verdict::Accepted) => Ok(response),
            Some(Verdict::Refused { status, retry_after }) => Err(refusal(status, retry_after)),
            None => Err(refusal(500, None)),
        }
    };
    let handshake = accept_hdr_async_with_config(stream, answer, Some(limits()));
    let Ok(Ok(socket)) = timeout(HANDSHAKE, handshake).await else { return };
    let (sender, receiver) = socket.split();
    let write = pin!(write(sender, orders));
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

fn refusal(status: u16, retry_after: Option<Duration>) -> ErrorResponse {
    let mut response = ErrorResponse::new(None);
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    response.headers_mut().insert(header::CONTENT_LENGTH, HeaderValue::from_static("0"));
    response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    if let Some(span) = retry_after {
        let seconds = span.as_secs() + u64::from(span.subsec_nanos() > 0);
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}

/// Gives the machine all that comes, and returns when nothing more will.
async fn read(mut receiver: WebSocketReceiver<Stream>, connection: ConnectionId, shared: &Shared) {
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
            Err(_) => return,
        }
    }
}

/// Writes what is ordered, and returns when the connection is to be dropped.
async fn write(mut sender: WebSocketSender<Stream>, mut orders: Orders) {
    while let Some(order) = orders.next().await {
        let written = match order {
            Order::Send(message, Delivery::Whole) => {
                let opcode = opcode(&message);
                send(&mut sender, Frame::message(message.into_bytes(), opcode, true)).await
            }
            Order::Send(message, Delivery::Pieces(pieces)) => {
                let mut opcode = opcode(&message);
                let mut left = pieces.len();
                let mut written = Ok(());
                for piece in pieces {
                    sleep(piece.after).await;
                    left -= 1;
                    written = written.and(send(&mut sender, Frame::message(piece.bytes, opcode, left == 0)).await);
                    opcode = OpCode::Data(Data::Continue);
                }
                written
            }
            Order::Send(message, Delivery::Cut { bytes }) => {
                let opcode = opcode(&message);
                send(&mut sender, Frame::message(message.into_bytes().slice(..bytes), opcode, false)).await
            }
            Order::Close(code, reason) => {
                let frame = code.map(|code| CloseFrame {
                    code: WireCode::from(code.0),
                    reason: head(&reason, REASON_MAX).to_owned().into(),
                });
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

enum Broken {
    Failed,
    Stuck,
}

async fn send(sender: &mut WebSocketSender<Stream>, frame: Frame) -> Result<(), Broken> {
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
