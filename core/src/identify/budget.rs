//! The identifies of a day.
//!
//! # Invariants
//! * `within-total`: what is left is never more than `total`.

use super::limit::SessionStartLimit;
use crate::time::Timestamp;
use core::time::Duration;

/// The gateway's day. *(source: Gateway, Session Start Limit: a window of 24 h)*
pub(super) const DAY: Duration = Duration::from_secs(24 * 60 * 60);

#[derive(Clone, Copy, Debug)]
pub(super) struct Budget {
    total: u32,
    left: u32,
    day: Day,
}

/// When there are `total` again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Day {
    /// A day after the first is used.
    NotBegun,
    Until(Timestamp),
}

impl Budget {
    /// As the gateway tells it. It does not know of `out` identifies that are on their way.
    pub(super) fn new(now: Timestamp, limit: &SessionStartLimit, out: u32) -> Self {
        let left = limit.remaining.min(limit.total);
        let day = match limit.reset_after {
            Duration::ZERO if left == limit.total => Day::NotBegun,
            // Some are used and nobody knows when: to wait too long is the smaller evil.
            Duration::ZERO => Day::Until(now + DAY),
            after => Day::Until(now + after),
        };
        Self { total: limit.total, left: left.saturating_sub(out), day }
    }

    /// Begins another day if this one is over. Those `out` will be used in the new one.
    pub(super) fn begin_next_day(&mut self, now: Timestamp, out: u32) {
        if let Day::Until(end) = self.day
            && now >= end
        {
            self.day = if out == 0 { Day::NotBegun } else { Day::Until(now + DAY) };
            self.left = self.total.saturating_sub(out);
        }
    }

    pub(super) fn spend(&mut self, now: Timestamp) {
        self.left = self.left.saturating_sub(1);
        if self.day == Day::NotBegun {
            self.day = Day::Until(now + DAY);
        }
    }

    pub(super) fn refund(&mut self) {
        self.left = self.left.saturating_add(1).min(self.total);
        debug_assert!(self.left <= self.total, "within-total: {} of {} left", self.left, self.total);
    }

    pub(super) const fn left(&self) -> u32 {
        self.left
    }

    pub(super) const fn total(&self) -> u32 {
        self.total
    }

    /// When there are more; `None` while none was used.
    pub(super) const fn resets_at(&self) -> Option<Timestamp> {
        match self.day {
            Day::NotBegun => None,
            Day::Until(end) => Some(end),
        }
    }
}
