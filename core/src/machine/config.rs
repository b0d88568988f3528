//! What a user can set about a machine, and the one check of it.

use super::backoff::Backoff;
use super::config_error::{ConfigError, SpanOption};
use super::filter::EventFilter;
use super::input::ConnectFailure;
use super::limits::Limits;
use crate::codec::Inflater;
use crate::dialect::{Dialect, Recovery};
use crate::message::CloseCode;
use crate::session::Session;
use alloc::vec::Vec;
use core::time::Duration;

/// What a user can set about a machine. Every field has a default that suits a bot in production.
///
/// ```
/// use core::time::Duration;
/// use portcullis::machine::{Backoff, Config, Timeouts};
///
/// let config = Config {
///     backoff: Backoff::STEPS_TO_FORTY,
///     timeouts: Timeouts { hello: Duration::from_secs(30), ..Timeouts::default() },
///     ..Config::default()
/// };
/// # let _ = config;
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Config {
    /// How long each step may take.
    pub timeouts: Timeouts,
    /// When to beat, and what shows that a connection is dead.
    pub heartbeat: HeartbeatPolicy,
    /// How often to try a session again.
    pub resume: ResumePolicy,
    /// How long to wait between connections.
    pub backoff: Backoff,
    /// What to do when a connection cannot be opened.
    pub connect: ConnectPolicy,
    /// What to do with a frame that cannot be read.
    pub malformed: MalformedPolicy,
    /// What happens to waiting commands when their session is lost.
    pub on_session_lost: SessionLostPolicy,
    /// Close codes that mean something else here than the dialect's table says. The last of a code holds.
    pub recoveries: Vec<(CloseCode, Recovery)>,
    /// Which events the application is given: all.
    pub events: EventFilter,
    /// Which library inflates, where the dialect's gateway compresses with zlib. Unset, the choice is the driver's:
    /// `miniz_oxide` where it makes none.
    pub inflater: Option<Inflater>,
    /// The most that may pile up.
    pub limits: Limits,
    /// A session of an earlier run of the process, to be resumed first.
    pub resume_from: Option<ResumeFrom>,
}

/// A session from an earlier run of the process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResumeFrom {
    /// The session, as it was exported.
    pub session: Session,
    /// How long ago that was. Unknown counts as long: the session is then tried once.
    pub age: Option<Duration>,
}

/// How long each step may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// From `Connect` to `Opened`: 10 s.
    pub connect: Duration,
    /// From `Opened` to Hello: 15 s.
    pub hello: Duration,
    /// From the start of the Identify to Ready: 60 s.
    pub ready: Duration,
    /// From the start of the Resume to Resumed: 60 s.
    pub resumed: Duration,
    /// From `Send` to `Sent`: 10 s.
    pub write: Duration,
    /// From the decision to close to `Closed`: 5 s.
    pub close: Duration,
    /// From `RequestToken` to its answer: 60 s. Then it is asked again.
    pub token: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            hello: Duration::from_secs(15),
            ready: Duration::from_secs(60),
            resumed: Duration::from_secs(60),
            write: Duration::from_secs(10),
            close: Duration::from_secs(5),
            token: Duration::from_secs(60),
        }
    }
}

/// When to beat, and what shows that a connection is dead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeartbeatPolicy {
    /// When the first beat of a connection goes out: at a random moment of the first interval.
    pub first: FirstBeat,
    /// An interval to use in place of the one that Hello gives.
    pub interval: Option<Duration>,
    /// What to do with an interval below `interval_min` or above `interval_max`: clamp it.
    pub out_of_bounds: OutOfBounds,
    /// The shortest interval: 1 s.
    pub interval_min: Duration,
    /// The longest interval: 10 min.
    pub interval_max: Duration,
    /// What counts as a sign of life: acknowledgements only.
    pub life: Life,
}

impl Default for HeartbeatPolicy {
    fn default() -> Self {
        Self {
            first: FirstBeat::Jittered,
            interval: None,
            out_of_bounds: OutOfBounds::Clamp,
            interval_min: Duration::from_secs(1),
            interval_max: Duration::from_secs(600),
            life: Life::AckOnly,
        }
    }
}

/// When the first beat of a connection goes out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FirstBeat {
    /// At a random moment of the first interval, as the gateway asks, so that connections opened together do not beat
    /// together.
    Jittered,
    /// With the handshake.
    Immediate,
}

/// What to do with a heartbeat interval out of bounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OutOfBounds {
    /// Use the nearest bound.
    Clamp,
    /// Close the connection, keep the session, and connect again.
    Refuse,
}

/// What counts as a sign of life between two beats.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Life {
    /// Only the acknowledgement, as the protocol says.
    AckOnly,
    /// Any frame: a busy gateway that delays its acknowledgements is not left.
    AnyFrame,
}

/// How often to try a session again before a new one is begun.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ResumePolicy {
    /// The number of Resumes without progress after which the session is given up: 5.
    pub tries: u32,
    /// And none later than this after the first that led nowhere: 90 s.
    pub within: Duration,
    /// The number of connections in a row that could not be opened or gave no Hello, after which the session is given up: 10,
    /// which the backoff stretches over the few minutes that a session lives. Such a failure says nothing about the session.
    pub unreachable: u32,
}

impl Default for ResumePolicy {
    fn default() -> Self {
        Self { tries: 5, within: Duration::from_secs(90), unreachable: 10 }
    }
}

/// What to do when a connection cannot be opened, by the kind of failure.
///
/// It decides about the gateway's own URL. Whatever is wrong at a session's resume URL, the gateway's is tried next, with
/// the session; only `proxy_unauthorized` is decided at once, since the proxy is ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConnectPolicy {
    /// The name was not resolved: back off.
    pub name: OnConnectFailure,
    /// Refused or unreachable: back off.
    pub refused: OnConnectFailure,
    /// TLS failed: back off.
    pub tls: OnConnectFailure,
    /// The proxy made no way to the host: back off.
    pub proxy: OnConnectFailure,
    /// The proxy refused its user and password, HTTP 407 and its like: end, since no retry makes them right.
    pub proxy_unauthorized: OnConnectFailure,
    /// It took too long: back off.
    pub timed_out: OnConnectFailure,
    /// HTTP 401: end, since no retry makes a credential right.
    pub unauthorized: OnConnectFailure,
    /// HTTP 403: back off at the cap, since a ban is made longer by knocking.
    pub forbidden: OnConnectFailure,
    /// HTTP 429: back off.
    pub rate_limited: OnConnectFailure,
    /// HTTP 5xx: back off.
    pub server_error: OnConnectFailure,
    /// Any other HTTP status, no WebSocket handshake, or an i/o failure: back off.
    pub other: OnConnectFailure,
    /// The longest `Retry-After` that is believed: 1 h.
    pub retry_after_max: Duration,
}

impl ConnectPolicy {
    pub(super) const fn of(&self, failure: &ConnectFailure) -> OnConnectFailure {
        match failure {
            ConnectFailure::Name => self.name,
            ConnectFailure::Refused => self.refused,
            ConnectFailure::Tls(_) => self.tls,
            ConnectFailure::Proxy { status: Some(status) } if status.is_unauthorized() => self.proxy_unauthorized,
            ConnectFailure::Proxy { .. } => self.proxy,
            ConnectFailure::TimedOut => self.timed_out,
            ConnectFailure::Http { status: 401, .. } => self.unauthorized,
            ConnectFailure::Http { status: 403, .. } => self.forbidden,
            ConnectFailure::Http { status: 429, .. } => self.rate_limited,
            ConnectFailure::Http { status: 500..=599, .. } => self.server_error,
            ConnectFailure::Http { .. }
            | ConnectFailure::Redirect { .. }
            | ConnectFailure::Protocol
            | ConnectFailure::Io(_) => self.other,
        }
    }
}

impl Default for ConnectPolicy {
    fn default() -> Self {
        Self {
            name: OnConnectFailure::BackOff,
            refused: OnConnectFailure::BackOff,
            tls: OnConnectFailure::BackOff,
            proxy: OnConnectFailure::BackOff,
            proxy_unauthorized: OnConnectFailure::End,
            timed_out: OnConnectFailure::BackOff,
            unauthorized: OnConnectFailure::End,
            forbidden: OnConnectFailure::BackOffAtCap,
            rate_limited: OnConnectFailure::BackOff,
            server_error: OnConnectFailure::BackOff,
            other: OnConnectFailure::BackOff,
            retry_after_max: Duration::from_secs(3600),
        }
    }
}

/// What to do when a connection cannot be opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnConnectFailure {
    /// Try again after a growing wait.
    BackOff,
    /// Try again after the longest wait.
    BackOffAtCap,
    /// End the machine.
    End,
}

/// What to do with a frame that cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum MalformedPolicy {
    /// Report it and go on: a resume would only bring it again.
    #[default]
    Report,
    /// Report it, close the connection, keep the session, and connect again.
    Reconnect,
}

/// What happens to waiting commands when their session is lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum SessionLostPolicy {
    /// What their dialect says of their kind: requests and a voice state come back, the rest is kept, and so is all that
    /// stands.
    #[default]
    ByKind,
    /// All are kept for the next session.
    KeepAll,
    /// All come back but those that stand, as a presence does: the next session hears of them.
    ReturnAll,
}

impl Config {
    /// What is wrong with it, if something is.
    pub(super) fn check(&self, dialect: &dyn Dialect) -> Result<(), ConfigError> {
        let Timeouts { connect, hello, ready, resumed, write, close, token } = self.timeouts;
        let spans = [
            (SpanOption::TimeoutConnect, connect),
            (SpanOption::TimeoutHello, hello),
            (SpanOption::TimeoutReady, ready),
            (SpanOption::TimeoutResumed, resumed),
            (SpanOption::TimeoutWrite, write),
            (SpanOption::TimeoutClose, close),
            (SpanOption::TimeoutToken, token),
            (SpanOption::HeartbeatIntervalMin, self.heartbeat.interval_min),
            (SpanOption::BackoffSpread, self.backoff.spread),
            (SpanOption::BackoffBase, self.backoff.base),
        ];
        if let Some((option, _)) = spans.into_iter().find(|(_, span)| *span < Duration::from_millis(1)) {
            return Err(ConfigError::TooShort { option });
        }
        if self.heartbeat.interval_min > self.heartbeat.interval_max {
            return Err(ConfigError::IntervalBounds);
        }
        let bounds = self.heartbeat.interval_min..=self.heartbeat.interval_max;
        if self.heartbeat.interval.is_some_and(|interval| !bounds.contains(&interval)) {
            return Err(ConfigError::Interval);
        }
        if self.backoff.factor_percent < 100 || self.backoff.base > self.backoff.cap {
            return Err(ConfigError::Backoff);
        }
        if !(1..=100).contains(&self.backoff.jitter_percent) {
            return Err(ConfigError::Jitter { percent: self.backoff.jitter_percent });
        }
        let most = usize::try_from(u32::MAX).unwrap_or(usize::MAX);
        if self.limits.message == 0 || self.limits.message > most {
            return Err(ConfigError::MessageLimit { most });
        }
        if self.limits.inflated == 0 || self.limits.inflated > most {
            return Err(ConfigError::InflatedLimit { most });
        }
        if self.limits.payloads == 0 {
            return Err(ConfigError::NoPayloads);
        }
        if self.limits.outbox == 0 {
            return Err(ConfigError::NoOutbox);
        }
        self.events.check(dialect)?;
        self.resume_from.as_ref().map_or(Ok(()), |resume_from| check_import(resume_from, dialect))
    }
}

fn check_import(resume_from: &ResumeFrom, dialect: &dyn Dialect) -> Result<(), ConfigError> {
    let session = &resume_from.session;
    if session.shard() != dialect.shard() {
        return Err(ConfigError::ForeignShard);
    }
    if session.resume_url().is_some_and(|url| !dialect.is_own_host(url)) {
        return Err(ConfigError::ForeignResumeUrl);
    }
    if !session.is_resumable() {
        return Err(ConfigError::NothingToResume);
    }
    Ok(())
}
