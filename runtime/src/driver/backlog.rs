//! When silence may be judged on a socket that is never read dry.
//!
//! A deadline may be judged only after all that had arrived by then was read. A socket that was read dry shows that. A
//! socket that a peer floods never runs dry, and a flood must not keep a dead shard waiting for ever. But bytes come
//! out in the order in which they came, and a socket holds a limited number of them: once that many were read since the
//! deadline, everything that had arrived by then was read.

/// More bytes than a socket holds unread: Linux grows a TCP receive buffer to 6 MiB by itself (`tcp_rmem`), and half of
/// that is for payload.
const SOCKET_MAX: u64 = 8 << 20;

/// Whether a deadline was put off for want of a look at the whole socket, and how much had been read then.
#[derive(Clone, Copy, Default)]
pub(super) struct Backlog {
    since: Option<u64>,
}

impl Backlog {
    /// A deadline fell due and was not judged, after `total` bytes of the connection.
    pub(super) fn put_off(&mut self, total: u64) {
        self.since.get_or_insert(total);
    }

    /// All that is due was judged.
    pub(super) const fn judged(&mut self) {
        self.since = None;
    }

    /// Whether all that was there when the deadline fell due has been read, `total` bytes of the connection in all.
    pub(super) fn is_read(self, total: u64) -> bool {
        self.since.is_some_and(|since| total.saturating_sub(since) >= SOCKET_MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_there_at_the_first_deadline_is_what_must_be_read() {
        let mut backlog = Backlog::default();
        assert!(!backlog.is_read(u64::MAX));
        backlog.put_off(100);
        backlog.put_off(SOCKET_MAX);
        assert!(!backlog.is_read(99 + SOCKET_MAX) && backlog.is_read(100 + SOCKET_MAX));
        backlog.judged();
        assert!(!backlog.is_read(u64::MAX));
    }
}
