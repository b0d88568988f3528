//! The phase in session: dispatches come in, commands go out.
//!
//! Decided here: that the count of attempts is reset only after a session that lived ([`Backoff::stable`](super::Backoff::stable)),
//! and what a second Ready or Resumed means.

use super::cause::Cause;
use super::connection::{Connection, Writing};
use super::context::Context;
use super::disconnect::InHand;
use super::event::Event;
use super::frame::Frame;
use super::heart::{Heart, ReadState};
use super::input::Input;
use super::open::{Beating, Open};
use super::outbox::Outgoing;
use super::state::State;
use super::timer::Timer;
use crate::dialect::{SessionStart, Signal, Spans, StandingKey};
use crate::dispatch::Origin;
use crate::session::Session;
use crate::time::Timestamp;
use alloc::boxed::Box;
use bytes::Bytes;
use core::time::Duration;

/// In session: Ready or Resumed has come.
#[derive(Debug)]
pub(super) struct Active {
    pub(super) live: Live,
    pub(super) since: Timestamp,
}

/// A connection with a session on it.
#[derive(Debug)]
pub(super) struct Live {
    pub(super) connection: Connection,
    pub(super) heart: Heart,
    pub(super) session: Session,
}

impl Active {
    /// A Ready begins a session, of which the gateway knows the `carried` standing commands already.
    pub(super) fn begin(
        (connection, heart): (Connection, Heart),
        carried: &[StandingKey],
        start: SessionStart,
        (frame, spans): (Bytes, Spans),
        cx: &mut Context,
    ) -> State {
        cx.cause = Cause::Ready;
        let mut session = cx.begin_session(start);
        let dispatch = cx.number(&mut session, frame, spans, Origin::Live);
        cx.event(Event::Ready(dispatch));
        cx.outbox.begin_session(carried);
        Self::enter(Live { connection, heart, session }, cx)
    }

    /// A Ready of another session than the one at hand: the gateway has begun it, so it is the one that counts.
    pub(super) fn begin_other(live: Live, start: SessionStart, ready: (Bytes, Spans), cx: &mut Context) -> State {
        cx.lose_session(Cause::Ready);
        Self::begin((live.connection, live.heart), &[], start, ready, cx)
    }

    pub(super) fn enter(live: Live, cx: &mut Context) -> State {
        // For commands that a limit of their key still delays, the time held is counted on this connection from now on.
        cx.outbox.hold_keys(cx.now);
        State::Active(Box::new(Self { live, since: cx.now }))
    }

    pub(super) fn on(self: Box<Self>, input: Input, cx: &mut Context) -> State {
        self.on_any(input, cx)
    }

    #[inline]
    pub(super) fn on_frame(mut self: Box<Self>, signal: Signal, frame: Frame<'_>, cx: &mut Context) -> State {
        self.live.heart.hear(cx);
        match signal {
            Signal::Dispatch(spans) => {
                cx.dispatch(&mut self.live.session, frame, spans, Origin::Live);
                self.stay()
            }
            Signal::HeartbeatAck => self.acknowledged(cx),
            Signal::HeartbeatRequest | Signal::Beat => self.heartbeat_requested(cx),
            Signal::Hello(rate) => self.greeted_again(rate, cx),
            Signal::Ready(start, spans) if self.live.is_of(&start) => {
                cx.hand_on(&mut self.live.session, frame, spans, Origin::Live);
                self.stay()
            }
            Signal::Ready(start, spans) => Self::begin_other(self.live, *start, (frame.into_bytes(), spans), cx),
            Signal::Resumed(spans) => {
                cx.hand_on(&mut self.live.session, frame, spans, Origin::Live);
                self.stay()
            }
            Signal::TokenExpiring => self.token_expiring(cx),
            Signal::Reconnect { after } => self.move_away(after, cx),
            Signal::InvalidSession(fate) => self.session_invalid(fate, cx),
            // A dispatch without a name still has its sequence.
            Signal::Unknown { op, sequence } => {
                self.live.session.sequence = self.live.session.sequence.max(sequence);
                self.unknown(op, frame, cx)
            }
        }
    }

    pub(super) fn due(self: Box<Self>, read: ReadState, cx: &mut Context) -> State {
        let mut this = match self.check_alive(read, cx) {
            Ok(this) => this,
            Err(next) => return next,
        };
        this.live.send_due(cx);
        this.stay()
    }

    pub(super) fn timers(&self, cx: &Context, due: &mut impl FnMut(Timestamp, Timer)) {
        let Live { connection, heart, .. } = &self.live;
        connection.timers(heart, cx.now, due);
        if connection.is_idle()
            && let Some(free_at) = cx.outbox.free_at(cx.now)
        {
            due(free_at.max(connection.pace.command_at(cx.now)), Timer::Pace);
        }
    }
}

impl Open for Active {
    fn stay(self: Box<Self>) -> State {
        State::Active(self)
    }

    fn connection(&mut self) -> &mut Connection {
        &mut self.live.connection
    }

    fn session(&self) -> Option<&Session> {
        Some(&self.live.session)
    }

    fn sleep_max(&self, _: &Context) -> Duration {
        self.live.heart.interval()
    }

    fn take_apart(self: Box<Self>, _: Cause, cx: &mut Context) -> (Connection, InHand) {
        let lived = cx.now - self.since;
        cx.time_online = cx.time_online.saturating_add(lived);
        // Not at Ready: a gateway that takes each Identify and closes at once would be connected to without a wait.
        if lived >= cx.config.backoff.stable {
            cx.attempts = 0;
        }
        (self.live.connection, InHand::Live(self.live.session))
    }
}

impl Beating for Active {
    fn beating(&mut self) -> (&mut Connection, &mut Heart) {
        (&mut self.live.connection, &mut self.live.heart)
    }
}

impl Live {
    /// Whether a Ready has this session's id: then it is an ordinary dispatch. One without an id begins a session.
    pub(super) fn is_of(&self, start: &SessionStart) -> bool {
        start.id.is_some() && self.session.id == start.id
    }

    /// Sends the heartbeat that is due, then a command that waits, if the write is free. The heartbeat is first, since a
    /// late one costs the connection.
    fn send_due(&mut self, cx: &mut Context) {
        let Self { connection, heart, session } = self;
        connection.beat(heart, session.sequence, cx);
        if !connection.is_idle() || !cx.outbox.has_outgoing() {
            return;
        }
        cx.outbox.hold_keys(cx.now);
        if connection.pace.command_at(cx.now) > cx.now {
            return cx.outbox.hold(cx.now);
        }
        match cx.outbox.next(cx.now) {
            None => {}
            Some(Outgoing::Standing(key, payload)) => connection.start(payload, Writing::Standing(key), cx),
            Some(Outgoing::Command(mut pending)) => {
                pending.epoch = cx.epoch();
                if let Some(since) = pending.held_since {
                    cx.event(Event::Paced { waited: cx.now - since });
                }
                connection.start(pending.payload.clone(), Writing::Command(pending), cx);
                cx.tell_room();
            }
        }
    }
}
