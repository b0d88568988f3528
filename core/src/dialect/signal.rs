//! What a frame says, in words that every gateway shares. A [`Signal`] holds offsets into its frame, no borrows:
//! the frame's bytes are moved, never copied.

use super::{FrameError, Span};
use crate::message::Sequence;
use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

/// A frame, read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reading {
    /// What it says.
    pub signal: Signal,
    /// The frame written anew, where its own bytes could not serve (an escaped name): the signal's spans then
    /// point into it.
    pub rewritten: Option<Vec<u8>>,
}

impl From<Signal> for Reading {
    fn from(signal: Signal) -> Self {
        Self { signal, rewritten: None }
    }
}

/// What a frame says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Signal {
    /// The gateway greets, and says who beats how often.
    Hello(HeartRate),
    /// A new session has begun.
    Ready(Box<SessionStart>, Spans),
    /// A resumed session is whole again: all it missed was replayed.
    Resumed(Spans),
    /// An event for the application.
    Dispatch(Spans),
    /// The gateway wants a heartbeat now.
    HeartbeatRequest,
    /// The gateway acknowledges our oldest heartbeat.
    HeartbeatAck,
    /// The gateway's own beat, to be answered.
    Beat,
    /// The gateway asks us to connect anew, after a while of its choice.
    Reconnect {
        /// How long to wait at the least.
        after: Duration,
    },
    /// The session could not be begun or resumed, or is no longer valid.
    InvalidSession(Fate),
    /// The token will soon be refused.
    TokenExpiring,
    /// Nothing this dialect knows. It is passed on to the application.
    Unknown {
        /// The opcode, where the gateway has them and the frame had one.
        op: Option<u64>,
        /// The sequence, where a dispatch without a name had one.
        sequence: Option<Sequence>,
    },
}

/// Who beats.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HeartRate {
    /// We do, once an `interval`, and the gateway acknowledges.
    Ours {
        /// The time between two beats, as the gateway gave it.
        interval: Duration,
    },
    /// The gateway does; a connection that is silent for `silent_after` is dead.
    Theirs {
        /// The longest silence of a live connection.
        silent_after: Duration,
    },
}

/// What becomes of a session that was called invalid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It can be resumed.
    Resumable,
    /// It is gone.
    Lost,
}

/// What the gateway says of a session at its start.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct SessionStart {
    /// Its id; `None` where a gateway has no sessions to resume. One above [`ID_LEN_MAX`](Self::ID_LEN_MAX) bytes makes
    /// its frame malformed.
    pub id: Option<String>,
    /// Where to resume it, as the gateway wrote it, unchecked.
    pub resume_url: Option<String>,
}

impl SessionStart {
    /// The most bytes of an id that are kept. Real ones have 32.
    pub const ID_LEN_MAX: usize = 4096;

    /// Why it cannot be kept, if it cannot.
    pub(crate) fn unfit(&self) -> Option<FrameError> {
        let (len, max) = (self.id.as_ref()?.len(), Self::ID_LEN_MAX);
        (len > max).then_some(FrameError::FieldTooLong { name: "session_id", len, max })
    }
}

/// Where a dispatch's parts lie within its frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Spans {
    /// The event's name. Its bytes are valid UTF-8.
    pub name: Span,
    /// The event's data, as JSON.
    pub data: Span,
    /// The frame's own id, where the gateway gives one.
    pub id: Option<Span>,
    /// Where the session stands after this dispatch, where a gateway has more than a sequence for it. One above
    /// [`POSITION_LEN_MAX`](Self::POSITION_LEN_MAX) bytes does not count: the session stays where it was.
    pub position: Option<Span>,
    /// Its sequence.
    pub sequence: Option<Sequence>,
}

impl Spans {
    /// The most bytes of a position that are kept.
    pub const POSITION_LEN_MAX: usize = 4096;

    /// The position, if there is one that can be kept.
    pub(crate) fn position_in<'a>(&self, frame: &'a [u8]) -> Option<&'a [u8]> {
        self.position.map(|span| span.of(frame)).filter(|position| position.len() <= Self::POSITION_LEN_MAX)
    }
}
