//! The phases without any connection: before `Start`, and the backoff between two connections.
//!
//! Decided here: when the machine connects, and that it waits for a token first where the handshake will need one.

use super::action::Action;
use super::cause::Cause;
use super::connecting::Connecting;
use super::context::Context;
use super::disconnect::NextState;
use super::event::EndReason;
use super::heart::GRACE;
use super::input::Input;
use super::requested::Requested;
use super::resumption::{Handshake, Resumption};
use super::state::State;
use super::timer::Timer;
use crate::dialect::TokenSource;
use crate::time::Timestamp;
use alloc::boxed::Box;

/// Before `Start`.
#[derive(Debug)]
pub(super) struct Idle;

/// Between two connections: until when, and what the next one is for.
#[derive(Debug)]
pub(super) struct InBackoff {
    pub(super) until: Timestamp,
    pub(super) plan: Handshake,
    pub(super) token: TokenWait,
}

/// Whether the next connection waits for a token as well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TokenWait {
    NotRequested,
    Requested,
}

impl Default for State {
    fn default() -> Self {
        Self::Idle(Idle)
    }
}

impl Idle {
    pub(super) fn on(self, input: Input, cx: &mut Context) -> State {
        match input {
            Input::Start => Self::start(cx),
            Input::TokenDenied(None) => NextState::finish(EndReason::TokenDenied, None, Cause::TokenDenied, cx),
            Input::Token(token, lifetime) => {
                cx.token.put(token, lifetime, cx.now);
                State::Idle(self)
            }
            Input::TokenDenied(Some(_))
            | Input::Suspended(_)
            | Input::Message(..)
            | Input::Tick
            | Input::TickUnread => State::Idle(self),
            Input::Opened(_)
            | Input::ConnectFailed(..)
            | Input::Sent(_)
            | Input::Closed(..)
            | Input::IdentifyGranted(_)
            | Input::IdentifyDenied(..)
            | Input::BudgetExhausted(..) => cx.ignore(State::Idle(self)),
        }
    }

    fn start(cx: &mut Context) -> State {
        let plan = match cx.config.resume_from.take() {
            None => Handshake::Identify,
            Some(resume_from) => {
                let mut resumption = Resumption::fresh(resume_from.session);
                // A session that is probably over is worth one try, since a resume is cheaper than an Identify; more tries
                // would only delay the Identify.
                if resume_from.age.is_none_or(|age| age > cx.limits.session_life) {
                    resumption.tries.at_most(1);
                }
                Handshake::Resume(resumption)
            }
        };
        connect(plan, Cause::Started, cx)
    }

    /// A machine that has not started has nothing to reconnect; one that is stopped gives the imported session back.
    pub(super) fn on_request(self, requested: Requested, cx: &mut Context) -> State {
        match requested {
            Requested::Reconnect(_) => State::Idle(self),
            Requested::Shutdown(shutdown) => {
                let imported = cx.config.resume_from.as_ref().map(|resume_from| resume_from.session.clone());
                NextState::finish(EndReason::Shutdown, shutdown.kept(imported), Cause::Shutdown, cx)
            }
        }
    }
}

impl InBackoff {
    pub(super) fn on(mut self: Box<Self>, input: Input, cx: &mut Context) -> State {
        match input {
            Input::Token(token, lifetime) => {
                cx.token.put(token, lifetime, cx.now);
                match self.token {
                    TokenWait::Requested => self.until = cx.now,
                    TokenWait::NotRequested => {}
                }
                State::Backoff(self)
            }
            Input::TokenDenied(Some(after)) => {
                match self.token {
                    TokenWait::Requested => self.until = cx.retry_at(after),
                    TokenWait::NotRequested => {}
                }
                State::Backoff(self)
            }
            Input::TokenDenied(None) => NextState::finish(EndReason::TokenDenied, None, Cause::TokenDenied, cx),
            // A sleep only brings the end of the wait nearer.
            Input::Suspended(_) | Input::Message(..) | Input::Tick | Input::TickUnread => State::Backoff(self),
            Input::Start
            | Input::Opened(_)
            | Input::ConnectFailed(..)
            | Input::Sent(_)
            | Input::Closed(..)
            | Input::IdentifyGranted(_)
            | Input::IdentifyDenied(..)
            | Input::BudgetExhausted(..) => cx.ignore(State::Backoff(self)),
        }
    }

    pub(super) fn on_request(mut self: Box<Self>, requested: Requested, cx: &mut Context) -> State {
        match (requested, self.token) {
            (Requested::Shutdown(shutdown), _) => {
                let kept = shutdown.kept(self.plan.into_session());
                NextState::finish(EndReason::Shutdown, kept, Cause::Shutdown, cx)
            }
            (Requested::Reconnect(_), TokenWait::NotRequested) => {
                self.until = cx.now;
                State::Backoff(self)
            }
            // The token is on its way, and without it there is nothing to connect for.
            (Requested::Reconnect(_), TokenWait::Requested) => State::Backoff(self),
        }
    }

    pub(super) fn due(mut self: Box<Self>, cx: &mut Context) -> State {
        if cx.now < self.until {
            return State::Backoff(self);
        }
        if cx.is_full() {
            // A caller that takes nothing gets no more connections: each would leave more to be taken.
            self.until = cx.now + GRACE;
            return State::Backoff(self);
        }
        connect(self.plan, Cause::WaitOver, cx)
    }

    pub(super) fn timers(&self, due: &mut impl FnMut(Timestamp, Timer)) {
        match self.token {
            TokenWait::NotRequested => due(self.until, Timer::Reconnect),
            TokenWait::Requested => due(self.until, Timer::Token),
        }
    }
}

/// Connects, or asks for the token that the handshake will need.
fn connect(plan: Handshake, cause: Cause, cx: &mut Context) -> State {
    cx.cause = cause;
    // Asked before the connection and not at Hello: a gateway gives a new connection seconds, a token service may take
    // longer.
    let needed = match cx.dialect.token_source() {
        TokenSource::Held => None,
        TokenSource::Requested => cx.token.needed(cx.now),
    };
    match needed {
        None => Connecting::enter(plan, cx),
        Some(reason) => {
            cx.actions.push(Action::RequestToken { reason });
            let until = cx.now + cx.config.timeouts.token;
            State::Backoff(Box::new(InBackoff { until, plan, token: TokenWait::Requested }))
        }
    }
}
