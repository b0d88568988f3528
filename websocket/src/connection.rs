//! A connection after its handshake: what comes, what may be sent, and what is owed.
//!
//! It decides what the protocol makes an endpoint send by itself: a pong for the latest ping, the answer to a close frame,
//! the close frame that fails the connection. It writes them when the caller asks for it. It never draws a mask, never waits,
//! and has no opinion on how long a peer may take.

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
/// Bytes of the peer go into [`receive`](Self::receive), and events come out. What is to be sent is appended to a buffer of
/// the caller's: by [`send`](Self::send) and its like, and by [`write_owed`](Self::write_owed), which is to be called after
/// each batch of `receive`.
///
/// A connection at rest is this struct and nothing else.
pub struct Connection<R> {
    decoder: Decoder<R>,
    sending: Sending,
    /// The payload of the latest ping that was not answered. An endpoint may answer that one alone. *(source: RFC 6455 §5.5.3)*
    ping: Option<Vec<u8>>,
}

/// What may be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sending {
    /// Any frame.
    Open,
    /// Control frames, and the further fragments of a message.
    InFragments,
    /// The close frame and no other.
    CloseOwed(Option<CloseCode>),
    /// Nothing: the close frame was written.
    Closed,
}

/// Where a connection stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Phase {
    /// Both ends may send.
    Open,
    /// This end has sent its close frame, and the peer's has not come.
    AwaitingClose,
    /// The peer's close frame or a violation has come, and [`Connection::write_owed`] is to write ours.
    OwingClose,
    /// Nothing more is read or written. A server closes the TCP connection now; a client waits a while for the server to
    /// do so. *(source: RFC 6455 §7.1.1)*
    Closed,
}

/// A frame that the protocol makes an endpoint send.
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
    /// A connection whose handshake is done. The bytes behind the handshake belong to it.
    #[must_use]
    pub const fn new(limits: Limits) -> Self {
        Self { decoder: Decoder::new(limits), sending: Sending::Open, ping: None }
    }

    /// Reads to the next event, and moves `input` on behind what it read: see [`Decoder::receive`].
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

    /// Appends the next frame that is owed, and tells which; `None` if nothing is. Call it until then.
    ///
    /// However many pings have come since, one pong answers the latest.
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

    /// Appends a whole message of either kind, in one frame. That a text is UTF-8 is the caller's word: a peer fails the
    /// connection (1007) if it is not.
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

    /// Appends a fragment of a message. Control frames may be sent between two of them, and no other message.
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

    /// Appends a pong that nobody asked for. Those that were asked for are [owed](Self::write_owed).
    ///
    /// # Errors
    /// [`SendError::Closing`], and [`SendError::ControlTooLong`] above 125 bytes.
    pub fn send_pong(&mut self, payload: &[u8], mask: R::Mask, out: &mut Vec<u8>) -> Result<(), SendError> {
        self.send_control(Opcode::Pong, payload, mask, out)
    }

    /// Appends the close frame: the last frame of this end. What the peer sends before its own still comes as events.
    ///
    /// Without a code the frame is empty, and has no reason either.
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

    /// The next frame that is owed, if one is.
    #[must_use]
    pub const fn owed(&self) -> Option<Owed> {
        match (self.sending, &self.ping) {
            (Sending::CloseOwed(_), _) => Some(Owed::Close),
            (Sending::Open | Sending::InFragments, Some(_)) => Some(Owed::Pong),
            (Sending::Open | Sending::InFragments, None) | (Sending::Closed, _) => None,
        }
    }

    /// Where the connection stands.
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

    /// No pong is owed to a peer that has closed or failed. *(source: RFC 6455 §5.5.2)*
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

/// Prints where it stands, and no bytes of the peer's.
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

/// The code takes two of 125 bytes.
const REASON_MAX: usize = FrameHeader::CONTROL_MAX - 2;
