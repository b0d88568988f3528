//! The time, and all moments that the fake waits for, in one ordered set.

use crate::input::ConnectionId;
use crate::session::SessionKey;
use core::time::Duration;
use portcullis::Timestamp;
use std::collections::{BTreeMap, BTreeSet};

/// What falls due. What is due at one moment is done in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Timer {
    /// A delayed frame goes out.
    Late(u64),
    /// Dispatches that wait behind a delayed Ready or Resumed go out.
    Held(ConnectionId),
    /// Messages that were to leave together leave.
    Batch(ConnectionId),
    /// The client sent no heartbeat for too long.
    Heartbeat(ConnectionId),
    /// The client was told to reconnect and is still there.
    Reconnect(ConnectionId),
    /// A session that was not resumed ends.
    Expiry(SessionKey),
    /// A script has something to do.
    Script,
}

/// The newest moment seen, and at most one moment for each timer.
#[derive(Clone, Debug)]
pub(super) struct Clock {
    now: Timestamp,
    by_time: BTreeSet<(Timestamp, Timer)>,
    by_timer: BTreeMap<Timer, Timestamp>,
}

impl Clock {
    pub(super) const fn new() -> Self {
        Self { now: Timestamp::ZERO, by_time: BTreeSet::new(), by_timer: BTreeMap::new() }
    }

    /// Goes on to this moment. One that is older than the newest seen counts as the newest.
    pub(super) fn see(&mut self, now: Timestamp) {
        self.now = self.now.max(now);
    }

    pub(super) const fn now(&self) -> Timestamp {
        self.now
    }

    pub(super) fn set(&mut self, timer: Timer, at: Timestamp) {
        self.cancel(timer);
        self.by_time.insert((at, timer));
        self.by_timer.insert(timer, at);
    }

    /// Sets a timer that falls due after this time.
    pub(super) fn after(&mut self, timer: Timer, delay: Duration) {
        self.set(timer, self.now + delay);
    }

    pub(super) fn cancel(&mut self, timer: Timer) {
        if let Some(at) = self.by_timer.remove(&timer) {
            self.by_time.remove(&(at, timer));
        }
    }

    /// Cancels the timers of a connection that is over. Its late frames fall due and find no connection.
    pub(super) fn forget(&mut self, connection: ConnectionId) {
        for timer in [Timer::Held, Timer::Batch, Timer::Heartbeat, Timer::Reconnect] {
            self.cancel(timer(connection));
        }
    }

    /// Takes the next timer that is due now.
    pub(super) fn pop_due(&mut self) -> Option<Timer> {
        let &(at, timer) = self.by_time.first()?;
        if at > self.now {
            return None;
        }
        self.cancel(timer);
        Some(timer)
    }

    /// When the next timer falls due.
    pub(super) fn first(&self) -> Option<Timestamp> {
        self.by_time.first().map(|&(at, _)| at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timer_set_again_moves_and_due_ones_come_in_order() {
        let at = Timestamp::from_nanos;
        let (one, two) = (Timer::Late(1), Timer::Late(2));
        let mut clock = Clock::new();
        clock.set(one, at(1));
        clock.set(two, at(2));
        clock.set(one, at(3));
        clock.see(at(1));
        assert_eq!((clock.first(), clock.pop_due()), (Some(at(2)), None));
        clock.see(at(9));
        clock.see(at(5));
        assert_eq!(clock.now(), at(9));
        assert_eq!([clock.pop_due(), clock.pop_due(), clock.pop_due()], [Some(two), Some(one), None]);
    }
}
