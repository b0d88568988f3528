//! Shapes that the documentation forbids and the real gateway takes all the same.
//!
//! Published clients send them and are let in there, so the fake lets them in too: a test server that refuses more than
//! the real one is of no use to those clients. Each is written down, so that a client's author learns of it. None of
//! them is a broken rule: the verdict stays good.

use crate::input::ConnectionId;
use core::fmt;
use portcullis::Timestamp;

/// Something a client does that the documentation forbids, and that the real gateway takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Habit {
    /// A presence has no key `activities`, as those of clients that still send `game`.
    PresenceWithoutActivities {
        /// The opcode: 2 or 3.
        op: i64,
    },
    /// The `activities` of a presence are null.
    PresenceNullActivities {
        /// The opcode: 2 or 3.
        op: i64,
    },
    /// A presence has no key `since`.
    PresenceWithoutSince {
        /// The opcode: 2 or 3.
        op: i64,
    },
    /// The `compress` of an Identify is a text such as `"zlib-stream"`. It switches nothing on: transport compression
    /// is asked for in the URL.
    CompressAsText,
}

impl Habit {
    /// Its stable name: lower case, words joined by hyphens.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::PresenceWithoutActivities { .. } => "presence-without-activities",
            Self::PresenceNullActivities { .. } => "presence-null-activities",
            Self::PresenceWithoutSince { .. } => "presence-without-since",
            Self::CompressAsText => "compress-as-text",
        }
    }
}

impl fmt::Display for Habit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::PresenceWithoutActivities { op } => write!(f, "the presence of opcode {op} has no activities"),
            Self::PresenceNullActivities { op } => write!(f, "the activities of the presence of opcode {op} are null"),
            Self::PresenceWithoutSince { op } => write!(f, "the presence of opcode {op} has no since"),
            Self::CompressAsText => f.write_str("the compress of opcode 2 is a text, not a bool"),
        }
    }
}

/// A habit that a client showed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Observation {
    /// When.
    pub at: Timestamp,
    /// On which connection.
    pub connection: ConnectionId,
    /// Which habit.
    pub habit: Habit,
}
