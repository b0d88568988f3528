//! What a machine tells its driver to do.

use super::event::Event;
use super::timer::Timer;
use crate::message::{CloseCode, LinkId, Message};
use crate::time::Timestamp;
use crate::url::GatewayUrl;

/// What to do about what happened. Actions come from one queue and are carried out in its order.
///
/// It is not `#[non_exhaustive]`: a driver that skips an action is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Open a WebSocket. Answer `Opened(link)` or `ConnectFailed(link, why)`.
    Connect {
        /// The new connection's id.
        link: LinkId,
        /// Where to.
        url: GatewayUrl,
        /// What the socket may cost.
        limits: ConnectLimits,
    },
    /// Put this message on the wire, now, whole. Answer `Sent(link)` when the socket has all of it.
    Send {
        /// On which connection.
        link: LinkId,
        /// The message.
        message: Message,
    },
    /// Send a close frame and go on reading; `Closed(link, …)` follows. The machine times it.
    Close {
        /// Which connection.
        link: LinkId,
        /// The code to send.
        code: CloseCode,
        /// The reason to send, at most 123 bytes.
        reason: &'static str,
    },
    /// Drop the socket now, or give up dialing. This is the last of its link: no answer is due.
    Abort {
        /// Which connection.
        link: LinkId,
    },
    /// Ask whoever rations identifies for a turn. Answer `IdentifyGranted(link)` or `IdentifyDenied(link, retry_after)`;
    /// before that, if the wait is for another day, `BudgetExhausted(link, resets_in)`.
    AskIdentify {
        /// For which connection.
        link: LinkId,
    },
    /// A turn that was asked for or granted is not needed: the link died first. Withdraw it or give it back.
    ReturnIdentify {
        /// For which connection it was asked.
        link: LinkId,
    },
    /// Get a token. Answer `Token(token, lifetime)` or `TokenDenied(retry_after)`.
    AskToken {
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
