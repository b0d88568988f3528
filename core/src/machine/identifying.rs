//! The phase after an Identify: the wait for Ready.
//!
//! Decided here: that Ready alone begins a session, and that a refused Identify is counted, since what it carries may be
//! what the gateway refuses.

use super::active::Active;
use super::cause::Cause;
use super::connection::{Connection, Permit, Writing};
use super::context::Context;
use super::deadline::JudgedDeadline;
use super::disconnect::{CloseMode, InHand};
use super::event::{Fault, FrameKind};
use super::frame::Frame;
use super::heart::{Heart, ReadState};
use super::input::Input;
use super::open::{Beating, Open};
use super::resumption::Handshake;
use super::state::State;
use super::timer::Timer;
use crate::dialect::{Signal, StandingKey};
use crate::session::Session;
use crate::time::Timestamp;
use alloc::boxed::Box;
use alloc::vec::Vec;
use core::time::Duration;

/// The Identify was sent.
#[derive(Debug)]
pub(super) struct Identifying {
    pub(super) connection: Connection,
    heart: Heart,
    /// The standing commands that went into the Identify: the new session need not hear of them again.
    carried: Vec<StandingKey>,
    give_up: JudgedDeadline,
}

impl Identifying {
    /// Writes the Identify, with the standing commands that the gateway takes in it.
    pub(super) fn enter(mut connection: Connection, heart: Heart, cx: &mut Context) -> State {
        cx.cause = Cause::IdentifyGranted;
        cx.counts.identifies += 1;
        let identify = cx.identify();
        let carried = identify.carried;
        let what = Writing::Identify { commands: cx.outbox.take_carried(&carried, cx.now) };
        // The permit is used up: a connection that dies from here on gives none back.
        connection.permit = Permit::None;
        connection.start(identify.payload, what, cx);
        // It runs from the Identify, not from the grant: a beat may have been in the way in between.
        let give_up = cx.deadline(cx.config.timeouts.ready);
        State::Identifying(Box::new(Self { connection, heart, carried, give_up }))
    }

    pub(super) fn on(self: Box<Self>, input: Input, cx: &mut Context) -> State {
        self.on_any(input, cx)
    }

    pub(super) fn on_frame(mut self: Box<Self>, signal: Signal, frame: Frame<'_>, cx: &mut Context) -> State {
        self.heart.hear(cx);
        match signal {
            Signal::Hello(rate) => self.greeted_again(rate, cx),
            Signal::Ready(start, spans) => {
                let Self { connection, heart, carried, .. } = *self;
                Active::begin((connection, heart), &carried, *start, (frame.into_bytes(), spans), cx)
            }
            // The gateway takes us for another session's connection: whatever follows is not ours.
            Signal::Resumed(_) => {
                let fault = Fault::OutOfPlace { frame: FrameKind::Resumed };
                self.fail(fault, CloseMode::Close(cx.limits.close_keep), Cause::OutOfPlace, cx)
            }
            Signal::Dispatch(_) => self.out_of_place(FrameKind::Dispatch, cx),
            Signal::HeartbeatAck => self.acknowledged(cx),
            Signal::HeartbeatRequest | Signal::Beat => self.heartbeat_requested(cx),
            Signal::TokenExpiring => self.token_expiring(cx),
            Signal::Reconnect { after } => self.move_away(after, cx),
            Signal::InvalidSession(fate) => self.session_invalid(fate, cx),
            Signal::Unknown { op, .. } => self.unknown(op, frame, cx),
        }
    }

    pub(super) fn due(self: Box<Self>, read: ReadState, cx: &mut Context) -> State {
        let mut this = match self.check_alive(read, cx) {
            Ok(this) => this,
            Err(next) => return next,
        };
        this.connection.beat(&mut this.heart, None, cx);
        if this.give_up.judge(cx.now, read, cx.counts.bytes_in) {
            return this.timed_out(Timer::Ready, CloseMode::Close(cx.limits.close_keep), cx);
        }
        this.stay()
    }

    pub(super) fn timers(&self, cx: &Context, due: &mut impl FnMut(Timestamp, Timer)) {
        self.connection.timers(&self.heart, cx.now, due);
        due(self.give_up.at(), Timer::Ready);
    }
}

impl Open for Identifying {
    fn stay(self: Box<Self>) -> State {
        State::Identifying(self)
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

    /// The gateway may have refused what the Identify carries: that is counted, so that the next one can go without.
    fn take_apart(self: Box<Self>, cause: Cause, cx: &mut Context) -> (Connection, InHand) {
        cx.note_identify_ended(cause);
        (self.connection, InHand::Untried(Handshake::Identify))
    }
}

impl Beating for Identifying {
    fn beating(&mut self) -> (&mut Connection, &mut Heart) {
        (&mut self.connection, &mut self.heart)
    }
}
