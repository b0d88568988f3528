//! Who may Identify: buckets of 5 s, and the budget of a day. The fake plays one application.

use core::time::Duration;
use portcullis::Timestamp;
use std::collections::BTreeMap;

const SPACING: Duration = Duration::from_secs(5);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

#[derive(Clone, Debug, Default)]
pub(super) struct IdentifyLimit {
    buckets: BTreeMap<u32, Timestamp>,
    day: Option<Day>,
}

#[derive(Clone, Copy, Debug)]
struct Day {
    since: Timestamp,
    used: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Admission {
    Granted,
    TooSoon,
    Spent,
}

impl IdentifyLimit {
    /// Asks for an Identify. One that comes too soon costs a start of the day *(api-docs issue 1328)*, but does not
    /// make its bucket busy for longer.
    pub(super) fn ask(&mut self, now: Timestamp, bucket: u32, daily_limit: u32) -> Admission {
        let mut day = self.day.filter(|day| now - day.since < DAY).unwrap_or(Day { since: now, used: 0 });
        let busy = self.buckets.get(&bucket).is_some_and(|&last| now - last < SPACING);
        let spent = day.used >= daily_limit;
        day.used = day.used.saturating_add(1);
        self.day = Some(day);
        if busy {
            return Admission::TooSoon;
        }
        if spent {
            return Admission::Spent;
        }
        self.buckets.insert(bucket, now);
        Admission::Granted
    }

    /// How many Identifies the day has left, and after what time it is over; no time if it has not begun.
    pub(super) fn left(&self, now: Timestamp, daily_limit: u32) -> (u32, Duration) {
        match self.day.filter(|day| now - day.since < DAY) {
            None => (daily_limit, Duration::ZERO),
            Some(day) => (daily_limit.saturating_sub(day.used), DAY.saturating_sub(now - day.since)),
        }
    }

    /// A new token has a new day.
    pub(super) fn renew(&mut self) {
        self.day = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_is_free_again_after_five_seconds_and_a_budget_after_a_day() {
        let at = |seconds| Timestamp::ZERO + Duration::from_secs(seconds);
        let mut limit = IdentifyLimit::default();
        assert_eq!(limit.ask(at(0), 0, 3), Admission::Granted);
        assert_eq!(limit.ask(at(4), 0, 3), Admission::TooSoon);
        assert_eq!(limit.ask(at(4), 1, 3), Admission::Granted);
        assert_eq!(limit.ask(at(5), 0, 3), Admission::Spent);
        assert_eq!(limit.left(at(10), 7), (3, Duration::from_secs(86_390)));
        assert_eq!(limit.left(at(86_400), 7), (7, Duration::ZERO));
        assert_eq!(limit.ask(at(86_400), 0, 3), Admission::Granted);
    }
}
