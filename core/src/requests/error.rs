//! Why a request came to no answer.

use crate::dialect::CommandError;
use crate::machine::SendError;
use core::fmt;
use core::time::Duration;

/// Why a request came to no answer. What had come of it is dropped.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum RequestError {
    /// The gateway answers such a request only with an intent that was not asked for. Nothing was sent.
    MissingIntent {
        /// The intent.
        intent: &'static str,
    },
    /// `Config::events` keeps an event out that the answer consists of. Nothing was sent.
    Filtered {
        /// The event.
        event: &'static str,
    },
    /// So many requests are open already. Nothing was sent.
    TooManyRequests {
        /// The most that may be open.
        limit: usize,
    },
    /// The machine does not accept the command. Nothing was sent.
    Send(SendError),
    /// It could not be sent in time, or not again: there was no live session, or too many commands before it.
    NotSent {
        /// How long it waited.
        waited: Duration,
    },
    /// The gateway answers no such request before it would have been given up.
    RateLimited {
        /// How long it is to wait.
        retry_after: Duration,
    },
    /// The gateway sent nothing, or no more, for [`RequestPolicy::silent`](super::RequestPolicy::silent).
    Unanswered {
        /// How many events of the answer came.
        received: usize,
        /// How many there are, if that is known.
        expected: Option<u64>,
    },
    /// The answers that are being collected are too large together.
    TooLarge {
        /// The most bytes they may have.
        limit: usize,
    },
    /// A chunk came that cannot be one of so many: the gateway's fault.
    ChunkIndex {
        /// The chunk's index.
        index: u64,
        /// How many chunks there are.
        count: u64,
    },
    /// Two chunks of an answer tell different numbers of chunks: the gateway's fault.
    ChunkCount {
        /// What was told first.
        first: u64,
        /// What was told then.
        then: u64,
    },
    /// The session was lost, and with it the answer.
    SessionLost,
    /// The shard is over.
    Ended,
}

impl fmt::Display for RequestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::MissingIntent { intent } => {
                write!(f, "the gateway does not answer this without {intent}; ask for the intent")
            }
            Self::Filtered { event } => {
                write!(f, "events keeps {event} out, which the answer needs; let it through")
            }
            Self::TooManyRequests { limit } => write!(f, "{limit} requests are open already; ask when one is done"),
            Self::Send(error) => error.fmt(f),
            Self::NotSent { waited } => {
                write!(f, "the request was not sent in {waited:?}; ask again when the shard is online")
            }
            Self::RateLimited { retry_after } => {
                write!(f, "the gateway takes no such request for {retry_after:?}; ask again then")
            }
            Self::Unanswered { received: 0, .. } => {
                f.write_str("the gateway gave no answer; check that the bot is in the guild")
            }
            Self::Unanswered { received, expected: Some(expected) } => {
                write!(f, "the gateway gave {received} of {expected} parts of the answer; ask again")
            }
            Self::Unanswered { received, expected: None } => {
                write!(f, "the gateway gave {received} parts of the answer and no more; ask again")
            }
            Self::TooLarge { limit } => {
                write!(f, "open answers are above {limit} bytes; ask for less at a time, or raise the limit")
            }
            Self::ChunkIndex { index, count } => {
                write!(f, "the gateway gave chunk {index} of {count}; ask again")
            }
            Self::ChunkCount { first, then } => {
                write!(f, "the gateway told of {first} chunks, then of {then}; ask again")
            }
            Self::SessionLost => f.write_str("the session was lost before the answer was whole; ask again"),
            Self::Ended => f.write_str("the shard is over; start another"),
        }
    }
}

impl core::error::Error for RequestError {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Send(error) => Some(error),
            _ => None,
        }
    }
}

impl From<SendError> for RequestError {
    fn from(error: SendError) -> Self {
        match error {
            SendError::Ended => Self::Ended,
            error => Self::Send(error),
        }
    }
}

impl From<CommandError> for RequestError {
    fn from(error: CommandError) -> Self {
        Self::Send(error.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString as _;

    #[test]
    fn errors_say_what_happened_and_what_to_do() {
        for (error, text) in [
            (
                RequestError::MissingIntent { intent: "GUILD_MEMBERS" },
                "the gateway does not answer this without GUILD_MEMBERS; ask for the intent",
            ),
            (
                RequestError::Unanswered { received: 0, expected: None },
                "the gateway gave no answer; check that the bot is in the guild",
            ),
            (
                RequestError::Unanswered { received: 2, expected: Some(3) },
                "the gateway gave 2 of 3 parts of the answer; ask again",
            ),
            (
                RequestError::RateLimited { retry_after: Duration::from_millis(27_310) },
                "the gateway takes no such request for 27.31s; ask again then",
            ),
            (CommandError::NoFields.into(), "there are no fields, name one"),
            (SendError::Ended.into(), "the shard is over; start another"),
        ] {
            assert_eq!(error.to_string(), text);
        }
    }
}
