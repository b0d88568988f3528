//! The life of a shard: bytes and timestamps in, actions out.
//!
//! [`GatewayMachine`] is the whole of it. It holds a phase and a desk: the phase owns what lives as long as it does,
//! the desk what outlives it. Every transition is in one file, `link.rs`.

mod action;
mod asked;
mod backoff;
mod cause;
mod commands;
mod config;
mod config_error;
mod deadline;
mod desk;
mod event;
mod filter;
mod health;
mod heart;
mod input;
mod intake;
mod leave;
mod limits;
mod link;
mod outbox;
mod pace;
mod phase;
mod resumption;
mod send_error;
mod spelling;
mod tally;
mod timer;
mod trace;
mod tray;
mod wire;

use crate::codec::Scratch;
use crate::dialect::discord::Discord;
use crate::dialect::{CommandError, Dialect, Encoded};
use crate::dispatch::Mark;
use crate::message::LinkId;
use crate::rng::Seed;
use crate::time::Timestamp;
use alloc::borrow::Cow;
use alloc::vec::Vec;
use asked::Asked;
use core::fmt;
use core::time::Duration;
use desk::Desk;
use heart::Sight;
use link::{Happening, Link};
use tray::Tray;

pub use crate::session::Session;
pub use action::{Action, ConnectLimits, TokenReason};
pub use asked::Shutdown;
pub use backoff::Backoff;
pub use cause::{Cause, Transition};
pub use config::{
    Config, ConnectPolicy, FirstBeat, HeartbeatPolicy, Imported, Life, MalformedPolicy, OnConnectFailure, OutOfBounds,
    ResumePolicy, SessionLostPolicy, Timeouts,
};
pub use config_error::ConfigError;
pub use event::{EndReason, Event, Fault};
pub use filter::{EventFilter, EventNames};
pub use health::{Counts, Health};
pub use input::{ConnectFailure, Input, ProxyStatus};
pub use limits::Limits;
pub use outbox::{CommandId, Outcome, ReturnReason};
pub use phase::Phase;
pub use send_error::SendError;
pub use tally::Tally;
pub use timer::Timer;

/// One shard's connection to a gateway, over all its links and sessions, without a socket and without a clock.
///
/// Give it what happened with [`handle`](Self::handle), and carry out the [`Action`]s that come back, in order.
///
/// ```
/// use core::time::Duration;
/// use portcullis::dialect::discord::{Discord, Intents};
/// use portcullis::machine::{Action, Config, GatewayMachine, Input};
/// use portcullis::{Message, Seed, Timestamp};
///
/// let discord = Discord::new("a.bot.token", Intents::UNPRIVILEGED)?;
/// let mut machine = GatewayMachine::new(discord, Config::default(), Seed(7))?;
///
/// let now = Timestamp::ZERO;
/// let mut link = None;
/// for action in machine.handle(now, Input::Start) {
///     if let Action::Connect { link: new, url, .. } = action {
///         assert_eq!(url.as_str(), "wss://gateway.discord.gg/?v=10&encoding=json");
///         link = Some(new);
///     }
/// }
/// let link = link.expect("a started machine connects");
///
/// let actions: Vec<Action> = machine.handle(now + Duration::from_millis(80), Input::Opened(link)).collect();
/// assert!(matches!(actions.last(), Some(Action::Wait { .. })), "it waits for Hello, but not for ever");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct GatewayMachine<D: Dialect = Discord> {
    link: Link,
    desk: Desk<D>,
}

impl<D: Dialect> GatewayMachine<D> {
    /// A machine that has not started.
    ///
    /// # Errors
    /// [`ConfigError`] says which option cannot be, and what to give in its place.
    pub fn new(dialect: D, config: Config, seed: Seed) -> Result<Self, ConfigError> {
        config.check(&dialect)?;
        Ok(Self { link: Link::Idle, desk: Desk::new(dialect, config, seed) })
    }

    /// Takes what happened, does what is due at `now`, and returns what to do.
    ///
    /// It never fails and never panics, whatever the bytes, the order of inputs, or the clock: a `now` older than one
    /// already seen counts as the newest seen. Actions that are not taken come first next time.
    pub fn handle(&mut self, now: Timestamp, input: Input) -> Actions<'_> {
        self.handle_in(now, input, None)
    }

    /// As [`handle`](Self::handle), but payloads are unpacked in memory that is lent, so that many machines need it once.
    /// The same actions come out, byte for byte. Where `miniz_oxide` inflates a stream, what it may look back to, 32 KiB,
    /// is copied there and back; the other libraries keep it themselves.
    pub fn handle_with(&mut self, now: Timestamp, input: Input, scratch: &mut Scratch) -> Actions<'_> {
        self.handle_in(now, input, Some(scratch))
    }

    fn handle_in(&mut self, now: Timestamp, input: Input, scratch: Option<&mut Scratch>) -> Actions<'_> {
        self.desk.advance(now);
        let sight = match input {
            Input::Tick => Sight::Dry,
            Input::TickUnread | Input::Suspended(_) => Sight::Unread,
            _ => Sight::Unsaid,
        };
        self.take(input, scratch);
        let wait = self.catch_up(sight);
        self.desk.tell_room();
        Actions { tray: &mut self.desk.tray, wait }
    }

    /// Queues a command for the gateway. It leaves through [`Action::Send`] when a session is live and the send limit
    /// allows; [`Event::Command`] tells its outcome, once. Give a [`Input::Tick`] right after.
    ///
    /// # Errors
    /// [`SendError`] when it is not accepted: nothing was queued then.
    pub fn send(&mut self, now: Timestamp, command: D::Command) -> Result<CommandId, SendError> {
        let encoded = self.desk.dialect.encode(command)?;
        self.accept(now, encoded)
    }

    /// Asks the machine to end, whatever its phase. Give a [`Input::Tick`] right after; [`Event::Ended`] follows when
    /// the link is closed.
    pub fn shutdown(&mut self, now: Timestamp, shutdown: Shutdown) {
        self.ask(now, Asked::Shutdown(shutdown));
    }

    /// Asks for a new link, the session kept. A link that is open or being opened is left; a wait between two links
    /// ends at once: the network may be back. While a link closes, the next is on its way already. It does not count
    /// towards the backoff. Give a [`Input::Tick`] right after. `cause` is what [`explain`](Self::explain) will say.
    pub fn reconnect(&mut self, now: Timestamp, cause: Cause) {
        if !matches!(self.desk.asked, Some(Asked::Shutdown(_))) {
            self.ask(now, Asked::Reconnect(cause));
        }
    }

    /// What is to be done and was not taken yet, without an input. There is no `Wait` at its end: see
    /// [`deadline`](Self::deadline).
    pub fn actions(&mut self) -> Actions<'_> {
        Actions { tray: &mut self.desk.tray, wait: None }
    }

    /// When to call again at the latest, with a `Tick`. `Some` from `Start` to the end.
    #[must_use]
    pub fn deadline(&self) -> Option<Timestamp> {
        self.link.deadline(&self.desk).map(|(until, _)| until)
    }

    /// All that is due some time, soonest first: for tests and the curious. A driver needs only the first,
    /// [`deadline`](Self::deadline).
    #[must_use]
    pub fn timers(&self) -> Vec<(Timestamp, Timer)> {
        let mut timers = Vec::new();
        self.link.timers(&self.desk, |until, timer| timers.push((until, timer)));
        timers.sort_by_key(|(until, _)| *until);
        timers
    }

    /// Where it stands.
    #[must_use]
    pub const fn phase(&self) -> Phase {
        self.link.phase()
    }

    /// How many more commands it accepts. Outcomes that were not taken yet count as commands.
    #[must_use]
    pub fn room(&self) -> usize {
        self.desk.outbox.room(self.desk.tray.outcomes())
    }

    /// The config it was made with.
    #[must_use]
    pub const fn config(&self) -> &Config {
        &self.desk.config
    }

    /// The dialect it speaks.
    #[must_use]
    pub const fn dialect(&self) -> &D {
        &self.desk.dialect
    }

    /// Why it ended, if it did.
    #[must_use]
    pub const fn end_reason(&self) -> Option<&EndReason> {
        match &self.link {
            Link::Ended { reason, .. } => Some(reason),
            _ => None,
        }
    }

    /// The session as of the last event that was taken, for another process or a later run; also after
    /// `shutdown(KeepSession)`. Before its first event it is the imported one.
    #[must_use]
    pub fn session(&self) -> Option<Session> {
        self.session_at(self.desk.tray.taken())
    }

    /// The session as of a dispatch ([`Dispatch::mark`](crate::dispatch::Dispatch::mark)): for those who hold events
    /// back. `None` if that session is over.
    #[must_use]
    pub fn session_at(&self, mark: &Mark) -> Option<Session> {
        let session = self.link.session_or_import(&self.desk)?;
        self.desk.session_at(session, mark).filter(Session::is_resumable)
    }

    /// How it fares.
    #[must_use]
    pub fn health(&self) -> Health<'_> {
        let desk = &self.desk;
        let (session, wire) = (self.link.session(), self.link.wire());
        let online = match &self.link {
            Link::Online { since, .. } => desk.now - *since,
            _ => Duration::ZERO,
        };
        Health {
            phase: self.phase(),
            is_ready: matches!(self.link, Link::Online { .. }),
            can_reconnect: self.link.will_reconnect() && !matches!(desk.asked, Some(Asked::Shutdown(_))),
            link_age: wire.map(|wire| desk.now - wire.opened),
            time_online: desk.time_online.saturating_add(online),
            attempts: desk.attempts,
            sequence: session.and_then(Session::sequence),
            session_id: session.and_then(Session::id).map(Cow::Borrowed),
            latency: desk.latency.last,
            latency_smoothed: desk.latency.smoothed,
            last_ack: desk.latency.acked_at,
            counts: desk.counts,
            events: Cow::Borrowed(&desk.tally),
        }
    }

    /// The last 64 transitions, oldest first: why did my shard drop?
    pub fn explain(&self) -> impl ExactSizeIterator<Item = &Transition> {
        self.desk.history.iter()
    }

    fn accept(&mut self, now: Timestamp, encoded: Encoded) -> Result<CommandId, SendError> {
        self.desk.advance(now);
        if matches!(self.link, Link::Ended { .. }) {
            return Err(SendError::Ended);
        }
        let max = self.desk.limits.payload;
        let len = self.desk.dialect.format().encoding.len_sent(&encoded.payload).ok_or(CommandError::NotJson)?;
        if len > max {
            return Err(SendError::TooLong { len, max });
        }
        let untaken = self.desk.tray.outcomes();
        let (id, superseded) = self.desk.outbox.accept(encoded, untaken)?;
        if let Some((older, outcome)) = superseded {
            self.desk.settle(older, outcome);
        }
        Ok(id)
    }

    fn ask(&mut self, now: Timestamp, asked: Asked) {
        self.desk.advance(now);
        if !matches!(self.link, Link::Ended { .. }) {
            self.desk.asked = Some(asked);
        }
    }

    fn take(&mut self, input: Input, scratch: Option<&mut Scratch>) {
        match input {
            Input::Tick | Input::TickUnread => {}
            Input::Start => self.step(Happening::Start),
            Input::Opened(link) => self.on_link(link, Happening::Opened),
            Input::ConnectFailed(link, failure) => self.on_link(link, Happening::ConnectFailed(failure)),
            Input::Message(link, message) => self.message(link, message, scratch),
            Input::Sent(link) => self.on_link(link, Happening::Sent),
            Input::Closed(link, closure) => self.on_link(link, Happening::Closed(closure.bounded())),
            Input::IdentifyGranted(link) => self.on_link(link, Happening::IdentifyGranted),
            Input::IdentifyDenied(link, after) => self.on_link(link, Happening::IdentifyDenied(after)),
            Input::BudgetExhausted(link, after) => self.on_link(link, Happening::BudgetExhausted(after)),
            Input::Token(token, lifetime) => {
                self.desk.take_token(token, lifetime);
                self.step(Happening::TokenGiven);
            }
            Input::TokenDenied(after) => self.step(Happening::TokenDenied(after)),
            Input::Suspended(span) => self.step(Happening::Suspended(span)),
        }
    }

    fn on_link(&mut self, link: LinkId, happening: Happening) {
        if self.link.id() == Some(link) {
            self.step(happening);
        } else {
            self.desk.counts.stale += 1;
        }
    }

    /// Does all that is due at `now`, step by step: each moves the phase on or its deadline ahead.
    fn catch_up(&mut self, sight: Sight) -> Option<(Timestamp, Timer)> {
        // A dry tick judges beats that went out unjudged, though nothing may be due.
        let mut judges = sight == Sight::Dry;
        let mut next = self.link.deadline(&self.desk);
        for _ in 0..STEPS {
            let is_due = next.is_some_and(|(until, _)| until <= self.desk.now);
            if !is_due && !judges {
                return next;
            }
            judges = false;
            self.transition(|link, desk| link.due(sight, desk));
            next = self.link.deadline(&self.desk);
        }
        next.map(|(until, timer)| {
            debug_assert!(until > self.desk.now, "deadline-ahead: {timer} is due and was not done in {:?}", self.link);
            (until.max(self.desk.now + Duration::from_nanos(1)), timer)
        })
    }

    fn step(&mut self, happening: Happening) {
        self.transition(|link, desk| link.on(happening, desk));
    }

    fn transition(&mut self, step: impl FnOnce(Link, &mut Desk<D>) -> Link) {
        let (from, link) = (self.link.phase(), self.link.id());
        self.link = step(core::mem::take(&mut self.link), &mut self.desk);
        let to = self.link.phase();
        if from != to {
            let desk = &mut self.desk;
            let made = Transition::new(desk.now, link.unwrap_or(desk.last_link), desk.cause, from, to);
            trace::transition(&made);
            desk.history.note(made);
        }
    }
}

/// Prints where it stands, never the token.
impl<D: Dialect> fmt::Debug for GatewayMachine<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GatewayMachine")
            .field("dialect", &self.desk.dialect.name())
            .field("health", &self.health())
            .field("deadline", &self.link.deadline(&self.desk))
            .finish_non_exhaustive()
    }
}

/// What to do, in order. What is not taken comes first next time.
#[derive(Debug)]
#[must_use = "actions are to be carried out, in order"]
pub struct Actions<'a> {
    tray: &'a mut Tray,
    wait: Option<(Timestamp, Timer)>,
}

impl Iterator for Actions<'_> {
    type Item = Action;

    fn next(&mut self) -> Option<Action> {
        self.tray.pop().or_else(|| self.wait.take().map(|(until, timer)| Action::Wait { until, timer }))
    }
}

/// More steps than any chain of what can be due at one moment has.
const STEPS: usize = 16;
