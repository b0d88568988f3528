//! What belongs to no single connection and to no session: the config, the clock, the armed faults, the log, and the
//! actions that the driver has yet to take.

use crate::clock::Clock;
use crate::config::{FakeConfig, Tolerance};
use crate::event::EventKind;
use crate::faults::{Fate, Fault, FaultKind, Faults, Who};
use crate::input::{Action, ConnectionId};
use crate::log::Log;
use core::time::Duration;
use portcullis::Timestamp;
use std::collections::VecDeque;

#[derive(Clone, Debug)]
pub(super) struct Context {
    pub(super) config: FakeConfig,
    pub(super) clock: Clock,
    pub(super) faults: Faults,
    pub(super) log: Log,
    pub(super) actions: VecDeque<Action>,
}

impl Context {
    pub(super) fn new(config: FakeConfig) -> Self {
        let log = Log::new(config.record_max);
        Self { config, clock: Clock::new(), faults: Faults::default(), log, actions: VecDeque::new() }
    }

    pub(super) const fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Orders something of the driver.
    pub(super) fn order(&mut self, action: Action) {
        self.actions.push_back(action);
    }

    /// Says that something happened on a connection; `kind` is called only when events are watched.
    pub(super) fn tell(&mut self, connection: ConnectionId, kind: impl FnOnce() -> EventKind) {
        self.log.tell(self.clock.now(), connection, kind);
    }

    /// Says that something happened.
    pub(super) fn announce(&mut self, connection: Option<ConnectionId>, kind: EventKind) {
        self.log.announce(self.clock.now(), connection, kind);
    }

    /// The fault of this kind that now strikes, if one does.
    pub(super) fn strike(&mut self, kind: FaultKind, who: Who) -> Option<Fault> {
        let fault = self.faults.strike(kind, who)?;
        if let Some(connection) = who.connection {
            self.tell(connection, || EventKind::Struck(kind));
        }
        Some(fault)
    }

    /// What a fault makes of a frame of this kind, if one strikes.
    pub(super) fn fate(&mut self, kind: FaultKind, who: Who) -> Option<Fate> {
        let fault = self.strike(kind, who)?;
        if let Fault::Hello(fate) | Fault::HeartbeatAck(fate) | Fault::Ready(fate) | Fault::Resumed(fate) = fault {
            Some(fate)
        } else {
            None
        }
    }

    /// How long a client may be silent.
    pub(super) fn silence(&self) -> Option<Duration> {
        match self.config.tolerance {
            Tolerance::Percent(percent) => Some(self.config.heartbeat_interval.saturating_mul(percent) / 100),
            Tolerance::Unlimited => None,
        }
    }
}
