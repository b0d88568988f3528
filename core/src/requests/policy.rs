//! The time and memory limits of requests.

use core::time::Duration;

/// The time and memory limits of requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequestPolicy {
    /// How long a request may take until it is sent: 10 min. This includes waits for a session, for the send limit and for
    /// the gateway's limits, and retries.
    pub unsent: Duration,
    /// How long the gateway may be silent once the request was sent: 30 s. Each part of the answer starts this time again,
    /// and it does not run while the connection is down.
    pub silent: Duration,
    /// The most requests that may be open at a time: 4,096.
    pub requests: usize,
    /// The most bytes of all answers that are incomplete or were not taken: 256 MiB. A thousand members have 0.3 to 1 MB.
    pub bytes: usize,
}

impl Default for RequestPolicy {
    fn default() -> Self {
        Self { unsent: Duration::from_secs(600), silent: Duration::from_secs(30), requests: 4096, bytes: 256 << 20 }
    }
}
