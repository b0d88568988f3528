//! All moments the fake waits for, in one ordered set.

use crate::input::ConnectionId;
use crate::session::SessionKey;
use portcullis::Timestamp;
use std::collections::{BTreeMap, BTreeSet};

/// What falls due. What is due at one moment is done in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Timer {
    /// A delayed frame goes out.
    Late(u64),
    /// A held lane opens.
    Lane(ConnectionId),
    /// Gathered frames leave.
    Gather(ConnectionId),
    /// The client was silent for too long.
    Heartbeat(ConnectionId),
    /// The client was told to reconnect and is still there.
    Reconnect(ConnectionId),
    /// A session nobody resumed ends.
    Expiry(SessionKey),
    /// A script has something to do.
    Script,
}

/// At most one moment for each timer.
#[derive(Clone, Debug, Default)]
pub(super) struct Timers {
    by_time: BTreeSet<(Timestamp, Timer)>,
    by_timer: BTreeMap<Timer, Timestamp>,
}

impl Timers {
    pub(super) fn set(&mut self, timer: Timer, at: Timestamp) {
        self.cancel(timer);
        self.by_time.insert((at, timer));
        self.by_timer.insert(timer, at);
    }

    pub(super) fn cancel(&mut self, timer: Timer) {
        if let Some(at) = self.by_timer.remove(&timer) {
            self.by_time.remove(&(at, timer));
        }
    }

    pub(super) fn pop_due(&mut self, now: Timestamp) -> Option<Timer> {
        let &(at, timer) = self.by_time.first()?;
        if at > now {
            return None;
        }
        self.cancel(timer);
        Some(timer)
    }

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
        let mut timers = Timers::default();
        timers.set(one, at(1));
        timers.set(two, at(2));
        timers.set(one, at(3));
        assert_eq!(timers.first(), Some(at(2)));
        assert_eq!(timers.pop_due(at(1)), None);
        assert_eq!(timers.pop_due(at(9)), Some(two));
        assert_eq!(timers.pop_due(at(9)), Some(one));
        assert_eq!(timers.pop_due(at(9)), None);
    }
}
