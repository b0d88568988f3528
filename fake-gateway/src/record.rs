//! The words of the log: the frames that were received, the rules that clients broke, and counters. `log.rs` keeps them.

use crate::input::ConnectionId;
use crate::rules::Rule;
use crate::session::Shard;
use core::fmt;
use portcullis::Timestamp;

/// A connection that asked for an upgrade, granted or not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arrival {
    /// When.
    pub at: Timestamp,
    /// Its number.
    pub connection: ConnectionId,
    /// What it asked for, its first 1,024 bytes: shows whether a client came by the resume URL, with its query.
    pub path_and_query: String,
}

/// A frame that a client sent.
#[derive(Clone, Debug, PartialEq)]
pub struct Received {
    /// When.
    pub at: Timestamp,
    /// On which connection.
    pub connection: ConnectionId,
    /// Its length in bytes.
    pub size: usize,
    /// What it was.
    pub frame: ClientFrame,
}

/// A client's frame, without its token.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum ClientFrame {
    /// Op 1.
    Heartbeat {
        /// The last sequence the client has.
        sequence: Option<u64>,
    },
    /// Op 2.
    Identify(Box<Identify>),
    /// Op 6.
    Resume {
        /// The session it wants back.
        session_id: String,
        /// The last sequence it has.
        sequence: u64,
    },
    /// Op 3, 4, 8, 31 or 43, its `d` in the right shape.
    Command {
        /// The opcode.
        op: i64,
        /// Its `d`.
        data: Json,
    },
    /// A frame with an opcode that clients may not send, or with a `d` of the wrong shape; its `d` is not kept.
    Invalid {
        /// The opcode.
        op: i64,
    },
    /// Bytes that are no frame; not kept.
    Garbage,
}

/// What an Identify said.
#[derive(Clone, Debug, PartialEq)]
pub struct Identify {
    /// The intents, if it had any.
    pub intents: Option<i64>,
    /// The shard, if it had one that can be written down.
    pub shard: Option<Shard>,
    /// Above how many members a guild is large.
    pub large_threshold: Option<u64>,
    /// Whether it asked for payload compression; none, too, for a text ([`Habit::CompressAsText`](crate::Habit)).
    pub compress: Option<bool>,
    /// What the client says of itself.
    pub properties: Json,
    /// The first presence.
    pub presence: Option<Json>,
}

/// A JSON value as the client wrote it. Prints its size only.
#[derive(Clone, PartialEq, Eq)]
pub struct Json(pub(super) Box<str>);

impl Json {
    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Json {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Json({} bytes)", self.0.len())
    }
}

/// A rule that a client broke.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Breach {
    /// When.
    pub at: Timestamp,
    /// On which connection.
    pub connection: ConnectionId,
    /// Which rule.
    pub rule: Rule,
}

/// How often things happened. Nothing is forgotten here.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counters {
    /// Connections that asked for an upgrade.
    pub connects: u64,
    /// Upgrades refused with an HTTP status.
    pub refused: u64,
    /// Frames received.
    pub frames: u64,
    /// Heartbeats received.
    pub heartbeats: u64,
    /// Heartbeats acknowledged.
    pub acks: u64,
    /// Identifies received in the right shape.
    pub identifies: u64,
    /// Sessions begun: Ready was due.
    pub sessions: u64,
    /// Resumes received in the right shape.
    pub resumes: u64,
    /// Sessions resumed: Resumed was due.
    pub resumed: u64,
    /// Commands received in the right shape, on a connection with a session.
    pub commands: u64,
    /// Op 9 sent.
    pub invalid_sessions: u64,
    /// Dispatches numbered, live ones and Ready among them.
    pub dispatches: u64,
    /// Dispatches sent again in a resume.
    pub replayed: u64,
    /// Dispatches kept back for lack of an intent.
    pub filtered: u64,
    /// Bombs sent.
    pub bombs: u64,
    /// Connections the fake closed or dropped.
    pub ended: u64,
    /// Connections the clients closed, or that were lost.
    pub left: u64,
    /// Sessions that ended: closed with 1000 or 1001, expired, or revoked.
    pub sessions_ended: u64,
    /// Rules broken.
    pub breaches: u64,
    /// Habits noted.
    pub habits: u64,
    /// Inputs for connections that are not open.
    pub strays: u64,
    /// Arrivals, received frames, broken rules and habits that the record had no room for.
    pub forgotten: u64,
}

/// The longest start of a text that has no more than `most` bytes and cuts no letter.
pub(super) fn head(text: &str, most: usize) -> &str {
    let end = (0..=most.min(text.len())).rev().find(|&end| text.is_char_boundary(end)).unwrap_or(0);
    &text[..end]
}
