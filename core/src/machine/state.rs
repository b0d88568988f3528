//! The state of a machine: one variant, one phase, and each phase owns only what exists in it.
//!
//! This file sends an input, a frame, a request or a tick to the phase that it meets, and asks the phase what it waits for.
//! It decides nothing. Who asks "what can happen while we identify?" reads `impl Identifying`; the table of all phases and
//! inputs is in the [module's](super) documentation.
//!
//! A phase is taken by value and gives the next state: nothing of it can be used after it was left. It is boxed, so that a
//! message moves one pointer; to move the phases themselves was measured at 30 % of a message's time. The price is an
//! allocation for each transition, of which a connection has some five.
//!
//! # Invariants
//! * `silent-outside`: nothing is sent before Hello, nor after Close.
//! * `deadline-always`: every phase between Start and Ended has a deadline.

use super::active::Active;
use super::cause::Cause;
use super::closing::{Closing, Ended};
use super::connecting::Connecting;
use super::connection::Connection;
use super::context::Context;
use super::disconnect::{CloseMode, NextState};
use super::event::Fault;
use super::frame::Frame;
use super::handshake::{AwaitingHello, AwaitingIdentify};
use super::heart::ReadState;
use super::identifying::Identifying;
use super::idle::{Idle, InBackoff};
use super::input::Input;
use super::open::Open as _;
use super::phase::Phase;
use super::requested::Requested;
use super::resuming::Resuming;
use super::timer::Timer;
use crate::dialect::Signal;
use crate::message::ConnectionId;
use crate::session::Session;
use crate::time::Timestamp;
use alloc::boxed::Box;

/// Where the machine stands.
#[derive(Debug)]
pub(super) enum State {
    Idle(Idle),
    Backoff(Box<InBackoff>),
    Connecting(Box<Connecting>),
    AwaitingHello(Box<AwaitingHello>),
    AwaitingIdentify(Box<AwaitingIdentify>),
    Identifying(Box<Identifying>),
    Resuming(Box<Resuming>),
    Active(Box<Active>),
    Closing(Box<Closing>),
    Ended(Box<Ended>),
}

const _: () = assert!(size_of::<State>() <= 2 * size_of::<usize>(), "it is moved for each message");

impl State {
    /// Takes an input. One that names a connection names this one: [`Machine`](super::steps::Machine) has seen to it.
    pub(super) fn on(self, input: Input, cx: &mut Context) -> Self {
        if let Input::IdentifyGranted(_) = &input {
            // There are identifies again, whether or not this phase has a use for one: the next wait is told again.
            cx.budget_told = None;
        }
        match self {
            Self::Idle(phase) => phase.on(input, cx),
            Self::Backoff(phase) => phase.on(input, cx),
            Self::Connecting(phase) => phase.on(input, cx),
            Self::AwaitingHello(phase) => phase.on(input, cx),
            Self::AwaitingIdentify(phase) => phase.on(input, cx),
            Self::Identifying(phase) => phase.on(input, cx),
            Self::Resuming(phase) => phase.on(input, cx),
            Self::Active(phase) => phase.on(input, cx),
            Self::Closing(phase) => phase.on(input, cx),
            Self::Ended(phase) => phase.on(&input, cx),
        }
    }

    /// Takes a frame of the open connection: the one path of every frame.
    #[inline]
    pub(super) fn on_frame(self, signal: Signal, frame: Frame<'_>, cx: &mut Context) -> Self {
        match self {
            Self::Active(phase) => phase.on_frame(signal, frame, cx),
            Self::Resuming(phase) => phase.on_frame(signal, frame, cx),
            Self::AwaitingHello(phase) => phase.on_frame(signal, frame, cx),
            Self::AwaitingIdentify(phase) => phase.on_frame(signal, frame, cx),
            Self::Identifying(phase) => phase.on_frame(signal, frame, cx),
            // No frame gets here: the message was dropped, since none of these has an open connection.
            Self::Idle(_) | Self::Backoff(_) | Self::Connecting(_) | Self::Closing(_) | Self::Ended(_) => self,
        }
    }

    /// Leaves the open connection, session kept, for a message that cannot be taken. Where none is open there was none.
    pub(super) fn fail(self, fault: Fault, mode: CloseMode, cause: Cause, cx: &mut Context) -> Self {
        match self {
            Self::AwaitingHello(phase) => phase.fail(fault, mode, cause, cx),
            Self::AwaitingIdentify(phase) => phase.fail(fault, mode, cause, cx),
            Self::Identifying(phase) => phase.fail(fault, mode, cause, cx),
            Self::Resuming(phase) => phase.fail(fault, mode, cause, cx),
            Self::Active(phase) => phase.fail(fault, mode, cause, cx),
            Self::Idle(_) | Self::Backoff(_) | Self::Connecting(_) | Self::Closing(_) | Self::Ended(_) => self,
        }
    }

    /// Does one step of what is due, a request of the application first: `Machine::catch_up` repeats it until none is left.
    pub(super) fn due(self, read: ReadState, cx: &mut Context) -> Self {
        if let Some(requested) = cx.requested.take() {
            return self.on_request(requested, cx);
        }
        match self {
            Self::Idle(_) | Self::Ended(_) => self,
            Self::Backoff(phase) => phase.due(cx),
            Self::Connecting(phase) => phase.due(cx),
            Self::AwaitingHello(phase) => phase.due(read, cx),
            Self::AwaitingIdentify(phase) => phase.due(read, cx),
            Self::Identifying(phase) => phase.due(read, cx),
            Self::Resuming(phase) => phase.due(read, cx),
            Self::Active(phase) => phase.due(read, cx),
            Self::Closing(phase) => phase.due(cx),
        }
    }

    fn on_request(self, requested: Requested, cx: &mut Context) -> Self {
        match self {
            Self::Idle(phase) => phase.on_request(requested, cx),
            Self::Backoff(phase) => phase.on_request(requested, cx),
            Self::Connecting(phase) => phase.on_request(requested, cx),
            Self::AwaitingHello(phase) => phase.on_request(requested, cx),
            Self::AwaitingIdentify(phase) => phase.on_request(requested, cx),
            Self::Identifying(phase) => phase.on_request(requested, cx),
            Self::Resuming(phase) => phase.on_request(requested, cx),
            Self::Active(phase) => phase.on_request(requested, cx),
            Self::Closing(phase) => phase.on_request(requested, cx),
            Self::Ended(_) => self,
        }
    }

    /// Tells each moment at which something is due, and what.
    pub(super) fn timers(&self, cx: &Context, mut due: impl FnMut(Timestamp, Timer)) {
        if cx.requested.is_some() && !matches!(self, Self::Ended(_)) {
            due(cx.now, Timer::Requested);
        }
        match self {
            Self::Idle(_) | Self::Ended(_) => {}
            Self::Backoff(phase) => phase.timers(&mut due),
            Self::Connecting(phase) => phase.timers(&mut due),
            Self::AwaitingHello(phase) => phase.timers(&mut due),
            Self::AwaitingIdentify(phase) => phase.timers(cx, &mut due),
            Self::Identifying(phase) => phase.timers(cx, &mut due),
            Self::Resuming(phase) => phase.timers(cx, &mut due),
            Self::Active(phase) => phase.timers(cx, &mut due),
            Self::Closing(phase) => phase.timers(&mut due),
        }
    }

    /// When something is due next, and what.
    pub(super) fn deadline(&self, cx: &Context) -> Option<(Timestamp, Timer)> {
        let mut next = None;
        self.timers(cx, |until, timer| {
            if next.is_none_or(|(soonest, _)| until < soonest) {
                next = Some((until, timer));
            }
        });
        next
    }

    pub(super) const fn phase(&self) -> Phase {
        match self {
            Self::Idle(_) => Phase::Idle,
            Self::Backoff(_) => Phase::Backoff,
            Self::Connecting(_) => Phase::Connecting,
            Self::AwaitingHello(_) => Phase::AwaitingHello,
            Self::AwaitingIdentify(_) => Phase::AwaitingIdentify,
            Self::Identifying(_) => Phase::Identifying,
            Self::Resuming(_) => Phase::Resuming,
            Self::Active(_) => Phase::Active,
            Self::Closing(_) => Phase::Closing,
            Self::Ended(_) => Phase::Ended,
        }
    }

    /// The id of the connection that inputs may name: open, being opened, or being closed.
    pub(super) fn id(&self) -> Option<ConnectionId> {
        match self {
            Self::Connecting(phase) => Some(phase.connection),
            Self::Closing(phase) => Some(phase.connection),
            Self::Idle(_) | Self::Backoff(_) | Self::Ended(_) => None,
            Self::AwaitingHello(_)
            | Self::AwaitingIdentify(_)
            | Self::Identifying(_)
            | Self::Resuming(_)
            | Self::Active(_) => self.connection().map(|connection| connection.id),
        }
    }

    /// The connection, while it is open and not being closed.
    #[inline]
    pub(super) fn connection(&self) -> Option<&Connection> {
        match self {
            Self::AwaitingHello(phase) => Some(&phase.connection),
            Self::AwaitingIdentify(phase) => Some(&phase.connection),
            Self::Identifying(phase) => Some(&phase.connection),
            Self::Resuming(phase) => Some(&phase.live.connection),
            Self::Active(phase) => Some(&phase.live.connection),
            Self::Idle(_) | Self::Backoff(_) | Self::Connecting(_) | Self::Closing(_) | Self::Ended(_) => None,
        }
    }

    #[inline]
    pub(super) fn connection_mut(&mut self) -> Option<&mut Connection> {
        match self {
            Self::AwaitingHello(phase) => Some(&mut phase.connection),
            Self::AwaitingIdentify(phase) => Some(&mut phase.connection),
            Self::Identifying(phase) => Some(&mut phase.connection),
            Self::Resuming(phase) => Some(&mut phase.live.connection),
            Self::Active(phase) => Some(&mut phase.live.connection),
            Self::Idle(_) | Self::Backoff(_) | Self::Connecting(_) | Self::Closing(_) | Self::Ended(_) => None,
        }
    }

    /// The session in hand.
    pub(super) fn session(&self) -> Option<&Session> {
        match self {
            Self::Backoff(phase) => phase.plan.session(),
            Self::Connecting(phase) => phase.plan.session(),
            Self::AwaitingHello(phase) => phase.plan.session(),
            Self::Resuming(phase) => Some(&phase.live.session),
            Self::Active(phase) => Some(&phase.live.session),
            Self::Closing(phase) => phase.next.session(),
            Self::Ended(phase) => phase.kept.as_ref(),
            Self::Idle(_) | Self::AwaitingIdentify(_) | Self::Identifying(_) => None,
        }
    }

    /// The session in hand, or the one to begin with.
    pub(super) fn session_or_import<'a>(&'a self, cx: &'a Context) -> Option<&'a Session> {
        let imported = cx.config.resume_from.as_ref().map(|resume_from| &resume_from.session);
        if matches!(self, Self::Idle(_)) { imported } else { self.session() }
    }

    /// Since when events flow, if they do.
    pub(super) fn online_since(&self) -> Option<Timestamp> {
        if let Self::Active(phase) = self { Some(phase.since) } else { None }
    }

    /// Whether another connection will follow when this one is lost.
    pub(super) fn will_reconnect(&self) -> bool {
        let is_ending = matches!(self, Self::Closing(phase) if matches!(phase.next, NextState::End { .. }));
        !is_ending && !matches!(self, Self::Ended(_))
    }
}
