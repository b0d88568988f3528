//! The meaning of a frame, in terms that every gateway shares. A [`Signal`] holds offsets into its frame and borrows
//! nothing, so that the frame's bytes can be moved on without a copy.

use super::{FrameError, Span};
use crate::message::Sequence;
use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

/// A frame that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reading {
    /// The meaning of the frame.
    pub signal: Signal,
    /// The frame rewritten, where its own bytes cannot be used (its name has escapes). The signal's spans then point
    /// into this.
    pub rewritten: Option<Vec<u8>>,
}

impl From<Signal> for Reading {
    fn from(signal: Signal) -> Self {
        Self { signal, rewritten: None }
    }
}

/// The meaning of a frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Signal {
    /// Hello: who sends heartbeats, and how often.
    Hello(HeartRate),
    /// A new session has begun.
    Ready(Box<SessionStart>, Spans),
    /// The resumed session has caught up: all missed dispatches were replayed.
    Resumed(Spans),
    /// An event for the application.
    Dispatch(Spans),
    /// The gateway requests a heartbeat at once.
    HeartbeatRequest,
    /// The gateway acknowledges our oldest unacknowledged heartbeat.
    HeartbeatAck,
    /// A heartbeat of the gateway's own, which the machine answers.
    Beat,
    /// The gateway tells us to reconnect.
    Reconnect {
        /// The least time to wait first.
        after: Duration,
    },
    /// Invalid Session: the session could not be started or resumed, or is no longer valid.
    InvalidSession(Fate),
    /// The token is about to expire.
    TokenExpiring,
    /// A frame that this dialect does not know. The application gets it as it came.
    Unknown {
        /// The opcode, if the frame had one.
        op: Option<u64>,
        /// The sequence, if the frame is a dispatch without a name.
        sequence: Option<Sequence>,
    },
}

/// Which side sends heartbeats.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HeartRate {
    /// We send one in each `interval`, and the gateway acknowledges it.
    Ours {
        /// The time between two heartbeats, as in the gateway's Hello.
        interval: Duration,
    },
    /// The gateway sends them; a connection without any message for `silent_after` is dead.
    Theirs {
        /// The longest silence of a live connection.
        silent_after: Duration,
    },
}

/// Whether an invalid session can be resumed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// The session can be resumed.
    Resumable,
    /// The session is lost.
    Lost,
}

/// What Ready says about the new session.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct SessionStart {
    /// The session's id; `None` where a gateway has no sessions to resume. A frame with an id above
    /// [`ID_LEN_MAX`](Self::ID_LEN_MAX) bytes is malformed.
    pub id: Option<String>,
    /// The URL to resume the session at, as the gateway wrote it: not checked yet.
    pub resume_url: Option<String>,
}

impl SessionStart {
    /// The most bytes an id may have, since the machine keeps it. Discord's have 32.
    pub const ID_LEN_MAX: usize = 4096;

    /// The reason why it cannot be kept, if there is one.
    pub(crate) fn unfit(&self) -> Option<FrameError> {
        let (len, max) = (self.id.as_ref()?.len(), Self::ID_LEN_MAX);
        (len > max).then_some(FrameError::FieldTooLong { name: "session_id", len, max })
    }
}

/// Where the parts of a dispatch are within its frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Spans {
    /// The event's name. Its bytes are valid UTF-8.
    pub name: Span,
    /// The event's data, as JSON.
    pub data: Span,
    /// The frame's own id, where the gateway gives one.
    pub id: Option<Span>,
    /// The session's position after this dispatch, where a gateway has more than a sequence. A position above
    /// [`POSITION_LEN_MAX`](Self::POSITION_LEN_MAX) bytes is ignored: the session keeps its last one.
    pub position: Option<Span>,
    /// The dispatch's sequence.
    pub sequence: Option<Sequence>,
}

impl Spans {
    /// The most bytes a position may have, since the machine keeps it.
    pub const POSITION_LEN_MAX: usize = 4096;

    /// The position, if there is one that can be kept.
    pub(crate) fn position_in<'a>(&self, frame: &'a [u8]) -> Option<&'a [u8]> {
        self.position.map(|span| span.of(frame)).filter(|position| position.len() <= Self::POSITION_LEN_MAX)
    }
}
