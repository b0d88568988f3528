//! What a client sends: WebSocket frames → inputs of the machine, by tungstenite, which only reads here. Pongs and the
//! answer to a close frame are the writer's: tungstenite would keep each of them until the client reads.

use super::replies::{CloseFrame, Replies};
use super::shared::Shared;
use crate::input::{ConnectionId, Input, Malformed};
use async_tungstenite::WebSocketStream;
use async_tungstenite::tungstenite::error::{Error, ProtocolError};
use async_tungstenite::tungstenite::protocol::{Message as WireMessage, Role, WebSocketConfig};
use bytes::Bytes;
use core::pin::Pin;
use core::task::{Context, Poll};
use core::time::Duration;
use futures_util::StreamExt as _;
use futures_util::io::{AsyncRead, AsyncReadExt as _, AsyncWrite};
use portcullis::{CloseCode, Message};
use std::io;
use tokio::time::timeout;

/// How long a client may take to end its stream, once the fake has nothing more to say to it.
const CLOSE_WAIT: Duration = Duration::from_secs(5);
/// Longer messages are not read at all; the limit of the protocol is the machine's matter.
const READ_MAX: usize = 1 << 20;

/// Small buffers, for there may be many clients.
fn limits() -> WebSocketConfig {
    WebSocketConfig::default()
        .read_buffer_size(4 << 10)
        .write_buffer_size(0)
        .max_message_size(Some(READ_MAX))
        .max_frame_size(Some(READ_MAX))
}

/// Gives the machine all that comes, and returns when the connection is over. `behind` came with the request.
pub(super) async fn read<R: AsyncRead + Unpin>(
    stream: R,
    behind: Vec<u8>,
    connection: ConnectionId,
    shared: &Shared,
    replies: &Replies,
) {
    let mut socket = WebSocketStream::from_partially_read(ReadOnly(stream), behind, Role::Server, Some(limits())).await;
    while let Some(read) = socket.next().await {
        let why = match read {
            Ok(WireMessage::Text(text)) => {
                shared.feed(Input::Message(connection, Message::Text(Bytes::from(text))));
                continue;
            }
            Ok(WireMessage::Binary(bytes)) => {
                shared.feed(Input::Message(connection, Message::Binary(bytes)));
                continue;
            }
            Ok(WireMessage::Ping(payload)) => {
                replies.pong(&payload);
                continue;
            }
            Ok(WireMessage::Pong(_) | WireMessage::Frame(_)) => continue,
            Ok(WireMessage::Close(frame)) => {
                let code = frame.map(|frame| CloseCode(frame.code.into()));
                shared.feed(Input::Closed(connection, code));
                return match replies.close(code) {
                    CloseFrame::Owed => drain(socket).await,
                    CloseFrame::Sent => {}
                };
            }
            Err(Error::Utf8(_)) => Malformed::Text,
            Err(Error::Capacity(_)) => Malformed::Size,
            Err(Error::Protocol(ProtocolError::ResetWithoutClosingHandshake)) => return,
            Err(Error::Protocol(_)) => Malformed::Frame,
            Err(_) => return,
        };
        shared.feed(Input::Malformed(connection, why));
        return drain(socket).await;
    }
}

/// Waits until the client ends its stream: one that is dropped with unread bytes is reset, and a close frame that is
/// on its way may be lost with it.
async fn drain<R: AsyncRead + Unpin>(socket: WebSocketStream<ReadOnly<R>>) {
    let mut stream = socket.into_inner();
    let ended = async {
        let mut piece = [0; 4096];
        while stream.read(&mut piece).await.is_ok_and(|read| read > 0) {}
    };
    let _ = timeout(CLOSE_WAIT, ended).await;
}

/// A stream that tungstenite reads from. What it writes of its own accord goes nowhere.
struct ReadOnly<R>(R);

impl<R: AsyncRead + Unpin> AsyncRead for ReadOnly<R> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut [u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_read(cx, into)
    }
}

impl<R: Unpin> AsyncWrite for ReadOnly<R> {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
