//! A moment by which the peer must have sent something. Silence proves nothing while the socket may hold it unread, so
//! such a deadline is judged by a call that knows. Hello, Ready, Resumed and the gateway's own heartbeat have one; a heartbeat of
//! ours is judged by the same rule in `heart.rs`, where it can be forgiven as well.
//!
//! # Invariants
//! * `judged-in-the-end`: a deadline is not moved on for ever, however much comes that is not what was waited for.

use super::heart::{GRACE, ReadState};
use crate::time::Timestamp;

/// A moment by which the peer must have sent something.
#[derive(Clone, Copy, Debug)]
pub(super) struct JudgedDeadline {
    at: Timestamp,
    read: u64,
}

impl JudgedDeadline {
    /// A deadline at `at`; `read` is what was read of all connections when it was set, in bytes.
    pub(super) const fn new(at: Timestamp, read: u64) -> Self {
        Self { at, read }
    }

    /// When it is judged next.
    pub(super) const fn at(self) -> Timestamp {
        self.at
    }

    /// Whether it is over, `read` bytes having been read by now. A call that cannot know moves it on.
    pub(super) fn judge(&mut self, now: Timestamp, read_state: ReadState, read: u64) -> bool {
        if now < self.at {
            return false;
        }
        match read_state {
            ReadState::Drained => true,
            ReadState::Unread | ReadState::Unknown if is_read_through(self.read, read) => true,
            ReadState::Unread | ReadState::Unknown => {
                self.at = now + GRACE;
                false
            }
        }
    }
}

/// Whether so much was read since `before` that what the peer had sent by then must be among it, though the socket was
/// never read dry.
///
/// A socket's buffers of both ends hold 10 MiB at the most with Linux's default limits (6 MiB to receive,
/// 4 MiB to send). An application that is slow does not come by it within the spans that are judged: it is not to blame,
/// and neither is the peer.
pub(super) const fn is_read_through(before: u64, read: u64) -> bool {
    read.saturating_sub(before) >= 16 << 20
}
