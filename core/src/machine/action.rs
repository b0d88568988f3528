//! What a machine tells its driver to do.

use super::event::Event;
use super::timer::Timer;
use crate::message::{CloseCode, ConnectionId, Message};
use crate::time::Timestamp;
use crate::url::GatewayUrl;

/// What to do about what happened. Actions come from one queue and are carried out in its order.
///
/// It is not `#[non_exhaustive]`: a driver that skips an action is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Open a WebSocket. Answer `Opened(connection)` or `ConnectFailed(connection, why)`.
    Connect {
        /// The new connection's id.
        connection: ConnectionId,
        /// Where to.
        url: GatewayUrl,
        /// What the socket may cost.
        limits: ConnectLimits,
    },
    /// Put this message on the connection, now, whole. Answer `Sent(connection)` when the socket has all of it.
    Send {
        /// On which connection.
        connection: ConnectionId,
        /// The message.
        message: Message,
    },
    /// Send a close frame and go on reading; `Closed(connection, …)` follows. The machine times it.
    Close {
        /// Which connection.
        connection: ConnectionId,
        /// The code to send.
        code: CloseCode,
        /// The reason to send, at most 123 bytes.
        reason: &'static str,
    },
    /// Drop the socket now, or give up dialing. This is the last of its connection: no answer is due.
    Abort {
        /// Which connection.
        connection: ConnectionId,
    },
    /// Ask whoever rations identifies for a permit. Answer `IdentifyGranted(connection)` or `IdentifyDenied(connection, retry_after)`;
    /// before that, if the wait is for another day, `BudgetExhausted(connection, resets_in)`.
    RequestIdentify {
        /// For which connection.
        connection: ConnectionId,
    },
    /// A permit that was asked for or granted is not needed: the connection died first. Withdraw it or give it back.
    ReleaseIdentify {
        /// For which connection it was requested.
        connection: ConnectionId,
    },
    /// Get a token. Answer `Token(token, lifetime)` or `TokenDenied(retry_after)`.
    RequestToken {
        /// Why it is needed.
        reason: TokenReason,
    },
    /// Something for the application.
    Event(Event),
    /// Call again with a `Tick` no later than `until`. It is always last, and absent only before `Start` and
    /// after the end. A heartbeat is scheduled and a reconnect is delayed this way.
    Wait {
        /// When to call again.
        until: Timestamp,
        /// What is due then.
        timer: Timer,
    },
}

/// What a connection may cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConnectLimits {
    /// The most bytes an incoming message may have.
    pub message: usize,
}

/// Why a token is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenReason {
    /// There was none yet.
    First,
    /// The one at hand has run out, or soon will.
    Expiring,
    /// The gateway refused the one at hand.
    Refused,
}
