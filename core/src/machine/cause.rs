//! Why the machine moved from one phase to another, kept for [`explain`](super::GatewayMachine::explain).

use super::failure::{IoFailure, TlsFailure};
use super::input::{ConnectFailure, ProxyStatus};
use super::phase::Phase;
use super::timer::Timer;
use crate::message::{CloseCode, CloseReason, ConnectionId};
use crate::time::Timestamp;
use alloc::collections::VecDeque;
use core::fmt;

/// Why a transition was made. Its [`name`](Self::name) is stable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Cause {
    /// `Start` was given.
    Started,
    /// The wait before a connection is over.
    WaitOver,
    /// The socket is open.
    Opened,
    /// The host's name was not resolved.
    ConnectName,
    /// The connection was refused.
    ConnectRefused,
    /// The TLS handshake failed.
    ConnectTls(TlsFailure),
    /// The proxy made no way to the host, and said this, if anything.
    ConnectProxy(Option<ProxyStatus>),
    /// The driver's own attempt timed out.
    ConnectTimedOut,
    /// The upgrade was answered with this HTTP status.
    ConnectHttp(u16),
    /// The answer was no WebSocket handshake.
    ConnectProtocol,
    /// Connecting failed otherwise.
    ConnectIo(IoFailure),
    /// Hello came.
    Hello,
    /// The permit to identify was granted, and the Identify went out.
    IdentifyGranted,
    /// Ready came.
    Ready,
    /// Resumed came.
    Resumed,
    /// The gateway closed with this code.
    Closed(CloseCode),
    /// The connection ended without a code.
    ConnectionLost,
    /// The gateway asked to reconnect.
    ReconnectRequested,
    /// The session was called invalid, but can be resumed.
    InvalidSessionResumable,
    /// The session was called invalid, and is gone.
    InvalidSessionLost,
    /// A heartbeat was not acknowledged until the next.
    HeartbeatMissed,
    /// The gateway's own beat did not come.
    Silent,
    /// A deadline passed.
    TimedOut(Timer),
    /// A frame could not be read.
    Malformed,
    /// A frame is valid, but not in this phase.
    OutOfPlace,
    /// A frame was too large.
    TooLarge,
    /// A message could not be unpacked.
    Undecodable,
    /// The caller did not take the actions.
    Undrained,
    /// The host slept.
    Suspended,
    /// The resumes were used up.
    ResumesExhausted,
    /// The connects were used up.
    AttemptsExhausted,
    /// No token is to be had.
    TokenDenied,
    /// The application asked for a new connection.
    Requested,
    /// The application asked to stop.
    Shutdown,
}

impl Cause {
    /// The name, which does not change between versions: `heartbeat_missed`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Started => "started",
            Self::WaitOver => "wait_over",
            Self::Opened => "opened",
            Self::ConnectName => "connect_name",
            Self::ConnectRefused => "connect_refused",
            Self::ConnectTls(_) => "connect_tls",
            Self::ConnectProxy(_) => "connect_proxy",
            Self::ConnectTimedOut => "connect_timed_out",
            Self::ConnectHttp(_) => "connect_http",
            Self::ConnectProtocol => "connect_protocol",
            Self::ConnectIo(_) => "connect_io",
            Self::Hello => "hello",
            Self::IdentifyGranted => "identify_granted",
            Self::Ready => "ready",
            Self::Resumed => "resumed",
            Self::Closed(_) => "closed",
            Self::ConnectionLost => "connection_lost",
            Self::ReconnectRequested => "reconnect_requested",
            Self::InvalidSessionResumable => "invalid_session_resumable",
            Self::InvalidSessionLost => "invalid_session_lost",
            Self::HeartbeatMissed => "heartbeat_missed",
            Self::Silent => "silent",
            Self::TimedOut(Timer::Connect) => "timed_out_connect",
            Self::TimedOut(Timer::Hello) => "timed_out_hello",
            Self::TimedOut(Timer::Ready) => "timed_out_ready",
            Self::TimedOut(Timer::Resumed) => "timed_out_resumed",
            Self::TimedOut(Timer::Write) => "timed_out_write",
            Self::TimedOut(Timer::Close) => "timed_out_close",
            Self::TimedOut(_) => "timed_out",
            Self::Malformed => "malformed",
            Self::OutOfPlace => "out_of_place",
            Self::TooLarge => "too_large",
            Self::Undecodable => "undecodable",
            Self::Undrained => "undrained",
            Self::Suspended => "suspended",
            Self::ResumesExhausted => "resumes_exhausted",
            Self::AttemptsExhausted => "attempts_exhausted",
            Self::TokenDenied => "token_denied",
            Self::Requested => "requested",
            Self::Shutdown => "shutdown",
        }
    }

    /// What can be done about it, where something can.
    #[must_use]
    pub const fn advice(self) -> Option<&'static str> {
        match self {
            Self::ConnectHttp(401) => Some("the token or a proxy's credentials were refused: check them"),
            Self::ConnectHttp(403) => Some("the address may be banned for a while, or a proxy forbids it: check both"),
            Self::ConnectProxy(Some(status)) if status.is_unauthorized() => {
                Some("the proxy refused its user and password: check them")
            }
            Self::ConnectProxy(None) => Some("check the proxy's address and scheme, and that it runs"),
            Self::ConnectHttp(429) => Some("too many connects from this address: start fewer at a time"),
            Self::ConnectName => Some("check the gateway's host name and the resolver"),
            Self::ConnectTls(failure) => Some(failure.advice()),
            Self::ConnectIo(failure) => failure.advice(),
            Self::ConnectHttp(301 | 302 | 303 | 307 | 308) => {
                Some("the gateway has moved: if the `redirected` fault tells a place that you trust, use that URL")
            }
            Self::Undrained => Some("take every action that `handle` returns"),
            Self::Started
            | Self::WaitOver
            | Self::Opened
            | Self::ConnectRefused
            | Self::ConnectProxy(Some(_))
            | Self::ConnectTimedOut
            | Self::ConnectHttp(_)
            | Self::ConnectProtocol
            | Self::Hello
            | Self::IdentifyGranted
            | Self::Ready
            | Self::Resumed
            | Self::Closed(_)
            | Self::ConnectionLost
            | Self::ReconnectRequested
            | Self::InvalidSessionResumable
            | Self::InvalidSessionLost
            | Self::HeartbeatMissed
            | Self::Silent
            | Self::TimedOut(_)
            | Self::Malformed
            | Self::OutOfPlace
            | Self::TooLarge
            | Self::Undecodable
            | Self::Suspended
            | Self::ResumesExhausted
            | Self::AttemptsExhausted
            | Self::TokenDenied
            | Self::Requested
            | Self::Shutdown => None,
        }
    }
}

impl From<&ConnectFailure> for Cause {
    fn from(failure: &ConnectFailure) -> Self {
        match failure {
            ConnectFailure::Name => Self::ConnectName,
            ConnectFailure::Refused => Self::ConnectRefused,
            ConnectFailure::Tls(failure) => Self::ConnectTls(*failure),
            ConnectFailure::Proxy { status } => Self::ConnectProxy(*status),
            ConnectFailure::TimedOut => Self::ConnectTimedOut,
            ConnectFailure::Http { status, .. } | ConnectFailure::Redirect { status, .. } => Self::ConnectHttp(*status),
            ConnectFailure::Protocol => Self::ConnectProtocol,
            ConnectFailure::Io(failure) => Self::ConnectIo(*failure),
        }
    }
}

impl From<&CloseReason> for Cause {
    fn from(reason: &CloseReason) -> Self {
        match reason {
            CloseReason::TooLarge { .. } => Self::TooLarge,
            CloseReason::Frame(frame) => frame.code.map_or(Self::ConnectionLost, Self::Closed),
            CloseReason::Eof | CloseReason::Reset | CloseReason::Tls | CloseReason::Protocol | CloseReason::Io => {
                Self::ConnectionLost
            }
        }
    }
}

/// The name, with the code where there is one: `closed 4009`.
impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())?;
        match self {
            Self::Closed(code) => write!(f, " {code}"),
            Self::ConnectHttp(status) => write!(f, " {status}"),
            Self::ConnectProxy(Some(status)) => write!(f, " {status}"),
            Self::ConnectTls(TlsFailure::Alert(alert)) => write!(f, " alert {alert}"),
            Self::ConnectTls(failure) if *failure != TlsFailure::Other => write!(f, " {}", failure.name()),
            Self::ConnectIo(failure) if *failure != IoFailure::Other => write!(f, " {}", failure.name()),
            Self::ConnectTls(_)
            | Self::ConnectIo(_)
            | Self::ConnectProxy(None)
            | Self::Started
            | Self::WaitOver
            | Self::Opened
            | Self::ConnectName
            | Self::ConnectRefused
            | Self::ConnectTimedOut
            | Self::ConnectProtocol
            | Self::Hello
            | Self::IdentifyGranted
            | Self::Ready
            | Self::Resumed
            | Self::ConnectionLost
            | Self::ReconnectRequested
            | Self::InvalidSessionResumable
            | Self::InvalidSessionLost
            | Self::HeartbeatMissed
            | Self::Silent
            | Self::TimedOut(_)
            | Self::Malformed
            | Self::OutOfPlace
            | Self::TooLarge
            | Self::Undecodable
            | Self::Undrained
            | Self::Suspended
            | Self::ResumesExhausted
            | Self::AttemptsExhausted
            | Self::TokenDenied
            | Self::Requested
            | Self::Shutdown => Ok(()),
        }
    }
}

/// One transition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Transition {
    /// When.
    pub at: Timestamp,
    connection: u16,
    /// Why.
    pub cause: Cause,
    /// From which phase.
    pub from: Phase,
    /// To which.
    pub to: Phase,
}

impl Transition {
    pub(super) fn new(at: Timestamp, connection: ConnectionId, cause: Cause, from: Phase, to: Phase) -> Self {
        let [low, high, ..] = connection.0.to_le_bytes();
        Self { at, connection: u16::from_le_bytes([low, high]), cause, from, to }
    }

    /// The lowest 16 bits of the number of the connection that was current.
    #[must_use]
    pub const fn connection(self) -> u16 {
        self.connection
    }
}

impl fmt::Display for Transition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} -> {}: {} (connection {})", self.at, self.from, self.to, self.cause, self.connection)
    }
}

const _: () = assert!(size_of::<Transition>() <= 16, "64 of them are kept in each machine");

/// The last transitions, oldest first.
#[derive(Clone, Debug, Default)]
pub(super) struct History {
    last: VecDeque<Transition>,
}

impl History {
    pub(super) const KEPT: usize = 64;

    pub(super) fn note(&mut self, transition: Transition) {
        if self.last.len() == Self::KEPT {
            self.last.pop_front();
        }
        self.last.push_back(transition);
    }

    pub(super) fn iter(&self) -> impl ExactSizeIterator<Item = &Transition> {
        self.last.iter()
    }
}
