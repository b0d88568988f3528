//! From bytes to events: the receiving half of a connection.
//!
//! The decoder checks frames, messages and text, and stores a message until its last byte has arrived. It decides
//! whether the peer broke the protocol. It never sends anything: [`Connection`](crate::Connection) does, on top of it.
//!
//! # Invariants
//! * `all-is-taken`: when `receive` returns no event the input is empty, so that the caller can use its buffer for
//!   another connection.
//! * `over-is-over`: after a close frame or a violation the decoder discards all input.

use crate::assembly::{Assembly, fits};
use crate::close::Close;
use crate::error::Violation;
use crate::event::{Event, Message, MessageKind, Payload};
use crate::frame::{FrameHeader, Opcode, Parsed, apply_mask, rotate_mask};
use crate::input::Input;
use crate::limits::Limits;
use crate::role::{Masking, Role};
use crate::utf8;
use alloc::vec::Vec;
use core::fmt;
use core::marker::PhantomData;
use core::mem;

/// Reads the frames of the peer of `R`.
///
/// Between two messages it holds no memory besides itself.
pub struct Decoder<R> {
    limits: Limits,
    state: State,
    /// The message whose bytes are arriving.
    message: Option<Assembly>,
    role: PhantomData<R>,
}

/// Which part of a frame the next byte belongs to.
enum State {
    /// A header, of which `len` bytes have arrived.
    Header { bytes: [u8; FrameHeader::LEN_MAX], len: usize },
    /// The payload of a data frame, of which `left` bytes are missing.
    Data { left: usize, mask: [u8; 4], end: End },
    /// The payload of a control frame, of which `left` bytes are missing.
    Control { opcode: Opcode, left: usize, mask: [u8; 4], bytes: Vec<u8> },
    /// None: the close frame or a violation has arrived.
    Over,
}

/// Whether a data frame ends its message: the FIN bit.
#[derive(Clone, Copy, Debug)]
enum End {
    OfMessage,
    OfFragment,
}

impl State {
    const START: Self = Self::Header { bytes: [0; FrameHeader::LEN_MAX], len: 0 };
}

impl<R: Role> Decoder<R> {
    /// A decoder at the beginning of a frame.
    #[must_use]
    pub const fn new(limits: Limits) -> Self {
        Self { limits, state: State::START, message: None, role: PhantomData }
    }

    /// Reads to the next event, and moves `input` on behind what it read.
    ///
    /// Call it until it returns `None`: the decoder has then consumed the whole input and needs more. A payload that is
    /// complete in the input is lent from there; a masked payload is unmasked in place.
    ///
    /// # Errors
    /// The [`Violation`] of the peer, once. After it, and after [`Event::Close`], the decoder discards all input and
    /// returns `None`.
    pub fn receive<'b>(&mut self, input: &mut Input<'b>) -> Result<Option<Event<'b>>, Violation> {
        let received = self.step(input);
        if matches!(received, Err(_) | Ok(Some(Event::Close(_)))) {
            self.state = State::Over;
            self.message = None;
        }
        received
    }

    /// Whether the peer's close frame or a violation has arrived: no event follows it.
    #[must_use]
    pub const fn is_over(&self) -> bool {
        matches!(self.state, State::Over)
    }

    /// Whether the decoder stands between two messages: the stream may end here without cutting one off.
    #[must_use]
    pub const fn is_between_messages(&self) -> bool {
        self.message.is_none() && matches!(self.state, State::Header { len: 0, .. } | State::Over)
    }

    /// The limits it was made with.
    #[must_use]
    pub const fn limits(&self) -> &Limits {
        &self.limits
    }

    fn step<'b>(&mut self, input: &mut Input<'b>) -> Result<Option<Event<'b>>, Violation> {
        loop {
            match &mut self.state {
                State::Header { .. } => {
                    let Some(header) = self.header(input)? else { return Ok(None) };
                    if let Some(event) = self.begin(&header, input)? {
                        return Ok(Some(event));
                    }
                }
                State::Data { .. } => {
                    if let Some(message) = self.data(input)? {
                        return Ok(Some(Event::Message(message)));
                    }
                }
                State::Control { opcode, left, mask, bytes } => {
                    let piece = unmasked(input, left, mask);
                    bytes.extend_from_slice(piece);
                    if *left == 0 {
                        let (opcode, bytes) = (*opcode, mem::take(bytes));
                        self.state = State::START;
                        return control(opcode, Payload::owned(bytes)).map(Some);
                    }
                }
                State::Over => input.drop_all(),
            }
            if input.is_empty() {
                return Ok(None);
            }
        }
    }

    /// The next header, once it is complete.
    fn header(&mut self, input: &mut Input<'_>) -> Result<Option<FrameHeader>, Violation> {
        let State::Header { bytes, len } = &mut self.state else { return Ok(None) };
        if *len == 0
            && let Parsed::Header(header, used) = FrameHeader::parse(input.bytes())?
        {
            input.take(used);
            return Ok(Some(header));
        }
        // The header is split between reads: at most 14 bytes, copied one at a time.
        while *len < bytes.len() && !input.is_empty() {
            bytes[*len..=*len].copy_from_slice(input.take(1));
            *len += 1;
            if let Parsed::Header(header, _) = FrameHeader::parse(&bytes[..*len])? {
                return Ok(Some(header));
            }
        }
        Ok(None)
    }

    /// Starts a frame. A frame that is complete in the input becomes an event at once.
    fn begin<'b>(&mut self, header: &FrameHeader, input: &mut Input<'b>) -> Result<Option<Event<'b>>, Violation> {
        let mask = match (R::PEER, header.mask()) {
            (Masking::Masked, Some(mask)) => mask,
            (Masking::Unmasked, None) => [0; 4],
            (Masking::Masked, None) => return Err(Violation::Unmasked),
            (Masking::Unmasked, Some(_)) => return Err(Violation::Masked),
        };
        self.state = State::START;
        let kind = match header.opcode() {
            Opcode::Close | Opcode::Ping | Opcode::Pong => return self.begin_control(header, mask, input),
            Opcode::Continuation if self.message.is_none() => return Err(Violation::UnexpectedContinuation),
            Opcode::Continuation => None,
            Opcode::Text | Opcode::Binary if self.message.is_some() => return Err(Violation::ExpectedContinuation),
            Opcode::Text => Some(MessageKind::Text),
            Opcode::Binary => Some(MessageKind::Binary),
        };
        if let Some(kind) = kind {
            let len = fits(header, 0, &self.limits)?;
            if header.is_final() && len <= input.len() {
                return lend(kind, len, mask, input).map(|message| Some(Event::Message(message)));
            }
            self.message = Some(Assembly::new(kind));
        }
        let Some(message) = &mut self.message else { return Ok(None) };
        message.begin(header, &self.limits)?;
        let left = fits(header, 0, &self.limits)?;
        let end = if header.is_final() { End::OfMessage } else { End::OfFragment };
        self.state = State::Data { left, mask, end };
        if left > 0 {
            return Ok(None);
        }
        self.data(input).map(|message| message.map(Event::Message))
    }

    fn begin_control<'b>(
        &mut self,
        header: &FrameHeader,
        mask: [u8; 4],
        input: &mut Input<'b>,
    ) -> Result<Option<Event<'b>>, Violation> {
        // `FrameHeader::parse` refused control frames above 125 bytes.
        let mut left = usize::try_from(header.payload_len()).map_err(|_| Violation::ControlTooLong)?;
        let mut mask = mask;
        if left <= input.len() {
            return control(header.opcode(), Payload::lent(unmasked(input, &mut left, &mut mask))).map(Some);
        }
        self.state = State::Control { opcode: header.opcode(), left, mask, bytes: Vec::with_capacity(left) };
        Ok(None)
    }

    /// Consumes the available bytes of a data frame. Returns the message once it is complete.
    fn data(&mut self, input: &mut Input<'_>) -> Result<Option<Message<'static>>, Violation> {
        let (State::Data { left, mask, end }, Some(message)) = (&mut self.state, &mut self.message) else {
            return Ok(None);
        };
        let piece = match R::PEER {
            Masking::Masked => unmasked(input, left, mask),
            Masking::Unmasked => taken(input, left),
        };
        message.push(piece, &self.limits)?;
        if *left > 0 {
            return Ok(None);
        }
        let end = *end;
        self.state = State::START;
        match end {
            End::OfFragment => Ok(None),
            End::OfMessage => self.message.take().map(Assembly::finish).transpose(),
        }
    }
}

/// Prints how many bytes are stored, never the bytes.
impl<R: Role> fmt::Debug for Decoder<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Decoder")
            .field("limits", &self.limits)
            .field("held", &self.message.as_ref().map_or(0, Assembly::len))
            .field("is_over", &self.is_over())
            .finish_non_exhaustive()
    }
}

/// A message that is complete in the input.
fn lend<'b>(
    kind: MessageKind,
    mut len: usize,
    mut mask: [u8; 4],
    input: &mut Input<'b>,
) -> Result<Message<'b>, Violation> {
    let payload = unmasked(input, &mut len, &mut mask);
    match kind {
        MessageKind::Text if !utf8::is_valid(payload) => Err(Violation::Utf8),
        MessageKind::Text | MessageKind::Binary => Ok(Message::new(kind, Payload::lent(payload))),
    }
}

fn control(opcode: Opcode, payload: Payload<'_>) -> Result<Event<'_>, Violation> {
    Ok(match opcode {
        Opcode::Ping => Event::Ping(payload),
        Opcode::Pong => Event::Pong(payload),
        Opcode::Close | Opcode::Continuation | Opcode::Text | Opcode::Binary => Event::Close(Close::parse(payload)?),
    })
}

/// Unmasks the next bytes of a payload of which `left` are missing, and rotates the mask for those that follow.
fn unmasked<'b>(input: &mut Input<'b>, left: &mut usize, mask: &mut [u8; 4]) -> &'b [u8] {
    let piece = taken(input, left);
    if *mask != [0; 4] {
        apply_mask(*mask, piece);
        *mask = rotate_mask(*mask, piece.len());
    }
    piece
}

fn taken<'b>(input: &mut Input<'b>, left: &mut usize) -> &'b mut [u8] {
    let piece = input.take(*left);
    *left -= piece.len();
    piece
}
