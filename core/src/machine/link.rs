//! The phases and every transition between them.
//!
//! What a phase does with an input; an empty cell ignores it and counts it as stale. `leave` is the way out of a
//! link: by a close frame, by an abort, or because the socket is gone; then comes Waiting, or Ended.
//!
//! ```text
//! | input           | Idle    | Waiting  | Dialing  | Greeting  | Queued      | Identifying | Resuming | Online   | Closing |
//! |-----------------|---------|----------|----------|-----------|-------------|-------------|----------|----------|---------|
//! | Start           | Dialing |          |          |           |             |             |          |          |         |
//! | Opened          |         |          | Greeting |           |             |             |          |          |         |
//! | ConnectFailed   |         |          | Waiting  |           |             |             |          |          |         |
//! | Sent            |         |          |          | stays     | stays       | stays       | stays    | stays    | stays   |
//! | Closed          |         |          | Waiting  | leave     | leave       | leave       | leave    | leave    | Waiting |
//! | IdentifyGranted |         |          |          |           | Identifying |             |          |          |         |
//! | IdentifyDenied  |         |          |          |           | stays       |             |          |          |         |
//! | BudgetExhausted |         |          |          |           | stays       |             |          |          |         |
//! | Token           | stays   | Dialing  | stays    | stays     | stays       | stays       | stays    | stays    | stays   |
//! | TokenDenied     | Ended   | stays    | Ended    | leave     | leave       | leave       | leave    | leave    | Ended   |
//! | Suspended       | stays   | stays    | Waiting  | leave     | leave       | leave       | leave    | leave    | stays   |
//! | Hello           |         |          |          | Queued, Resuming | stays | stays       | stays    | stays    |         |
//! | Ready           |         |          |          | fault     | fault       | Online      | Online   | Online   |         |
//! | Resumed         |         |          |          | fault     | fault       | leave       | Online   | stays    |         |
//! | Dispatch        |         |          |          | fault     | fault       | fault       | stays    | stays    |         |
//! | Reconnect       |         |          |          | leave     | leave       | leave       | leave    | leave    |         |
//! | InvalidSession  |         |          |          | leave     | leave       | leave       | leave    | leave    |         |
//! | deadline        |         | Dialing  | Waiting  | leave     | leave       | leave       | leave    | leave    | Waiting |
//! ```
//!
//! Ended ignores all. `TokenDenied` ends only where it says "never".
//!
//! # Invariants
//! * `silent-outside`: nothing is sent before Hello, nor after Close.
//! * `deadline-always`: every phase between Start and Ended has a deadline.

use super::action::{Action, ConnectLimits};
use super::asked::{Asked, Shutdown};
use super::cause::Cause;
use super::config::OnConnectFailure;
use super::deadline::Deadline;
use super::desk::Desk;
use super::event::{EndReason, Event, Fault};
use super::heart::{GRACE, Heart, Sight};
use super::input::ConnectFailure;
use super::leave::{After, CloseStep, Departure, Exit, Pacing};
use super::outbox::Outgoing;
use super::phase::Phase;
use super::resumption::{Handshake, Resumption, Tries};
use super::timer::Timer;
use super::wire::{Turn, Wire, Write, Writing};
use crate::codec::CodecError;
use crate::dialect::{Dialect, Fate, FrameError, HeartRate, Plan, SessionStart, Signal, Spans, StandingKey};
use crate::dispatch::{Origin, UnknownFrame};
use crate::message::{Closure, LinkId, Sequence};
use crate::session::Session;
use crate::time::Timestamp;
use alloc::vec::Vec;
use bytes::Bytes;
use core::time::Duration;

/// Where the link to the gateway stands. One variant, one phase; each owns only what exists in that phase.
#[derive(Debug, Default)]
pub(super) enum Link {
    #[default]
    Idle,
    Waiting {
        until: Timestamp,
        plan: Handshake,
        token: TokenWait,
    },
    Dialing {
        link: LinkId,
        plan: Handshake,
        give_up: Timestamp,
    },
    Greeting {
        wire: Wire,
        plan: Handshake,
        give_up: Deadline,
    },
    Queued {
        wire: Wire,
        heart: Heart,
    },
    Identifying {
        wire: Wire,
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
    Online {
        live: Live,
        since: Timestamp,
    },
    Closing {
        link: LinkId,
        write: Write,
        step: CloseStep,
        after: After,
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
    pub(super) wire: Wire,
    pub(super) heart: Heart,
    pub(super) session: Session,
}

/// Whether the next link waits for a token as well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TokenWait {
    NotAsked,
    Asked,
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
    /// it, numbers this link anew. One that is below the replay only is not: some number Resumed by where the Resume
    /// began, and the replay must not come twice.
    fn is_below(self, resumed: Option<Sequence>) -> bool {
        match self {
            Self::Owed => false,
            Self::Started { from } => resumed.zip(from).is_some_and(|(resumed, from)| resumed < from),
        }
    }
}

/// What happened on the current link.
#[derive(Debug)]
pub(super) enum Happening {
    Start,
    Opened,
    ConnectFailed(ConnectFailure),
    Sent,
    Closed(Closure),
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

impl Link {
    /// The one match that decides what follows from what happened.
    pub(super) fn on<D: Dialect>(self, happening: Happening, desk: &mut Desk<D>) -> Self {
        match happening {
            Happening::Start => self.start(desk),
            Happening::Opened => self.opened(desk),
            Happening::ConnectFailed(failure) => self.connect_failed(failure, desk),
            Happening::Sent => self.sent(desk),
            Happening::Closed(closure) => self.closed(closure, desk),
            Happening::IdentifyGranted => self.turn_answered(Turn::Granted, desk),
            Happening::IdentifyDenied(after) => {
                // A moment that is not after now would be asked about in a spin.
                let until = desk.now + after.max(Duration::from_millis(100));
                self.turn_answered(Turn::Denied { until }, desk)
            }
            Happening::BudgetExhausted(resets_in) => self.budget_exhausted(resets_in, desk),
            Happening::TokenGiven => self.token_given(desk),
            Happening::TokenDenied(Some(after)) => self.token_later(after, desk),
            Happening::TokenDenied(None) => self.finish(EndReason::TokenDenied, Cause::TokenDenied, desk),
            Happening::Suspended(span) => self.suspended(span, desk),
            Happening::Frame(signal, frame) => self.frame(signal, frame, desk),
            Happening::Malformed(error) => {
                let departure = Departure::keep(Cause::Malformed);
                desk.fault(Fault::Malformed(error));
                self.leave(Exit::Close(desk.limits.close_keep), departure, desk)
            }
            Happening::TooLarge { len } => {
                desk.fault(Fault::TooLarge { len, limit: desk.config.limits.message });
                self.leave(Exit::Close(desk.limits.close_keep), Departure::keep(Cause::TooLarge), desk)
            }
            Happening::Undecodable(error) => {
                desk.fault(Fault::Undecodable(error));
                self.leave(Exit::Close(desk.limits.close_keep), Departure::keep(Cause::Undecodable), desk)
            }
            Happening::Undrained => {
                desk.fault(Fault::Undrained { limit: desk.config.limits.undrained });
                self.leave(Exit::Abort, Departure::keep(Cause::Undrained), desk)
            }
        }
    }

    /// Does what is due at `desk.now`. `deadline` then lies ahead, or another call is needed.
    pub(super) fn due<D: Dialect>(mut self, sight: Sight, desk: &mut Desk<D>) -> Self {
        if let Some(asked) = desk.asked.take() {
            return self.asked(asked, desk);
        }
        if let Some(give_up) = self.write_give_up()
            && desk.now >= give_up
        {
            return self.timed_out(Timer::Write, Exit::Abort, desk);
        }
        if let Some(departure) = self.judge_heart(sight, desk) {
            return self.leave(Exit::Close(desk.limits.close_keep), departure, desk);
        }
        match self {
            // A caller that takes nothing gets no more links: each would leave more to be taken.
            Self::Waiting { until, plan, token } if desk.now >= until && desk.is_full() => {
                Self::Waiting { until: desk.now + GRACE, plan, token }
            }
            Self::Waiting { until, plan, .. } if desk.now >= until => Self::dial(plan, Cause::WaitOver, desk),
            Self::Dialing { link, plan, give_up } if desk.now >= give_up => {
                desk.tray.push(Action::Abort { link });
                desk.fault(Fault::TimedOut { timer: Timer::Connect });
                Self::not_reached(plan, ConnectFailure::TimedOut, Cause::TimedOut(Timer::Connect), desk)
            }
            Self::Closing { link, write, after, give_up, .. } if desk.now >= give_up => {
                desk.tray.push(Action::Abort { link });
                desk.cause = Cause::TimedOut(Timer::Close);
                write.gone(desk);
                after.rest(desk)
            }
            Self::Idle | Self::Waiting { .. } | Self::Dialing { .. } | Self::Closing { .. } | Self::Ended { .. } => {
                self
            }
            Self::Greeting { wire, plan, mut give_up } => {
                let is_over = give_up.judge(desk.now, sight, desk.counts.bytes_in);
                let link = Self::Greeting { wire, plan, give_up };
                if is_over { link.timed_out(Timer::Hello, Exit::Abort, desk) } else { link }
            }
            Self::Queued { wire, heart } => Self::queued(wire, heart, desk),
            Self::Identifying { mut wire, mut heart, carried, mut give_up } => {
                wire.beat(&mut heart, None, desk);
                let is_over = give_up.judge(desk.now, sight, desk.counts.bytes_in);
                let link = Self::Identifying { wire, heart, carried, give_up };
                let exit = Exit::Close(desk.limits.close_keep);
                if is_over { link.timed_out(Timer::Ready, exit, desk) } else { link }
            }
            Self::Resuming { live, tries, step, mut give_up } => {
                let is_over = give_up.judge(desk.now, sight, desk.counts.bytes_in);
                let link = Self::Resuming { live, tries, step, give_up };
                if is_over { link.timed_out(Timer::Resumed, Exit::Abort, desk) } else { link.resume(desk) }
            }
            Self::Online { ref mut live, .. } => {
                live.pump(desk);
                self
            }
        }
    }

    /// Takes a dispatch that the filter keeps out, without a copy of it; false for anything else.
    pub(super) fn pass_over<D: Dialect>(&mut self, signal: &Signal, frame: &[u8], desk: &mut Desk<D>) -> bool {
        let Signal::Dispatch(spans) = signal else { return false };
        if desk.config.events.passes(spans.name.of(frame)) {
            return false;
        }
        let (live, tries) = match self {
            Self::Online { live, .. } => (live, None),
            Self::Resuming { live, tries, .. } => (live, Some(tries)),
            Self::Idle
            | Self::Waiting { .. }
            | Self::Dialing { .. }
            | Self::Greeting { .. }
            | Self::Queued { .. }
            | Self::Identifying { .. }
            | Self::Closing { .. }
            | Self::Ended { .. } => return false,
        };
        live.heart.hear(desk.now);
        let before = live.session.sequence;
        desk.pass_over(&mut live.session, frame, spans);
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
        desk: &mut Desk<D>,
    ) -> Option<(Signal, Bytes)> {
        match (signal, &mut *self) {
            (Signal::Dispatch(spans), Self::Online { live, .. }) => {
                live.heart.hear(desk.now);
                desk.dispatch(&mut live.session, frame, spans, Origin::Live);
            }
            (Signal::Dispatch(spans), Self::Resuming { live, tries, .. }) => {
                live.heart.hear(desk.now);
                let before = live.session.sequence;
                desk.dispatch(&mut live.session, frame, spans, Origin::Replay);
                if live.session.sequence > before {
                    tries.progressed();
                }
            }
            (Signal::Unknown { op, sequence }, _) => self.unknown(op, sequence, frame, desk),
            (signal, _) => {
                let Some((wire, heart)) = self.beating() else { return Some((signal, frame)) };
                heart.hear(desk.now);
                match signal {
                    Signal::HeartbeatAck => {
                        if let Heart::Ours(ours) = heart
                            && let Some(latency) = ours.ack(desk.now)
                        {
                            desk.counts.beats_acked += 1;
                            desk.latency.note(desk.now, latency);
                        }
                    }
                    Signal::HeartbeatRequest | Signal::Beat => wire.owe_answer(heart, desk),
                    Signal::TokenExpiring => {
                        desk.tray.push(Action::AskToken { reason: super::action::TokenReason::Expiring });
                    }
                    signal => return Some((signal, frame)),
                }
            }
        }
        None
    }

    /// Tells each moment at which something is due, and what.
    pub(super) fn timers<D: Dialect>(&self, desk: &Desk<D>, mut due: impl FnMut(Timestamp, Timer)) {
        if desk.asked.is_some() && !matches!(self, Self::Idle | Self::Ended { .. }) {
            due(desk.now, Timer::Asked);
        }
        match self {
            Self::Idle if desk.asked.is_some() => due(desk.now, Timer::Asked),
            Self::Idle | Self::Ended { .. } => {}
            Self::Waiting { until, token: TokenWait::NotAsked, .. } => due(*until, Timer::Reconnect),
            Self::Waiting { until, token: TokenWait::Asked, .. } => due(*until, Timer::Token),
            Self::Dialing { give_up, .. } => due(*give_up, Timer::Connect),
            Self::Greeting { give_up, .. } => due(give_up.at(), Timer::Hello),
            Self::Closing { give_up, .. } => due(*give_up, Timer::Close),
            Self::Queued { wire, heart } => {
                wire.timers(heart, desk.now, &mut due);
                match wire.turn {
                    Turn::Denied { until } => due(until, Timer::Identify),
                    Turn::Granted if wire.is_idle() => due(wire.pace.beat_at(desk.now), Timer::Identify),
                    Turn::Granted | Turn::Asked | Turn::None => {}
                }
            }
            Self::Identifying { wire, heart, give_up, .. } => {
                wire.timers(heart, desk.now, &mut due);
                due(give_up.at(), Timer::Ready);
            }
            Self::Resuming { live, step, give_up, .. } => {
                live.wire.timers(&live.heart, desk.now, &mut due);
                due(give_up.at(), Timer::Resumed);
                if *step == ResumeStep::Owed && live.wire.is_idle() {
                    due(live.wire.pace.beat_at(desk.now), Timer::Pace);
                }
            }
            Self::Online { live, .. } => {
                live.wire.timers(&live.heart, desk.now, &mut due);
                if live.wire.is_idle()
                    && let Some(free_at) = desk.outbox.free_at(desk.now)
                {
                    due(free_at.max(live.wire.pace.command_at(desk.now)), Timer::Pace);
                }
            }
        }
    }

    /// When something is due next, and what.
    pub(super) fn deadline<D: Dialect>(&self, desk: &Desk<D>) -> Option<(Timestamp, Timer)> {
        let mut next = None;
        self.timers(desk, |until, timer| {
            if next.is_none_or(|(soonest, _)| until < soonest) {
                next = Some((until, timer));
            }
        });
        next
    }

    pub(super) const fn phase(&self) -> Phase {
        match self {
            Self::Idle => Phase::Idle,
            Self::Waiting { .. } => Phase::Waiting,
            Self::Dialing { .. } => Phase::Dialing,
            Self::Greeting { .. } => Phase::Greeting,
            Self::Queued { .. } => Phase::Queued,
            Self::Identifying { .. } => Phase::Identifying,
            Self::Resuming { .. } => Phase::Resuming,
            Self::Online { .. } => Phase::Online,
            Self::Closing { .. } => Phase::Closing,
            Self::Ended { .. } => Phase::Ended,
        }
    }

    /// The current link's id.
    pub(super) const fn id(&self) -> Option<LinkId> {
        match self {
            Self::Dialing { link, .. } | Self::Closing { link, .. } => Some(*link),
            Self::Idle | Self::Waiting { .. } | Self::Ended { .. } => None,
            Self::Greeting { .. }
            | Self::Queued { .. }
            | Self::Identifying { .. }
            | Self::Resuming { .. }
            | Self::Online { .. } => match self.wire() {
                Some(wire) => Some(wire.link),
                None => None,
            },
        }
    }

    /// The connection, while it is open and not being closed.
    pub(super) const fn wire(&self) -> Option<&Wire> {
        match self {
            Self::Greeting { wire, .. } | Self::Queued { wire, .. } | Self::Identifying { wire, .. } => Some(wire),
            Self::Resuming { live, .. } | Self::Online { live, .. } => Some(&live.wire),
            Self::Idle | Self::Waiting { .. } | Self::Dialing { .. } | Self::Closing { .. } | Self::Ended { .. } => {
                None
            }
        }
    }

    /// Whether another link will follow when this one is lost.
    pub(super) const fn will_reconnect(&self) -> bool {
        !matches!(self, Self::Ended { .. } | Self::Closing { after: After::End { .. }, .. })
    }

    /// The session in hand, or the one to begin with.
    pub(super) fn session_or_import<'a, D: Dialect>(&'a self, desk: &'a Desk<D>) -> Option<&'a Session> {
        if matches!(self, Self::Idle) {
            desk.config.imported.as_ref().map(|imported| &imported.session)
        } else {
            self.session()
        }
    }

    /// The session in hand.
    pub(super) const fn session(&self) -> Option<&Session> {
        match self {
            Self::Waiting { plan, .. } | Self::Dialing { plan, .. } | Self::Greeting { plan, .. } => match plan {
                Handshake::Identify => None,
                Handshake::Resume(resumption) => Some(&resumption.session),
            },
            Self::Resuming { live, .. } | Self::Online { live, .. } => Some(&live.session),
            Self::Closing { after, .. } => after.session(),
            Self::Ended { kept, .. } => kept.as_ref(),
            Self::Idle | Self::Queued { .. } | Self::Identifying { .. } => None,
        }
    }

    pub(super) fn wire_mut(&mut self) -> Option<&mut Wire> {
        match self {
            Self::Greeting { wire, .. } | Self::Queued { wire, .. } | Self::Identifying { wire, .. } => Some(wire),
            Self::Resuming { live, .. } | Self::Online { live, .. } => Some(&mut live.wire),
            Self::Idle | Self::Waiting { .. } | Self::Dialing { .. } | Self::Closing { .. } | Self::Ended { .. } => {
                None
            }
        }
    }

    fn beating(&mut self) -> Option<(&mut Wire, &mut Heart)> {
        match self {
            Self::Queued { wire, heart } | Self::Identifying { wire, heart, .. } => Some((wire, heart)),
            Self::Resuming { live, .. } | Self::Online { live, .. } => Some((&mut live.wire, &mut live.heart)),
            Self::Idle
            | Self::Waiting { .. }
            | Self::Dialing { .. }
            | Self::Greeting { .. }
            | Self::Closing { .. }
            | Self::Ended { .. } => None,
        }
    }

    fn start<D: Dialect>(self, desk: &mut Desk<D>) -> Self {
        let Self::Idle = self else { return self.ignore(desk) };
        let plan = match desk.config.imported.take() {
            None => Handshake::Identify,
            Some(imported) => {
                let mut resumption = Resumption::fresh(imported.session);
                if imported.age.is_none_or(|age| age > desk.limits.session_life) {
                    resumption.tries.at_most(1);
                }
                Handshake::Resume(resumption)
            }
        };
        Self::dial(plan, Cause::Started, desk)
    }

    /// Connects, or asks for the token that the handshake will need.
    fn dial<D: Dialect>(plan: Handshake, cause: Cause, desk: &mut Desk<D>) -> Self {
        desk.cause = cause;
        if let Some(reason) = desk.token_needed() {
            desk.tray.push(Action::AskToken { reason });
            let until = desk.now + desk.config.timeouts.token;
            return Self::Waiting { until, plan, token: TokenWait::Asked };
        }
        let link = LinkId(desk.last_link.0.wrapping_add(1));
        desk.last_link = link;
        desk.event(Event::Connecting { link, plan: plan.plan() });
        let limits = ConnectLimits { message: desk.config.limits.message };
        desk.tray.push(Action::Connect { link, url: desk.url(&plan), limits });
        Self::Dialing { link, plan, give_up: desk.now + desk.config.timeouts.connect }
    }

    fn opened<D: Dialect>(self, desk: &mut Desk<D>) -> Self {
        let Self::Dialing { link, plan, .. } = self else { return self.ignore(desk) };
        desk.cause = Cause::Opened;
        desk.counts.links += 1;
        Self::Greeting { wire: Wire::new(link, desk), plan, give_up: desk.deadline(desk.config.timeouts.hello) }
    }

    fn connect_failed<D: Dialect>(self, failure: ConnectFailure, desk: &mut Desk<D>) -> Self {
        let Self::Dialing { plan, .. } = self else { return self.ignore(desk) };
        Self::not_reached(plan, failure, failure.into(), desk)
    }

    /// No link came of dialing: it says nothing about the session, but perhaps about the resume URL.
    fn not_reached<D: Dialect>(plan: Handshake, failure: ConnectFailure, cause: Cause, desk: &mut Desk<D>) -> Self {
        desk.cause = cause;
        let cap = match desk.config.connect.of(failure) {
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
                return After::End { reason, kept: plan.into_session() }.rest(desk);
            }
            OnConnectFailure::BackOff => Duration::ZERO,
            OnConnectFailure::BackOffAtCap => desk.config.backoff.at_cap(&mut desk.rng),
        };
        let floor = match failure {
            ConnectFailure::Http { retry_after: Some(after), .. } => {
                desk.asked_wait(after.min(desk.config.connect.retry_after_max))
            }
            _ => Duration::ZERO,
        };
        let departure = Departure { floor: floor.max(cap), ..Departure::keep(cause) };
        super::leave::Hold::Untried(plan).after(departure, desk).rest(desk)
    }

    fn sent<D: Dialect>(mut self, desk: &mut Desk<D>) -> Self {
        if let Some(wire) = self.wire_mut() {
            wire.sent(desk);
            return self;
        }
        match self {
            Self::Closing { link, write: Write::Busy { what, .. }, step, after, give_up } => {
                what.sent(desk);
                let step = step.tell(link, desk);
                Self::Closing { link, write: Write::Idle, step, after, give_up }
            }
            other => other.ignore(desk),
        }
    }

    fn closed<D: Dialect>(self, closure: Closure, desk: &mut Desk<D>) -> Self {
        let code = closure.code();
        let cause = match closure {
            Closure::TooLarge { .. } => Cause::TooLarge,
            _ => code.map_or(Cause::ConnectionLost, Cause::Closed),
        };
        match self {
            Self::Dialing { plan, .. } => Self::not_reached(plan, ConnectFailure::Io, Cause::ConnectIo, desk),
            Self::Closing { link, write, step, after, .. } => {
                desk.cause = cause;
                desk.event(Event::Closed { link, closure });
                write.gone(desk);
                // A code of the peer's own, which crossed ours, still counts.
                let theirs = code.filter(|code| !step.is_echo(*code));
                after.outvoted_by(theirs, desk).rest(desk)
            }
            other => {
                let departure = Departure::of_code(code, cause, desk);
                other.leave(Exit::Gone(closure), departure, desk)
            }
        }
    }

    fn turn_answered<D: Dialect>(mut self, turn: Turn, desk: &mut Desk<D>) -> Self {
        match &mut self {
            Self::Queued { wire, .. } if wire.turn == Turn::Asked => wire.turn = turn,
            _ => desk.counts.stale += 1,
        }
        if turn == Turn::Granted {
            desk.budget_told = None;
        }
        self
    }

    /// The turn will be long in coming: the application is told, once, however many links the wait outlives.
    fn budget_exhausted<D: Dialect>(self, resets_in: Duration, desk: &mut Desk<D>) -> Self {
        match &self {
            Self::Queued { wire, .. } if wire.turn == Turn::Asked => {
                if desk.budget_told.is_none_or(|until| desk.now >= until) {
                    desk.event(Event::BudgetExhausted { resets_in });
                }
                desk.budget_told = Some(desk.now + resets_in);
            }
            _ => desk.counts.stale += 1,
        }
        self
    }

    fn token_given<D: Dialect>(self, desk: &mut Desk<D>) -> Self {
        match self {
            Self::Waiting { plan, token: TokenWait::Asked, .. } => {
                Self::Waiting { until: desk.now, plan, token: TokenWait::Asked }
            }
            other => other,
        }
    }

    fn token_later<D: Dialect>(self, after: Duration, desk: &mut Desk<D>) -> Self {
        match self {
            Self::Waiting { plan, token: TokenWait::Asked, .. } => {
                let until = desk.now + after.max(Duration::from_millis(100));
                Self::Waiting { until, plan, token: TokenWait::Asked }
            }
            other => other,
        }
    }

    fn suspended<D: Dialect>(self, span: Duration, desk: &mut Desk<D>) -> Self {
        let bearable = match &self {
            Self::Dialing { .. } => desk.config.timeouts.connect,
            Self::Greeting { .. } => desk.config.timeouts.hello,
            Self::Queued { heart, .. } | Self::Identifying { heart, .. } => heart.interval(),
            Self::Resuming { live, .. } | Self::Online { live, .. } => live.heart.interval(),
            Self::Idle | Self::Waiting { .. } | Self::Closing { .. } | Self::Ended { .. } => return self,
        };
        if span <= bearable {
            return self;
        }
        desk.fault(Fault::Suspended { span });
        match self {
            Self::Dialing { link, plan, .. } => {
                desk.tray.push(Action::Abort { link });
                Self::not_reached(plan, ConnectFailure::TimedOut, Cause::Suspended, desk)
            }
            other => other.leave(Exit::Abort, Departure::keep(Cause::Suspended), desk),
        }
    }

    fn frame<D: Dialect>(self, signal: Signal, frame: Bytes, desk: &mut Desk<D>) -> Self {
        match signal {
            Signal::Hello(rate) => self.hello(rate, desk),
            Signal::Ready(start, spans) => self.ready(*start, spans, frame, desk),
            Signal::Resumed(spans) => self.resumed(spans, frame, desk),
            Signal::Reconnect { after } => {
                let floor = desk.asked_wait(after);
                let departure = Departure { floor, ..Departure::keep(Cause::ReconnectRequested) };
                self.leave(Exit::Close(desk.limits.close_keep), departure, desk)
            }
            Signal::InvalidSession(fate) => {
                let (least, most) = desk.limits.invalid_session_wait;
                let floor = desk.rng.between(least, most);
                let (departure, code) = match fate {
                    Fate::Resumable => (Departure::keep(Cause::InvalidSessionResumable), desk.limits.close_keep),
                    Fate::Lost => (Departure::lose(Cause::InvalidSessionLost), desk.limits.close_end),
                };
                self.leave(Exit::Close(code), Departure { floor, ..departure }, desk)
            }
            Signal::Dispatch(_) => self.out_of_place("dispatch", desk),
            Signal::HeartbeatRequest | Signal::HeartbeatAck | Signal::Beat => self.out_of_place("heartbeat", desk),
            Signal::TokenExpiring => self.out_of_place("token expiring", desk),
            Signal::Unknown { .. } => self,
        }
    }

    fn hello<D: Dialect>(mut self, rate: HeartRate, desk: &mut Desk<D>) -> Self {
        let heart = match Heart::begin(rate, desk.now, &desk.config.heartbeat, &mut desk.rng) {
            Ok(heart) => heart,
            Err(asked) => {
                desk.fault(Fault::Interval { asked });
                return self.leave(Exit::Close(desk.limits.close_keep), Departure::keep(Cause::Malformed), desk);
            }
        };
        if let HeartRate::Ours { interval } = rate
            && interval != heart.interval()
            && desk.config.heartbeat.interval.is_none()
        {
            desk.fault(Fault::Interval { asked: interval });
        }
        if let Some((wire, old)) = self.beating() {
            wire.pace.keep_reserve(heart.interval());
            old.succeed(heart);
            return self;
        }
        let Self::Greeting { mut wire, plan, .. } = self else { return self };
        desk.cause = Cause::Hello;
        wire.pace.keep_reserve(heart.interval());
        match plan {
            Handshake::Identify => {
                desk.tray.push(Action::AskIdentify { link: wire.link });
                wire.turn = Turn::Asked;
                Self::Queued { wire, heart }
            }
            Handshake::Resume(Resumption { session, tries }) => {
                let give_up = desk.deadline(desk.config.timeouts.resumed);
                let live = Live { wire, heart, session };
                Self::Resuming { live, tries, step: ResumeStep::Owed, give_up }.resume(desk)
            }
        }
    }

    /// Writes the Resume as soon as it can go, then beats.
    fn resume<D: Dialect>(self, desk: &mut Desk<D>) -> Self {
        let Self::Resuming { mut live, tries, mut step, mut give_up } = self else { return self };
        let is_free = live.wire.is_idle() && live.wire.pace.beat_at(desk.now) <= desk.now;
        if step == ResumeStep::Owed && is_free {
            let payload = desk.dialect.resume(desk.token(), &live.session);
            let from = live.session.sequence;
            live.wire.start(payload, Writing::Resume { sequence: from }, desk);
            step = ResumeStep::Started { from };
            give_up = desk.deadline(desk.config.timeouts.resumed);
        }
        live.wire.beat(&mut live.heart, live.session.sequence, desk);
        Self::Resuming { live, tries, step, give_up }
    }

    /// Beats, asks again for a turn that was denied, and identifies when it has come.
    fn queued<D: Dialect>(mut wire: Wire, mut heart: Heart, desk: &mut Desk<D>) -> Self {
        wire.beat(&mut heart, None, desk);
        match wire.turn {
            Turn::Denied { until } if desk.now >= until => {
                desk.tray.push(Action::AskIdentify { link: wire.link });
                wire.turn = Turn::Asked;
            }
            Turn::Granted if wire.is_idle() && wire.pace.beat_at(desk.now) <= desk.now => {
                desk.cause = Cause::IdentifyGranted;
                desk.counts.identifies += 1;
                let identify = desk.identify();
                let carried = identify.carried;
                let what = Writing::Identify { commands: desk.outbox.take_carried(&carried, desk.now) };
                wire.turn = Turn::None;
                wire.start(identify.payload, what, desk);
                let give_up = desk.deadline(desk.config.timeouts.ready);
                return Self::Identifying { wire, heart, carried, give_up };
            }
            Turn::Denied { .. } | Turn::Granted | Turn::Asked | Turn::None => {}
        }
        Self::Queued { wire, heart }
    }

    fn ready<D: Dialect>(mut self, start: SessionStart, spans: Spans, frame: Bytes, desk: &mut Desk<D>) -> Self {
        let (wire, heart, carried) = match self {
            Self::Identifying { wire, heart, carried, .. } => (wire, heart, carried),
            Self::Resuming { ref mut live, .. } | Self::Online { ref mut live, .. }
                if start.id.is_some() && live.session.id == start.id =>
            {
                desk.dispatch(&mut live.session, frame, spans, Origin::Live);
                return self;
            }
            // Another session than the one at hand: the gateway has begun it, so it is the one that counts.
            Self::Resuming { live, .. } | Self::Online { live, .. } => {
                desk.lose_session(Cause::Ready);
                (live.wire, live.heart, Vec::new())
            }
            other => return other.out_of_place("ready", desk),
        };
        desk.cause = Cause::Ready;
        let mut session = desk.begin_session(start);
        let dispatch = desk.number(&mut session, frame, spans, Origin::Live);
        desk.event(Event::Ready(dispatch));
        desk.outbox.begin_session(&carried);
        Self::online(Live { wire, heart, session }, desk)
    }

    fn online<D: Dialect>(mut live: Live, desk: &mut Desk<D>) -> Self {
        live.heart.hear(desk.now);
        // What its key's limit holds back over a loss is held on this link from now on.
        desk.outbox.hold_keys(desk.now);
        Self::Online { live, since: desk.now }
    }

    fn resumed<D: Dialect>(self, spans: Spans, frame: Bytes, desk: &mut Desk<D>) -> Self {
        match self {
            Self::Resuming { mut live, tries, step, .. } => {
                desk.cause = Cause::Resumed;
                desk.counts.resumes += 1;
                if tries.is_at_base() {
                    // The resume host failed, and the base URL brought the session back. Ready alone names such a host, so
                    // a dead one would be dialed first at every later loss.
                    live.session.resume_url = None;
                }
                if step.is_below(spans.sequence) {
                    desk.renumber(&mut live.session);
                }
                let dispatch = desk.number(&mut live.session, frame, spans, Origin::Live);
                desk.event(Event::Resumed(dispatch));
                Self::online(live, desk)
            }
            Self::Online { mut live, since } => {
                desk.dispatch(&mut live.session, frame, spans, Origin::Live);
                Self::Online { live, since }
            }
            Self::Identifying { .. } => {
                desk.fault(Fault::OutOfPlace { what: "resumed" });
                self.leave(Exit::Close(desk.limits.close_keep), Departure::keep(Cause::OutOfPlace), desk)
            }
            other => other.out_of_place("resumed", desk),
        }
    }

    /// Passes a frame on that the dialect does not know. A dispatch without a name still has its sequence.
    fn unknown<D: Dialect>(&mut self, op: Option<u64>, sequence: Option<Sequence>, frame: Bytes, desk: &mut Desk<D>) {
        if let Some((_, heart)) = self.beating() {
            heart.hear(desk.now);
        }
        if let Self::Resuming { live, .. } | Self::Online { live, .. } = self {
            live.session.sequence = live.session.sequence.max(sequence);
        }
        desk.event(Event::Unknown(UnknownFrame { frame, op }));
    }

    fn asked<D: Dialect>(self, asked: Asked, desk: &mut Desk<D>) -> Self {
        match asked {
            Asked::Shutdown(shutdown) => self.shut_down(shutdown, desk),
            Asked::Reconnect(cause) => match self {
                Self::Waiting { plan, token: TokenWait::NotAsked, .. } => {
                    Self::Waiting { until: desk.now, plan, token: TokenWait::NotAsked }
                }
                Self::Dialing { link, plan, .. } => {
                    desk.cause = cause;
                    desk.tray.push(Action::Abort { link });
                    After::Reconnect { plan, floor: Duration::ZERO, pacing: Pacing::Asked, cause }.rest(desk)
                }
                Self::Idle | Self::Waiting { .. } | Self::Closing { .. } | Self::Ended { .. } => self,
                other => {
                    let departure = Departure { pacing: Pacing::Asked, ..Departure::keep(cause) };
                    other.leave(Exit::Close(desk.limits.close_keep), departure, desk)
                }
            },
        }
    }

    fn shut_down<D: Dialect>(self, shutdown: Shutdown, desk: &mut Desk<D>) -> Self {
        if let Self::Closing { link, write, step, after, give_up } = self {
            let step = step.shut_down(shutdown, desk.limits.close_end);
            return Self::Closing { link, write, step, after: after.shut_down(shutdown), give_up };
        }
        let kept = self.session_or_import(desk).cloned().filter(|_| shutdown == Shutdown::KeepSession);
        let code = if kept.is_some() { desk.limits.close_keep } else { desk.limits.close_end };
        self.finish_with(EndReason::Shutdown, kept, Exit::Close(code), Cause::Shutdown, desk)
    }

    /// Ends from any phase, without a session.
    fn finish<D: Dialect>(self, reason: EndReason, cause: Cause, desk: &mut Desk<D>) -> Self {
        self.finish_with(reason, None, Exit::Close(desk.limits.close_end), cause, desk)
    }

    fn finish_with<D: Dialect>(
        self,
        reason: EndReason,
        kept: Option<Session>,
        exit: Exit,
        cause: Cause,
        desk: &mut Desk<D>,
    ) -> Self {
        match self {
            Self::Ended { .. } => self,
            Self::Idle | Self::Waiting { .. } => {
                desk.cause = cause;
                After::End { reason, kept }.rest(desk)
            }
            Self::Dialing { link, .. } => {
                desk.cause = cause;
                desk.tray.push(Action::Abort { link });
                After::End { reason, kept }.rest(desk)
            }
            Self::Closing { link, write, step, give_up, .. } => {
                Self::Closing { link, write, step, after: After::End { reason, kept }, give_up }
            }
            other => other.leave(exit, Departure::end(reason, kept, cause), desk),
        }
    }

    fn timed_out<D: Dialect>(self, timer: Timer, exit: Exit, desk: &mut Desk<D>) -> Self {
        desk.fault(Fault::TimedOut { timer });
        self.leave(exit, Departure::keep(Cause::TimedOut(timer)), desk)
    }

    /// Why the link must be left, if its heart is found dead.
    fn judge_heart<D: Dialect>(&mut self, sight: Sight, desk: &mut Desk<D>) -> Option<Departure> {
        let (now, life) = (desk.now, desk.config.heartbeat.life);
        let (_, heart) = self.beating()?;
        let waited = heart.judge(now, sight, life, desk.counts.bytes_in)?;
        let (fault, cause) = match heart {
            Heart::Ours(_) => (Fault::HeartbeatMissed { waited }, Cause::HeartbeatMissed),
            Heart::Theirs { .. } => (Fault::Silent { waited }, Cause::Silent),
        };
        desk.fault(fault);
        Some(Departure::keep(cause))
    }

    const fn write_give_up(&self) -> Option<Timestamp> {
        match self.wire() {
            Some(Wire { write: Write::Busy { give_up, .. }, .. }) => Some(*give_up),
            Some(_) | None => None,
        }
    }

    fn out_of_place<D: Dialect>(self, what: &'static str, desk: &mut Desk<D>) -> Self {
        desk.fault(Fault::OutOfPlace { what });
        self
    }

    fn ignore<D: Dialect>(self, desk: &mut Desk<D>) -> Self {
        desk.counts.stale += 1;
        self
    }
}

impl Live {
    /// Beats, then sends what waits, if the write is free.
    fn pump<D: Dialect>(&mut self, desk: &mut Desk<D>) {
        self.wire.beat(&mut self.heart, self.session.sequence, desk);
        if !self.wire.is_idle() || !desk.outbox.has_outgoing() {
            return;
        }
        desk.outbox.hold_keys(desk.now);
        if self.wire.pace.command_at(desk.now) > desk.now {
            return desk.outbox.hold(desk.now);
        }
        match desk.outbox.next(desk.now) {
            None => {}
            Some(Outgoing::Standing(key, payload)) => self.wire.start(payload, Writing::Standing(key), desk),
            Some(Outgoing::Command(pending)) => {
                if let Some(since) = pending.held_since {
                    desk.event(Event::Paced { waited: desk.now - since });
                }
                self.wire.start(pending.payload.clone(), Writing::Command(pending), desk);
                desk.tell_room();
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
