//! What stays while phases come and go: dialect, config, generator, clock, commands, counters, and the queue of
//! actions. No transition is decided here.

use super::action::Action;
use super::action_queue::ActionQueue;
use super::cause::{Cause, History};
use super::config::Config;
use super::deadline::JudgedDeadline;
use super::event::{EndReason, Event, Fault};
use super::event_counts::EventCounts;
use super::frame::Frame;
use super::health::{Counts, Latency};
use super::outbox::Outbox;
use super::outcome::{CommandId, Outcome};
use super::requested::Requested;
use super::resumption::Handshake;
use super::state::State;
use super::token_slot::TokenSlot;
use crate::dialect::{Dialect, Extras, GatewayLimits, IdentifyFrame, Recovery, SessionStart, Spans};
use crate::dispatch::{Dispatch, Mark, Origin};
use crate::message::{CloseCode, ConnectionId};
use crate::rng::{Rng, Seed};
use crate::session::Session;
use crate::time::Timestamp;
use crate::url::GatewayUrl;
use bytes::Bytes;
use core::time::Duration;

/// What outlives phases. The dialect is last and may be unsized: `GatewayMachine<D>` owns a `Context<D>`, and all that is
/// below it is given a `&mut Context`, with the dialect as `dyn Dialect`. So the code of the machine exists once, whatever
/// dialects there are, and no signature below has a type parameter.
#[derive(Debug)]
pub(super) struct Context<D: ?Sized = dyn Dialect> {
    pub(super) config: Config,
    pub(super) limits: GatewayLimits,
    pub(super) seed: Seed,
    pub(super) rng: Rng,
    /// The newest moment seen: a clock that steps back stands still here.
    pub(super) now: Timestamp,
    pub(super) actions: ActionQueue,
    pub(super) outbox: Outbox,
    pub(super) requested: Option<Requested>,
    pub(super) cause: Cause,
    pub(super) history: History,
    pub(super) counts: Counts,
    pub(super) latency: Latency,
    pub(super) events: EventCounts,
    pub(super) attempts: u32,
    pub(super) time_online: Duration,
    pub(super) last_connection: ConnectionId,
    /// Until when the application knows that there are no identifies to be had.
    pub(super) budget_told: Option<Timestamp>,
    refusals: Refusals,
    /// The last pause of a close code whose pauses grow: its code, when, and how long.
    pause: Option<Pause>,
    /// Dispatches in a row that came before.
    repeated: u64,
    pub(super) token: TokenSlot,
    epoch: u32,
    pub(super) dialect: D,
}

/// A pause that a close code asked for.
#[derive(Clone, Copy, Debug)]
struct Pause {
    code: Option<CloseCode>,
    at: Timestamp,
    wait: Duration,
}

/// Which Identifies the gateway refused since the last session began.
#[derive(Clone, Copy, Debug)]
enum Refusals {
    /// The number of refused Identifies in a row that carried the standing commands.
    InARow(u32),
    /// The last Identify carried no standing command, so a refusal of it says nothing about them.
    OfABareOne,
}

impl<D: Dialect> Context<D> {
    pub(super) fn new(dialect: D, config: Config, seed: Seed) -> Self {
        let limits = dialect.limits();
        let mut cx = Self {
            limits,
            seed,
            rng: Rng::new(seed),
            now: Timestamp::ZERO,
            actions: ActionQueue::default(),
            outbox: Outbox::new(config.limits.outbox, config.limits.standing),
            requested: None,
            cause: Cause::Started,
            history: History::default(),
            counts: Counts::default(),
            latency: Latency::default(),
            events: EventCounts::new(config.limits.event_names),
            attempts: 0,
            time_online: Duration::ZERO,
            last_connection: ConnectionId(0),
            budget_told: None,
            refusals: Refusals::InARow(0),
            pause: None,
            repeated: 0,
            token: TokenSlot::default(),
            epoch: 0,
            dialect,
            config,
        };
        if let Some(resume_from) = &cx.config.resume_from {
            let Session { sequence, position, .. } = &resume_from.session;
            cx.actions.begin_at(Mark { epoch: 0, sequence: *sequence, position: position.clone() });
        }
        cx
    }
}

impl Context {
    /// Takes the clock on. One that leaps to the end of time stops where something can still lie ahead of it.
    pub(super) fn advance(&mut self, now: Timestamp) {
        self.now = self.now.max(now.min(LATEST));
    }

    /// A deadline that lies `span` ahead, for something that the peer must send.
    pub(super) fn deadline(&self, span: Duration) -> JudgedDeadline {
        JudgedDeadline::new(self.now + span, self.counts.bytes_in)
    }

    pub(super) fn event(&mut self, event: Event) {
        self.actions.push(Action::Event(event));
    }

    /// Whether the caller has left more untaken than may wait.
    pub(super) fn is_full(&self) -> bool {
        self.actions.bytes() > self.config.limits.undrained
    }

    pub(super) fn fault(&mut self, fault: Fault) {
        super::trace::fault(self.last_connection, &fault);
        self.event(Event::Faulted(fault));
    }

    /// An input that means nothing where it comes: it is counted, and changes nothing.
    pub(super) fn ignore(&mut self, state: State) -> State {
        self.counts.stale += 1;
        state
    }

    /// When something is asked for again that was denied for this long.
    pub(super) fn retry_at(&self, after: Duration) -> Timestamp {
        self.now + after.max(RETRY_MIN)
    }

    /// The permit will be long in coming: the application is told, once, however many connections the wait outlives.
    pub(super) fn budget_exhausted(&mut self, resets_in: Duration) {
        if self.budget_told.is_none_or(|until| self.now >= until) {
            self.event(Event::BudgetExhausted { resets_in });
        }
        self.budget_told = Some(self.now + resets_in);
    }

    pub(super) fn report_outcome(&mut self, id: CommandId, outcome: Outcome) {
        self.event(Event::Command(id, outcome));
    }

    /// Takes a dispatch: one that came before is dropped, one that `Config::events` keeps out moves the session on and goes
    /// no further.
    #[inline]
    pub(super) fn dispatch(&mut self, session: &mut Session, frame: Frame<'_>, spans: Spans, origin: Origin) {
        if self.config.events.passes(spans.name.of(&frame)) {
            self.hand_on(session, frame, spans, origin);
        } else {
            self.pass_over(session, &frame, &spans);
        }
    }

    /// Numbers a dispatch, counts it, and hands it on; one that came before is dropped.
    #[inline]
    pub(super) fn hand_on(&mut self, session: &mut Session, frame: Frame<'_>, spans: Spans, origin: Origin) {
        if !self.drop_repeated(session, &spans) {
            let dispatch = self.number(session, frame.into_bytes(), spans, origin);
            self.event(Event::Dispatch(dispatch));
        }
    }

    /// Numbers a dispatch and counts it, as any; but the application is not given it.
    fn pass_over(&mut self, session: &mut Session, frame: &[u8], spans: &Spans) {
        if self.drop_repeated(session, spans) {
            return;
        }
        self.counts.filtered += 1;
        self.move_on(session, frame, spans);
        self.actions.pass_over(Mark {
            epoch: self.epoch,
            sequence: session.sequence,
            position: session.position.clone(),
        });
    }

    /// Moves the session on by a dispatch that the application is given.
    pub(super) fn number(&mut self, session: &mut Session, frame: Bytes, spans: Spans, origin: Origin) -> Dispatch {
        self.move_on(session, &frame, &spans);
        Dispatch::new(frame, spans, session.sequence, self.epoch, origin)
    }

    /// Counts a dispatch that came before, so that it is dropped; false for one that did not.
    fn drop_repeated(&mut self, session: &Session, spans: &Spans) -> bool {
        let is_repeated = matches!((spans.sequence, session.sequence), (Some(got), Some(last)) if got <= last);
        if is_repeated {
            self.counts.duplicates += 1;
            self.repeated += 1;
            // A run may be as long as the peer likes: what is told of it grows with its logarithm only.
            if self.repeated.is_power_of_two() {
                self.fault(Fault::Repeated { count: self.repeated });
            }
        }
        is_repeated
    }

    /// A run of repeated dispatches is over: its whole count is told, if it was not.
    pub(super) fn end_repeated(&mut self) {
        let count = core::mem::take(&mut self.repeated);
        if count > 0 && !count.is_power_of_two() {
            self.fault(Fault::Repeated { count });
        }
    }

    /// The gateway restarts the session's sequence. Earlier sequences, and marks that hold them, no longer mean anything.
    pub(super) fn renumber(&mut self, session: &mut Session) {
        self.epoch = self.epoch.wrapping_add(1);
        session.sequence = None;
    }

    /// Moves the session on by a dispatch, counts it by name, and reports what was skipped.
    fn move_on(&mut self, session: &mut Session, frame: &[u8], spans: &Spans) {
        self.end_repeated();
        if let Some(got) = spans.sequence {
            match session.sequence {
                Some(after) if got.0 > after.0.saturating_add(1) => {
                    self.counts.gaps += 1;
                    self.event(Event::Gap { after, got });
                }
                Some(_) | None => {}
            }
            session.sequence = session.sequence.max(Some(got));
        }
        self.events.count(spans.name.of(frame));
        if let Some(position) = spans.position_in(frame) {
            session.position = Bytes::copy_from_slice(position);
        }
    }

    /// The next Identify. What the gateway refused several times in a row goes once without what it can do without: a
    /// presence that the gateway does not take would end each connection for ever.
    pub(super) fn identify(&mut self) -> IdentifyFrame {
        let full = self.dialect.identify(self.token.get(), Extras::Standing(self.outbox.standing()));
        match self.refusals {
            Refusals::InARow(times) if times >= REFUSED_MAX => {
                let bare = self.dialect.identify(self.token.get(), Extras::LeftOut);
                if bare.payload == full.payload {
                    return full;
                }
                self.refusals = Refusals::OfABareOne;
                self.fault(Fault::IdentifyRefused { times });
                bare
            }
            Refusals::InARow(_) => full,
            Refusals::OfABareOne => {
                self.refusals = Refusals::InARow(0);
                full
            }
        }
    }

    /// A connection ended between Identify and Ready, for this cause: a code of the gateway's own is a refusal, a lost
    /// connection or a code of the WebSocket layer (RFC 6455 §7.4.2) says nothing about the Identify.
    pub(super) const fn note_identify_ended(&mut self, cause: Cause) {
        let is_refusal = matches!(
            cause,
            Cause::Closed(CloseCode(4000..)) | Cause::InvalidSessionLost | Cause::InvalidSessionResumable
        );
        if is_refusal && let Refusals::InARow(times) = &mut self.refusals {
            *times = times.saturating_add(1);
        }
    }

    /// A new session begins.
    pub(super) fn begin_session(&mut self, start: SessionStart) -> Session {
        self.epoch = self.epoch.wrapping_add(1);
        self.refusals = Refusals::InARow(0);
        let parsed = start.resume_url.as_deref().map(|url| GatewayUrl::parse(url).ok());
        let resume_url = match parsed {
            Some(Some(url)) if self.dialect.is_own_host(&url) => Some(url),
            Some(_) => {
                self.fault(Fault::ForeignResumeUrl);
                None
            }
            None => None,
        };
        Session { id: start.id, shard: self.dialect.shard(), sequence: None, resume_url, position: Bytes::new() }
    }

    /// The number of the session: a new one, and the loss of one, count.
    pub(super) const fn epoch(&self) -> u32 {
        self.epoch
    }

    /// The session is gone: its marks are void, and commands that made sense on it only come back.
    pub(super) fn lose_session(&mut self, cause: Cause) {
        self.epoch = self.epoch.wrapping_add(1);
        self.event(Event::SessionLost { cause });
        for (id, outcome) in self.outbox.take_lost(self.config.on_session_lost) {
            self.report_outcome(id, outcome);
        }
        self.tell_room();
    }

    /// Whoever was turned away is told once half of the outbox is free. Where the outcomes that wait to be taken were in
    /// the way, it is true when it is read, since it comes behind them; one of it is enough.
    pub(super) fn tell_room(&mut self) {
        if !self.actions.tells_room() && self.outbox.take_drained() {
            self.event(Event::OutboxDrained);
        }
    }

    /// `session` as it was at `mark`; `None` if `mark` is of another.
    pub(super) fn session_at(&self, session: &Session, mark: &Mark) -> Option<Session> {
        let Mark { epoch, sequence, position } = mark.clone();
        (epoch == self.epoch).then(|| Session { sequence, position, ..session.clone() })
    }

    /// The machine is over: everything that waits has its outcome.
    pub(super) fn end(&mut self, reason: EndReason) {
        for (id, outcome) in self.outbox.take_all() {
            self.report_outcome(id, outcome);
        }
        self.event(Event::Ended(reason));
    }

    pub(super) fn recovery(&self, code: Option<CloseCode>) -> Recovery {
        let set = self.config.recoveries.iter().rev().find(|(of, _)| Some(*of) == code);
        set.map_or_else(|| self.dialect.close_row(code).recovery, |(_, recovery)| *recovery)
    }

    /// How long a close code is waited out. Where its row lets it grow it doubles each further time.
    pub(super) fn pause(&mut self, code: Option<CloseCode>, recovery: &Recovery) -> Duration {
        let Recovery { wait_min, wait_max, .. } = *recovery;
        if wait_max <= wait_min {
            return wait_min;
        }
        // The pause starts again at its least once the code has not come for `wait_max` after the last pause. A shorter
        // time could pass within the 60 s of the send limit, whose breach the code may be about.
        let last =
            self.pause.filter(|last| last.code == code && self.now - last.at < last.wait.saturating_add(wait_max));
        let wait = last.map_or(wait_min, |last| last.wait.saturating_mul(2).clamp(wait_min, wait_max));
        self.pause = Some(Pause { code, at: self.now, wait });
        wait
    }

    /// The wait that the gateway asks for, and a part of the spread on top: it asks many for the same at once.
    pub(super) fn asked_wait(&mut self, requested: Duration) -> Duration {
        if requested.is_zero() {
            requested
        } else {
            requested.saturating_add(self.rng.below(self.config.backoff.spread))
        }
    }

    /// Where the next connection goes.
    pub(super) fn url(&self, plan: &Handshake) -> GatewayUrl {
        let own = match plan {
            Handshake::Identify => None,
            Handshake::Resume(resumption) => resumption.url(),
        };
        self.dialect.connect_url(own.unwrap_or_else(|| self.dialect.base_url()))
    }
}

/// The shortest wait before something is asked for again: with none the machine would loop.
const RETRY_MIN: Duration = Duration::from_millis(100);
/// After this many refusals in a row an Identify goes bare: one or two may be the gateway's own trouble.
const REFUSED_MAX: u32 = 3;
/// A century before the last moment that can be written down, 484 years after the clock's start.
const LATEST: Timestamp = Timestamp::from_nanos(Timestamp::MAX.as_nanos() - 3_155_760_000_000_000_000);
