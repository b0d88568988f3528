//! Frames that a fault delays, and that have no order to keep: Hello and acks.

use crate::clock::{Clock, Timer};
use crate::input::ConnectionId;
use core::time::Duration;
use portcullis::Message;
use std::collections::BTreeMap;

/// How many delayed frames may wait; more are left out.
const LATE_MAX: usize = 65_536;

#[derive(Clone, Debug, Default)]
pub(super) struct LateFrames {
    waiting: BTreeMap<u64, (ConnectionId, Message)>,
    numbered: u64,
}

impl LateFrames {
    pub(super) fn hold(&mut self, clock: &mut Clock, connection: ConnectionId, message: Message, delay: Duration) {
        if self.waiting.len() < LATE_MAX {
            self.numbered += 1;
            self.waiting.insert(self.numbered, (connection, message));
            clock.after(Timer::Late(self.numbered), delay);
        }
    }

    /// Takes the frame whose timer is due.
    pub(super) fn take(&mut self, number: u64) -> Option<(ConnectionId, Message)> {
        self.waiting.remove(&number)
    }
}
