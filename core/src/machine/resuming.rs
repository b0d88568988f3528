//! The phase after a Resume: the wait for the replay, and for Resumed behind it.
//!
//! Decided here: what Resumed goes on with, and when a resume has come to nothing. The session is live already: each
//! replayed dispatch moves it on, so that a connection which dies in the middle of a long replay brings the rest the next
//! time.

use super::active::{Active, Live};
use super::cause::Cause;
use super::connection::{Connection, Writing};
use super::context::Context;
use super::deadline::JudgedDeadline;
use super::disconnect::{CloseMode, InHand};
use super::event::Event;
use super::frame::Frame;
use super::heart::{Heart, ReadState};
use super::input::Input;
use super::open::{Beating, Open};
use super::resumption::{Resumption, Tries};
use super::state::State;
use super::timer::Timer;
use crate::dialect::{Signal, Spans};
use crate::dispatch::Origin;
use crate::message::Sequence;
use crate::session::Session;
use crate::time::Timestamp;
use alloc::boxed::Box;
use core::time::Duration;

/// The Resume was sent, or waits for the write and the send limit.
#[derive(Debug)]
pub(super) struct Resuming {
    pub(super) live: Live,
    tries: Tries,
    step: ResumeStep,
    give_up: JudgedDeadline,
}

/// Whether the Resume has gone out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ResumeStep {
    Owed,
    /// It named this sequence.
    Started {
        from: Option<Sequence>,
    },
}

impl Resuming {
    pub(super) fn enter(connection: Connection, heart: Heart, resumption: Resumption, cx: &mut Context) -> State {
        let Resumption { session, tries } = resumption;
        let give_up = cx.deadline(cx.config.timeouts.resumed);
        let live = Live { connection, heart, session };
        Box::new(Self { live, tries, step: ResumeStep::Owed, give_up }).resume(cx)
    }

    pub(super) fn on(self: Box<Self>, input: Input, cx: &mut Context) -> State {
        self.on_any(input, cx)
    }

    pub(super) fn on_frame(mut self: Box<Self>, signal: Signal, frame: Frame<'_>, cx: &mut Context) -> State {
        self.live.heart.hear(cx);
        match signal {
            Signal::Dispatch(spans) => {
                let before = self.live.session.sequence;
                cx.dispatch(&mut self.live.session, frame, spans, Origin::Replay);
                if self.live.session.sequence > before {
                    self.tries.progressed();
                }
                self.stay()
            }
            Signal::Hello(rate) => self.greeted_again(rate, cx),
            Signal::Ready(start, spans) if self.live.is_of(&start) => {
                cx.hand_on(&mut self.live.session, frame, spans, Origin::Live);
                self.stay()
            }
            Signal::Ready(start, spans) => Active::begin_other(self.live, *start, (frame.into_bytes(), spans), cx),
            Signal::Resumed(spans) => self.resumed(frame, spans, cx),
            Signal::HeartbeatAck => self.acknowledged(cx),
            Signal::HeartbeatRequest | Signal::Beat => self.heartbeat_requested(cx),
            Signal::TokenExpiring => self.token_expiring(cx),
            Signal::Reconnect { after } => self.move_away(after, cx),
            Signal::InvalidSession(fate) => self.session_invalid(fate, cx),
            Signal::Unknown { op, sequence } => {
                self.live.session.sequence = self.live.session.sequence.max(sequence);
                self.unknown(op, frame, cx)
            }
        }
    }

    /// All that was missed was replayed.
    fn resumed(mut self: Box<Self>, frame: Frame<'_>, spans: Spans, cx: &mut Context) -> State {
        let session = &mut self.live.session;
        cx.cause = Cause::Resumed;
        cx.counts.resumes += 1;
        if self.tries.is_at_base() {
            // The resume host failed, and the base URL brought the session back. Ready alone names such a host, so
            // a dead one would be dialed first at every later loss.
            session.resume_url = None;
        }
        if self.step.is_below(spans.sequence) {
            cx.renumber(session);
        }
        let dispatch = cx.number(session, frame.into_bytes(), spans, Origin::Live);
        cx.event(Event::Resumed(dispatch));
        Active::enter(self.live, cx)
    }

    pub(super) fn due(self: Box<Self>, read: ReadState, cx: &mut Context) -> State {
        let mut this = match self.check_alive(read, cx) {
            Ok(this) => this,
            Err(next) => return next,
        };
        if this.give_up.judge(cx.now, read, cx.counts.bytes_in) {
            // Dropped, not closed: a gateway that does not answer a Resume hardly answers a close frame, and to wait for that
            // costs time in which the session could be resumed.
            return this.timed_out(Timer::Resumed, CloseMode::Abort, cx);
        }
        this.resume(cx)
    }

    /// Writes the Resume as soon as it can go, then beats.
    fn resume(mut self: Box<Self>, cx: &mut Context) -> State {
        let Live { connection, heart, session } = &mut self.live;
        if self.step == ResumeStep::Owed && connection.may_write(cx.now) {
            let payload = cx.dialect.resume(cx.token.get(), session);
            let from = session.sequence;
            connection.start(payload, Writing::Resume { sequence: from }, cx);
            self.step = ResumeStep::Started { from };
            self.give_up = cx.deadline(cx.config.timeouts.resumed);
        }
        connection.beat(heart, session.sequence, cx);
        self.stay()
    }

    pub(super) fn timers(&self, cx: &Context, due: &mut impl FnMut(Timestamp, Timer)) {
        let Live { connection, heart, .. } = &self.live;
        connection.timers(heart, cx.now, due);
        due(self.give_up.at(), Timer::Resumed);
        if self.step == ResumeStep::Owed && connection.is_idle() {
            due(connection.pace.beat_at(cx.now), Timer::Pace);
        }
    }
}

impl Open for Resuming {
    fn stay(self: Box<Self>) -> State {
        State::Resuming(self)
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

    fn take_apart(self: Box<Self>, _: Cause, _: &mut Context) -> (Connection, InHand) {
        let Live { connection, session, .. } = self.live;
        (connection, InHand::Tried(Resumption { session, tries: self.tries }))
    }
}

impl Beating for Resuming {
    fn beating(&mut self) -> (&mut Connection, &mut Heart) {
        (&mut self.live.connection, &mut self.live.heart)
    }
}

impl ResumeStep {
    /// Whether the sequence of a Resumed is below the one that our Resume named, so that the gateway, or a proxy before
    /// it, numbers this connection from the start again. One that is below the replay only is not: some number Resumed by
    /// where the Resume began, and the replay must not come twice.
    fn is_below(self, resumed: Option<Sequence>) -> bool {
        match self {
            Self::Owed => false,
            Self::Started { from } => resumed.zip(from).is_some_and(|(resumed, from)| resumed < from),
        }
    }
}
