//! What a machine tells the application.

use super::cause::Cause;
use super::failure::Location;
use super::input::ConnectFailure;
use super::outcome::{CommandId, Outcome};
use crate::codec::CodecError;
use crate::dialect::{FrameError, Plan};
use crate::dispatch::{Dispatch, UnknownFrame};
use crate::message::{CloseCode, CloseReason, ConnectionId, Sequence};
use core::fmt;
use core::time::Duration;

/// Something for the application.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// A connection is being opened.
    Connecting {
        /// Its id.
        connection: ConnectionId,
        /// What is to be done on it.
        plan: Plan,
    },
    /// A new session has begun. The dispatch is the gateway's own; it does not come twice.
    Ready(Dispatch),
    /// The session goes on: all that was missed was replayed. The dispatch is the gateway's own; it does not come twice.
    Resumed(Dispatch),
    /// An event of the gateway's.
    Dispatch(Dispatch),
    /// Sequences are missing: the gateway skipped them. Nothing brings them back.
    Gap {
        /// The last one received.
        after: Sequence,
        /// The one that came.
        got: Sequence,
    },
    /// The session is gone: what happened until the next Ready is lost, and a cache of its state is stale.
    SessionLost {
        /// Why.
        cause: Cause,
    },
    /// The gateway or the network did something wrong.
    Faulted(Fault),
    /// An open connection is gone.
    Closed {
        /// Which.
        connection: ConnectionId,
        /// How.
        reason: CloseReason,
    },
    /// The next connection is scheduled.
    Reconnecting {
        /// In how long.
        after: Duration,
        /// What is to be done on it.
        plan: Plan,
        /// Why the last one ended.
        cause: Cause,
    },
    /// There are no more identifies to be had: the shard waits for the budget's reset, or for word that there are more.
    /// Told once a wait.
    BudgetExhausted {
        /// How long until the reset.
        resets_in: Duration,
    },
    /// A command had to wait for the send limit.
    Paced {
        /// How long.
        waited: Duration,
    },
    /// A command has come to its end.
    Command(CommandId, Outcome),
    /// The outbox was full and has room again.
    OutboxDrained,
    /// The number of dispatches that an adapter's buffer dropped here, because the application did not take them. The overflow
    /// policy decides; a machine never gives this event.
    Lagged(u64),
    /// A frame of an unknown kind.
    Unknown(UnknownFrame),
    /// The machine is over, and never connects again.
    Ended(EndReason),
}

/// One line for a log, without the data of a dispatch.
///
/// ```
/// use core::time::Duration;
/// use portcullis::Event;
///
/// let event = Event::Paced { waited: Duration::from_millis(1_500) };
/// assert_eq!(event.to_string(), "a command waited 1.5s for the send limit");
/// ```
impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connecting { connection, plan } => write!(f, "connecting to {plan} ({connection})"),
            Self::Ready(dispatch) => write!(f, "a session begins: {dispatch}"),
            Self::Resumed(dispatch) => write!(f, "the session goes on: {dispatch}"),
            Self::Dispatch(dispatch) => dispatch.fmt(f),
            Self::Gap { after, got } => write!(f, "sequences are missing: {got} came after {after}"),
            Self::SessionLost { cause } => write!(f, "the session is lost: {cause}"),
            Self::Faulted(fault) => write!(f, "fault: {fault}"),
            Self::Closed { connection, reason } => write!(f, "{connection} is gone: {reason}"),
            Self::Reconnecting { after, plan, cause } => write!(f, "reconnecting in {after:?} to {plan}: {cause}"),
            Self::BudgetExhausted { resets_in } => {
                write!(f, "no identifies are left, there are more in {resets_in:?}")
            }
            Self::Paced { waited } => write!(f, "a command waited {waited:?} for the send limit"),
            Self::Command(id, outcome) => write!(f, "{id} {outcome}"),
            Self::OutboxDrained => f.write_str("the outbox has room again"),
            Self::Lagged(dropped) => write!(f, "{dropped} dispatches were dropped, since they were not taken in time"),
            Self::Unknown(frame) => frame.fmt(f),
            Self::Ended(reason) => write!(f, "the shard has ended: {reason}"),
        }
    }
}

/// What the gateway or the network did wrong. The machine has acted on it already.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// A frame could not be read.
    Malformed(FrameError),
    /// A frame of a known kind came in a phase where it has no meaning.
    OutOfPlace {
        /// The frame's kind.
        frame: FrameKind,
    },
    /// A heartbeat was not acknowledged until the next fell due.
    HeartbeatMissed {
        /// How long we waited.
        waited: Duration,
    },
    /// The gateway's own beat did not come.
    Silent {
        /// How long nothing came.
        waited: Duration,
    },
    /// A frame was too large.
    TooLarge {
        /// Its size.
        len: usize,
        /// The most it may have.
        limit: usize,
    },
    /// A message could not be unpacked: its compression is damaged, or there is too much in it. The connection is left, the
    /// session kept.
    Undecodable(CodecError),
    /// Several Identifies in a row were refused. The next one leaves out the presence and the other standing commands, once,
    /// because they may be what the gateway refuses.
    IdentifyRefused {
        /// How many.
        times: u32,
    },
    /// Hello asked for a heartbeat interval out of bounds. It was clamped, or refused, as the config says.
    Interval {
        /// What it asked for.
        requested: Duration,
    },
    /// A resume URL is of a host that is not the gateway's, or no URL. It is not used.
    ForeignResumeUrl,
    /// The server says that the gateway is elsewhere. It is not followed: a token goes to the host that it was given for.
    Redirected {
        /// The HTTP status.
        status: u16,
        /// Where it is.
        location: Location,
    },
    /// Dispatches came whose sequence is not above the last one's: they were dropped. The first of a run is told at once,
    /// then each time their count doubles, and at its end the whole count.
    Repeated {
        /// How many, in this run, so far.
        count: u64,
    },
    /// A heartbeat request was left unanswered, since the send limit has no room for the answer. The first of a run is
    /// told; [`Counts::beats_refused`](super::Counts::beats_refused) counts them all.
    RequestUnanswered,
    /// A deadline passed.
    TimedOut {
        /// Which.
        timer: super::timer::Timer,
    },
    /// The caller left more than `limit` bytes of events untaken. The connection was dropped, the session kept.
    Undrained {
        /// The most bytes that may wait.
        limit: usize,
    },
    /// The host slept so long that the connection cannot be alive.
    Suspended {
        /// How long it slept.
        span: Duration,
    },
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed(error) => write!(f, "malformed frame: {error}"),
            Self::OutOfPlace { frame } => write!(f, "{frame} out of place"),
            Self::HeartbeatMissed { waited } => write!(f, "heartbeat missed, waited {waited:?}"),
            Self::Silent { waited } => write!(f, "silent for {waited:?}"),
            Self::TooLarge { len, limit } => write!(f, "frame of {len} bytes, at most {limit} are read"),
            Self::Undecodable(error) => write!(f, "undecodable message: {error}"),
            Self::IdentifyRefused { times } => {
                write!(f, "{times} identifies refused in a row, the next goes without a presence")
            }
            Self::Interval { requested } => write!(f, "heartbeat interval of {requested:?} asked for"),
            Self::ForeignResumeUrl => f.write_str("resume url of a foreign host"),
            Self::Redirected { status, location } => write!(f, "redirected with http {status} to {location}"),
            Self::Repeated { count: 1 } => f.write_str("1 dispatch came again and was dropped"),
            Self::Repeated { count } => write!(f, "{count} dispatches came again and were dropped"),
            Self::RequestUnanswered => {
                f.write_str("a heartbeat request was left unanswered: the send limit has no room")
            }
            Self::TimedOut { timer } => write!(f, "timed out: {timer}"),
            Self::Undrained { limit } => write!(f, "more than {limit} bytes of events left untaken"),
            Self::Suspended { span } => write!(f, "suspended for {span:?}"),
        }
    }
}

/// The kind of a frame that can be out of place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FrameKind {
    /// A Ready.
    Ready,
    /// A Resumed.
    Resumed,
    /// A Dispatch.
    Dispatch,
    /// A heartbeat of the gateway's, a request for one of ours, or an acknowledgement.
    Heartbeat,
    /// Word that the token will soon expire.
    TokenExpiring,
}

impl fmt::Display for FrameKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ready => "ready",
            Self::Resumed => "resumed",
            Self::Dispatch => "dispatch",
            Self::Heartbeat => "heartbeat",
            Self::TokenExpiring => "token expiring",
        })
    }
}

/// Why a machine is over.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum EndReason {
    /// The application asked for it.
    Shutdown,
    /// The gateway closed with a code that no new connection can help.
    Refused {
        /// The code.
        code: CloseCode,
        /// The gateway's name for it.
        name: &'static str,
        /// What to do about it.
        advice: &'static str,
    },
    /// Connecting failed in a way that the config calls final.
    ConnectRefused {
        /// How it failed.
        failure: ConnectFailure,
    },
    /// The backoff's bound on attempts was reached.
    AttemptsExhausted {
        /// How many there were.
        attempts: u32,
    },
    /// The driver has no token to give.
    TokenDenied,
}

impl EndReason {
    /// What to do about it, where something can be done.
    #[must_use]
    pub fn advice(&self) -> Option<&'static str> {
        match self {
            Self::Shutdown => None,
            Self::Refused { advice, .. } => (!advice.is_empty()).then_some(advice),
            Self::ConnectRefused { failure } => Cause::from(failure).advice(),
            Self::AttemptsExhausted { .. } => Some("check the network, or choose a backoff without a bound"),
            Self::TokenDenied => Some("check the credentials that tokens are made from"),
        }
    }
}

impl fmt::Display for EndReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Shutdown => f.write_str("shut down")?,
            Self::Refused { code, name, .. } => write!(f, "the gateway closed with {code} ({name})")?,
            Self::ConnectRefused { failure } => write!(f, "could not connect: {failure}")?,
            Self::AttemptsExhausted { attempts } => write!(f, "gave up after {attempts} attempts")?,
            Self::TokenDenied => f.write_str("no token was given")?,
        }
        self.advice().map_or(Ok(()), |advice| write!(f, "; {advice}"))
    }
}

impl core::error::Error for EndReason {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::ConnectRefused { failure } => Some(failure),
            Self::Shutdown | Self::Refused { .. } | Self::AttemptsExhausted { .. } | Self::TokenDenied => None,
        }
    }
}
