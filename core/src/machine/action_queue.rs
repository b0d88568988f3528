//! Actions on their way to the driver, and what the application has taken of them.

use super::action::Action;
use super::event::Event;
use crate::dispatch::{Dispatch, Mark};
use alloc::collections::VecDeque;

#[derive(Clone, Debug, Default)]
pub(super) struct ActionQueue {
    queue: VecDeque<Action>,
    bytes: usize,
    taken: Mark,
    /// Dispatches that wait.
    dispatches: usize,
    /// Outcomes of commands that wait.
    outcomes: usize,
    /// How many of what waits say that the outbox has drained.
    drained: usize,
    /// What was kept from the application behind the last of them.
    passed_over: Option<Mark>,
}

impl ActionQueue {
    pub(super) fn push(&mut self, action: Action) {
        self.bytes += weight(&action);
        if dispatch_of(&action).is_some() {
            self.dispatches += 1;
            self.passed_over = None;
        }
        match &action {
            Action::Event(Event::Command(..)) => self.outcomes += 1,
            Action::Event(Event::OutboxDrained) => self.drained += 1,
            _ => {}
        }
        self.queue.push_back(action);
    }

    pub(super) fn pop(&mut self) -> Option<Action> {
        let action = self.queue.pop_front()?;
        // Most often the last one: then there is nothing to weigh.
        self.bytes = if self.queue.is_empty() { 0 } else { self.bytes - weight(&action) };
        if self.queue.is_empty() && self.queue.capacity() > KEPT {
            self.queue.shrink_to(KEPT);
        }
        match &action {
            Action::Event(Event::Command(..)) => self.outcomes -= 1,
            Action::Event(Event::OutboxDrained) => self.drained -= 1,
            _ => {}
        }
        if let Some(dispatch) = dispatch_of(&action) {
            self.take(dispatch);
            self.dispatches -= 1;
            if self.dispatches == 0
                && let Some(mark) = self.passed_over.take()
            {
                self.taken = mark;
            }
        }
        Some(action)
    }

    /// A dispatch is kept from the application: it counts as taken when all before it are.
    pub(super) fn pass_over(&mut self, mark: Mark) {
        if self.dispatches == 0 {
            self.taken = mark;
        } else {
            self.passed_over = Some(mark);
        }
    }

    /// Outcomes of commands that have not been taken.
    pub(super) const fn outcomes(&self) -> usize {
        self.outcomes
    }

    /// Whether it is on its way to the application that the outbox has drained.
    pub(super) const fn tells_room(&self) -> bool {
        self.drained > 0
    }

    /// Actions that have not been taken.
    pub(super) fn len(&self) -> usize {
        self.queue.len()
    }

    /// Bytes of actions that have not been taken.
    pub(super) const fn bytes(&self) -> usize {
        self.bytes
    }

    /// Where the session stood after the last event that was taken.
    pub(super) const fn taken(&self) -> &Mark {
        &self.taken
    }

    /// A session from elsewhere, of which all up to `mark` was taken there.
    pub(super) fn begin_at(&mut self, mark: Mark) {
        self.taken = mark;
    }

    fn take(&mut self, dispatch: &Dispatch) {
        let epoch = dispatch.epoch();
        if self.taken.epoch != epoch {
            self.taken = Mark { epoch, ..Mark::default() };
        }
        // A Resumed may have a lower sequence than what was replayed before it, or none.
        self.taken.sequence = self.taken.sequence.max(dispatch.sequence());
        if let Some(position) = dispatch.position() {
            self.taken.position = position;
        }
    }
}

fn dispatch_of(action: &Action) -> Option<&Dispatch> {
    match action {
        Action::Event(Event::Dispatch(dispatch) | Event::Ready(dispatch) | Event::Resumed(dispatch)) => Some(dispatch),
        _ => None,
    }
}

/// The memory an action holds, its own and its frame's.
fn weight(action: &Action) -> usize {
    let frame = match action {
        Action::Event(Event::Unknown(unknown)) => unknown.frame().len(),
        action => dispatch_of(action).map_or(0, |dispatch| dispatch.frame().len()),
    };
    frame + size_of::<Action>()
}

/// Actions that it keeps room for when all are taken, some 10 kB: a call gives few. One that gave thousands, a peer's
/// doing, would otherwise cost their memory for the machine's life.
const KEPT: usize = 64;

const _: () = assert!(size_of::<Action>() <= 160, "it is moved for each event");

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::ConnectionId;

    #[test]
    fn found_37_a_queue_that_was_long_gives_its_memory_back_when_it_is_empty() {
        let mut actions = ActionQueue::default();
        for _ in 0..2 {
            (0..12_289).for_each(|_| actions.push(Action::Abort { connection: ConnectionId(1) }));
            while actions.pop().is_some() {}
            assert!((1..=KEPT).contains(&actions.queue.capacity()), "{} are kept", actions.queue.capacity());
        }
        assert_eq!((actions.bytes, actions.dispatches, actions.outcomes, actions.drained), (0, 0, 0, 0));
    }
}
