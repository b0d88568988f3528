//! The WebSocket layer of `async-tungstenite`, with its buffers and limits set on purpose.
//!
//! Its defaults take 128 KiB a connection and put no bound on writes. No extension is offered, so no message comes
//! compressed by the WebSocket layer.

use super::WebSocket;
use crate::failure;
use crate::network::Network;
use async_tungstenite::WebSocketStream;
use async_tungstenite::tungstenite::Error;
use async_tungstenite::tungstenite::client::IntoClientRequest as _;
use async_tungstenite::tungstenite::protocol::frame::coding::{Data, OpCode};
use async_tungstenite::tungstenite::protocol::frame::{CloseFrame as WireClose, Frame};
use async_tungstenite::tungstenite::protocol::{Message as WireMessage, WebSocketConfig};
use bytes::Bytes;
use core::mem;
use core::pin::Pin;
use core::task::{Context, Poll, ready};
use futures_core::Stream as _;
use futures_io::{AsyncRead, AsyncWrite};
use futures_sink::Sink as _;
use portcullis::machine::ConnectFailure;
use portcullis::url::GatewayUrl;
use portcullis::{CloseCode, CloseFrame, Closure, Message};

/// The most bytes that go over a connection in one piece.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SocketLimits {
    /// An incoming message.
    pub(crate) message: usize,
    /// A message of ours.
    pub(crate) payload: usize,
}

/// Makes the handshake over a connected stream.
pub(crate) async fn open<S>(
    url: &GatewayUrl,
    network: &Network,
    stream: S,
    limits: SocketLimits,
) -> Result<Box<dyn WebSocket>, ConnectFailure>
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let mut request = url.as_str().into_client_request().map_err(|error| failure::of_handshake(&error))?;
    network.dress(&mut request);
    let config = WebSocketConfig::default()
        .read_buffer_size(READ_BUFFER)
        .write_buffer_size(0)
        .max_write_buffer_size(limits.payload.saturating_add(PONGS_MAX))
        .max_message_size(Some(limits.message))
        .max_frame_size(Some(limits.message));
    match async_tungstenite::client_async_with_config(request, stream, Some(config)).await {
        Ok((stream, _)) => {
            Ok(Box::new(Tungstenite { stream, out: Out::Nothing, purpose: Purpose::Talking, broken: None }))
        }
        Err(error) => Err(failure::of_handshake(&error)),
    }
}

struct Tungstenite<S> {
    stream: WebSocketStream<S>,
    out: Out,
    purpose: Purpose,
    /// A write failed. What was read before it is still handed out.
    broken: Option<Closure>,
}

/// Who carries out what goes out: `poll_sent` a message, `poll_message` the close frame. A message that
/// `poll_message` had written would have nobody to tell.
#[derive(PartialEq, Eq)]
enum Purpose {
    Talking,
    Closing,
}

/// What is on its way out.
enum Out {
    Nothing,
    ToStart(WireMessage),
    ToFlush,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Tungstenite<S> {
    /// Writes what is to go out. Pending for ever once a write has failed.
    fn poll_out(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            if self.broken.is_some() {
                return Poll::Pending;
            }
            if matches!(self.out, Out::Nothing) {
                return Poll::Ready(());
            }
            // Flushed first, the buffer is empty: neither a message nor a close frame is turned away for want of room.
            if let Err(error) = ready!(Pin::new(&mut self.stream).poll_flush(cx)) {
                self.broken = Some(failure::of_link(&error));
                return Poll::Pending;
            }
            match mem::replace(&mut self.out, Out::Nothing) {
                Out::ToStart(message) => match Pin::new(&mut self.stream).start_send(message) {
                    Ok(()) => self.out = Out::ToFlush,
                    Err(error) => self.broken = Some(failure::of_link(&error)),
                },
                Out::ToFlush | Out::Nothing => return Poll::Ready(()),
            }
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> WebSocket for Tungstenite<S> {
    fn start_send(&mut self, message: Message) {
        // Made by hand, a frame of text is not checked for UTF-8 a second time.
        let frame = match message {
            Message::Text(bytes) => Frame::message(bytes, OpCode::Data(Data::Text), true),
            Message::Binary(bytes) => Frame::message(bytes, OpCode::Data(Data::Binary), true),
        };
        self.out = Out::ToStart(WireMessage::Frame(frame));
    }

    fn poll_sent(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.poll_out(cx)
    }

    fn start_close(&mut self, code: CloseCode, reason: &'static str) {
        self.purpose = Purpose::Closing;
        self.out = Out::ToStart(WireMessage::Close(Some(WireClose { code: code.0.into(), reason: reason.into() })));
    }

    fn poll_message(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Message>, Closure>> {
        if self.purpose == Purpose::Closing {
            let _ = self.poll_out(cx);
        }
        let Poll::Ready(read) = Pin::new(&mut self.stream).poll_next(cx) else {
            return self.broken.take().map_or(Poll::Pending, |closure| Poll::Ready(Err(closure)));
        };
        Poll::Ready(match read {
            Some(Ok(WireMessage::Text(text))) => Ok(Some(Message::Text(Bytes::from(text)))),
            Some(Ok(WireMessage::Binary(bytes))) => Ok(Some(Message::Binary(bytes))),
            // The next read answers a ping, and flushes the answer.
            Some(Ok(WireMessage::Ping(_) | WireMessage::Pong(_) | WireMessage::Frame(_))) => Ok(None),
            Some(Ok(WireMessage::Close(frame))) => {
                // One flush for the answer; whether it left is the peer's concern.
                let _ = Pin::new(&mut self.stream).poll_flush(cx);
                Err(Closure::Frame(frame.map_or_else(CloseFrame::default, |frame| CloseFrame {
                    code: Some(CloseCode(frame.code.into())),
                    reason: frame.reason.as_str().into(),
                })))
            }
            Some(Err(Error::Capacity(_))) => Err(Closure::TooLarge { limit: self.message_max() }),
            Some(Err(error)) => Err(failure::of_link(&error)),
            None => Err(Closure::Eof),
        })
    }
}

impl<S> Tungstenite<S> {
    fn message_max(&self) -> usize {
        self.stream.get_config().max_message_size.unwrap_or(usize::MAX)
    }
}

/// One read's worth: most messages of a gateway fit, an idle link holds no more than this, and the layer zeroes it before
/// each read.
const READ_BUFFER: usize = 4 << 10;
/// How much of unsent pongs a peer can make us hold that pings and does not read.
const PONGS_MAX: usize = 4 << 10;
