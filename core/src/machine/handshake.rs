//! The handshake of a connection until it logs in: the wait for Hello, and the wait for the permit to identify.
//!
//! Decided here: what Hello leads to, and when an Identify goes out. A gateway that hangs sends no close
//! frame, so `AwaitingHello` has a deadline of its own; in `AwaitingIdentify` only missed heartbeats end the connection.

use super::cause::Cause;
use super::connection::{Connection, Permit};
use super::context::Context;
use super::deadline::JudgedDeadline;
use super::disconnect::{CloseMode, Disconnect, InHand};
use super::event::FrameKind;
use super::frame::Frame;
use super::heart::{Heart, ReadState};
use super::identifying::Identifying;
use super::input::Input;
use super::open::{Beating, Open};
use super::resuming::Resuming;
use super::resumption::Handshake;
use super::state::State;
use super::timer::Timer;
use crate::dialect::{HeartRate, Signal};
use crate::message::ConnectionId;
use crate::session::Session;
use crate::time::Timestamp;
use alloc::boxed::Box;
use core::time::Duration;

/// The socket is open, and Hello has not come. Nothing is written.
#[derive(Debug)]
pub(super) struct AwaitingHello {
    pub(super) connection: Connection,
    pub(super) plan: Handshake,
    give_up: JudgedDeadline,
}

/// Heartbeats run; the permit to identify is awaited. It may be hours away where the day's budget is used up, so this phase
/// has no deadline of its own: the heart is its deadline.
#[derive(Debug)]
pub(super) struct AwaitingIdentify {
    pub(super) connection: Connection,
    heart: Heart,
}

impl AwaitingHello {
    pub(super) fn enter(id: ConnectionId, plan: Handshake, cx: &mut Context) -> State {
        let give_up = cx.deadline(cx.config.timeouts.hello);
        State::AwaitingHello(Box::new(Self { connection: Connection::new(id, cx), plan, give_up }))
    }

    pub(super) fn on(self: Box<Self>, input: Input, cx: &mut Context) -> State {
        self.on_any(input, cx)
    }

    #[allow(clippy::needless_pass_by_value, reason = "every phase is asked alike")]
    pub(super) fn on_frame(self: Box<Self>, signal: Signal, frame: Frame<'_>, cx: &mut Context) -> State {
        match signal {
            Signal::Hello(rate) => self.greeted(rate, cx),
            Signal::Ready(..) => self.out_of_place(FrameKind::Ready, cx),
            Signal::Resumed(_) => self.out_of_place(FrameKind::Resumed, cx),
            Signal::Dispatch(_) => self.out_of_place(FrameKind::Dispatch, cx),
            Signal::HeartbeatRequest | Signal::HeartbeatAck | Signal::Beat => {
                self.out_of_place(FrameKind::Heartbeat, cx)
            }
            Signal::TokenExpiring => self.out_of_place(FrameKind::TokenExpiring, cx),
            Signal::Reconnect { after } => self.move_away(after, cx),
            Signal::InvalidSession(fate) => self.session_invalid(fate, cx),
            Signal::Unknown { op, .. } => self.unknown(op, frame, cx),
        }
    }

    /// The heart begins to beat, and the connection logs in: by a Resume at once, by an Identify once it has a permit.
    fn greeted(mut self: Box<Self>, rate: HeartRate, cx: &mut Context) -> State {
        let Some(heart) = Heart::of_hello(rate, cx) else {
            return self.leave(CloseMode::Close(cx.limits.close_keep), Disconnect::keep(Cause::Malformed), cx);
        };
        cx.cause = Cause::Hello;
        self.connection.pace.keep_reserve(heart.interval());
        match self.plan {
            Handshake::Resume(resumption) => Resuming::enter(self.connection, heart, resumption, cx),
            Handshake::Identify => {
                let mut connection = self.connection;
                connection.request_permit(cx);
                State::AwaitingIdentify(Box::new(AwaitingIdentify { connection, heart }))
            }
        }
    }

    pub(super) fn due(mut self: Box<Self>, read: ReadState, cx: &mut Context) -> State {
        if self.give_up.judge(cx.now, read, cx.counts.bytes_in) {
            // Nothing was said on it, so that there is nothing to close politely.
            return self.timed_out(Timer::Hello, CloseMode::Abort, cx);
        }
        self.stay()
    }

    pub(super) fn timers(&self, due: &mut impl FnMut(Timestamp, Timer)) {
        due(self.give_up.at(), Timer::Hello);
    }
}

impl Open for AwaitingHello {
    fn stay(self: Box<Self>) -> State {
        State::AwaitingHello(self)
    }

    fn connection(&mut self) -> &mut Connection {
        &mut self.connection
    }

    fn session(&self) -> Option<&Session> {
        self.plan.session()
    }

    fn sleep_max(&self, cx: &Context) -> Duration {
        cx.config.timeouts.hello
    }

    fn take_apart(self: Box<Self>, _: Cause, _: &mut Context) -> (Connection, InHand) {
        (self.connection, InHand::Untried(self.plan))
    }
}

impl AwaitingIdentify {
    pub(super) fn on(mut self: Box<Self>, input: Input, cx: &mut Context) -> State {
        // An answer about a permit that was not asked for, or was answered already, is ignored and counted as stale.
        let is_awaited = self.connection.permit == Permit::Requested;
        match input {
            Input::IdentifyGranted(_) if is_awaited => self.connection.permit = Permit::Granted,
            Input::IdentifyDenied(_, after) if is_awaited => {
                self.connection.permit = Permit::Denied { until: cx.retry_at(after) };
            }
            Input::BudgetExhausted(_, resets_in) if is_awaited => cx.budget_exhausted(resets_in),
            Input::Start
            | Input::Opened(_)
            | Input::ConnectFailed(..)
            | Input::Message(..)
            | Input::Sent(_)
            | Input::Closed(..)
            | Input::IdentifyGranted(_)
            | Input::IdentifyDenied(..)
            | Input::BudgetExhausted(..)
            | Input::Token(..)
            | Input::TokenDenied(_)
            | Input::Suspended(_)
            | Input::Tick
            | Input::TickUnread => return self.on_any(input, cx),
        }
        self.stay()
    }

    #[allow(clippy::needless_pass_by_value, reason = "every phase is asked alike")]
    pub(super) fn on_frame(mut self: Box<Self>, signal: Signal, frame: Frame<'_>, cx: &mut Context) -> State {
        self.heart.hear(cx);
        match signal {
            Signal::Hello(rate) => self.greeted_again(rate, cx),
            Signal::Ready(..) => self.out_of_place(FrameKind::Ready, cx),
            Signal::Resumed(_) => self.out_of_place(FrameKind::Resumed, cx),
            Signal::Dispatch(_) => self.out_of_place(FrameKind::Dispatch, cx),
            Signal::HeartbeatAck => self.acknowledged(cx),
            Signal::HeartbeatRequest | Signal::Beat => self.heartbeat_requested(cx),
            Signal::TokenExpiring => self.token_expiring(cx),
            Signal::Reconnect { after } => self.move_away(after, cx),
            Signal::InvalidSession(fate) => self.session_invalid(fate, cx),
            Signal::Unknown { op, .. } => self.unknown(op, frame, cx),
        }
    }

    /// Beats, asks again for a permit that was denied, and identifies when it has come.
    pub(super) fn due(self: Box<Self>, read: ReadState, cx: &mut Context) -> State {
        let mut this = match self.check_alive(read, cx) {
            Ok(this) => this,
            Err(next) => return next,
        };
        this.connection.beat(&mut this.heart, None, cx);
        match this.connection.permit {
            Permit::Denied { until } if cx.now >= until => this.connection.request_permit(cx),
            Permit::Granted if this.connection.may_write(cx.now) => {
                return Identifying::enter(this.connection, this.heart, cx);
            }
            Permit::Denied { .. } | Permit::Granted | Permit::Requested | Permit::None => {}
        }
        this.stay()
    }

    pub(super) fn timers(&self, cx: &Context, due: &mut impl FnMut(Timestamp, Timer)) {
        let Self { connection, heart } = self;
        connection.timers(heart, cx.now, due);
        match connection.permit {
            Permit::Denied { until } => due(until, Timer::Identify),
            Permit::Granted if connection.is_idle() => due(connection.pace.beat_at(cx.now), Timer::Identify),
            Permit::Granted | Permit::Requested | Permit::None => {}
        }
    }
}

impl Open for AwaitingIdentify {
    fn stay(self: Box<Self>) -> State {
        State::AwaitingIdentify(self)
    }

    fn connection(&mut self) -> &mut Connection {
        &mut self.connection
    }

    fn session(&self) -> Option<&Session> {
        None
    }

    fn sleep_max(&self, _: &Context) -> Duration {
        self.heart.interval()
    }

    fn take_apart(self: Box<Self>, _: Cause, _: &mut Context) -> (Connection, InHand) {
        (self.connection, InHand::Untried(Handshake::Identify))
    }
}

impl Beating for AwaitingIdentify {
    fn beating(&mut self) -> (&mut Connection, &mut Heart) {
        (&mut self.connection, &mut self.heart)
    }
}
