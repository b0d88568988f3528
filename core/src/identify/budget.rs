//! The number of identifies that are left today.
//!
//! The gateway resets the number a day after the first identify, not at midnight; only `session_start_limit` says when that is.
//! Between two such answers the budget counts by itself.
//!
//! # Invariants
//! * `within-total`: `left` is never more than `total`.

use super::limit::SessionStartLimit;
use crate::time::Timestamp;
use core::time::Duration;

/// The time after which the gateway resets the number. *(source: Gateway, Rate Limiting: 1,000 identifies in 24 h)*
pub(super) const DAY: Duration = Duration::from_secs(24 * 60 * 60);

#[derive(Clone, Copy, Debug)]
pub(super) struct Budget {
    total: u32,
    left: u32,
    day: Day,
}

/// When the number resets to `total`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Day {
    /// A day after the next identify: none was used yet.
    NotBegun,
    Until(Timestamp),
}

impl Budget {
    /// The budget that the gateway reports, less `out` identifies that it has not counted yet because they are on their way.
    pub(super) fn new(now: Timestamp, limit: &SessionStartLimit, out: u32) -> Self {
        let left = limit.remaining.min(limit.total);
        let day = match limit.reset_after {
            Duration::ZERO if left == limit.total => Day::NotBegun,
            // Some are used at an unknown time. To assume a whole day may wait too long, but never exceeds the budget.
            Duration::ZERO => Day::Until(now + DAY),
            after => Day::Until(now + after),
        };
        Self { total: limit.total, left: left.saturating_sub(out), day }
    }

    /// Begins the next day if this one is over. The `out` permits granted but not used yet count for the new day.
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

    /// When the number resets; `None` while none was used.
    pub(super) const fn resets_at(&self) -> Option<Timestamp> {
        match self.day {
            Day::NotBegun => None,
            Day::Until(end) => Some(end),
        }
    }
}
