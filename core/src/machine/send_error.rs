//! Why a command is not accepted.

use crate::dialect::CommandError;
use core::fmt;

/// Why a command was not accepted. Nothing was queued and nothing was sent.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum SendError {
    /// The outbox holds `limit` commands already, or as many outcomes wait to be taken; wait for an
    /// `Event::OutboxDrained`.
    QueueFull {
        /// The most commands and untaken outcomes that may wait.
        limit: usize,
    },
    /// More than `limit` commands would stand; take one back first.
    TooManyStanding {
        /// The most that may stand.
        limit: usize,
    },
    /// The encoded command is `len` bytes; the gateway closes the connection above `max`.
    TooLong {
        /// Its length in bytes.
        len: usize,
        /// The most bytes a frame may have.
        max: usize,
    },
    /// The command breaks a limit of the gateway.
    Command(CommandError),
    /// The machine is over.
    Ended,
}

impl fmt::Display for SendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::QueueFull { limit } => write!(f, "{limit} commands wait already; send again when the outbox drained"),
            Self::TooManyStanding { limit } => write!(f, "{limit} commands stand already; take one back first"),
            Self::TooLong { len, max } => write!(f, "the command is {len} bytes, the gateway takes {max}; shorten it"),
            Self::Command(error) => error.fmt(f),
            Self::Ended => f.write_str("the shard is over; start another"),
        }
    }
}

impl core::error::Error for SendError {}

impl From<CommandError> for SendError {
    fn from(error: CommandError) -> Self {
        Self::Command(error)
    }
}
