//! The WebSocket layer of `async-tungstenite`, with its buffers and limits set on purpose.
//!
//! Its defaults take 128 KiB a connection and put no bound on writes. No extension is offered, so no message comes
//! compressed by the WebSocket layer. It keeps the buffer of its largest frame for life: after a large one it is
//! replaced, at a moment when it holds nothing.
//!
//! # Invariants
//! * `nothing-unread`: the layer is replaced only when every byte that it read was part of a message it gave.

use super::counted::Counted;
use super::{SocketLimits, WebSocket};
use crate::failure;
use crate::network::Network;
use async_tungstenite::WebSocketStream;
use async_tungstenite::tungstenite::Error;
use async_tungstenite::tungstenite::client::IntoClientRequest as _;
use async_tungstenite::tungstenite::protocol::frame::coding::{Data, OpCode};
use async_tungstenite::tungstenite::protocol::frame::{CloseFrame as WireClose, Frame};
use async_tungstenite::tungstenite::protocol::{Message as WireMessage, Role, WebSocketConfig};
use bytes::Bytes;
use core::future::Future as _;
use core::mem;
use core::pin::{Pin, pin};
use core::task::{Context, Poll, ready};
use futures_core::Stream as _;
use futures_io::{AsyncRead, AsyncWrite};
use futures_sink::Sink as _;
use portcullis::machine::ConnectFailure;
use portcullis::url::GatewayUrl;
use portcullis::{CloseCode, CloseFrame, CloseReason, Message};

/// Makes the handshake over a connected stream.
pub(super) async fn open<S>(
    url: &GatewayUrl,
    network: &Network,
    stream: S,
    limits: SocketLimits,
) -> Result<Box<dyn WebSocket>, ConnectFailure>
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let mut request = url.as_str().into_client_request().map_err(|error| failure::of_handshake(&error))?;
    network.add_headers(&mut request);
    let config = WebSocketConfig::default()
        .read_buffer_size(READ_BUFFER)
        .write_buffer_size(0)
        .max_write_buffer_size(limits.payload.saturating_add(PONGS_MAX))
        .max_message_size(Some(limits.message))
        .max_frame_size(Some(limits.message));
    match async_tungstenite::client_async_with_config(request, Counted::new(stream), Some(config)).await {
        Ok((stream, _)) => Ok(Box::new(Tungstenite {
            layer: Some(stream),
            given: 0,
            buffer: Buffer::Usual,
            out: Out::Nothing,
            purpose: Purpose::Talking,
            broken: None,
        })),
        Err(error) => Err(failure::of_handshake(&error)),
    }
}

struct Tungstenite<S> {
    /// `None` only while it is replaced.
    layer: Option<WebSocketStream<Counted<S>>>,
    /// How many bytes the messages had on the wire, at least, that were given.
    given: u64,
    buffer: Buffer,
    out: Out,
    purpose: Purpose,
    /// A write failed. What was read before it is still handed out.
    broken: Option<CloseReason>,
}

/// What the layer's buffer has grown to.
#[derive(PartialEq, Eq)]
enum Buffer {
    Usual,
    Large,
}

/// Who carries out what goes out: `poll_sent` a message, `poll_message` the close frame. A message that
/// `poll_message` had written would not be reported as sent.
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
            let Some(layer) = &mut self.layer else { return Poll::Pending };
            if let Err(error) = ready!(Pin::new(&mut *layer).poll_flush(cx)) {
                self.broken = Some(failure::of_connection(&error));
                return Poll::Pending;
            }
            match mem::replace(&mut self.out, Out::Nothing) {
                Out::ToStart(message) => match Pin::new(layer).start_send(message) {
                    Ok(()) => self.out = Out::ToFlush,
                    Err(error) => self.broken = Some(failure::of_connection(&error)),
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

    fn poll_message(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Message>, CloseReason>> {
        if self.purpose == Purpose::Closing {
            let _ = self.poll_out(cx);
        }
        if self.buffer == Buffer::Large {
            self.renew(cx);
        }
        let Some(layer) = &mut self.layer else { return Poll::Ready(Err(CloseReason::Io)) };
        let Poll::Ready(read) = Pin::new(&mut *layer).poll_next(cx) else {
            return self.broken.take().map_or(Poll::Pending, |reason| Poll::Ready(Err(reason)));
        };
        if let Some(Ok(message)) = &read {
            self.given += on_the_wire(message.len());
            if message.len() > KEPT_MAX {
                self.buffer = Buffer::Large;
            }
        }
        Poll::Ready(match read {
            Some(Ok(WireMessage::Text(text))) => Ok(Some(Message::Text(Bytes::from(text)))),
            Some(Ok(WireMessage::Binary(bytes))) => Ok(Some(Message::Binary(bytes))),
            // The next read answers a ping, and flushes the answer.
            Some(Ok(WireMessage::Ping(_) | WireMessage::Pong(_) | WireMessage::Frame(_))) => Ok(None),
            Some(Ok(WireMessage::Close(frame))) => {
                // One flush for the answer; whether it left is the peer's concern.
                let _ = Pin::new(layer).poll_flush(cx);
                Err(CloseReason::Frame(frame.map_or_else(CloseFrame::default, |frame| CloseFrame {
                    code: Some(CloseCode(frame.code.into())),
                    reason: frame.reason.as_str().into(),
                })))
            }
            Some(Err(Error::Capacity(_))) => {
                Err(CloseReason::TooLarge { limit: layer.get_config().max_message_size.unwrap_or(usize::MAX) })
            }
            Some(Err(error)) => Err(failure::of_connection(&error)),
            None => Err(CloseReason::Eof),
        })
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Tungstenite<S> {
    /// Replaces the layer over its stream, if it holds nothing: neither bytes that were read nor any to write.
    fn renew(&mut self, cx: &mut Context<'_>) {
        let Some(layer) = &mut self.layer else { return };
        // What is counted as given is never too much (a fragment's header is not in it, nor is part of a message), so
        // that equal means `nothing-unread`.
        let holds_nothing = layer.get_ref().frames() == self.given;
        let is_talking = self.purpose == Purpose::Talking && self.broken.is_none() && matches!(self.out, Out::Nothing);
        // A pong may wait to be written.
        if !holds_nothing || !is_talking || !matches!(Pin::new(&mut *layer).poll_flush(cx), Poll::Ready(Ok(()))) {
            return;
        }
        let config = *layer.get_config();
        let Some(stream) = self.layer.take().map(WebSocketStream::into_inner) else { return };
        // It has nothing to wait for; its being a future is for the waker's sake.
        let made = pin!(WebSocketStream::from_raw_socket(stream, Role::Client, Some(config)));
        if let Poll::Ready(layer) = made.poll(cx) {
            self.layer = Some(layer);
            self.buffer = Buffer::Usual;
        }
    }
}

/// The least bytes that a message takes as a frame. *(source: RFC 6455 §5.2)*
fn on_the_wire(len: usize) -> u64 {
    let header = match len {
        0..=125 => 2,
        126..=0xffff => 4,
        _ => 10,
    };
    u64::try_from(len).unwrap_or(u64::MAX).saturating_add(header)
}

/// One read's worth: most messages of a gateway fit, an idle connection holds no more than this, and the layer zeroes it before
/// each read. BENCHMARKS.md has the numbers behind it.
const READ_BUFFER: usize = 4 << 10;
/// A larger message's buffer is not kept.
const KEPT_MAX: usize = 4 * READ_BUFFER;
/// How much of unsent pongs a peer can make us hold that pings and does not read.
const PONGS_MAX: usize = 4 << 10;
