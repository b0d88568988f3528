//! Why a command is not accepted.

use crate::dialect::CommandError;

/// Why a command was not accepted. Nothing was queued and nothing was sent.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SendError {
    /// The outbox holds `limit` commands already, or as many outcomes wait to be taken; wait for an
    /// `Event::OutboxDrained`.
    #[error("{limit} commands wait already; send again when the outbox drained")]
    QueueFull {
        /// The most commands and untaken outcomes that may wait.
        limit: usize,
    },
    /// More than `limit` commands would stand; take one back first.
    #[error("{limit} commands stand already; take one back first")]
    TooManyStanding {
        /// The most that may stand.
        limit: usize,
    },
    /// The encoded command is `len` bytes; the gateway closes the connection above `max`.
    #[error("the command is {len} bytes, the gateway takes {max}; shorten it")]
    TooLong {
        /// Its length in bytes.
        len: usize,
        /// The most bytes a frame may have.
        max: usize,
    },
    /// The command breaks a limit of the gateway.
    #[error("{0}")]
    Command(#[from] CommandError),
    /// The machine is over.
    #[error("the shard is over; start another")]
    Ended,
}
