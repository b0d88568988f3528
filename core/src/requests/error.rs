//! Why a request has no answer.

use crate::dialect::CommandError;
use crate::machine::SendError;
use core::fmt;
use core::time::Duration;

/// Why a request has no answer. Parts that had come are dropped.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RequestError {
    /// The gateway answers such a request only with an intent that the Identify does not ask for. Nothing was sent.
    #[error("the gateway does not answer this without {intent}; ask for the intent")]
    MissingIntent {
        /// The intent.
        intent: &'static str,
    },
    /// `Config::events` drops an event that the answer consists of. Nothing was sent.
    #[error("events keeps {event} out, which the answer needs; let it through")]
    Filtered {
        /// The event.
        event: &'static str,
    },
    /// [`RequestPolicy::requests`](super::RequestPolicy::requests) requests are open already. Nothing was sent.
    #[error("{limit} requests are open already; ask when one is done")]
    TooManyRequests {
        /// The most that may be open.
        limit: usize,
    },
    /// The machine did not accept the command. Nothing was sent.
    #[error("{0}")]
    Send(#[source] SendError),
    /// The request could not be sent, or sent again, within [`RequestPolicy::unsent`](super::RequestPolicy::unsent): there was no
    /// session, or too many commands were queued before it.
    #[error("the request was not sent in {waited:?}; ask again when the shard is online")]
    NotSent {
        /// How long it waited.
        waited: Duration,
    },
    /// The gateway refuses such requests for longer than [`RequestPolicy::unsent`](super::RequestPolicy::unsent) allows to wait.
    #[error("the gateway takes no such request for {retry_after:?}; ask again then")]
    RateLimited {
        /// How long the gateway refuses them.
        retry_after: Duration,
    },
    /// The gateway sent nothing, or no more, for [`RequestPolicy::silent`](super::RequestPolicy::silent).
    #[error(fmt = unanswered)]
    Unanswered {
        /// How many events of the answer came.
        received: usize,
        /// How many there are, if that is known.
        expected: Option<u64>,
    },
    /// All open answers together are larger than [`RequestPolicy::bytes`](super::RequestPolicy::bytes).
    #[error("open answers are above {limit} bytes; ask for less at a time, or raise the limit")]
    TooLarge {
        /// The most bytes they may have.
        limit: usize,
    },
    /// A chunk's index is not below the number of chunks: the gateway's fault.
    #[error("the gateway gave chunk {index} of {count}; ask again")]
    ChunkIndex {
        /// The chunk's index.
        index: u64,
        /// How many chunks there are.
        count: u64,
    },
    /// Two chunks of an answer announce different numbers of chunks: the gateway's fault.
    #[error("the gateway announced {first} chunks, then {then}; ask again")]
    ChunkCount {
        /// The number in the first chunk.
        first: u64,
        /// The number in the later chunk.
        then: u64,
    },
    /// The session was lost: the gateway sends its answer to no other.
    #[error("the session was lost before the answer was whole; ask again")]
    SessionLost,
    /// The shard has ended.
    #[error("the shard is over; start another")]
    Ended,
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

#[expect(clippy::trivially_copy_pass_by_ref, clippy::ref_option, reason = "the derive gives fields by reference")]
fn unanswered(received: &usize, expected: &Option<u64>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    match (received, expected) {
        (0, _) => f.write_str("the gateway gave no answer; check that the bot is in the guild"),
        (_, Some(expected)) => write!(f, "the gateway gave {received} of {expected} parts of the answer; ask again"),
        (_, None) => write!(f, "the gateway gave {received} parts of the answer and no more; ask again"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString as _;
    use core::error::Error;

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
            (CommandError::NoFields.into(), "the request names no fields, give one"),
            (SendError::Ended.into(), "the shard is over; start another"),
        ] {
            assert_eq!(error.to_string(), text);
        }
    }

    #[test]
    fn an_error_that_wraps_another_has_it_as_its_source() {
        let request = RequestError::from(CommandError::NoFields);
        let send = request.source().and_then(<dyn Error>::downcast_ref::<SendError>);
        assert_eq!(send, Some(&SendError::Command(CommandError::NoFields)));
        let command = send.and_then(Error::source).and_then(<dyn Error>::downcast_ref::<CommandError>);
        assert_eq!(command, Some(&CommandError::NoFields));
        assert!(RequestError::Ended.source().is_none());
    }
}
