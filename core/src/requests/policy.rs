//! How long requests may take, and how much of them may pile up.

use core::time::Duration;

/// How long requests may take, and how much of them may pile up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequestPolicy {
    /// From the asking until the gateway has the request: 10 min. Waits for a session, for the send limit and for the
    /// gateway's own limits are in it, retries too.
    pub unsent: Duration,
    /// How long nothing of the answer may come once the gateway has the request: 30 s. It begins anew with each part,
    /// and stands still while the connection is down.
    pub silent: Duration,
    /// Requests that are open at a time: 4,096.
    pub requests: usize,
    /// Bytes of answers that are being collected, or were not taken: 256 MiB. A thousand members have 0.3 to 1 MB.
    pub bytes: usize,
}

impl Default for RequestPolicy {
    fn default() -> Self {
        Self { unsent: Duration::from_secs(600), silent: Duration::from_secs(30), requests: 4096, bytes: 256 << 20 }
    }
}
