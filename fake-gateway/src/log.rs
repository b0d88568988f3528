//! What is written down: lists that a test asks, counters, and the events that an observer takes as they come.
//!
//! # Invariants
//! * `bounded`: each list forgets its oldest above `record_max`, the events above 65,536; what was forgotten is counted.
//! * `lazy`: an event is made only when it is watched. A busy server must not pay for text that is not read.

use crate::event::{Event, EventKind};
use crate::habit::{Habit, Observation};
use crate::input::ConnectionId;
use crate::record::{Arrival, Breach, Counters, Received, head};
use crate::rules::Rule;
use portcullis::Timestamp;
use std::collections::VecDeque;

/// How much of an arrival's target is kept, in bytes.
const TARGET_MAX: usize = 1024;
/// How many events wait to be taken; the oldest are forgotten.
const EVENTS_MAX: usize = 65_536;

#[derive(Clone, Debug)]
pub(super) struct Log {
    pub(super) counters: Counters,
    arrivals: VecDeque<Arrival>,
    received: VecDeque<Received>,
    breaches: VecDeque<Breach>,
    habits: VecDeque<Observation>,
    events: Events,
    max: usize,
}

/// The events that wait to be taken, if they are watched.
#[derive(Clone, Debug)]
enum Events {
    Unwatched,
    Watched(VecDeque<Event>),
}

impl Log {
    /// Keeps so much in each list.
    pub(super) fn new(max: usize) -> Self {
        Self {
            counters: Counters::default(),
            arrivals: VecDeque::new(),
            received: VecDeque::new(),
            breaches: VecDeque::new(),
            habits: VecDeque::new(),
            events: Events::Unwatched,
            max,
        }
    }

    pub(super) fn arrive(&mut self, at: Timestamp, connection: ConnectionId, path_and_query: &str) {
        self.counters.connects += 1;
        let arrival = Arrival { at, connection, path_and_query: head(path_and_query, TARGET_MAX).to_owned() };
        keep(&mut self.arrivals, arrival, self.max, &mut self.counters.forgotten);
        self.tell(at, connection, || EventKind::Connected { path_and_query: path_and_query.into() });
    }

    pub(super) fn receive(&mut self, received: Received) {
        let Received { at, connection, size, .. } = received;
        self.tell(at, connection, || EventKind::Received { size, frame: received.frame.clone() });
        self.counters.frames += 1;
        keep(&mut self.received, received, self.max, &mut self.counters.forgotten);
    }

    pub(super) fn breach(&mut self, at: Timestamp, connection: ConnectionId, rule: Rule) {
        self.counters.breaches += 1;
        keep(&mut self.breaches, Breach { at, connection, rule }, self.max, &mut self.counters.forgotten);
        self.tell(at, connection, || EventKind::Broke(rule));
    }

    pub(super) fn notice(&mut self, at: Timestamp, connection: ConnectionId, habit: Habit) {
        self.counters.habits += 1;
        keep(&mut self.habits, Observation { at, connection, habit }, self.max, &mut self.counters.forgotten);
        self.tell(at, connection, || EventKind::Noticed(habit));
    }

    /// Says that something happened on a connection.
    pub(super) fn tell(&mut self, at: Timestamp, connection: ConnectionId, kind: impl FnOnce() -> EventKind) {
        if matches!(self.events, Events::Watched(_)) {
            self.announce(at, Some(connection), kind());
        }
    }

    /// Says that something happened.
    pub(super) fn announce(&mut self, at: Timestamp, connection: Option<ConnectionId>, kind: EventKind) {
        if let Events::Watched(waiting) = &mut self.events {
            if waiting.len() >= EVENTS_MAX {
                waiting.pop_front();
                self.counters.forgotten += 1;
            }
            waiting.push_back(Event { at, connection, kind });
        }
    }

    pub(super) fn watch(&mut self) {
        if matches!(self.events, Events::Unwatched) {
            self.events = Events::Watched(VecDeque::new());
        }
    }

    pub(super) fn take_events(&mut self) -> VecDeque<Event> {
        match &mut self.events {
            Events::Unwatched => VecDeque::new(),
            Events::Watched(waiting) => core::mem::take(waiting),
        }
    }

    pub(super) fn arrivals(&self) -> impl DoubleEndedIterator<Item = &Arrival> {
        self.arrivals.iter()
    }

    pub(super) fn received(&self) -> impl DoubleEndedIterator<Item = &Received> {
        self.received.iter()
    }

    pub(super) fn breaches(&self) -> impl DoubleEndedIterator<Item = &Breach> {
        self.breaches.iter()
    }

    pub(super) fn habits(&self) -> impl DoubleEndedIterator<Item = &Observation> {
        self.habits.iter()
    }
}

fn keep<T>(list: &mut VecDeque<T>, item: T, max: usize, forgotten: &mut u64) {
    list.push_back(item);
    while list.len() > max {
        list.pop_front();
        *forgotten += 1;
    }
}
