//! What can be wrong with a config.

use alloc::boxed::Box;
use alloc::format;
use alloc::string::String;
use core::fmt;

/// What is wrong with a [`Config`](super::Config). No machine was made.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// A span is below a millisecond.
    #[error("{option} is below 1 ms; give it a longer span")]
    TooShort {
        /// The option.
        option: SpanOption,
    },
    /// `heartbeat.interval_min` is above `heartbeat.interval_max`.
    #[error("heartbeat.interval_min is above heartbeat.interval_max; swap them")]
    IntervalBounds,
    /// `heartbeat.interval` is not between its bounds.
    #[error("heartbeat.interval is not between its bounds; change it or them")]
    Interval,
    /// `backoff.factor_percent` is below 100, or `backoff.base` above `backoff.cap`.
    #[error("backoff must not shrink: factor_percent is at least 100 and base at most cap")]
    Backoff,
    /// `backoff.jitter_percent` is not 1 to 100.
    #[error("backoff.jitter_percent is {percent}; it must be 1 to 100, so that shards spread")]
    Jitter {
        /// What it is.
        percent: u32,
    },
    /// `limits.message` is 0 or above `most`.
    #[error("limits.message must be 1 to {most} bytes")]
    MessageLimit {
        /// The most it can be.
        most: usize,
    },
    /// `limits.inflated` is 0 or above `most`.
    #[error("limits.inflated must be 1 to {most} bytes")]
    InflatedLimit {
        /// The most it can be.
        most: usize,
    },
    /// `limits.payloads` is 0.
    #[error("limits.payloads is 0; no payload could ever be read")]
    NoPayloads,
    /// `limits.outbox` is 0.
    #[error("limits.outbox is 0; no command could ever be sent")]
    NoOutbox,
    /// `events` names an event that the gateway is not known to send.
    #[error(
        "events names {event:?}, which the gateway is not known to send; {}a name of one's own is given by with_custom",
        hint(.nearest.as_deref())
    )]
    UnknownEvent {
        /// The event.
        event: Box<str>,
        /// The known one that is spelt nearly so, if there is one.
        nearest: Option<&'static str>,
    },
    /// `events` names an event that never comes, for lack of an intent.
    #[error("events names {event}, which is not sent without {intent}; ask for the intent or leave the name out")]
    Undelivered {
        /// The event.
        event: Box<str>,
        /// The intent that brings it, or those of which any one does.
        intent: &'static str,
    },
    /// The session to resume from is of another shard, or of another shard count.
    #[error("resume_from has a session of another shard or shard count; leave it out")]
    ForeignShard,
    /// The resume URL of the session to resume from is not of the gateway's hosts.
    #[error("resume_from has a session with the resume url of a foreign host; leave it out")]
    ForeignResumeUrl,
    /// The session to resume from has no id or no sequence.
    #[error("resume_from has a session without an id or a sequence; leave it out")]
    NothingToResume,
}

/// An option of a [`Config`](super::Config) that is a span of at least a millisecond. It prints its path: `timeouts.hello`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SpanOption {
    /// `timeouts.connect`.
    TimeoutConnect,
    /// `timeouts.hello`.
    TimeoutHello,
    /// `timeouts.ready`.
    TimeoutReady,
    /// `timeouts.resumed`.
    TimeoutResumed,
    /// `timeouts.write`.
    TimeoutWrite,
    /// `timeouts.close`.
    TimeoutClose,
    /// `timeouts.token`.
    TimeoutToken,
    /// `heartbeat.interval_min`.
    HeartbeatIntervalMin,
    /// `backoff.spread`.
    BackoffSpread,
    /// `backoff.base`.
    BackoffBase,
}

impl fmt::Display for SpanOption {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TimeoutConnect => "timeouts.connect",
            Self::TimeoutHello => "timeouts.hello",
            Self::TimeoutReady => "timeouts.ready",
            Self::TimeoutResumed => "timeouts.resumed",
            Self::TimeoutWrite => "timeouts.write",
            Self::TimeoutClose => "timeouts.close",
            Self::TimeoutToken => "timeouts.token",
            Self::HeartbeatIntervalMin => "heartbeat.interval_min",
            Self::BackoffSpread => "backoff.spread",
            Self::BackoffBase => "backoff.base",
        })
    }
}

/// The part of a text that names an event which may have been meant.
fn hint(nearest: Option<&str>) -> String {
    nearest.map_or_else(String::new, |nearest| format!("did you mean {nearest}? "))
}
