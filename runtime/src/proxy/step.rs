//! What a handshake with a proxy says after each answer: the words of the `http` and `socks` handshakes, and of
//! `tunnel`.

use portcullis::machine::{ConnectFailure, ProxyStatus};

/// What to do next.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step {
    Send(Vec<u8>),
    /// The answer is not whole.
    Read,
    /// The stream is the host's now.
    Done,
}

/// The proxy could not be reached, hung up, or spoke another protocol.
pub(super) const FAILED: ConnectFailure = ConnectFailure::Proxy { status: None };

pub(super) const fn refused(status: ProxyStatus) -> ConnectFailure {
    ConnectFailure::Proxy { status: Some(status) }
}
