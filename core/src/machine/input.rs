//! What a driver tells its machine of the world.

use super::failure::{IoFailure, Location, TlsFailure};
use super::heart::ReadState;
use crate::message::{CloseReason, ConnectionId, Message};
use crate::token::Token;
use core::fmt;
use core::time::Duration;

/// What the world did.
#[derive(Clone, Debug)]
pub enum Input {
    /// Begin. A second one is ignored.
    Start,
    /// The WebSocket of this connection is open.
    Opened(ConnectionId),
    /// The WebSocket of this connection could not be opened.
    ConnectFailed(ConnectionId, ConnectFailure),
    /// A message came.
    Message(ConnectionId, Message),
    /// The socket has taken the outstanding `Send` whole.
    Sent(ConnectionId),
    /// The connection is gone; given after the last message that came before.
    Closed(ConnectionId, CloseReason),
    /// The permit to identify has come.
    IdentifyGranted(ConnectionId),
    /// The permit to identify has not come; ask again after this time.
    IdentifyDenied(ConnectionId, Duration),
    /// The permit to identify has not come, since the budget of identifies is used up for this long. The question stays
    /// open: a grant or a denial follows, sooner perhaps.
    BudgetExhausted(ConnectionId, Duration),
    /// A token, and how long it is good for.
    Token(Token, Duration),
    /// No token: ask again after this time, or never. While a connection is open it is asked for again when the next connection
    /// needs it.
    TokenDenied(Option<Duration>),
    /// The host slept this long.
    Suspended(Duration),
    /// Time has passed, and since the last input the socket was read until it had nothing, or there is no socket. Only
    /// this input judges a silent gateway, or 16 MiB that were read since.
    Tick,
    /// Time has passed, and the socket may hold something unread: after [`GatewayMachine::send`](crate::GatewayMachine::send),
    /// and wherever a driver calls without having read.
    TickUnread,
}

impl Input {
    /// What it says of the socket.
    pub(super) const fn read_state(&self) -> ReadState {
        match self {
            Self::Tick => ReadState::Drained,
            // A host that slept has read nothing meanwhile.
            Self::TickUnread | Self::Suspended(_) => ReadState::Unread,
            Self::Start
            | Self::Opened(_)
            | Self::ConnectFailed(..)
            | Self::Message(..)
            | Self::Sent(_)
            | Self::Closed(..)
            | Self::IdentifyGranted(_)
            | Self::IdentifyDenied(..)
            | Self::BudgetExhausted(..)
            | Self::Token(..)
            | Self::TokenDenied(_) => ReadState::Unknown,
        }
    }
}

/// Why a connection could not be opened.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ConnectFailure {
    /// The host's name could not be resolved.
    Name,
    /// The host refused the connection, or could not be reached.
    Refused,
    /// The TLS handshake failed.
    Tls(TlsFailure),
    /// The proxy made no way to the host.
    Proxy {
        /// What it said. `None`: it could not be reached, hung up, or its answer was none of its protocol.
        status: Option<ProxyStatus>,
    },
    /// It took too long.
    TimedOut,
    /// The server answered the upgrade with another status than 101.
    Http {
        /// The HTTP status.
        status: u16,
        /// The `Retry-After` header, if there was one.
        retry_after: Option<Duration>,
    },
    /// The server says that the gateway is elsewhere: an HTTP status of 301 or its like. It is not followed.
    Redirect {
        /// The HTTP status.
        status: u16,
        /// Where.
        location: Location,
    },
    /// The server's answer was no WebSocket handshake.
    Protocol,
    /// Any other failure to read or write.
    Io(IoFailure),
}

/// What a proxy said when it refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ProxyStatus {
    /// The HTTP status of its answer to CONNECT. *(source: RFC 9110 §9.3.6)*
    Http(u16),
    /// The reply of SOCKS5, 5 for a connection that was refused behind it. *(source: RFC 1928 §6)*
    Socks(u8),
    /// SOCKS5: it refused user and password (RFC 1929), or takes no way to show them that there is (RFC 1928 §3).
    SocksCredentials,
}

impl ProxyStatus {
    /// Whether its user and password are wrong or missing, which no retry mends: HTTP 407 and its like in SOCKS5.
    #[must_use]
    pub const fn is_unauthorized(self) -> bool {
        matches!(self, Self::Http(407) | Self::SocksCredentials)
    }
}

impl ConnectFailure {
    /// Whether a proxy of ours refused our credentials: whatever is behind it, no other way there is better.
    pub(super) const fn is_proxy_unauthorized(&self) -> bool {
        matches!(self, Self::Proxy { status: Some(status) } if status.is_unauthorized())
    }

    /// The wait that the server asked for.
    pub(super) const fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Http { retry_after, .. } => *retry_after,
            Self::Name
            | Self::Refused
            | Self::Tls(_)
            | Self::Proxy { .. }
            | Self::TimedOut
            | Self::Protocol
            | Self::Redirect { .. }
            | Self::Io(_) => None,
        }
    }
}

impl fmt::Display for ProxyStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Http(status) => write!(f, "http {status}"),
            Self::Socks(reply) => write!(f, "socks {reply}"),
            Self::SocksCredentials => f.write_str("socks credentials"),
        }
    }
}

impl fmt::Display for ConnectFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name => f.write_str("name not resolved"),
            Self::Refused => f.write_str("connection refused"),
            Self::Tls(TlsFailure::Other) => f.write_str("tls handshake failed"),
            Self::Tls(failure) => write!(f, "tls handshake failed: {failure}"),
            Self::Proxy { status: Some(ProxyStatus::SocksCredentials) } => f.write_str("proxy refused the credentials"),
            Self::Proxy { status: Some(status) } => write!(f, "proxy refused with {status}"),
            Self::Proxy { status: None } => f.write_str("proxy failed"),
            Self::TimedOut => f.write_str("connect timed out"),
            Self::Http { status, .. } => write!(f, "http status {status}"),
            Self::Redirect { status, location } => write!(f, "http status {status}, the gateway is at {location}"),
            Self::Protocol => f.write_str("no websocket handshake"),
            Self::Io(IoFailure::Other) => f.write_str("i/o failure"),
            Self::Io(failure) => write!(f, "i/o failure: {failure}"),
        }
    }
}

impl core::error::Error for ConnectFailure {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Tls(failure) => Some(failure),
            Self::Io(failure) => Some(failure),
            Self::Name
            | Self::Refused
            | Self::Proxy { .. }
            | Self::TimedOut
            | Self::Http { .. }
            | Self::Redirect { .. }
            | Self::Protocol => None,
        }
    }
}
