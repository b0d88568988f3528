//! The WebSocket layer of `portcullis-websocket`, over a stream of the runtime.
//!
//! It reads as much as the socket has into memory that all connections share, takes messages out of it one by one, and
//! returns the memory when it is empty: an idle connection holds no buffer. A message is copied once, into an
//! allocation of its size. This layer logs nothing.
//!
//! # Invariants
//! * `whole-frames`: a frame of ours is appended to the bytes that are being written, never put into the middle of
//!   another frame.
//! * `one-pong`: a pong is written only when no other frame is being written, so that a peer that sends pings and reads
//!   nothing makes us store one pong.

use super::unread::Unread;
use super::{SocketLimits, WebSocket, random};
use crate::failure;
use crate::network::Network;
use bytes::Bytes;
use core::pin::Pin;
use core::task::{Context, Poll, ready};
use futures_io::{AsyncRead, AsyncWrite};
use futures_util::{AsyncReadExt as _, AsyncWriteExt as _};
use portcullis::machine::{ConnectFailure, IoFailure};
use portcullis::url::{GatewayUrl, Scheme};
use portcullis::{CloseCode, CloseFrame, CloseReason, Message};
use portcullis_websocket as codec;
use portcullis_websocket::handshake::{
    self, ClientHandshake, ClientRequest, HandshakeError, HandshakeLimits, Progress,
};
use portcullis_websocket::{Client, Connection, Event, Limits, MessageKind, Violation};

/// Makes the handshake over a connected stream.
pub(super) async fn open<S>(
    url: &GatewayUrl,
    network: &Network,
    mut stream: S,
    limits: SocketLimits,
) -> Result<Box<dyn WebSocket>, ConnectFailure>
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let request = request(url, network).map_err(|_| ConnectFailure::Protocol)?;
    let key = random::draw().ok_or(ConnectFailure::Io(IoFailure::Other))?;
    let mut out = Vec::new();
    let handshake = ClientHandshake::start(&request, key, HandshakeLimits::default(), &mut out);
    stream.write_all(&out).await.map_err(|error| failure::of_upgrade(&error))?;
    stream.flush().await.map_err(|error| failure::of_upgrade(&error))?;
    drop((out, request));
    let unread = answer(&mut stream, handshake).await?;
    let limits = Limits { frame: limits.message, message: limits.message, ..Limits::default() };
    Ok(Box::new(Native {
        stream,
        connection: Connection::new(limits),
        unread,
        out: Vec::new(),
        written: 0,
        writing: Writing::Nothing,
        broken: None,
    }))
}

fn request(url: &GatewayUrl, network: &Network) -> Result<ClientRequest, handshake::RequestError> {
    let scheme = match url.scheme() {
        Scheme::Wss => handshake::Scheme::Wss,
        Scheme::Ws => handshake::Scheme::Ws,
    };
    let request = ClientRequest::new(scheme, url.host(), url.port(), url.path_and_query())?;
    network.upgrade_headers().try_fold(request, |request, (name, value)| request.with_header(name, value.trim_ascii()))
}

/// Waits for the answer, and returns the bytes that arrived after it.
async fn answer<S: AsyncRead + Unpin>(
    stream: &mut S,
    mut handshake: ClientHandshake,
) -> Result<Option<Unread>, ConnectFailure> {
    // Own memory: a server that is slow to answer must not keep shared memory from other connections.
    let mut memory = vec![0; ANSWER].into_boxed_slice();
    loop {
        let len = stream.read(&mut memory).await.map_err(|error| failure::of_upgrade(&error))?;
        let piece = memory.get(..len).unwrap_or_default();
        if piece.is_empty() {
            return Err(ConnectFailure::Protocol);
        }
        match handshake.receive(piece) {
            Ok(Progress::More) => {}
            Ok(Progress::Done { consumed, .. }) => return Ok(Unread::own(memory, consumed..len)),
            Err(HandshakeError::Refused(refusal)) => {
                let headers = refusal.headers();
                return Err(failure::of_status(refusal.status(), headers.get("location"), headers.get("retry-after")));
            }
            Err(_) => return Err(ConnectFailure::Protocol),
        }
    }
}

/// Most answers come in one read of this size.
const ANSWER: usize = 2 << 10;

struct Native<S> {
    stream: S,
    connection: Connection<Client>,
    /// Bytes that were read and not yet decoded.
    unread: Option<Unread>,
    /// The frames that are being written, of which `written` bytes have left. Empty when all was flushed.
    out: Vec<u8>,
    written: usize,
    writing: Writing,
    /// A write failed. What was read before it is still handed out.
    broken: Option<CloseReason>,
}

/// Who drives the write: `poll_sent` drives a message, `poll_message` drives a pong or a close frame. If `poll_message`
/// finished a message, the driver would not learn that it was sent.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Writing {
    Nothing,
    Control,
    Message,
}

/// The result of one decoding step.
enum Step {
    Told(Result<Option<Message>, CloseReason>),
    /// All bytes that were read are decoded.
    Empty,
}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> WebSocket for Native<S> {
    fn start_send(&mut self, message: Message) {
        let kind = match message {
            Message::Text(_) => MessageKind::Text,
            Message::Binary(_) => MessageKind::Binary,
        };
        let sent =
            random::draw().is_some_and(|mask| self.connection.send(kind, message.bytes(), mask, &mut self.out).is_ok());
        self.started(Writing::Message, sent);
    }

    fn poll_sent(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.poll_out(cx)
    }

    fn start_close(&mut self, code: CloseCode, reason: &'static str) {
        let close = Some((codec::CloseCode(code.0), reason));
        let sent = random::draw().is_some_and(|mask| self.connection.send_close(close, mask, &mut self.out).is_ok());
        self.started(Writing::Control, sent);
    }

    fn poll_message(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Message>, CloseReason>> {
        if self.writing == Writing::Control {
            let _ = self.poll_out(cx);
        }
        if self.unread.is_none() {
            self.write_owed(cx);
            let read = match Unread::poll_read(&mut self.stream, cx) {
                Poll::Ready(read) => read,
                Poll::Pending => return self.broken.take().map_or(Poll::Pending, |reason| Poll::Ready(Err(reason))),
            };
            match read {
                Ok(unread @ Some(_)) => self.unread = unread,
                Ok(None) => return Poll::Ready(Err(CloseReason::Eof)),
                Err(error) => return Poll::Ready(Err(failure::of_stream(&error))),
            }
        }
        match self.step() {
            Step::Told(Err(reason)) => {
                self.part(cx);
                Poll::Ready(Err(reason))
            }
            Step::Told(told) => Poll::Ready(told),
            // Part of a message: the driver checks its clock before the next read.
            Step::Empty => Poll::Ready(Ok(None)),
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Native<S> {
    /// Decodes the next event from the bytes that were read.
    fn step(&mut self) -> Step {
        let Some(unread) = &mut self.unread else { return Step::Empty };
        let told = unread.with(|input| match self.connection.receive(input) {
            Ok(Some(Event::Message(message))) => Step::Told(Ok(Some(owned(message)))),
            Ok(Some(Event::Ping(_) | Event::Pong(_))) => Step::Told(Ok(None)),
            Ok(Some(Event::Close(close))) => Step::Told(Err(CloseReason::Frame(CloseFrame {
                code: close.code().map(|code| CloseCode(code.0)),
                reason: close.reason().into_owned(),
            }))),
            Err(violation) => Step::Told(Err(close_reason_of(violation))),
            Ok(None) => Step::Empty,
        });
        if unread.is_empty()
            && let Some(unread) = self.unread.take()
        {
            unread.give_back();
        }
        told
    }

    /// Writes the owed pong or close frame, as far as the socket takes it.
    fn write_owed(&mut self, cx: &mut Context<'_>) {
        while self.writing == Writing::Nothing && self.broken.is_none() && self.connection.owed().is_some() {
            let written = random::draw().and_then(|mask| self.connection.write_owed(mask, &mut self.out));
            self.started(Writing::Control, written.is_some());
            let _ = self.poll_out(cx);
        }
    }

    /// The last attempt of a connection that ends: writes the answer to the peer's close frame, or the close frame
    /// after a violation, and shuts the write side down. It then reads what the peer has sent meanwhile, because
    /// dropping a socket with unread bytes resets the connection, and the close frame would be lost.
    fn part(&mut self, cx: &mut Context<'_>) {
        let _ = self.poll_out(cx);
        self.write_owed(cx);
        let _ = Pin::new(&mut self.stream).poll_close(cx);
        for _ in 0..READS_AT_THE_END {
            match Unread::poll_read(&mut self.stream, cx) {
                Poll::Ready(Ok(Some(unread))) => unread.give_back(),
                Poll::Ready(Ok(None) | Err(_)) | Poll::Pending => return,
            }
        }
    }

    /// Notes that a frame was appended, or that it could not be: the close frame was already sent, or the system has no
    /// randomness.
    fn started(&mut self, writing: Writing, sent: bool) {
        if sent {
            self.writing = writing;
        } else {
            self.broken = Some(CloseReason::Io);
        }
    }

    /// Writes and flushes the appended frames. Pending for ever once a write has failed.
    fn poll_out(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.broken.is_some() {
            return Poll::Pending;
        }
        match ready!(self.poll_write_out(cx)) {
            Ok(()) => {
                // A shard sends few frames: no memory is kept for the next one.
                self.out = Vec::new();
                self.written = 0;
                self.writing = Writing::Nothing;
                Poll::Ready(())
            }
            Err(error) => {
                self.broken = Some(failure::of_stream(&error));
                Poll::Pending
            }
        }
    }

    fn poll_write_out(&mut self, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        if self.writing == Writing::Nothing {
            return Poll::Ready(Ok(()));
        }
        while let Some(rest @ [_, ..]) = self.out.get(self.written..) {
            match ready!(Pin::new(&mut self.stream).poll_write(cx, rest))? {
                0 => return Poll::Ready(Err(std::io::ErrorKind::WriteZero.into())),
                len => self.written += len,
            }
        }
        Pin::new(&mut self.stream).poll_flush(cx)
    }
}

/// Copies a message out of the shared memory: the only copy of it.
fn owned(message: codec::Message<'_>) -> Message {
    let make: fn(Bytes) -> Message = match message.kind() {
        MessageKind::Text => Message::Text,
        MessageKind::Binary => Message::Binary,
    };
    make(message.into_payload().into_bytes())
}

const fn close_reason_of(violation: Violation) -> CloseReason {
    match violation {
        Violation::FrameTooLarge { limit, .. } | Violation::MessageTooLarge { limit } => {
            CloseReason::TooLarge { limit }
        }
        _ => CloseReason::Protocol,
    }
}

/// How many reads discard the bytes of a peer that keeps sending after it broke the protocol.
const READS_AT_THE_END: usize = 4;

#[cfg(test)]
mod tests;
