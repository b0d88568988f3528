//! Actions on their way to the driver, and what the application has taken of them.

use super::action::Action;
use super::event::Event;
use crate::dispatch::{Dispatch, Mark, UnknownFrame};
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
        let counted = Counted::of(&action);
        self.bytes += counted.weight();
        match counted {
            Counted::Dispatch(_) => {
                self.dispatches += 1;
                self.passed_over = None;
            }
            Counted::Outcome => self.outcomes += 1,
            Counted::Drained => self.drained += 1,
            Counted::Unknown(_) | Counted::No => {}
        }
        self.queue.push_back(action);
    }

    pub(super) fn pop(&mut self) -> Option<Action> {
        let action = self.queue.pop_front()?;
        let counted = Counted::of(&action);
        // Most often the last one: then there is nothing to weigh.
        self.bytes = if self.queue.is_empty() { 0 } else { self.bytes - counted.weight() };
        if self.queue.is_empty() && self.queue.capacity() > KEPT {
            self.queue.shrink_to(KEPT);
        }
        match counted {
            Counted::Dispatch(dispatch) => {
                self.take(dispatch);
                self.dispatches -= 1;
                if self.dispatches == 0
                    && let Some(mark) = self.passed_over.take()
                {
                    self.taken = mark;
                }
            }
            Counted::Outcome => self.outcomes -= 1,
            Counted::Drained => self.drained -= 1,
            Counted::Unknown(_) | Counted::No => {}
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

/// What an action counts as.
enum Counted<'a> {
    Dispatch(&'a Dispatch),
    Unknown(&'a UnknownFrame),
    /// Of a command.
    Outcome,
    /// Word that the outbox has room.
    Drained,
    No,
}

impl<'a> Counted<'a> {
    fn of(action: &'a Action) -> Self {
        match action {
            Action::Event(Event::Dispatch(dispatch) | Event::Ready(dispatch) | Event::Resumed(dispatch)) => {
                Self::Dispatch(dispatch)
            }
            Action::Event(Event::Unknown(unknown)) => Self::Unknown(unknown),
            Action::Event(Event::Command(..)) => Self::Outcome,
            Action::Event(Event::OutboxDrained) => Self::Drained,
            Action::Event(
                Event::Connecting { .. }
                | Event::Gap { .. }
                | Event::SessionLost { .. }
                | Event::Faulted(_)
                | Event::Closed { .. }
                | Event::Reconnecting { .. }
                | Event::BudgetExhausted { .. }
                | Event::Paced { .. }
                | Event::Lagged(_)
                | Event::Ended(_),
            )
            | Action::Connect { .. }
            | Action::Send { .. }
            | Action::Close { .. }
            | Action::Abort { .. }
            | Action::RequestIdentify { .. }
            | Action::ReleaseIdentify { .. }
            | Action::RequestToken { .. }
            | Action::Wait { .. } => Self::No,
        }
    }

    /// The memory that the action holds, its own and its frame's.
    fn weight(&self) -> usize {
        let frame = match self {
            Self::Dispatch(dispatch) => dispatch.frame().len(),
            Self::Unknown(unknown) => unknown.frame().len(),
            Self::Outcome | Self::Drained | Self::No => 0,
        };
        frame + size_of::<Action>()
    }
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
