//! A connection after its handshake: what arrives, what may be sent, and what this end owes the peer.
//!
//! The connection decides what the protocol obliges an endpoint to send: a pong for the latest ping, the answer to a
//! close frame, the close frame after a violation. It writes these frames when the caller asks. It never generates a
//! mask, never waits, and does not limit how long a peer may take.

use crate::close::CloseCode;
use crate::decoder::Decoder;
use crate::error::{SendError, Violation};
use crate::event::{Event, MessageKind};
use crate::frame::{FrameHeader, Opcode, encode_frame};
use crate::input::Input;
use crate::limits::Limits;
use crate::role::Role;
use alloc::vec::Vec;
use core::{fmt, mem};

/// One end of an open WebSocket connection.
///
/// [`receive`](Self::receive) takes the peer's bytes and returns events. [`send`](Self::send) and its siblings append
/// frames to a buffer of the caller; so does [`write_owed`](Self::write_owed), which the caller calls whenever
/// `receive` has returned `None`.
///
/// An idle connection is this struct and no allocation.
pub struct Connection<R> {
    decoder: Decoder<R>,
    sending: Sending,
    /// The payload of the latest unanswered ping. An endpoint may answer only that one. *(source: RFC 6455 §5.5.3)*
    ping: Option<Vec<u8>>,
}

/// Which frames may be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sending {
    /// All of them.
    Open,
    /// Control frames, and the further fragments of a message.
    InFragments,
    /// The close frame and no other.
    CloseOwed(Option<CloseCode>),
    /// None: the close frame was written.
    Closed,
}

/// How far a connection has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Phase {
    /// Both ends may send.
    Open,
    /// This end has sent its close frame and waits for the peer's.
    AwaitingClose,
    /// The peer's close frame or a violation has arrived: the caller must call [`Connection::write_owed`].
    OwingClose,
    /// Both ends are done. A server closes the TCP connection now; a client waits a while for the server to do so.
    /// *(source: RFC 6455 §7.1.1)*
    Closed,
}

/// A frame that the protocol obliges an endpoint to send.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Owed {
    /// The answer to the latest ping.
    Pong,
    /// The answer to the peer's close frame, or the close frame that fails the connection.
    Close,
}

/// A part of a message that is sent in several frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Fragment {
    /// The first, which says what the message is.
    First(MessageKind),
    /// A further one.
    Middle,
    /// The last.
    Last,
}

impl<R: Role> Connection<R> {
    /// A connection whose handshake is complete. The bytes after the handshake belong to it.
    #[must_use]
    pub const fn new(limits: Limits) -> Self {
        Self { decoder: Decoder::new(limits), sending: Sending::Open, ping: None }
    }

    /// Reads up to the next event and advances `input` past what it read: see [`Decoder::receive`].
    ///
    /// # Errors
    /// The [`Violation`] of the peer, once. [`write_owed`](Self::write_owed) then writes the close frame that says so.
    pub fn receive<'b>(&mut self, input: &mut Input<'b>) -> Result<Option<Event<'b>>, Violation> {
        let received = self.decoder.receive(input);
        match &received {
            Ok(Some(Event::Ping(payload))) if self.may_send() => {
                let ping = self.ping.get_or_insert_default();
                ping.clear();
                ping.extend_from_slice(payload);
            }
            Ok(Some(Event::Close(close))) => self.owe_close(close.answer()),
            Err(violation) => self.owe_close(Some(violation.close_code())),
            Ok(Some(Event::Ping(_) | Event::Pong(_) | Event::Message(_)) | None) => {}
        }
        received
    }

    /// Appends the next frame that this end owes and says which; `None` if it owes none. Call it until then.
    ///
    /// One pong answers the latest ping, however many pings arrived before it.
    pub fn write_owed(&mut self, mask: R::Mask, out: &mut Vec<u8>) -> Option<Owed> {
        let owed = self.owed()?;
        match owed {
            Owed::Pong => {
                let payload = self.ping.take().unwrap_or_default();
                encode_frame(Self::header(Opcode::Pong, mask), &payload, out);
            }
            Owed::Close => {
                let Sending::CloseOwed(code) = mem::replace(&mut self.sending, Sending::Closed) else { return None };
                let payload = code.map(|code| code.0.to_be_bytes());
                encode_frame(Self::header(Opcode::Close, mask), payload.as_ref().map_or(&[], |code| code), out);
            }
        }
        Some(owed)
    }

    /// Appends a whole text message, in one frame.
    ///
    /// # Errors
    /// [`SendError::Closing`] and [`SendError::FragmentsOpen`].
    pub fn send_text(&mut self, text: &str, mask: R::Mask, out: &mut Vec<u8>) -> Result<(), SendError> {
        self.send(MessageKind::Text, text.as_bytes(), mask, out)
    }

    /// Appends a whole binary message, in one frame.
    ///
    /// # Errors
    /// [`SendError::Closing`] and [`SendError::FragmentsOpen`].
    pub fn send_binary(&mut self, bytes: &[u8], mask: R::Mask, out: &mut Vec<u8>) -> Result<(), SendError> {
        self.send(MessageKind::Binary, bytes, mask, out)
    }

    /// Appends a whole message of either kind, in one frame. The caller guarantees that a text is UTF-8: otherwise the
    /// peer closes with 1007.
    ///
    /// # Errors
    /// [`SendError::Closing`] and [`SendError::FragmentsOpen`].
    pub fn send(
        &mut self,
        kind: MessageKind,
        payload: &[u8],
        mask: R::Mask,
        out: &mut Vec<u8>,
    ) -> Result<(), SendError> {
        match self.sending {
            Sending::Open => {}
            Sending::InFragments => return Err(SendError::FragmentsOpen),
            Sending::CloseOwed(_) | Sending::Closed => return Err(SendError::Closing),
        }
        encode_frame(Self::header(opcode_of(kind), mask), payload, out);
        Ok(())
    }

    /// Appends a fragment of a message. Control frames may be sent between two fragments, other messages may not.
    ///
    /// # Errors
    /// [`SendError::Closing`]; [`SendError::FragmentsOpen`] for a first fragment before the last of another message;
    /// [`SendError::NoFragmentsOpen`] for another without a first.
    pub fn send_fragment(
        &mut self,
        fragment: Fragment,
        payload: &[u8],
        mask: R::Mask,
        out: &mut Vec<u8>,
    ) -> Result<(), SendError> {
        let (header, next) = match (self.sending, fragment) {
            (Sending::CloseOwed(_) | Sending::Closed, _) => return Err(SendError::Closing),
            (Sending::InFragments, Fragment::First(_)) => return Err(SendError::FragmentsOpen),
            (Sending::Open, Fragment::Middle | Fragment::Last) => return Err(SendError::NoFragmentsOpen),
            (Sending::Open, Fragment::First(kind)) => {
                (Self::header(opcode_of(kind), mask).followed(), Sending::InFragments)
            }
            (Sending::InFragments, Fragment::Middle) => {
                (Self::header(Opcode::Continuation, mask).followed(), Sending::InFragments)
            }
            (Sending::InFragments, Fragment::Last) => (Self::header(Opcode::Continuation, mask), Sending::Open),
        };
        encode_frame(header, payload, out);
        self.sending = next;
        Ok(())
    }

    /// Appends a ping.
    ///
    /// # Errors
    /// [`SendError::Closing`], and [`SendError::ControlTooLong`] above 125 bytes.
    pub fn send_ping(&mut self, payload: &[u8], mask: R::Mask, out: &mut Vec<u8>) -> Result<(), SendError> {
        self.send_control(Opcode::Ping, payload, mask, out)
    }

    /// Appends an unsolicited pong. [`write_owed`](Self::write_owed) writes the answers to pings.
    ///
    /// # Errors
    /// [`SendError::Closing`], and [`SendError::ControlTooLong`] above 125 bytes.
    pub fn send_pong(&mut self, payload: &[u8], mask: R::Mask, out: &mut Vec<u8>) -> Result<(), SendError> {
        self.send_control(Opcode::Pong, payload, mask, out)
    }

    /// Appends the close frame, the last frame of this end. Messages that arrive before the peer's close frame are
    /// still returned as events.
    ///
    /// `None` sends an empty close frame.
    ///
    /// # Errors
    /// [`SendError::Closing`] if it was sent before, or is owed; [`SendError::CloseCode`] for a code that may not be
    /// sent; [`SendError::ControlTooLong`] for a reason above 123 bytes.
    pub fn send_close(
        &mut self,
        close: Option<(CloseCode, &str)>,
        mask: R::Mask,
        out: &mut Vec<u8>,
    ) -> Result<(), SendError> {
        if !self.may_send() {
            return Err(SendError::Closing);
        }
        let mut payload = Vec::new();
        if let Some((code, reason)) = close {
            if !code.may_be_sent() {
                return Err(SendError::CloseCode { code });
            }
            if reason.len() > REASON_MAX {
                return Err(SendError::ControlTooLong { len: reason.len(), max: REASON_MAX });
            }
            payload.extend_from_slice(&code.0.to_be_bytes());
            payload.extend_from_slice(reason.as_bytes());
        }
        encode_frame(Self::header(Opcode::Close, mask), &payload, out);
        self.sending = Sending::Closed;
        self.ping = None;
        Ok(())
    }

    /// The next frame that this end owes, if any.
    #[must_use]
    pub const fn owed(&self) -> Option<Owed> {
        match (self.sending, &self.ping) {
            (Sending::CloseOwed(_), _) => Some(Owed::Close),
            (Sending::Open | Sending::InFragments, Some(_)) => Some(Owed::Pong),
            (Sending::Open | Sending::InFragments, None) | (Sending::Closed, _) => None,
        }
    }

    /// How far the connection has come.
    #[must_use]
    pub const fn phase(&self) -> Phase {
        match self.sending {
            Sending::Open | Sending::InFragments => Phase::Open,
            Sending::CloseOwed(_) => Phase::OwingClose,
            Sending::Closed if self.decoder.is_over() => Phase::Closed,
            Sending::Closed => Phase::AwaitingClose,
        }
    }

    /// Whether the stream may end here without cutting a message off. Without a close frame the end is abnormal all the
    /// same. *(source: RFC 6455 §7.1.5, code 1006)*
    #[must_use]
    pub const fn is_between_messages(&self) -> bool {
        self.decoder.is_between_messages()
    }

    /// The limits it was made with.
    #[must_use]
    pub const fn limits(&self) -> &Limits {
        self.decoder.limits()
    }

    fn send_control(
        &mut self,
        opcode: Opcode,
        payload: &[u8],
        mask: R::Mask,
        out: &mut Vec<u8>,
    ) -> Result<(), SendError> {
        if !self.may_send() {
            return Err(SendError::Closing);
        }
        if payload.len() > FrameHeader::CONTROL_MAX {
            return Err(SendError::ControlTooLong { len: payload.len(), max: FrameHeader::CONTROL_MAX });
        }
        encode_frame(Self::header(opcode, mask), payload, out);
        Ok(())
    }

    /// A peer that has closed or broken the protocol gets no pong any more. *(source: RFC 6455 §5.5.2)*
    fn owe_close(&mut self, code: Option<CloseCode>) {
        self.ping = None;
        if self.may_send() {
            self.sending = Sending::CloseOwed(code);
        }
    }

    const fn may_send(&self) -> bool {
        match self.sending {
            Sending::Open | Sending::InFragments => true,
            Sending::CloseOwed(_) | Sending::Closed => false,
        }
    }

    fn header(opcode: Opcode, mask: R::Mask) -> FrameHeader {
        FrameHeader::new(opcode).with_mask(R::key(mask))
    }
}

/// Prints the phase, never the peer's bytes.
impl<R: Role> fmt::Debug for Connection<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection")
            .field("phase", &self.phase())
            .field("decoder", &self.decoder)
            .finish_non_exhaustive()
    }
}

const fn opcode_of(kind: MessageKind) -> Opcode {
    match kind {
        MessageKind::Text => Opcode::Text,
        MessageKind::Binary => Opcode::Binary,
    }
}

/// The code takes two of the 125 bytes.
const REASON_MAX: usize = FrameHeader::CONTROL_MAX - 2;
