//! The phases and every transition between them.
//!
//! What a phase does with an input; an empty cell ignores it and counts it as stale. `leave` is the way out of a
//! connection: by a close frame, by an abort, or because the socket is gone; then comes Backoff, or Ended.
//!
//! ```text
//! | input           | Idle    | Backoff  | Connecting  | AwaitingHello  | AwaitingIdentify      | Identifying | Resuming | Active   | Closing |
//! |-----------------|---------|----------|----------|-----------|-------------|-------------|----------|----------|---------|
//! | Start           | Connecting |          |          |           |             |             |          |          |         |
//! | Opened          |         |          | AwaitingHello |           |             |             |          |          |         |
//! | ConnectFailed   |         |          | Backoff  |           |             |             |          |          |         |
//! | Sent            |         |          |          | stays     | stays       | stays       | stays    | stays    | stays   |
//! | Closed          |         |          | Backoff  | leave     | leave       | leave       | leave    | leave    | Backoff |
//! | IdentifyGranted |         |          |          |           | Identifying |             |          |          |         |
//! | IdentifyDenied  |         |          |          |           | stays       |             |          |          |         |
//! | BudgetExhausted |         |          |          |           | stays       |             |          |          |         |
//! | Token           | stays   | Connecting  | stays    | stays     | stays       | stays       | stays    | stays    | stays   |
//! | TokenDenied     | Ended   | stays    | Ended    | leave     | leave       | leave       | leave    | leave    | Ended   |
//! | Suspended       | stays   | stays    | Backoff  | leave     | leave       | leave       | leave    | leave    | stays   |
//! | Hello           |         |          |          | AwaitingIdentify, Resuming | stays | stays       | stays    | stays    |         |
//! | Ready           |         |          |          | fault     | fault       | Active      | Active   | Active   |         |
//! | Resumed         |         |          |          | fault     | fault       | leave       | Active   | stays    |         |
//! | Dispatch        |         |          |          | fault     | fault       | fault       | stays    | stays    |         |
//! | Reconnect       |         |          |          | leave     | leave       | leave       | leave    | leave    |         |
//! | InvalidSession  |         |          |          | leave     | leave       | leave       | leave    | leave    |         |
//! | deadline        |         | Connecting  | Backoff  | leave     | leave       | leave       | leave    | leave    | Backoff |
//! ```
//!
//! Ended ignores all. `TokenDenied` ends only where it says "never".
//!
//! # Invariants
//! * `silent-outside`: nothing is sent before Hello, nor after Close.
//! * `deadline-always`: every phase between Start and Ended has a deadline.

use super::action::{Action, ConnectLimits};
use super::cause::Cause;
use super::config::OnConnectFailure;
use super::connection::{Connection, Permit, Write, Writing};
use super::context::Context;
use super::deadline::Deadline;
use super::disconnect::{CloseMode, CloseStep, Disconnect, NextState, Pacing};
use super::event::{EndReason, Event, Fault};
use super::heart::{GRACE, Heart, ReadState};
use super::input::ConnectFailure;
use super::outbox::Outgoing;
use super::phase::Phase;
use super::requested::{Requested, Shutdown};
use super::resumption::{Handshake, Resumption, Tries};
use super::timer::Timer;
use crate::codec::CodecError;
use crate::dialect::{Dialect, Fate, FrameError, HeartRate, Plan, SessionStart, Signal, Spans, StandingKey};
use crate::dispatch::{Origin, UnknownFrame};
use crate::message::{CloseReason, ConnectionId, Sequence};
use crate::session::Session;
use crate::time::Timestamp;
use alloc::vec::Vec;
use bytes::Bytes;
use core::time::Duration;

/// Where the connection to the gateway stands. One variant, one phase; each owns only what exists in that phase.
#[derive(Debug, Default)]
pub(super) enum State {
    #[default]
    Idle,
    Backoff {
        until: Timestamp,
        plan: Handshake,
        token: TokenWait,
    },
    Connecting {
        connection: ConnectionId,
        plan: Handshake,
        give_up: Timestamp,
    },
    AwaitingHello {
        connection: Connection,
        plan: Handshake,
        give_up: Deadline,
    },
    AwaitingIdentify {
        connection: Connection,
        heart: Heart,
    },
    Identifying {
        connection: Connection,
        heart: Heart,
        carried: Vec<StandingKey>,
        give_up: Deadline,
    },
    Resuming {
        live: Live,
        tries: Tries,
        step: ResumeStep,
        give_up: Deadline,
    },
    Active {
        live: Live,
        since: Timestamp,
    },
    Closing {
        connection: ConnectionId,
        write: Write,
        step: CloseStep,
        after: NextState,
        give_up: Timestamp,
    },
    Ended {
        reason: EndReason,
        kept: Option<Session>,
    },
}

/// A link with a session on it.
#[derive(Debug)]
pub(super) struct Live {
    pub(super) connection: Connection,
    pub(super) heart: Heart,
    pub(super) session: Session,
}

/// Whether the next connection waits for a token as well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TokenWait {
    NotRequested,
    Requested,
}

/// Whether the Resume has gone out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ResumeStep {
    Owed,
    /// It named this sequence.
    Started {
        from: Option<Sequence>,
    },
}

impl ResumeStep {
    /// Whether the sequence of a Resumed is below the one that our Resume named, so that the gateway, or a proxy before
    /// it, numbers this connection anew. One that is below the replay only is not: some number Resumed by where the Resume
    /// began, and the replay must not come twice.
    fn is_below(self, resumed: Option<Sequence>) -> bool {
        match self {
            Self::Owed => false,
            Self::Started { from } => resumed.zip(from).is_some_and(|(resumed, from)| resumed < from),
        }
    }
}

/// What happened on the current connection.
#[derive(Debug)]
pub(super) enum Happening {
    Start,
    Opened,
    ConnectFailed(ConnectFailure),
    Sent,
    Closed(CloseReason),
    IdentifyGranted,
    IdentifyDenied(Duration),
    BudgetExhausted(Duration),
    TokenGiven,
    TokenDenied(Option<Duration>),
    Suspended(Duration),
    Frame(Signal, Bytes),
    Malformed(FrameError),
    TooLarge { len: usize },
    Undecodable(CodecError),
    Undrained,
}

impl State {
    /// The one match that decides what follows from what happened.
    pub(super) fn on<D: Dialect>(self, happening: Happening, cx: &mut Context<D>) -> Self {
        match happening {
            Happening::Start => self.start(cx),
            Happening::Opened => self.opened(cx),
            Happening::ConnectFailed(failure) => self.connect_failed(failure, cx),
            Happening::Sent => self.sent(cx),
            Happening::Closed(reason) => self.closed(reason, cx),
            Happening::IdentifyGranted => self.permit_answered(Permit::Granted, cx),
            Happening::IdentifyDenied(after) => {
                // A moment that is not after now would be asked about in a spin.
                let until = cx.now + after.max(Duration::from_millis(100));
                self.permit_answered(Permit::Denied { until }, cx)
            }
            Happening::BudgetExhausted(resets_in) => self.budget_exhausted(resets_in, cx),
            Happening::TokenGiven => self.token_given(cx),
            Happening::TokenDenied(Some(after)) => self.token_later(after, cx),
            Happening::TokenDenied(None) => self.finish(EndReason::TokenDenied, Cause::TokenDenied, cx),
            Happening::Suspended(span) => self.suspended(span, cx),
            Happening::Frame(signal, frame) => self.frame(signal, frame, cx),
            Happening::Malformed(error) => {
                let disconnect = Disconnect::keep(Cause::Malformed);
                cx.fault(Fault::Malformed(error));
                self.leave(CloseMode::Close(cx.limits.close_keep), disconnect, cx)
            }
            Happening::TooLarge { len } => {
                cx.fault(Fault::TooLarge { len, limit: cx.config.limits.message });
                self.leave(CloseMode::Close(cx.limits.close_keep), Disconnect::keep(Cause::TooLarge), cx)
            }
            Happening::Undecodable(error) => {
                cx.fault(Fault::Undecodable(error));
                self.leave(CloseMode::Close(cx.limits.close_keep), Disconnect::keep(Cause::Undecodable), cx)
            }
            Happening::Undrained => {
                cx.fault(Fault::Undrained { limit: cx.config.limits.undrained });
                self.leave(CloseMode::Abort, Disconnect::keep(Cause::Undrained), cx)
            }
        }
    }

    /// Does what is due at `cx.now`. `deadline` then lies ahead, or another call is needed.
    pub(super) fn due<D: Dialect>(mut self, read_state: ReadState, cx: &mut Context<D>) -> Self {
        if let Some(requested) = cx.requested.take() {
            return self.carry_out(requested, cx);
        }
        if let Some(give_up) = self.write_give_up()
            && cx.now >= give_up
        {
            return self.timed_out(Timer::Write, CloseMode::Abort, cx);
        }
        if let Some(disconnect) = self.judge_heart(read_state, cx) {
            return self.leave(CloseMode::Close(cx.limits.close_keep), disconnect, cx);
        }
        match self {
            // A caller that takes nothing gets no more connections: each would leave more to be taken.
            Self::Backoff { until, plan, token } if cx.now >= until && cx.is_full() => {
                Self::Backoff { until: cx.now + GRACE, plan, token }
            }
            Self::Backoff { until, plan, .. } if cx.now >= until => Self::dial(plan, Cause::WaitOver, cx),
            Self::Connecting { connection, plan, give_up } if cx.now >= give_up => {
                cx.actions.push(Action::Abort { connection });
                cx.fault(Fault::TimedOut { timer: Timer::Connect });
                Self::not_reached(plan, ConnectFailure::TimedOut, Cause::TimedOut(Timer::Connect), cx)
            }
            Self::Closing { connection, write, after, give_up, .. } if cx.now >= give_up => {
                cx.actions.push(Action::Abort { connection });
                cx.cause = Cause::TimedOut(Timer::Close);
                write.gone(cx);
                after.enter(cx)
            }
            Self::Idle | Self::Backoff { .. } | Self::Connecting { .. } | Self::Closing { .. } | Self::Ended { .. } => {
                self
            }
            Self::AwaitingHello { connection, plan, mut give_up } => {
                let is_over = give_up.judge(cx.now, read_state, cx.counts.bytes_in);
                let connection = Self::AwaitingHello { connection, plan, give_up };
                if is_over { connection.timed_out(Timer::Hello, CloseMode::Abort, cx) } else { connection }
            }
            Self::AwaitingIdentify { connection, heart } => Self::queued(connection, heart, cx),
            Self::Identifying { mut connection, mut heart, carried, mut give_up } => {
                connection.beat(&mut heart, None, cx);
                let is_over = give_up.judge(cx.now, read_state, cx.counts.bytes_in);
                let connection = Self::Identifying { connection, heart, carried, give_up };
                let mode = CloseMode::Close(cx.limits.close_keep);
                if is_over { connection.timed_out(Timer::Ready, mode, cx) } else { connection }
            }
            Self::Resuming { live, tries, step, mut give_up } => {
                let is_over = give_up.judge(cx.now, read_state, cx.counts.bytes_in);
                let connection = Self::Resuming { live, tries, step, give_up };
                if is_over { connection.timed_out(Timer::Resumed, CloseMode::Abort, cx) } else { connection.resume(cx) }
            }
            Self::Active { ref mut live, .. } => {
                live.pump(cx);
                self
            }
        }
    }

    /// Takes a dispatch that the filter keeps out, without a copy of it; false for anything else.
    pub(super) fn pass_over<D: Dialect>(&mut self, signal: &Signal, frame: &[u8], cx: &mut Context<D>) -> bool {
        let Signal::Dispatch(spans) = signal else { return false };
        if cx.config.events.passes(spans.name.of(frame)) {
            return false;
        }
        let (live, tries) = match self {
            Self::Active { live, .. } => (live, None),
            Self::Resuming { live, tries, .. } => (live, Some(tries)),
            Self::Idle
            | Self::Backoff { .. }
            | Self::Connecting { .. }
            | Self::AwaitingHello { .. }
            | Self::AwaitingIdentify { .. }
            | Self::Identifying { .. }
            | Self::Closing { .. }
            | Self::Ended { .. } => return false,
        };
        live.heart.hear(cx.now);
        let before = live.session.sequence;
        cx.pass_over(&mut live.session, frame, spans);
        if let Some(tries) = tries.filter(|_| live.session.sequence > before) {
            tries.progressed();
        }
        true
    }

    /// Takes a frame that changes no phase, in place; gives back one that may.
    pub(super) fn stay<D: Dialect>(
        &mut self,
        signal: Signal,
        frame: Bytes,
        cx: &mut Context<D>,
    ) -> Option<(Signal, Bytes)> {
        match (signal, &mut *self) {
            (Signal::Dispatch(spans), Self::Active { live, .. }) => {
                live.heart.hear(cx.now);
                cx.dispatch(&mut live.session, frame, spans, Origin::Live);
            }
            (Signal::Dispatch(spans), Self::Resuming { live, tries, .. }) => {
                live.heart.hear(cx.now);
                let before = live.session.sequence;
                cx.dispatch(&mut live.session, frame, spans, Origin::Replay);
                if live.session.sequence > before {
                    tries.progressed();
                }
            }
            (Signal::Unknown { op, sequence }, _) => self.unknown(op, sequence, frame, cx),
            (signal, _) => {
                let Some((connection, heart)) = self.beating() else { return Some((signal, frame)) };
                heart.hear(cx.now);
                match signal {
                    Signal::HeartbeatAck => {
                        if let Heart::Ours(ours) = heart
                            && let Some(latency) = ours.ack(cx.now)
                        {
                            cx.counts.beats_acked += 1;
                            cx.latency.note(cx.now, latency);
                        }
                    }
                    Signal::HeartbeatRequest | Signal::Beat => connection.owe_answer(heart, cx),
                    Signal::TokenExpiring => {
                        cx.actions.push(Action::RequestToken { reason: super::action::TokenReason::Expiring });
                    }
                    signal => return Some((signal, frame)),
                }
            }
        }
        None
    }

    /// Tells each moment at which something is due, and what.
    pub(super) fn timers<D: Dialect>(&self, cx: &Context<D>, mut due: impl FnMut(Timestamp, Timer)) {
        if cx.requested.is_some() && !matches!(self, Self::Idle | Self::Ended { .. }) {
            due(cx.now, Timer::Requested);
        }
        match self {
            Self::Idle if cx.requested.is_some() => due(cx.now, Timer::Requested),
            Self::Idle | Self::Ended { .. } => {}
            Self::Backoff { until, token: TokenWait::NotRequested, .. } => due(*until, Timer::Reconnect),
            Self::Backoff { until, token: TokenWait::Requested, .. } => due(*until, Timer::Token),
            Self::Connecting { give_up, .. } => due(*give_up, Timer::Connect),
            Self::AwaitingHello { give_up, .. } => due(give_up.at(), Timer::Hello),
            Self::Closing { give_up, .. } => due(*give_up, Timer::Close),
            Self::AwaitingIdentify { connection, heart } => {
                connection.timers(heart, cx.now, &mut due);
                match connection.permit {
                    Permit::Denied { until } => due(until, Timer::Identify),
                    Permit::Granted if connection.is_idle() => due(connection.pace.beat_at(cx.now), Timer::Identify),
                    Permit::Granted | Permit::Requested | Permit::None => {}
                }
            }
            Self::Identifying { connection, heart, give_up, .. } => {
                connection.timers(heart, cx.now, &mut due);
                due(give_up.at(), Timer::Ready);
            }
            Self::Resuming { live, step, give_up, .. } => {
                live.connection.timers(&live.heart, cx.now, &mut due);
                due(give_up.at(), Timer::Resumed);
                if *step == ResumeStep::Owed && live.connection.is_idle() {
                    due(live.connection.pace.beat_at(cx.now), Timer::Pace);
                }
            }
            Self::Active { live, .. } => {
                live.connection.timers(&live.heart, cx.now, &mut due);
                if live.connection.is_idle()
                    && let Some(free_at) = cx.outbox.free_at(cx.now)
                {
                    due(free_at.max(live.connection.pace.command_at(cx.now)), Timer::Pace);
                }
            }
        }
    }

    /// When something is due next, and what.
    pub(super) fn deadline<D: Dialect>(&self, cx: &Context<D>) -> Option<(Timestamp, Timer)> {
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
            Self::Idle => Phase::Idle,
            Self::Backoff { .. } => Phase::Backoff,
            Self::Connecting { .. } => Phase::Connecting,
            Self::AwaitingHello { .. } => Phase::AwaitingHello,
            Self::AwaitingIdentify { .. } => Phase::AwaitingIdentify,
            Self::Identifying { .. } => Phase::Identifying,
            Self::Resuming { .. } => Phase::Resuming,
            Self::Active { .. } => Phase::Active,
            Self::Closing { .. } => Phase::Closing,
            Self::Ended { .. } => Phase::Ended,
        }
    }

    /// The current connection's id.
    pub(super) const fn id(&self) -> Option<ConnectionId> {
        match self {
            Self::Connecting { connection, .. } | Self::Closing { connection, .. } => Some(*connection),
            Self::Idle | Self::Backoff { .. } | Self::Ended { .. } => None,
            Self::AwaitingHello { .. }
            | Self::AwaitingIdentify { .. }
            | Self::Identifying { .. }
            | Self::Resuming { .. }
            | Self::Active { .. } => match self.connection() {
                Some(connection) => Some(connection.id),
                None => None,
            },
        }
    }

    /// The connection, while it is open and not being closed.
    pub(super) const fn connection(&self) -> Option<&Connection> {
        match self {
            Self::AwaitingHello { connection, .. }
            | Self::AwaitingIdentify { connection, .. }
            | Self::Identifying { connection, .. } => Some(connection),
            Self::Resuming { live, .. } | Self::Active { live, .. } => Some(&live.connection),
            Self::Idle | Self::Backoff { .. } | Self::Connecting { .. } | Self::Closing { .. } | Self::Ended { .. } => {
                None
            }
        }
    }

    /// Whether another connection will follow when this one is lost.
    pub(super) const fn will_reconnect(&self) -> bool {
        !matches!(self, Self::Ended { .. } | Self::Closing { after: NextState::End { .. }, .. })
    }

    /// The session in hand, or the one to begin with.
    pub(super) fn session_or_import<'a, D: Dialect>(&'a self, cx: &'a Context<D>) -> Option<&'a Session> {
        if matches!(self, Self::Idle) {
            cx.config.resume_from.as_ref().map(|resume_from| &resume_from.session)
        } else {
            self.session()
        }
    }

    /// The session in hand.
    pub(super) const fn session(&self) -> Option<&Session> {
        match self {
            Self::Backoff { plan, .. } | Self::Connecting { plan, .. } | Self::AwaitingHello { plan, .. } => match plan
            {
                Handshake::Identify => None,
                Handshake::Resume(resumption) => Some(&resumption.session),
            },
            Self::Resuming { live, .. } | Self::Active { live, .. } => Some(&live.session),
            Self::Closing { after, .. } => after.session(),
            Self::Ended { kept, .. } => kept.as_ref(),
            Self::Idle | Self::AwaitingIdentify { .. } | Self::Identifying { .. } => None,
        }
    }

    pub(super) fn connection_mut(&mut self) -> Option<&mut Connection> {
        match self {
            Self::AwaitingHello { connection, .. }
            | Self::AwaitingIdentify { connection, .. }
            | Self::Identifying { connection, .. } => Some(connection),
            Self::Resuming { live, .. } | Self::Active { live, .. } => Some(&mut live.connection),
            Self::Idle | Self::Backoff { .. } | Self::Connecting { .. } | Self::Closing { .. } | Self::Ended { .. } => {
                None
            }
        }
    }

    fn beating(&mut self) -> Option<(&mut Connection, &mut Heart)> {
        match self {
            Self::AwaitingIdentify { connection, heart } | Self::Identifying { connection, heart, .. } => {
                Some((connection, heart))
            }
            Self::Resuming { live, .. } | Self::Active { live, .. } => Some((&mut live.connection, &mut live.heart)),
            Self::Idle
            | Self::Backoff { .. }
            | Self::Connecting { .. }
            | Self::AwaitingHello { .. }
            | Self::Closing { .. }
            | Self::Ended { .. } => None,
        }
    }

    fn start<D: Dialect>(self, cx: &mut Context<D>) -> Self {
        let Self::Idle = self else { return self.ignore(cx) };
        let plan = match cx.config.resume_from.take() {
            None => Handshake::Identify,
            Some(resume_from) => {
                let mut resumption = Resumption::fresh(resume_from.session);
                if resume_from.age.is_none_or(|age| age > cx.limits.session_life) {
                    resumption.tries.at_most(1);
                }
                Handshake::Resume(resumption)
            }
        };
        Self::dial(plan, Cause::Started, cx)
    }

    /// Connects, or asks for the token that the handshake will need.
    fn dial<D: Dialect>(plan: Handshake, cause: Cause, cx: &mut Context<D>) -> Self {
        cx.cause = cause;
        if let Some(reason) = cx.token_needed() {
            cx.actions.push(Action::RequestToken { reason });
            let until = cx.now + cx.config.timeouts.token;
            return Self::Backoff { until, plan, token: TokenWait::Requested };
        }
        let connection = ConnectionId(cx.last_connection.0.wrapping_add(1));
        cx.last_connection = connection;
        cx.event(Event::Connecting { connection, plan: plan.plan() });
        let limits = ConnectLimits { message: cx.config.limits.message };
        cx.actions.push(Action::Connect { connection, url: cx.url(&plan), limits });
        Self::Connecting { connection, plan, give_up: cx.now + cx.config.timeouts.connect }
    }

    fn opened<D: Dialect>(self, cx: &mut Context<D>) -> Self {
        let Self::Connecting { connection, plan, .. } = self else { return self.ignore(cx) };
        cx.cause = Cause::Opened;
        cx.counts.connections += 1;
        Self::AwaitingHello {
            connection: Connection::new(connection, cx),
            plan,
            give_up: cx.deadline(cx.config.timeouts.hello),
        }
    }

    fn connect_failed<D: Dialect>(self, failure: ConnectFailure, cx: &mut Context<D>) -> Self {
        let Self::Connecting { plan, .. } = self else { return self.ignore(cx) };
        Self::not_reached(plan, failure, failure.into(), cx)
    }

    /// No connection came of dialing: it says nothing about the session, but perhaps about the resume URL.
    fn not_reached<D: Dialect>(plan: Handshake, failure: ConnectFailure, cause: Cause, cx: &mut Context<D>) -> Self {
        cx.cause = cause;
        let cap = match cx.config.connect.of(failure) {
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
        let floor = match failure {
            ConnectFailure::Http { retry_after: Some(after), .. } => {
                cx.asked_wait(after.min(cx.config.connect.retry_after_max))
            }
            _ => Duration::ZERO,
        };
        let disconnect = Disconnect { floor: floor.max(cap), ..Disconnect::keep(cause) };
        super::disconnect::InHand::Untried(plan).after(disconnect, cx).enter(cx)
    }

    fn sent<D: Dialect>(mut self, cx: &mut Context<D>) -> Self {
        if let Some(connection) = self.connection_mut() {
            connection.sent(cx);
            return self;
        }
        match self {
            Self::Closing { connection, write: Write::Busy { what, .. }, step, after, give_up } => {
                what.sent(cx);
                let step = step.tell(connection, cx);
                Self::Closing { connection, write: Write::Idle, step, after, give_up }
            }
            other => other.ignore(cx),
        }
    }

    fn closed<D: Dialect>(self, reason: CloseReason, cx: &mut Context<D>) -> Self {
        let code = reason.code();
        let cause = match reason {
            CloseReason::TooLarge { .. } => Cause::TooLarge,
            _ => code.map_or(Cause::ConnectionLost, Cause::Closed),
        };
        match self {
            Self::Connecting { plan, .. } => Self::not_reached(plan, ConnectFailure::Io, Cause::ConnectIo, cx),
            Self::Closing { connection, write, step, after, .. } => {
                cx.cause = cause;
                cx.event(Event::Closed { connection, reason });
                write.gone(cx);
                // A code of the peer's own, which crossed ours, still counts.
                let theirs = code.filter(|code| !step.is_echo(*code));
                after.outvoted_by(theirs, cx).enter(cx)
            }
            other => {
                let disconnect = Disconnect::of_code(code, cause, cx);
                other.leave(CloseMode::Gone(reason), disconnect, cx)
            }
        }
    }

    fn permit_answered<D: Dialect>(mut self, permit: Permit, cx: &mut Context<D>) -> Self {
        match &mut self {
            Self::AwaitingIdentify { connection, .. } if connection.permit == Permit::Requested => {
                connection.permit = permit
            }
            _ => cx.counts.stale += 1,
        }
        if permit == Permit::Granted {
            cx.budget_told = None;
        }
        self
    }

    /// The permit will be long in coming: the application is told, once, however many connections the wait outlives.
    fn budget_exhausted<D: Dialect>(self, resets_in: Duration, cx: &mut Context<D>) -> Self {
        match &self {
            Self::AwaitingIdentify { connection, .. } if connection.permit == Permit::Requested => {
                if cx.budget_told.is_none_or(|until| cx.now >= until) {
                    cx.event(Event::BudgetExhausted { resets_in });
                }
                cx.budget_told = Some(cx.now + resets_in);
            }
            _ => cx.counts.stale += 1,
        }
        self
    }

    fn token_given<D: Dialect>(self, cx: &mut Context<D>) -> Self {
        match self {
            Self::Backoff { plan, token: TokenWait::Requested, .. } => {
                Self::Backoff { until: cx.now, plan, token: TokenWait::Requested }
            }
            other => other,
        }
    }

    fn token_later<D: Dialect>(self, after: Duration, cx: &mut Context<D>) -> Self {
        match self {
            Self::Backoff { plan, token: TokenWait::Requested, .. } => {
                let until = cx.now + after.max(Duration::from_millis(100));
                Self::Backoff { until, plan, token: TokenWait::Requested }
            }
            other => other,
        }
    }

    fn suspended<D: Dialect>(self, span: Duration, cx: &mut Context<D>) -> Self {
        let bearable = match &self {
            Self::Connecting { .. } => cx.config.timeouts.connect,
            Self::AwaitingHello { .. } => cx.config.timeouts.hello,
            Self::AwaitingIdentify { heart, .. } | Self::Identifying { heart, .. } => heart.interval(),
            Self::Resuming { live, .. } | Self::Active { live, .. } => live.heart.interval(),
            Self::Idle | Self::Backoff { .. } | Self::Closing { .. } | Self::Ended { .. } => return self,
        };
        if span <= bearable {
            return self;
        }
        cx.fault(Fault::Suspended { span });
        match self {
            Self::Connecting { connection, plan, .. } => {
                cx.actions.push(Action::Abort { connection });
                Self::not_reached(plan, ConnectFailure::TimedOut, Cause::Suspended, cx)
            }
            other => other.leave(CloseMode::Abort, Disconnect::keep(Cause::Suspended), cx),
        }
    }

    fn frame<D: Dialect>(self, signal: Signal, frame: Bytes, cx: &mut Context<D>) -> Self {
        match signal {
            Signal::Hello(rate) => self.hello(rate, cx),
            Signal::Ready(start, spans) => self.ready(*start, spans, frame, cx),
            Signal::Resumed(spans) => self.resumed(spans, frame, cx),
            Signal::Reconnect { after } => {
                let floor = cx.asked_wait(after);
                let disconnect = Disconnect { floor, ..Disconnect::keep(Cause::ReconnectRequested) };
                self.leave(CloseMode::Close(cx.limits.close_keep), disconnect, cx)
            }
            Signal::InvalidSession(fate) => {
                let (least, most) = cx.limits.invalid_session_wait;
                let floor = cx.rng.between(least, most);
                let (disconnect, code) = match fate {
                    Fate::Resumable => (Disconnect::keep(Cause::InvalidSessionResumable), cx.limits.close_keep),
                    Fate::Lost => (Disconnect::lose(Cause::InvalidSessionLost), cx.limits.close_end),
                };
                self.leave(CloseMode::Close(code), Disconnect { floor, ..disconnect }, cx)
            }
            Signal::Dispatch(_) => self.out_of_place("dispatch", cx),
            Signal::HeartbeatRequest | Signal::HeartbeatAck | Signal::Beat => self.out_of_place("heartbeat", cx),
            Signal::TokenExpiring => self.out_of_place("token expiring", cx),
            Signal::Unknown { .. } => self,
        }
    }

    fn hello<D: Dialect>(mut self, rate: HeartRate, cx: &mut Context<D>) -> Self {
        let heart = match Heart::begin(rate, cx.now, &cx.config.heartbeat, &mut cx.rng) {
            Ok(heart) => heart,
            Err(requested) => {
                cx.fault(Fault::Interval { requested });
                return self.leave(CloseMode::Close(cx.limits.close_keep), Disconnect::keep(Cause::Malformed), cx);
            }
        };
        if let HeartRate::Ours { interval } = rate
            && interval != heart.interval()
            && cx.config.heartbeat.interval.is_none()
        {
            cx.fault(Fault::Interval { requested: interval });
        }
        if let Some((connection, old)) = self.beating() {
            connection.pace.keep_reserve(heart.interval());
            old.succeed(heart);
            return self;
        }
        let Self::AwaitingHello { mut connection, plan, .. } = self else { return self };
        cx.cause = Cause::Hello;
        connection.pace.keep_reserve(heart.interval());
        match plan {
            Handshake::Identify => {
                cx.actions.push(Action::RequestIdentify { connection: connection.id });
                connection.permit = Permit::Requested;
                Self::AwaitingIdentify { connection, heart }
            }
            Handshake::Resume(Resumption { session, tries }) => {
                let give_up = cx.deadline(cx.config.timeouts.resumed);
                let live = Live { connection, heart, session };
                Self::Resuming { live, tries, step: ResumeStep::Owed, give_up }.resume(cx)
            }
        }
    }

    /// Writes the Resume as soon as it can go, then beats.
    fn resume<D: Dialect>(self, cx: &mut Context<D>) -> Self {
        let Self::Resuming { mut live, tries, mut step, mut give_up } = self else { return self };
        let is_free = live.connection.is_idle() && live.connection.pace.beat_at(cx.now) <= cx.now;
        if step == ResumeStep::Owed && is_free {
            let payload = cx.dialect.resume(cx.token(), &live.session);
            let from = live.session.sequence;
            live.connection.start(payload, Writing::Resume { sequence: from }, cx);
            step = ResumeStep::Started { from };
            give_up = cx.deadline(cx.config.timeouts.resumed);
        }
        live.connection.beat(&mut live.heart, live.session.sequence, cx);
        Self::Resuming { live, tries, step, give_up }
    }

    /// Beats, asks again for a permit that was denied, and identifies when it has come.
    fn queued<D: Dialect>(mut connection: Connection, mut heart: Heart, cx: &mut Context<D>) -> Self {
        connection.beat(&mut heart, None, cx);
        match connection.permit {
            Permit::Denied { until } if cx.now >= until => {
                cx.actions.push(Action::RequestIdentify { connection: connection.id });
                connection.permit = Permit::Requested;
            }
            Permit::Granted if connection.is_idle() && connection.pace.beat_at(cx.now) <= cx.now => {
                cx.cause = Cause::IdentifyGranted;
                cx.counts.identifies += 1;
                let identify = cx.identify();
                let carried = identify.carried;
                let what = Writing::Identify { commands: cx.outbox.take_carried(&carried, cx.now) };
                connection.permit = Permit::None;
                connection.start(identify.payload, what, cx);
                let give_up = cx.deadline(cx.config.timeouts.ready);
                return Self::Identifying { connection, heart, carried, give_up };
            }
            Permit::Denied { .. } | Permit::Granted | Permit::Requested | Permit::None => {}
        }
        Self::AwaitingIdentify { connection, heart }
    }

    fn ready<D: Dialect>(mut self, start: SessionStart, spans: Spans, frame: Bytes, cx: &mut Context<D>) -> Self {
        let (connection, heart, carried) = match self {
            Self::Identifying { connection, heart, carried, .. } => (connection, heart, carried),
            Self::Resuming { ref mut live, .. } | Self::Active { ref mut live, .. }
                if start.id.is_some() && live.session.id == start.id =>
            {
                cx.dispatch(&mut live.session, frame, spans, Origin::Live);
                return self;
            }
            // Another session than the one at hand: the gateway has begun it, so it is the one that counts.
            Self::Resuming { live, .. } | Self::Active { live, .. } => {
                cx.lose_session(Cause::Ready);
                (live.connection, live.heart, Vec::new())
            }
            other => return other.out_of_place("ready", cx),
        };
        cx.cause = Cause::Ready;
        let mut session = cx.begin_session(start);
        let dispatch = cx.number(&mut session, frame, spans, Origin::Live);
        cx.event(Event::Ready(dispatch));
        cx.outbox.begin_session(&carried);
        Self::online(Live { connection, heart, session }, cx)
    }

    fn online<D: Dialect>(mut live: Live, cx: &mut Context<D>) -> Self {
        live.heart.hear(cx.now);
        // What its key's limit holds back over a loss is held on this connection from now on.
        cx.outbox.hold_keys(cx.now);
        Self::Active { live, since: cx.now }
    }

    fn resumed<D: Dialect>(self, spans: Spans, frame: Bytes, cx: &mut Context<D>) -> Self {
        match self {
            Self::Resuming { mut live, tries, step, .. } => {
                cx.cause = Cause::Resumed;
                cx.counts.resumes += 1;
                if tries.is_at_base() {
                    // The resume host failed, and the base URL brought the session back. Ready alone names such a host, so
                    // a dead one would be dialed first at every later loss.
                    live.session.resume_url = None;
                }
                if step.is_below(spans.sequence) {
                    cx.renumber(&mut live.session);
                }
                let dispatch = cx.number(&mut live.session, frame, spans, Origin::Live);
                cx.event(Event::Resumed(dispatch));
                Self::online(live, cx)
            }
            Self::Active { mut live, since } => {
                cx.dispatch(&mut live.session, frame, spans, Origin::Live);
                Self::Active { live, since }
            }
            Self::Identifying { .. } => {
                cx.fault(Fault::OutOfPlace { what: "resumed" });
                self.leave(CloseMode::Close(cx.limits.close_keep), Disconnect::keep(Cause::OutOfPlace), cx)
            }
            other => other.out_of_place("resumed", cx),
        }
    }

    /// Passes a frame on that the dialect does not know. A dispatch without a name still has its sequence.
    fn unknown<D: Dialect>(&mut self, op: Option<u64>, sequence: Option<Sequence>, frame: Bytes, cx: &mut Context<D>) {
        if let Some((_, heart)) = self.beating() {
            heart.hear(cx.now);
        }
        if let Self::Resuming { live, .. } | Self::Active { live, .. } = self {
            live.session.sequence = live.session.sequence.max(sequence);
        }
        cx.event(Event::Unknown(UnknownFrame { frame, op }));
    }

    fn carry_out<D: Dialect>(self, requested: Requested, cx: &mut Context<D>) -> Self {
        match requested {
            Requested::Shutdown(shutdown) => self.shut_down(shutdown, cx),
            Requested::Reconnect(cause) => match self {
                Self::Backoff { plan, token: TokenWait::NotRequested, .. } => {
                    Self::Backoff { until: cx.now, plan, token: TokenWait::NotRequested }
                }
                Self::Connecting { connection, plan, .. } => {
                    cx.cause = cause;
                    cx.actions.push(Action::Abort { connection });
                    NextState::Reconnect { plan, floor: Duration::ZERO, pacing: Pacing::Requested, cause }.enter(cx)
                }
                Self::Idle | Self::Backoff { .. } | Self::Closing { .. } | Self::Ended { .. } => self,
                other => {
                    let disconnect = Disconnect { pacing: Pacing::Requested, ..Disconnect::keep(cause) };
                    other.leave(CloseMode::Close(cx.limits.close_keep), disconnect, cx)
                }
            },
        }
    }

    fn shut_down<D: Dialect>(self, shutdown: Shutdown, cx: &mut Context<D>) -> Self {
        if let Self::Closing { connection, write, step, after, give_up } = self {
            let step = step.shut_down(shutdown, cx.limits.close_end);
            return Self::Closing { connection, write, step, after: after.shut_down(shutdown), give_up };
        }
        let kept = self.session_or_import(cx).cloned().filter(|_| shutdown == Shutdown::KeepSession);
        let code = if kept.is_some() { cx.limits.close_keep } else { cx.limits.close_end };
        self.finish_with(EndReason::Shutdown, kept, CloseMode::Close(code), Cause::Shutdown, cx)
    }

    /// Ends from any phase, without a session.
    fn finish<D: Dialect>(self, reason: EndReason, cause: Cause, cx: &mut Context<D>) -> Self {
        self.finish_with(reason, None, CloseMode::Close(cx.limits.close_end), cause, cx)
    }

    fn finish_with<D: Dialect>(
        self,
        reason: EndReason,
        kept: Option<Session>,
        mode: CloseMode,
        cause: Cause,
        cx: &mut Context<D>,
    ) -> Self {
        match self {
            Self::Ended { .. } => self,
            Self::Idle | Self::Backoff { .. } => {
                cx.cause = cause;
                NextState::End { reason, kept }.enter(cx)
            }
            Self::Connecting { connection, .. } => {
                cx.cause = cause;
                cx.actions.push(Action::Abort { connection });
                NextState::End { reason, kept }.enter(cx)
            }
            Self::Closing { connection, write, step, give_up, .. } => {
                Self::Closing { connection, write, step, after: NextState::End { reason, kept }, give_up }
            }
            other => other.leave(mode, Disconnect::end(reason, kept, cause), cx),
        }
    }

    fn timed_out<D: Dialect>(self, timer: Timer, mode: CloseMode, cx: &mut Context<D>) -> Self {
        cx.fault(Fault::TimedOut { timer });
        self.leave(mode, Disconnect::keep(Cause::TimedOut(timer)), cx)
    }

    /// Why the connection must be left, if its heart is found dead.
    fn judge_heart<D: Dialect>(&mut self, read_state: ReadState, cx: &mut Context<D>) -> Option<Disconnect> {
        let (now, life) = (cx.now, cx.config.heartbeat.life);
        let (_, heart) = self.beating()?;
        let waited = heart.judge(now, read_state, life, cx.counts.bytes_in)?;
        let (fault, cause) = match heart {
            Heart::Ours(_) => (Fault::HeartbeatMissed { waited }, Cause::HeartbeatMissed),
            Heart::Theirs { .. } => (Fault::Silent { waited }, Cause::Silent),
        };
        cx.fault(fault);
        Some(Disconnect::keep(cause))
    }

    const fn write_give_up(&self) -> Option<Timestamp> {
        match self.connection() {
            Some(Connection { write: Write::Busy { give_up, .. }, .. }) => Some(*give_up),
            Some(_) | None => None,
        }
    }

    fn out_of_place<D: Dialect>(self, what: &'static str, cx: &mut Context<D>) -> Self {
        cx.fault(Fault::OutOfPlace { what });
        self
    }

    fn ignore<D: Dialect>(self, cx: &mut Context<D>) -> Self {
        cx.counts.stale += 1;
        self
    }
}

impl Live {
    /// Beats, then sends what waits, if the write is free.
    fn pump<D: Dialect>(&mut self, cx: &mut Context<D>) {
        self.connection.beat(&mut self.heart, self.session.sequence, cx);
        if !self.connection.is_idle() || !cx.outbox.has_outgoing() {
            return;
        }
        cx.outbox.hold_keys(cx.now);
        if self.connection.pace.command_at(cx.now) > cx.now {
            return cx.outbox.hold(cx.now);
        }
        match cx.outbox.next(cx.now) {
            None => {}
            Some(Outgoing::Standing(key, payload)) => self.connection.start(payload, Writing::Standing(key), cx),
            Some(Outgoing::Command(pending)) => {
                if let Some(since) = pending.held_since {
                    cx.event(Event::Paced { waited: cx.now - since });
                }
                self.connection.start(pending.payload.clone(), Writing::Command(pending), cx);
                cx.tell_room();
            }
        }
    }
}

impl Handshake {
    pub(super) const fn plan(&self) -> Plan {
        match self {
            Self::Identify => Plan::Identify,
            Self::Resume(_) => Plan::Resume,
        }
    }
}
