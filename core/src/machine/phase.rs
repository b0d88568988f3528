//! Where a machine stands, for those who look at it from outside.

use core::fmt;

/// The phase of a machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Phase {
    /// Before `Start`.
    Idle,
    /// Between two connections.
    Waiting,
    /// The driver was told to connect.
    Dialing,
    /// The socket is open, Hello has not come.
    Greeting,
    /// Beating, and waiting for the turn to identify.
    Queued,
    /// Identify was sent.
    Identifying,
    /// Resume was sent, or is about to be.
    Resuming,
    /// In session: events flow.
    Online,
    /// A close was begun, the socket is not gone yet.
    Closing,
    /// Over: every input is ignored.
    Ended,
}

impl Phase {
    /// Every phase, in the order of a link's life.
    pub const ALL: [Self; 10] = [
        Self::Idle,
        Self::Waiting,
        Self::Dialing,
        Self::Greeting,
        Self::Queued,
        Self::Identifying,
        Self::Resuming,
        Self::Online,
        Self::Closing,
        Self::Ended,
    ];
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Idle => "idle",
            Self::Waiting => "waiting",
            Self::Dialing => "dialing",
            Self::Greeting => "greeting",
            Self::Queued => "queued",
            Self::Identifying => "identifying",
            Self::Resuming => "resuming",
            Self::Online => "online",
            Self::Closing => "closing",
            Self::Ended => "ended",
        })
    }
}
