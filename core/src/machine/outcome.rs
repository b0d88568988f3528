//! Which command, and how it ended: what the application learns of each command that was accepted.

use core::fmt;

/// Which command: every accepted one has its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CommandId(pub u64);

impl fmt::Display for CommandId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "command {}", self.0)
    }
}

/// How a command ended. Each accepted one ends once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Outcome {
    /// The socket took it whole.
    Sent,
    /// No byte of it left, on whatever connection.
    Returned(ReturnReason),
    /// Its connection died during the write, so that bytes of it may have left; and it was not sent again, or
    /// that did not complete either.
    Unknown,
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sent => f.write_str("was sent"),
            Self::Returned(reason) => write!(f, "was not sent: {reason}"),
            Self::Unknown => f.write_str("may have been sent: its connection died during the write"),
        }
    }
}

/// Why a command was handed back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ReturnReason {
    /// Its session was lost, and its kind makes no sense on another.
    SessionLost,
    /// A later one of the same standing key took its place.
    Superseded,
    /// The machine ended.
    Ended,
}

impl fmt::Display for ReturnReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::SessionLost => "its session was lost",
            Self::Superseded => "a later one took its place",
            Self::Ended => "the shard has ended",
        })
    }
}
