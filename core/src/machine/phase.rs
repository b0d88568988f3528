//! Where a machine stands, for those who look at it from outside.

use core::fmt;

/// The phase of a machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Phase {
    /// Before `Start`.
    Idle,
    /// Between two connections.
    Backoff,
    /// The driver was told to connect.
    Connecting,
    /// The socket is open, Hello has not come.
    AwaitingHello,
    /// Beating, and waiting for the permit to identify.
    AwaitingIdentify,
    /// Identify was sent.
    Identifying,
    /// Resume was sent, or is about to be.
    Resuming,
    /// In session: events flow.
    Active,
    /// A close was begun, the socket is not gone yet.
    Closing,
    /// Over: every input is ignored.
    Ended,
}

impl Phase {
    /// Every phase, in the order of a connection's life.
    pub const ALL: [Self; 10] = [
        Self::Idle,
        Self::Backoff,
        Self::Connecting,
        Self::AwaitingHello,
        Self::AwaitingIdentify,
        Self::Identifying,
        Self::Resuming,
        Self::Active,
        Self::Closing,
        Self::Ended,
    ];
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Idle => "idle",
            Self::Backoff => "backoff",
            Self::Connecting => "connecting",
            Self::AwaitingHello => "awaiting_hello",
            Self::AwaitingIdentify => "awaiting_identify",
            Self::Identifying => "identifying",
            Self::Resuming => "resuming",
            Self::Active => "active",
            Self::Closing => "closing",
            Self::Ended => "ended",
        })
    }
}
