//! What can be wrong with a config.

use alloc::boxed::Box;
use core::fmt;

/// What is wrong with a [`Config`](super::Config). No machine was made.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ConfigError {
    /// A span is below a millisecond.
    TooShort {
        /// The option.
        option: SpanOption,
    },
    /// `heartbeat.interval_min` is above `heartbeat.interval_max`.
    IntervalBounds,
    /// `heartbeat.interval` is not between its bounds.
    Interval,
    /// `backoff.factor_percent` is below 100, or `backoff.base` above `backoff.cap`.
    Backoff,
    /// `backoff.jitter_percent` is not 1 to 100.
    Jitter {
        /// What it is.
        percent: u32,
    },
    /// `limits.message` is 0 or above `most`.
    MessageLimit {
        /// The most it can be.
        most: usize,
    },
    /// `limits.inflated` is 0 or above `most`.
    InflatedLimit {
        /// The most it can be.
        most: usize,
    },
    /// `limits.payloads` is 0.
    NoPayloads,
    /// `limits.outbox` is 0.
    NoOutbox,
    /// `events` names an event that the gateway is not known to send.
    UnknownEvent {
        /// The event.
        event: Box<str>,
        /// The known one that is spelt nearly so, if there is one.
        nearest: Option<&'static str>,
    },
    /// `events` names an event that never comes, for lack of an intent.
    Undelivered {
        /// The event.
        event: Box<str>,
        /// The intent that brings it, or those of which any one does.
        intent: &'static str,
    },
    /// The resume_from session is of another shard, or of another shard count.
    ForeignShard,
    /// The resume_from session's resume URL is not of the gateway's hosts.
    ForeignResumeUrl,
    /// The resume_from session has no id, or nothing to resume from.
    NothingToResume,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooShort { option } => write!(f, "{option} is below 1 ms; give it a longer span"),
            Self::IntervalBounds => f.write_str("heartbeat.interval_min is above heartbeat.interval_max; swap them"),
            Self::Interval => f.write_str("heartbeat.interval is not between its bounds; change it or them"),
            Self::Backoff => {
                f.write_str("backoff must not shrink: factor_percent is at least 100 and base at most cap")
            }
            Self::Jitter { percent } => {
                write!(f, "backoff.jitter_percent is {percent}; it must be 1 to 100, so that shards spread")
            }
            Self::MessageLimit { most } => write!(f, "limits.message must be 1 to {most} bytes"),
            Self::InflatedLimit { most } => write!(f, "limits.inflated must be 1 to {most} bytes"),
            Self::NoPayloads => f.write_str("limits.payloads is 0; no payload could ever be read"),
            Self::NoOutbox => f.write_str("limits.outbox is 0; no command could ever be sent"),
            Self::UnknownEvent { event, nearest } => {
                write!(f, "events names {event:?}, which the gateway is not known to send; ")?;
                if let Some(nearest) = nearest {
                    write!(f, "did you mean {nearest}? ")?;
                }
                f.write_str("a name of one's own is given by with_custom")
            }
            Self::Undelivered { event, intent } => {
                write!(
                    f,
                    "events names {event}, which is not sent without {intent}; ask for the intent or leave the name out"
                )
            }
            Self::ForeignShard => f.write_str("the resume_from session is of another shard or shard count; drop it"),
            Self::ForeignResumeUrl => f.write_str("the resume_from session's resume url is of a foreign host; drop it"),
            Self::NothingToResume => f.write_str("the resume_from session has no id or no sequence; drop it"),
        }
    }
}

impl core::error::Error for ConfigError {}

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
