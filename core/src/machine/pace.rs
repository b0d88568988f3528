//! The send limit of a connection: a maximum of frames in any window, with a reserve kept back for heartbeats.
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
        // Never all of them: a gateway that allows two frames a window would get no command.
        let reserve = limit.map_or(0, |limit| ANSWERS.min(limit.frames.saturating_sub(1)));
        Self { limit, reserve, sent: VecDeque::new(), answered: VecDeque::new() }
    }

    /// Keeps ⌈window ÷ interval⌉ + 2 frames back, but never all of them, and no fewer than for an earlier Hello: its beats
    /// are in the window still.
    pub(super) fn keep_reserve(&mut self, interval: Duration) {
        if let Some(limit) = self.limit {
            let beats = limit.window.as_nanos().div_ceil(interval.as_nanos().max(1));
            let reserve = u32::try_from(beats).unwrap_or(u32::MAX).saturating_add(ANSWERS);
            self.reserve = reserve.min(limit.frames.saturating_sub(1)).max(self.reserve);
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

    /// Takes the room for an answer to a heartbeat request, which is being sent: beyond the reserve as long as there is
    /// some, then what the reserve has for answers. False if there is none.
    pub(super) fn take_answer(&mut self, now: Timestamp) -> bool {
        let Some(limit) = self.limit else { return true };
        if self.command_at(now) <= now {
            return true;
        }
        while self.answered.front().is_some_and(|&first| now - first >= limit.window) {
            self.answered.pop_front();
        }
        let has_room = self.answered.len() < ANSWERS as usize;
        if has_room {
            self.answered.push_back(now);
        }
        has_room
    }

    /// Whether one more heartbeat request may be answered, with `owed` answers on their way already.
    pub(super) fn may_answer(&self, now: Timestamp, owed: u32) -> bool {
        self.limit.is_none_or(|limit| {
            let within =
                |stamps: &VecDeque<Timestamp>| stamps.len() - stamps.partition_point(|&at| now - at >= limit.window);
            let free = (limit.frames.saturating_sub(self.reserve) as usize).saturating_sub(within(&self.sent));
            (owed as usize) < free + (ANSWERS as usize).saturating_sub(within(&self.answered))
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
    fn answers_take_what_commands_leave_and_then_two_of_the_reserve_a_window() {
        let mut pace = discord();
        assert!(pace.may_answer(at(0), 117) && !pace.may_answer(at(0), 118));
        for _ in 0..116 {
            assert!(pace.take_answer(at(0)));
            pace.stamp(at(0));
        }
        assert!(pace.may_answer(at(1), 1) && !pace.may_answer(at(1), 2));
        assert!(pace.take_answer(at(1)) && pace.take_answer(at(2)) && !pace.take_answer(at(3)));
        (1..=2).for_each(|moment| pace.stamp(at(moment)));
        assert!(!pace.may_answer(at(59_999), 0) && !pace.take_answer(at(59_999)));
        assert!(pace.may_answer(at(60_000), 113) && !pace.may_answer(at(60_000), 114) && pace.take_answer(at(60_000)));
    }

    #[test]
    fn a_longer_interval_keeps_the_reserve_of_the_shorter() {
        let mut pace = discord();
        pace.keep_reserve(Duration::from_secs(600));
        assert_eq!(pace.reserve, 4);
    }

    #[test]
    fn a_limit_of_few_frames_still_lets_a_command_out() {
        for frames in 1..=3 {
            let mut pace = Pace::new(Some(PaceLimit { frames, window: Duration::from_secs(60) }));
            pace.keep_reserve(Duration::from_secs(40));
            assert_eq!((pace.reserve, pace.command_at(at(0))), (frames - 1, at(0)));
            pace.stamp(at(0));
            assert_eq!(pace.command_at(at(1)), at(60_000));
        }
    }

    #[test]
    fn a_gateway_without_a_limit_never_waits() {
        let mut pace = Pace::new(None);
        (0..1000).for_each(|_| pace.stamp(at(0)));
        assert_eq!((pace.command_at(at(0)), pace.beat_at(at(0))), (at(0), at(0)));
        assert!(pace.may_answer(at(0), 9) && pace.sent.is_empty());
    }
}
