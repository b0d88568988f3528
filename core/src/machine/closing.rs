//! The phases after a connection was left: the close handshake, and the end.
//!
//! Decided here: when our close frame goes out, how long we wait for the socket to go, and what a close code of the
//! gateway's own changes, which may cross ours. What follows was decided when the connection was left ([`NextState`]).

use super::action::Action;
use super::cause::Cause;
use super::connection::{Connection, Write};
use super::context::Context;
use super::disconnect::NextState;
use super::event::{EndReason, Event};
use super::input::Input;
use super::requested::{Requested, Shutdown};
use super::state::State;
use super::timer::Timer;
use crate::message::{CloseCode, CloseReason, ConnectionId};
use crate::session::Session;
use crate::time::Timestamp;
use alloc::boxed::Box;

/// A close was begun, and the socket is not gone yet. Its heart does not beat any more, and what comes in is dropped
/// unnumbered: a resume brings the dispatches again.
#[derive(Debug)]
pub(super) struct Closing {
    pub(super) connection: ConnectionId,
    /// The write that was outstanding: its `Sent` is a command's outcome, and lets the close frame go.
    write: Write,
    step: CloseStep,
    pub(super) next: NextState,
    give_up: Timestamp,
}

/// Whether the close frame has gone out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum CloseStep {
    /// It waits for the outstanding write.
    Owed(CloseCode),
    /// The driver was told.
    Told(CloseCode),
}

/// The machine is over.
#[derive(Debug)]
pub(super) struct Ended {
    pub(super) reason: EndReason,
    /// The session that a shutdown or a final failure kept, for another process.
    pub(super) kept: Option<Session>,
}

impl Closing {
    /// Closes a connection: now, or when its outstanding write is answered.
    pub(super) fn enter(connection: Connection, code: CloseCode, next: NextState, cx: &mut Context) -> State {
        let (connection, write) = connection.leave(cx);
        let give_up = cx.now + cx.config.timeouts.close;
        let mut closing = Box::new(Self { connection, write, step: CloseStep::Owed(code), next, give_up });
        match closing.write {
            Write::Idle => closing.tell(cx),
            Write::Busy { .. } => {}
        }
        State::Closing(closing)
    }

    pub(super) fn on(mut self: Box<Self>, input: Input, cx: &mut Context) -> State {
        match input {
            Input::Sent(_) => match core::mem::replace(&mut self.write, Write::Idle) {
                Write::Idle => return cx.ignore(State::Closing(self)),
                Write::Busy { what, .. } => {
                    what.sent(cx);
                    self.tell(cx);
                }
            },
            Input::Closed(_, reason) => return self.closed(reason, cx),
            Input::Token(token, lifetime) => cx.token.put(token, lifetime, cx.now),
            Input::TokenDenied(None) => self.next = NextState::End { reason: EndReason::TokenDenied, kept: None },
            Input::TokenDenied(Some(_))
            | Input::Suspended(_)
            | Input::Message(..)
            | Input::Tick
            | Input::TickUnread => {}
            Input::Start
            | Input::Opened(_)
            | Input::ConnectFailed(..)
            | Input::IdentifyGranted(_)
            | Input::IdentifyDenied(..)
            | Input::BudgetExhausted(..) => return cx.ignore(State::Closing(self)),
        }
        State::Closing(self)
    }

    /// The socket is gone. A code of the gateway's own, which crossed ours, still counts.
    fn closed(self: Box<Self>, reason: CloseReason, cx: &mut Context) -> State {
        let Self { connection, write, step, next, .. } = *self;
        cx.cause = Cause::from(&reason);
        let theirs = reason.code().filter(|code| !step.is_echo(*code));
        cx.event(Event::Closed { connection, reason });
        write.gone(cx);
        next.merge_peer_code(theirs, cx).enter(cx)
    }

    pub(super) fn on_request(mut self: Box<Self>, requested: Requested, cx: &mut Context) -> State {
        match requested {
            // The next connection is on its way already.
            Requested::Reconnect(_) => {}
            Requested::Shutdown(shutdown) => {
                self.step = self.step.shut_down(shutdown, cx.limits.close_end);
                self.next = self.next.shut_down(shutdown);
            }
        }
        State::Closing(self)
    }

    pub(super) fn due(self: Box<Self>, cx: &mut Context) -> State {
        if cx.now < self.give_up {
            return State::Closing(self);
        }
        let Self { connection, write, next, .. } = *self;
        cx.actions.push(Action::Abort { connection });
        cx.cause = Cause::TimedOut(Timer::Close);
        write.gone(cx);
        next.enter(cx)
    }

    pub(super) fn timers(&self, due: &mut impl FnMut(Timestamp, Timer)) {
        due(self.give_up, Timer::Close);
    }

    /// The write is free: the close frame goes out.
    fn tell(&mut self, cx: &mut Context) {
        match self.step {
            CloseStep::Owed(code) => {
                cx.actions.push(Action::Close { connection: self.connection, code, reason: "" });
                self.step = CloseStep::Told(code);
            }
            CloseStep::Told(_) => {}
        }
    }
}

impl CloseStep {
    /// A close frame that has not gone out yet may still end the session.
    const fn shut_down(self, shutdown: Shutdown, close_end: CloseCode) -> Self {
        match (self, shutdown) {
            (Self::Owed(_), Shutdown::EndSession) => Self::Owed(close_end),
            (Self::Owed(_) | Self::Told(_), _) => self,
        }
    }

    /// Whether a close code of the peer's is only the answer to ours. A peer that has no code to say answers with 1000.
    fn is_echo(self, theirs: CloseCode) -> bool {
        match self {
            Self::Told(ours) => ours == theirs || theirs == CloseCode::NORMAL,
            Self::Owed(_) => false,
        }
    }
}

impl Ended {
    /// Nothing moves a machine that is over, and it keeps no token.
    pub(super) fn on(self: Box<Self>, input: &Input, cx: &mut Context) -> State {
        match input {
            Input::Token(..)
            | Input::TokenDenied(_)
            | Input::Suspended(_)
            | Input::Message(..)
            | Input::Tick
            | Input::TickUnread => State::Ended(self),
            Input::Start
            | Input::Opened(_)
            | Input::ConnectFailed(..)
            | Input::Sent(_)
            | Input::Closed(..)
            | Input::IdentifyGranted(_)
            | Input::IdentifyDenied(..)
            | Input::BudgetExhausted(..) => cx.ignore(State::Ended(self)),
        }
    }
}
