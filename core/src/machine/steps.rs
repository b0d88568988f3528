//! The machine behind its typed face: it takes an input, does what is due, and notes each transition.
//!
//! Decided here: nothing about a phase, but the order of a call. An input is taken before what is due at its moment: an
//! acknowledgement that comes late but in time still counts.

use super::Actions;
use super::cause::Transition;
use super::context::Context;
use super::heart::ReadState;
use super::input::Input;
use super::outcome::CommandId;
use super::requested::Requested;
use super::send_error::SendError;
use super::state::State;
use super::timer::Timer;
use super::trace;
use crate::codec::Scratch;
use crate::dialect::{CommandError, Dialect, Encoded};
use crate::message::ConnectionId;
use crate::time::Timestamp;
use core::time::Duration;

/// The whole of a machine: where it stands, and what outlives where it stands.
pub(super) struct Machine<D: ?Sized = dyn Dialect> {
    pub(super) state: State,
    pub(super) context: Context<D>,
}

impl Machine {
    pub(super) fn handle(&mut self, now: Timestamp, input: Input, scratch: Option<&mut Scratch>) -> Actions<'_> {
        self.context.advance(now);
        let read_state = input.read_state();
        self.take(input, scratch);
        let wait = self.catch_up(read_state);
        self.context.tell_room();
        Actions { actions: &mut self.context.actions, wait }
    }

    pub(super) fn accept(&mut self, now: Timestamp, encoded: Encoded) -> Result<CommandId, SendError> {
        self.context.advance(now);
        if matches!(self.state, State::Ended(_)) {
            return Err(SendError::Ended);
        }
        let max = self.context.limits.payload;
        let len = self.context.dialect.format().encoding.len_sent(&encoded.payload).ok_or(CommandError::NotJson)?;
        if len > max {
            return Err(SendError::TooLong { len, max });
        }
        let untaken = self.context.actions.outcomes();
        let (id, superseded) = self.context.outbox.accept(encoded, untaken)?;
        if let Some((older, outcome)) = superseded {
            self.context.report_outcome(older, outcome);
        }
        Ok(id)
    }

    /// Notes what the application asks for. It is done by the next input, since only `handle` gives actions out.
    pub(super) fn request(&mut self, now: Timestamp, requested: Requested) {
        self.context.advance(now);
        if !matches!(self.state, State::Ended(_)) {
            self.context.requested = Some(requested);
        }
    }

    fn take(&mut self, input: Input, scratch: Option<&mut Scratch>) {
        match input {
            Input::Message(connection, message) => self.message(connection, message, scratch),
            Input::Tick | Input::TickUnread => {}
            Input::Start | Input::Token(..) | Input::TokenDenied(_) | Input::Suspended(_) => self.step(input),
            Input::Closed(connection, reason) => {
                let reason = reason.bounded();
                self.on_connection(connection, Input::Closed(connection, reason));
            }
            Input::Opened(connection)
            | Input::ConnectFailed(connection, _)
            | Input::Sent(connection)
            | Input::IdentifyGranted(connection)
            | Input::IdentifyDenied(connection, _)
            | Input::BudgetExhausted(connection, _) => self.on_connection(connection, input),
        }
    }

    /// Takes an input of a connection, if it is the current one: an answer may come after its connection was left.
    fn on_connection(&mut self, connection: ConnectionId, input: Input) {
        if self.state.id() == Some(connection) {
            self.step(input);
        } else {
            self.context.counts.stale += 1;
        }
    }

    /// Does all that is due at `now`, step by step: each moves the phase on or its deadline ahead.
    fn catch_up(&mut self, read_state: ReadState) -> Option<(Timestamp, Timer)> {
        // A dry tick judges beats that went out unjudged, though nothing may be due.
        let mut judges = read_state == ReadState::Drained;
        let mut next = self.state.deadline(&self.context);
        for _ in 0..STEPS {
            let is_due = next.is_some_and(|(until, _)| until <= self.context.now);
            if !is_due && !judges {
                return next;
            }
            judges = false;
            self.transition(|state, cx| state.due(read_state, cx));
            next = self.state.deadline(&self.context);
        }
        next.map(|(until, timer)| {
            debug_assert!(
                until > self.context.now,
                "deadline-ahead: {timer} is due and was not done in {:?}",
                self.state
            );
            (until.max(self.context.now + Duration::from_nanos(1)), timer)
        })
    }

    fn step(&mut self, input: Input) {
        self.transition(|state, cx| state.on(input, cx));
    }

    /// Takes a step, and notes it where it led to another phase.
    #[inline]
    pub(super) fn transition(&mut self, step: impl FnOnce(State, &mut Context) -> State) {
        let from = self.state.phase();
        let next = step(core::mem::take(&mut self.state), &mut self.context);
        // What `take` left is Idle, which owns nothing. The compiler cannot know, and would ask for each message what to drop.
        core::mem::forget(core::mem::replace(&mut self.state, next));
        let to = self.state.phase();
        if from != to {
            let cx = &mut self.context;
            let made = Transition::new(cx.now, cx.last_connection, cx.cause, from, to);
            trace::transition(&made);
            cx.history.note(made);
        }
    }
}

/// More steps than any chain of what can be due at one moment has.
const STEPS: usize = 16;
