//! Who beats, when, and what shows that a connection is dead. A beat is judged by a `Tick`; on a connection that is never read dry
//! also by how much was read since.
//!
//! # Invariants
//! * `oldest-first`: an acknowledgement answers the oldest beat.
//! * `whole-interval`: two periodic beats are the connection's shortest interval apart at the least, so that no window has
//!   more of them than ⌈window ÷ interval⌉.
//! * `never-postponed`: no Hello moves a beat on that was due already.

use super::cause::Cause;
use super::config::{FirstBeat, HeartbeatPolicy, Life, OutOfBounds};
use super::context::Context;
use super::deadline::{JudgedDeadline, is_read_through};
use super::event::Fault;
use crate::dialect::HeartRate;
use crate::rng::Rng;
use crate::time::Timestamp;
use alloc::collections::VecDeque;
use core::time::Duration;

/// What a call says about the socket: only who has read it may judge a silence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ReadState {
    /// A `Tick`: it was read until it had nothing.
    Drained,
    /// A `TickUnread`: it may hold something.
    Unread,
    /// Any other input.
    Unknown,
}

#[derive(Clone, Debug)]
pub(super) enum Heart {
    Ours(Ours),
    Theirs { silent_after: Duration, give_up: JudgedDeadline },
}

/// A heart that we keep beating.
#[derive(Clone, Debug)]
pub(super) struct Ours {
    interval: Duration,
    /// The shortest interval that this connection has had.
    shortest: Duration,
    due: Timestamp,
    last_periodic: Option<Timestamp>,
    heard: Timestamp,
    awaiting: VecDeque<Beat>,
}

/// A beat that went out and has not been acknowledged.
#[derive(Clone, Copy, Debug)]
struct Beat {
    at: Timestamp,
    /// When a `Tick` may call it missed; never, for one that was asked for or forgiven.
    judged: Option<Timestamp>,
    kind: BeatKind,
    /// What was read by then, in bytes.
    read: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BeatKind {
    Periodic,
    Requested,
}

/// Beats that can be awaited at once; a gateway that answers none of more has forfeited the oldest.
const AWAITED: usize = 16;
/// How far a deadline that must not be judged yet is moved on.
pub(super) const GRACE: Duration = Duration::from_secs(1);

impl Heart {
    /// The heart that a Hello asks for. An interval out of bounds is reported; `None` if the config refuses it.
    pub(super) fn of_hello(rate: HeartRate, cx: &mut Context) -> Option<Self> {
        let begun = Self::begin(rate, cx.now, cx.counts.bytes_in, &cx.config.heartbeat, &mut cx.rng);
        let bent = match (rate, &begun) {
            (_, Err(requested)) => Some(*requested),
            (HeartRate::Ours { interval }, Ok(heart)) if cx.config.heartbeat.interval.is_none() => {
                (interval != heart.interval()).then_some(interval)
            }
            (HeartRate::Ours { .. } | HeartRate::Theirs { .. }, Ok(_)) => None,
        };
        if let Some(requested) = bent {
            cx.fault(Fault::Interval { requested });
        }
        begun.ok()
    }

    /// The heart, or the interval that was refused. `read` is what was read of all connections so far, in bytes.
    fn begin(
        rate: HeartRate,
        now: Timestamp,
        read: u64,
        policy: &HeartbeatPolicy,
        rng: &mut Rng,
    ) -> Result<Self, Duration> {
        match rate {
            HeartRate::Theirs { silent_after } => {
                let silent_after = silent_after.max(policy.interval_min);
                Ok(Self::Theirs { silent_after, give_up: JudgedDeadline::new(now + silent_after, read) })
            }
            HeartRate::Ours { interval } => {
                let interval = bounded(interval, policy)?;
                let due = match policy.first {
                    FirstBeat::Jittered => now + rng.below(interval),
                    FirstBeat::Immediate => now,
                };
                Ok(Self::Ours(Ours {
                    interval,
                    shortest: interval,
                    due,
                    last_periodic: None,
                    heard: now,
                    awaiting: VecDeque::new(),
                }))
            }
        }
    }

    /// Takes over from the heart of an earlier Hello on the same connection: what is awaited stays so, and the
    /// periodic beats keep their distance.
    pub(super) fn succeed(&mut self, mut next: Self) {
        if let (Self::Ours(old), Self::Ours(new)) = (&mut *self, &mut next) {
            new.awaiting = core::mem::take(&mut old.awaiting);
            new.last_periodic = old.last_periodic;
            new.shortest = new.shortest.min(old.shortest);
            if let Some(last) = old.last_periodic {
                new.due = new.due.max(last + new.interval);
            }
            // A gateway that greets again each ten seconds would otherwise get no beat for minutes.
            new.due = new.due.min(old.due);
        }
        *self = next;
    }

    /// Any frame came.
    #[inline]
    pub(super) fn hear(&mut self, cx: &Context) {
        match self {
            Self::Ours(ours) => ours.heard = cx.now,
            Self::Theirs { silent_after, give_up } => *give_up = cx.deadline(*silent_after),
        }
    }

    /// The gateway acknowledges our oldest beat. On a connection where the gateway beats it means nothing.
    pub(super) fn acknowledged(&mut self, cx: &mut Context) {
        match self {
            Self::Theirs { .. } => {}
            Self::Ours(ours) => {
                if let Some(latency) = ours.ack(cx.now) {
                    cx.counts.beats_acked += 1;
                    cx.latency.note(cx.now, latency);
                }
            }
        }
    }

    /// The longest a connection may be left alone before nothing is known of it.
    pub(super) const fn interval(&self) -> Duration {
        match self {
            Self::Ours(ours) => ours.interval,
            Self::Theirs { silent_after, .. } => *silent_after,
        }
    }

    /// Why the connection must be left, if this call finds its heart dead.
    pub(super) fn missed(&mut self, read_state: ReadState, cx: &Context) -> Option<(Fault, Cause)> {
        let read = cx.counts.bytes_in;
        match self {
            Self::Ours(ours) => {
                let waited = ours.judge(cx.now, read_state, cx.config.heartbeat.life, read)?;
                Some((Fault::HeartbeatMissed { waited }, Cause::HeartbeatMissed))
            }
            Self::Theirs { silent_after, give_up } => {
                let waited = *silent_after;
                give_up.judge(cx.now, read_state, read).then_some((Fault::Silent { waited }, Cause::Silent))
            }
        }
    }
}

impl Ours {
    pub(super) const fn due(&self) -> Timestamp {
        self.due
    }

    /// A beat goes out, `read` bytes of all connections having been read so far.
    pub(super) fn beat(&mut self, now: Timestamp, kind: BeatKind, read: u64) {
        let judged = match kind {
            BeatKind::Periodic => {
                debug_assert!(
                    self.last_periodic.is_none_or(|last| now - last >= self.shortest),
                    "whole-interval: two periodic beats are closer than {:?}",
                    self.shortest
                );
                self.due = now + self.interval;
                self.last_periodic = Some(now);
                // A beat that was asked for and not acknowledged for an interval will not be any more: it must not take an
                // acknowledgement of ours.
                let oldest = self.interval;
                self.awaiting.retain(|beat| beat.kind == BeatKind::Periodic || now - beat.at < oldest);
                Some(self.due)
            }
            BeatKind::Requested => None,
        };
        if self.awaiting.len() == AWAITED {
            self.awaiting.pop_front();
        }
        self.awaiting.push_back(Beat { at: now, judged, kind, read });
    }

    /// An acknowledgement came: how long it took, if a beat was waiting for it.
    pub(super) fn ack(&mut self, now: Timestamp) -> Option<Duration> {
        self.awaiting.pop_front().map(|beat| now - beat.at)
    }

    fn judge(&mut self, now: Timestamp, read_state: ReadState, life: Life, read: u64) -> Option<Duration> {
        let stalled = now - self.due > self.interval;
        if stalled || (read_state == ReadState::Unread && now >= self.due) {
            self.forgive();
        }
        if life == Life::AnyFrame {
            let heard = self.heard;
            self.awaiting.iter_mut().filter(|beat| beat.at < heard).for_each(|beat| beat.judged = None);
        }
        let missed = match read_state {
            ReadState::Drained => self.awaiting.iter().find(|beat| beat.judged.is_some_and(|moment| now >= moment)),
            ReadState::Unread | ReadState::Unknown => None,
        };
        missed
            .or_else(|| self.awaiting.iter().find(|beat| self.is_missed_by_volume(beat, now, life, read)))
            .map(|beat| now - beat.at)
    }

    /// Whether a beat is missed though the socket was never read dry: it is an interval late, forgiven or not, and its
    /// acknowledgement would be among what was read since.
    fn is_missed_by_volume(&self, beat: &Beat, now: Timestamp, life: Life, read: u64) -> bool {
        let is_alive = life == Life::AnyFrame && beat.at < self.heard;
        beat.kind == BeatKind::Periodic
            && !is_alive
            && now - beat.at >= self.interval.saturating_mul(2)
            && is_read_through(beat.read, read)
    }

    fn forgive(&mut self) {
        self.awaiting.iter_mut().for_each(|beat| beat.judged = None);
    }
}

fn bounded(requested: Duration, policy: &HeartbeatPolicy) -> Result<Duration, Duration> {
    if let Some(interval) = policy.interval {
        return Ok(interval);
    }
    if (policy.interval_min..=policy.interval_max).contains(&requested) {
        return Ok(requested);
    }
    match policy.out_of_bounds {
        OutOfBounds::Clamp => Ok(requested.clamp(policy.interval_min, policy.interval_max)),
        OutOfBounds::Refuse => Err(requested),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Seed;

    const INTERVAL: Duration = Duration::from_secs(40);

    fn at(seconds: u64) -> Timestamp {
        Timestamp::ZERO + Duration::from_secs(seconds)
    }

    fn heart() -> Ours {
        let policy = HeartbeatPolicy { first: FirstBeat::Immediate, ..HeartbeatPolicy::default() };
        let rate = HeartRate::Ours { interval: INTERVAL };
        let Ok(Heart::Ours(ours)) = Heart::begin(rate, at(0), 0, &policy, &mut Rng::new(Seed(1))) else {
            panic!("the heart is not ours");
        };
        ours
    }

    #[test]
    fn an_ack_answers_the_oldest_beat() {
        let mut heart = heart();
        heart.beat(at(0), BeatKind::Periodic, 0);
        heart.beat(at(5), BeatKind::Requested, 0);
        assert_eq!(heart.ack(at(6)), Some(Duration::from_secs(6)));
        assert_eq!(heart.ack(at(6)), Some(Duration::from_secs(1)));
        assert_eq!(heart.ack(at(6)), None);
    }

    #[test]
    fn a_beat_is_missed_by_a_dry_tick_at_the_next_one_s_due_time_and_not_before() {
        let mut heart = heart();
        heart.beat(at(0), BeatKind::Periodic, 0);
        assert_eq!(heart.judge(at(39), ReadState::Drained, Life::AckOnly, 0), None);
        assert_eq!(heart.judge(at(40), ReadState::Unknown, Life::AckOnly, 0), None);
        assert_eq!(heart.judge(at(40), ReadState::Drained, Life::AckOnly, 0), Some(INTERVAL));
    }

    #[test]
    fn unread_data_and_a_stall_forgive_the_older_beat() {
        let mut unread = heart();
        unread.beat(at(0), BeatKind::Periodic, 0);
        assert_eq!(unread.judge(at(40), ReadState::Unread, Life::AckOnly, 0), None);
        unread.beat(at(40), BeatKind::Periodic, 0);
        assert_eq!(
            unread.judge(at(60), ReadState::Drained, Life::AckOnly, 0),
            None,
            "the new beat gets a whole interval"
        );
        assert_eq!(unread.judge(at(80), ReadState::Drained, Life::AckOnly, 0), Some(INTERVAL));

        let mut stalled = heart();
        stalled.beat(at(0), BeatKind::Periodic, 0);
        assert_eq!(stalled.judge(at(600), ReadState::Drained, Life::AckOnly, 0), None);
    }

    #[test]
    fn a_beat_that_went_out_in_another_call_is_judged_by_the_next_dry_tick() {
        let mut heart = heart();
        heart.beat(at(0), BeatKind::Periodic, 0);
        assert_eq!(heart.judge(at(41), ReadState::Unknown, Life::AckOnly, 0), None);
        heart.beat(at(41), BeatKind::Periodic, 0);
        assert_eq!(heart.judge(at(50), ReadState::Drained, Life::AckOnly, 0), Some(Duration::from_secs(50)));
    }

    #[test]
    fn any_frame_is_life_only_by_policy() {
        let mut heart = heart();
        heart.beat(at(0), BeatKind::Periodic, 0);
        heart.heard = at(20);
        assert_eq!(heart.clone().judge(at(40), ReadState::Drained, Life::AckOnly, 0), Some(INTERVAL));
        assert_eq!(heart.judge(at(40), ReadState::Drained, Life::AnyFrame, 0), None);
    }

    #[test]
    fn requested_beats_left_unanswered_do_not_pile_up() {
        let mut heart = heart();
        for second in 0..100 {
            heart.beat(at(second), BeatKind::Requested, 0);
        }
        assert_eq!(heart.awaiting.len(), AWAITED);
        heart.due = at(400);
        heart.beat(at(400), BeatKind::Periodic, 0);
        assert_eq!(heart.awaiting.len(), 1);
    }
}
