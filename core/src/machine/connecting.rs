//! The phase in which the driver opens a connection.
//!
//! Decided here: what a failed attempt says. It says nothing about the session, which the gateway never saw, but perhaps
//! something about the resume URL, the proxy or the token; `ConnectPolicy` sets which failures end the machine.

use super::action::{Action, ConnectLimits};
use super::cause::Cause;
use super::config::OnConnectFailure;
use super::context::Context;
use super::disconnect::{BackoffCount, Disconnect, InHand, NextState};
use super::event::{EndReason, Event, Fault};
use super::failure::IoFailure;
use super::handshake::AwaitingHello;
use super::input::{ConnectFailure, Input};
use super::requested::Requested;
use super::resumption::Handshake;
use super::state::State;
use super::timer::Timer;
use crate::message::ConnectionId;
use crate::session::Session;
use crate::time::Timestamp;
use alloc::boxed::Box;
use core::time::Duration;

/// The driver was told to connect, and has not answered.
#[derive(Debug)]
pub(super) struct Connecting {
    pub(super) connection: ConnectionId,
    pub(super) plan: Handshake,
    give_up: Timestamp,
}

impl Connecting {
    /// Tells the driver to connect.
    pub(super) fn enter(plan: Handshake, cx: &mut Context) -> State {
        let connection = ConnectionId(cx.last_connection.0.wrapping_add(1));
        cx.last_connection = connection;
        cx.event(Event::Connecting { connection, plan: plan.plan() });
        let limits = ConnectLimits { message: cx.config.limits.message };
        cx.actions.push(Action::Connect { connection, url: cx.url(&plan), limits });
        let give_up = cx.now + cx.config.timeouts.connect;
        State::Connecting(Box::new(Self { connection, plan, give_up }))
    }

    pub(super) fn on(self: Box<Self>, input: Input, cx: &mut Context) -> State {
        match input {
            Input::Opened(_) => {
                cx.cause = Cause::Opened;
                cx.counts.connections += 1;
                AwaitingHello::enter(self.connection, self.plan, cx)
            }
            Input::ConnectFailed(_, failure) => {
                let cause = Cause::from(&failure);
                self.not_reached(failure, cause, cx)
            }
            // The socket went before the driver could say that it was open.
            Input::Closed(..) => {
                let failure = IoFailure::Other;
                self.not_reached(ConnectFailure::Io(failure), Cause::ConnectIo(failure), cx)
            }
            Input::Suspended(span) if span > cx.config.timeouts.connect => {
                cx.fault(Fault::Suspended { span });
                cx.actions.push(Action::Abort { connection: self.connection });
                self.not_reached(ConnectFailure::TimedOut, Cause::Suspended, cx)
            }
            Input::TokenDenied(None) => self.finish(EndReason::TokenDenied, None, Cause::TokenDenied, cx),
            Input::Token(token, lifetime) => {
                cx.token.put(token, lifetime, cx.now);
                State::Connecting(self)
            }
            // The next connection asks for it again.
            Input::TokenDenied(Some(_))
            | Input::Suspended(_)
            | Input::Message(..)
            | Input::Tick
            | Input::TickUnread => State::Connecting(self),
            Input::Start
            | Input::Sent(_)
            | Input::IdentifyGranted(_)
            | Input::IdentifyDenied(..)
            | Input::BudgetExhausted(..) => cx.ignore(State::Connecting(self)),
        }
    }

    pub(super) fn on_request(self, requested: Requested, cx: &mut Context) -> State {
        match requested {
            Requested::Shutdown(shutdown) => {
                let kept = shutdown.kept(self.plan.session().cloned());
                self.finish(EndReason::Shutdown, kept, Cause::Shutdown, cx)
            }
            Requested::Reconnect(cause) => {
                cx.cause = cause;
                cx.actions.push(Action::Abort { connection: self.connection });
                let (plan, floor) = (self.plan, Duration::ZERO);
                NextState::Reconnect { plan, floor, count: BackoffCount::Exempt, cause }.enter(cx)
            }
        }
    }

    pub(super) fn due(self: Box<Self>, cx: &mut Context) -> State {
        if cx.now < self.give_up {
            return State::Connecting(self);
        }
        cx.actions.push(Action::Abort { connection: self.connection });
        cx.fault(Fault::TimedOut { timer: Timer::Connect });
        self.not_reached(ConnectFailure::TimedOut, Cause::TimedOut(Timer::Connect), cx)
    }

    pub(super) fn timers(&self, due: &mut impl FnMut(Timestamp, Timer)) {
        due(self.give_up, Timer::Connect);
    }

    fn finish(self, reason: EndReason, kept: Option<Session>, cause: Cause, cx: &mut Context) -> State {
        cx.actions.push(Action::Abort { connection: self.connection });
        NextState::finish(reason, kept, cause, cx)
    }

    /// No connection came of the attempt: it says nothing about the session, but perhaps about the resume URL.
    fn not_reached(self, failure: ConnectFailure, cause: Cause, cx: &mut Context) -> State {
        cx.cause = cause;
        let plan = self.plan;
        if let ConnectFailure::Redirect { status, location } = &failure {
            cx.fault(Fault::Redirected { status: *status, location: location.clone() });
        }
        let cap = match cx.config.connect.of(&failure) {
            // An upgrade carries no token, so a 401 or 403 of the resume host says nothing of ours; nor does anything
            // else that is wrong there say it of the gateway. The base URL is tried with the session before the policy
            // decides. Only our own proxy's refusal of our credentials is the same wherever we want to go.
            OnConnectFailure::End | OnConnectFailure::BackOffAtCap
                if plan.is_at_resume_host() && !failure.is_proxy_unauthorized() =>
            {
                Duration::ZERO
            }
            OnConnectFailure::End => {
                let reason = EndReason::ConnectRefused { failure };
                return NextState::End { reason, kept: plan.into_session() }.enter(cx);
            }
            OnConnectFailure::BackOff => Duration::ZERO,
            OnConnectFailure::BackOffAtCap => cx.config.backoff.at_cap(&mut cx.rng),
        };
        let retry_after_max = cx.config.connect.retry_after_max;
        let retry_after = failure.retry_after().map(|after| after.min(retry_after_max));
        let floor = retry_after.map_or(Duration::ZERO, |after| cx.asked_wait(after));
        let disconnect = Disconnect { floor: floor.max(cap), ..Disconnect::keep(cause) };
        InHand::Untried(plan).after(disconnect, cx).enter(cx)
    }
}
