//! What a machine waits for.

use core::fmt;

/// What falls due at a deadline.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Timer {
    /// Connecting has taken too long.
    Connect,
    /// Hello has not come.
    Hello,
    /// Ready has not come.
    Ready,
    /// Resumed has not come.
    Resumed,
    /// The socket has not taken a message.
    Write,
    /// The close frame has not been answered.
    Close,
    /// The next heartbeat.
    Heartbeat,
    /// The gateway's own beat has not come.
    Silence,
    /// The next connection.
    Reconnect,
    /// A command may go out when the send limit allows.
    Pace,
    /// The permit to identify is asked for again.
    Identify,
    /// The token is asked for again.
    Token,
    /// Something that was asked for is due at once.
    Requested,
}

impl fmt::Display for Timer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Connect => "connect",
            Self::Hello => "hello",
            Self::Ready => "ready",
            Self::Resumed => "resumed",
            Self::Write => "write",
            Self::Close => "close",
            Self::Heartbeat => "heartbeat",
            Self::Silence => "silence",
            Self::Reconnect => "reconnect",
            Self::Pace => "pace",
            Self::Identify => "identify",
            Self::Token => "token",
            Self::Requested => "requested",
        })
    }
}
