//! Dispatches as the application gets them: the frame as it came, with the offsets of its parts.
//!
//! Nothing is decoded here until the application asks: most applications look at few of the events that they get.

use crate::dialect::Spans;
use crate::frame::value_at;
use crate::message::Sequence;
use alloc::boxed::Box;
use bytes::Bytes;
use core::fmt;
use core::str::Utf8Error;
use serde::Deserialize;

/// An event from the gateway: its name, its data as raw JSON, its sequence.
///
/// It consists of the frame and offsets: made without a copy, `'static`, `Send` and cheap to clone. To keep one for long,
/// [`detach`](Self::detach) it: the frame may be part of a larger buffer, which the dispatch would keep alive.
#[derive(Clone, PartialEq, Eq)]
pub struct Dispatch {
    frame: Bytes,
    spans: Spans,
    /// The session's last sequence after this dispatch: the dispatch's own may be lower, or missing.
    reached: Option<Sequence>,
    epoch: u32,
    origin: Origin,
}

/// Whether a dispatch is new, or was replayed after a lost connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    Live,
    Replay,
}

impl Dispatch {
    pub(crate) const fn new(frame: Bytes, spans: Spans, reached: Option<Sequence>, epoch: u32, origin: Origin) -> Self {
        Self { frame, spans, reached, epoch, origin }
    }

    /// The event's name: `MESSAGE_CREATE`.
    #[must_use]
    pub fn name(&self) -> &str {
        core::str::from_utf8(self.spans.name.of(&self.frame)).unwrap_or_default()
    }

    /// The sequence, if the frame had one.
    #[must_use]
    pub const fn sequence(&self) -> Option<Sequence> {
        self.spans.sequence
    }

    /// The frame's id, if the gateway gives frames ids and this one is UTF-8.
    #[must_use]
    pub fn id(&self) -> Option<&str> {
        core::str::from_utf8(self.spans.id?.of(&self.frame)).ok()
    }

    /// Whether it came between Resume and Resumed, that is, whether the lost connection missed it.
    #[must_use]
    pub fn is_replayed(&self) -> bool {
        self.origin == Origin::Replay
    }

    /// Decodes the data, which may borrow from the dispatch. That the data is valid JSON is checked here for the first time.
    ///
    /// # Errors
    /// [`DecodeError`] when the data is not JSON, or not of the shape of `T`. The dispatch stays usable.
    ///
    /// ```
    /// # use portcullis::dispatch::Dispatch;
    /// #[derive(serde::Deserialize)]
    /// struct Typing<'a> {
    ///     channel_id: &'a str,
    /// }
    /// fn channel(dispatch: &Dispatch) -> Option<&str> {
    ///     Some(dispatch.decode::<Typing<'_>>().ok()?.channel_id)
    /// }
    /// ```
    pub fn decode<'a, T: Deserialize<'a>>(&'a self) -> Result<T, DecodeError> {
        match serde_json::from_slice(self.raw()) {
            Ok(value) => Ok(value),
            // A frame with keys behind its data is rare: its data's end is searched for only after decoding failed, so that
            // the usual frame is not parsed twice.
            Err(error) => match value_at(&self.frame, self.spans.data.start()) {
                Some(data) if data.len() < self.spans.data.len() => {
                    serde_json::from_slice(data.of(&self.frame)).map_err(|error| DecodeError::of(&error))
                }
                _ => Err(DecodeError::of(&error)),
            },
        }
    }

    /// The data's bytes, unchecked: from the data's first byte to the end of the frame's object. If the frame has keys
    /// behind the data, they are included, and the bytes are not valid JSON.
    ///
    /// For the data alone, as valid JSON, use `decode::<&RawValue>()` of `serde_json` with its feature `raw_value`. It borrows
    /// from the dispatch and copies nothing:
    ///
    /// ```
    /// # use portcullis::dispatch::Dispatch;
    /// use serde_json::value::RawValue;
    ///
    /// fn json(dispatch: &Dispatch) -> Option<&str> {
    ///     Some(dispatch.decode::<&RawValue>().ok()?.get())
    /// }
    /// ```
    #[must_use]
    pub fn raw(&self) -> &[u8] {
        // A frame without data means the same as one with null.
        if self.spans.data.is_empty() { b"null" } else { self.spans.data.of(&self.frame) }
    }

    /// The data as text. See [`raw`](Self::raw) for what it may contain besides the data.
    ///
    /// # Errors
    /// [`Utf8Error`] when it is not UTF-8.
    pub fn text(&self) -> Result<&str, Utf8Error> {
        core::str::from_utf8(self.raw())
    }

    /// The whole frame.
    #[must_use]
    pub const fn frame(&self) -> &Bytes {
        &self.frame
    }

    /// A copy that owns exactly the memory of its frame: for keeping.
    #[must_use]
    pub fn detach(&self) -> Self {
        Self { frame: Bytes::copy_from_slice(&self.frame), ..self.clone() }
    }

    /// The session's position after this dispatch, for
    /// [`GatewayMachine::session_at`](crate::GatewayMachine::session_at).
    #[must_use]
    pub fn mark(&self) -> Mark {
        Mark { epoch: self.epoch, sequence: self.reached, position: self.position().unwrap_or_default() }
    }

    /// The number of the session of its machine that it belongs to.
    pub(crate) const fn epoch(&self) -> u32 {
        self.epoch
    }

    /// A copy of the session's position after it: it outlives the frame.
    pub(crate) fn position(&self) -> Option<Bytes> {
        self.spans.position_in(&self.frame).map(Bytes::copy_from_slice)
    }
}

/// Prints name, sequence and size, never the data.
impl fmt::Debug for Dispatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Dispatch")
            .field("name", &self.name())
            .field("sequence", &self.sequence())
            .field("len", &self.frame.len())
            .field("origin", &self.origin)
            .finish_non_exhaustive()
    }
}

/// One line for a log: the name, the sequence and whether it was replayed. A name is printed up to 64 characters, with
/// control characters escaped.
///
/// ```
/// # fn log(dispatch: portcullis::Dispatch) {
/// println!("{dispatch}"); // MESSAGE_CREATE #42
/// # }
/// ```
impl fmt::Display for Dispatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The peer wrote the name: a line break in it could forge a line of the log.
        self.name().chars().take(NAME_PRINTED).try_for_each(|c| write!(f, "{}", c.escape_debug()))?;
        if let Some(sequence) = self.sequence() {
            write!(f, " #{sequence}")?;
        }
        match self.origin {
            Origin::Live => Ok(()),
            Origin::Replay => f.write_str(" (replayed)"),
        }
    }
}

/// More characters than any event's name has.
const NAME_PRINTED: usize = 64;

/// The position of a session after a dispatch.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Mark {
    pub(crate) epoch: u32,
    pub(crate) sequence: Option<Sequence>,
    pub(crate) position: Bytes,
}

/// A frame that the dialect does not know: with an opcode or a shape that is newer than this crate. It is passed on as it came.
#[derive(Clone, PartialEq, Eq)]
pub struct UnknownFrame {
    pub(crate) frame: Bytes,
    pub(crate) op: Option<u64>,
}

impl UnknownFrame {
    /// The opcode, if the frame has one.
    #[must_use]
    pub const fn op(&self) -> Option<u64> {
        self.op
    }

    /// The whole frame.
    #[must_use]
    pub const fn frame(&self) -> &Bytes {
        &self.frame
    }
}

/// Prints opcode and size, for a log.
impl fmt::Display for UnknownFrame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.op {
            Some(op) => write!(f, "a frame of the unknown opcode {op}, {} bytes", self.frame.len()),
            None => write!(f, "an unknown frame without an opcode, {} bytes", self.frame.len()),
        }
    }
}

/// Prints opcode and size, never the data.
impl fmt::Debug for UnknownFrame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "UnknownFrame {{ op: {:?}, len: {} }}", self.op, self.frame.len())
    }
}

/// Why a dispatch's data could not be decoded.
///
/// The text contains the parser's message, which names keys and places, and may quote a scalar of the data.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[error("{syntax}: {reason}")]
pub struct DecodeError {
    reason: Box<str>,
    syntax: Syntax,
}

/// Whether the data was valid JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Syntax {
    Json,
    Broken,
}

impl fmt::Display for Syntax {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Json => "the event's data is not of the type that it is decoded to",
            Self::Broken => "the event's data is not valid json",
        })
    }
}

impl DecodeError {
    fn of(error: &serde_json::Error) -> Self {
        let syntax = if error.is_data() { Syntax::Json } else { Syntax::Broken };
        Self { reason: alloc::string::ToString::to_string(error).into_boxed_str(), syntax }
    }

    /// Whether the data was not valid JSON, rather than JSON of another shape.
    #[must_use]
    pub fn is_syntax(&self) -> bool {
        self.syntax == Syntax::Broken
    }
}
