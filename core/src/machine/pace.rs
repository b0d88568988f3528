//! The send limit of a link: so many frames in any window, a reserve of them kept back for heartbeats.
//!
//! # Invariants
//! * `within-window`: no window ever has more frames than the limit, whatever they are.
//! * `beats-have-room`: commands leave the reserve alone, so a beat that is due need not wait.

use crate::dialect::PaceLimit;
use crate::time::Timestamp;
use alloc::collections::VecDeque;
use core::time::Duration;

/// Answers to heartbeat requests that the reserve has room for in any window.
pub(super) const ANSWERS: u32 = 2;

#[derive(Clone, Debug)]
pub(super) struct Pace {
    limit: Option<PaceLimit>,
    reserve: u32,
    sent: VecDeque<Timestamp>,
    answered: VecDeque<Timestamp>,
}

impl Pace {
    pub(super) fn new(limit: Option<PaceLimit>) -> Self {
        Self { limit, reserve: ANSWERS, sent: VecDeque::new(), answered: VecDeque::new() }
    }

    /// Keeps ⌈window ÷ interval⌉ + 2 frames back, but never all of them.
    pub(super) fn keep_reserve(&mut self, interval: Duration) {
        if let Some(limit) = self.limit {
            let beats = limit.window.as_nanos().div_ceil(interval.as_nanos().max(1));
            let reserve = u32::try_from(beats).unwrap_or(u32::MAX).saturating_add(ANSWERS);
            self.reserve = reserve.min(limit.frames.saturating_sub(1));
        }
    }

    /// Notes a frame that is being sent.
    pub(super) fn stamp(&mut self, now: Timestamp) {
        let Some(limit) = self.limit else { return };
        while self.sent.front().is_some_and(|&first| now - first >= limit.window) {
            self.sent.pop_front();
        }
        self.sent.push_back(now);
        debug_assert!(self.sent.len() <= limit.frames as usize, "within-window: {} frames", self.sent.len());
    }

    /// Notes that the last frame left only now: the gateway counts it when it comes.
    pub(super) fn restamp(&mut self, now: Timestamp) {
        if let Some(last) = self.sent.back_mut() {
            *last = now;
        }
    }

    /// Notes an answer to a heartbeat request.
    pub(super) fn stamp_answer(&mut self, now: Timestamp) {
        if self.answered.len() == ANSWERS as usize {
            self.answered.pop_front();
        }
        self.answered.push_back(now);
    }

    /// Whether one more heartbeat request may be answered, with `owed` answers on their way already.
    pub(super) fn may_answer(&self, now: Timestamp, owed: u32) -> bool {
        self.limit.is_none_or(|limit| {
            let recent = self.answered.iter().filter(|&&at| now - at < limit.window).count();
            recent + (owed as usize) < ANSWERS as usize
        })
    }

    /// When a heartbeat or a handshake may go out.
    pub(super) fn beat_at(&self, now: Timestamp) -> Timestamp {
        self.limit.map_or(now, |limit| self.free_at(now, limit, limit.frames))
    }

    /// When a command may go out.
    pub(super) fn command_at(&self, now: Timestamp) -> Timestamp {
        self.limit.map_or(now, |limit| self.free_at(now, limit, limit.frames - self.reserve))
    }

    /// When fewer than `allowed` frames are in the window.
    fn free_at(&self, now: Timestamp, limit: PaceLimit, allowed: u32) -> Timestamp {
        let last_in_the_way = self.sent.len().checked_sub(allowed as usize).and_then(|index| self.sent.get(index));
        last_in_the_way.map_or(now, |&at| (at + limit.window).max(now))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> Timestamp {
        Timestamp::ZERO + Duration::from_millis(millis)
    }

    fn discord() -> Pace {
        let mut pace = Pace::new(Some(PaceLimit { frames: 120, window: Duration::from_secs(60) }));
        pace.keep_reserve(Duration::from_millis(41_250));
        pace
    }

    #[test]
    fn commands_leave_the_reserve_and_beats_may_use_it() {
        let mut pace = discord();
        for _ in 0..116 {
            assert_eq!(pace.command_at(at(0)), at(0));
            pace.stamp(at(0));
        }
        assert_eq!(pace.command_at(at(0)), at(60_000));
        for _ in 0..4 {
            assert_eq!(pace.beat_at(at(1)), at(1));
            pace.stamp(at(1));
        }
        assert_eq!(pace.beat_at(at(1)), at(60_000));
    }

    #[test]
    fn scenario_51_the_window_slides() {
        let mut pace = discord();
        (0..110).for_each(|_| pace.stamp(at(59_000)));
        (0..6).for_each(|_| pace.stamp(at(61_000)));
        assert_eq!(pace.command_at(at(61_000)), at(119_000));
    }

    #[test]
    fn a_short_interval_has_a_larger_reserve_but_never_all() {
        let mut pace = discord();
        pace.keep_reserve(Duration::from_secs(1));
        assert_eq!(pace.reserve, 62);
        pace.keep_reserve(Duration::from_millis(1));
        assert_eq!(pace.reserve, 119);
    }

    #[test]
    fn two_answers_a_window_and_no_more() {
        let mut pace = discord();
        assert!(pace.may_answer(at(0), 0) && pace.may_answer(at(0), 1) && !pace.may_answer(at(0), 2));
        pace.stamp_answer(at(0));
        pace.stamp_answer(at(1));
        assert!(!pace.may_answer(at(59_999), 0));
        assert!(pace.may_answer(at(60_000), 0));
    }

    #[test]
    fn a_gateway_without_a_limit_never_waits() {
        let mut pace = Pace::new(None);
        (0..1000).for_each(|_| pace.stamp(at(0)));
        assert_eq!((pace.command_at(at(0)), pace.beat_at(at(0))), (at(0), at(0)));
        assert!(pace.may_answer(at(0), 9) && pace.sent.is_empty());
    }
}
