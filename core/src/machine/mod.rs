//! The life of a shard: bytes and timestamps in, actions out.
//!
//! [`GatewayMachine`] is the whole of it. It holds a phase and a cx: the phase owns what lives as long as it does,
//! the cx what outlives it. Every transition is in one file, `connection.rs`.

mod action;
mod action_queue;
mod backoff;
mod cause;
mod config;
mod config_error;
mod connection;
mod context;
mod deadline;
mod disconnect;
mod event;
mod event_counts;
mod failure;
mod filter;
mod health;
mod heart;
mod input;
mod intake;
mod limits;
mod outbox;
mod pace;
mod phase;
mod requested;
mod resumption;
mod send_error;
mod spelling;
mod state;
mod timer;
mod trace;

use crate::codec::Scratch;
use crate::dialect::discord::Discord;
use crate::dialect::{CommandError, Dialect, Encoded};
use crate::dispatch::Mark;
use crate::message::ConnectionId;
use crate::rng::Seed;
use crate::time::Timestamp;
use action_queue::ActionQueue;
use alloc::borrow::Cow;
use alloc::vec::Vec;
use context::Context;
use core::fmt;
use core::time::Duration;
use heart::ReadState;
use requested::Requested;
use state::{Happening, State};

pub use crate::session::Session;
pub use action::{Action, ConnectLimits, TokenReason};
pub use backoff::Backoff;
pub use cause::{Cause, Transition};
pub use config::{
    Config, ConnectPolicy, FirstBeat, HeartbeatPolicy, Life, MalformedPolicy, OnConnectFailure, OutOfBounds,
    ResumeFrom, ResumePolicy, SessionLostPolicy, Timeouts,
};
pub use config_error::{ConfigError, SpanOption};
pub use event::{EndReason, Event, Fault};
pub use event_counts::EventCounts;
pub use failure::{IoFailure, Location, TlsFailure};
pub use filter::{EventFilter, EventNames};
pub use health::{Counts, Health};
pub use input::{ConnectFailure, Input, ProxyStatus};
pub use limits::Limits;
pub use outbox::{CommandId, Outcome, ReturnReason};
pub use phase::Phase;
pub use requested::Shutdown;
pub use send_error::SendError;
pub use timer::Timer;

/// One shard's connection to a gateway, over all its connections and sessions, without a socket and without a clock.
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
/// let mut connection = None;
/// for action in machine.handle(now, Input::Start) {
///     if let Action::Connect { connection: new, url, .. } = action {
///         assert_eq!(url.as_str(), "wss://gateway.discord.gg/?v=10&encoding=json");
///         connection = Some(new);
///     }
/// }
/// let connection = connection.expect("a started machine connects");
///
/// let actions: Vec<Action> = machine.handle(now + Duration::from_millis(80), Input::Opened(connection)).collect();
/// assert!(matches!(actions.last(), Some(Action::Wait { .. })), "it waits for Hello, but not for ever");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct GatewayMachine<D: Dialect = Discord> {
    state: State,
    context: Context<D>,
}

impl<D: Dialect> GatewayMachine<D> {
    /// A machine that has not started.
    ///
    /// # Errors
    /// [`ConfigError`] says which option cannot be, and what to give in its place.
    pub fn new(dialect: D, config: Config, seed: Seed) -> Result<Self, ConfigError> {
        config.check(&dialect)?;
        Ok(Self { state: State::Idle, context: Context::new(dialect, config, seed) })
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
        self.context.advance(now);
        let read_state = match input {
            Input::Tick => ReadState::Drained,
            Input::TickUnread | Input::Suspended(_) => ReadState::Unread,
            _ => ReadState::Unknown,
        };
        self.take(input, scratch);
        let wait = self.catch_up(read_state);
        self.context.tell_room();
        Actions { actions: &mut self.context.actions, wait }
    }

    /// Queues a command for the gateway. It leaves through [`Action::Send`] when a session is live and the send limit
    /// allows; [`Event::Command`] tells its outcome, once.
    ///
    /// Call [`handle`](Self::handle) with [`Input::TickUnread`] right after: it does what is due now. Pass
    /// [`Input::Tick`] only if the socket was read until it had nothing since the last input. NextState a stall the
    /// acknowledgement of a heartbeat may lie unread in the socket, and a `Tick` then gives up a healthy connection.
    ///
    /// ```
    /// use portcullis::dialect::discord::{Command, Discord, Presence, Status};
    /// use portcullis::{Action, GatewayMachine, Input, Timestamp};
    ///
    /// fn idle(machine: &mut GatewayMachine<Discord>, now: Timestamp) -> Result<Vec<Action>, portcullis::machine::SendError> {
    ///     machine.send(now, Command::UpdatePresence(Presence::new(Status::Idle)))?;
    ///     Ok(machine.handle(now, Input::TickUnread).collect())
    /// }
    /// ```
    ///
    /// # Errors
    /// [`SendError`] when it is not accepted: nothing was queued then.
    pub fn send(&mut self, now: Timestamp, command: D::Command) -> Result<CommandId, SendError> {
        let encoded = self.context.dialect.encode(command)?;
        self.accept(now, encoded)
    }

    /// Asks the machine to end, whatever its phase. Call [`handle`](Self::handle) with [`Input::TickUnread`] right after,
    /// as for [`send`](Self::send); [`Event::Ended`] follows when the connection is closed.
    pub fn shutdown(&mut self, now: Timestamp, shutdown: Shutdown) {
        self.ask(now, Requested::Shutdown(shutdown));
    }

    /// Asks for a new connection, the session kept. A connection that is open or being opened is left; a wait between two connections
    /// ends at once: the network may be back. While a connection closes, the next is on its way already. It does not count
    /// towards the backoff. Call [`handle`](Self::handle) with [`Input::TickUnread`] right after, as for
    /// [`send`](Self::send). `cause` is what [`explain`](Self::explain) will say.
    pub fn reconnect(&mut self, now: Timestamp, cause: Cause) {
        if !matches!(self.context.requested, Some(Requested::Shutdown(_))) {
            self.ask(now, Requested::Reconnect(cause));
        }
    }

    /// What is to be done and was not taken yet, without an input. There is no `Wait` at its end: see
    /// [`deadline`](Self::deadline).
    pub fn actions(&mut self) -> Actions<'_> {
        Actions { actions: &mut self.context.actions, wait: None }
    }

    /// When to call again at the latest, with a `Tick`. `Some` from `Start` to the end.
    #[must_use]
    pub fn deadline(&self) -> Option<Timestamp> {
        self.state.deadline(&self.context).map(|(until, _)| until)
    }

    /// All that is due some time, soonest first: for tests and the curious. A driver needs only the first,
    /// [`deadline`](Self::deadline).
    #[must_use]
    pub fn timers(&self) -> Vec<(Timestamp, Timer)> {
        let mut timers = Vec::new();
        self.state.timers(&self.context, |until, timer| timers.push((until, timer)));
        timers.sort_by_key(|(until, _)| *until);
        timers
    }

    /// Where it stands.
    #[must_use]
    pub const fn phase(&self) -> Phase {
        self.state.phase()
    }

    /// How many more commands it accepts. Outcomes that were not taken yet count as commands.
    #[must_use]
    pub fn room(&self) -> usize {
        self.context.outbox.room(self.context.actions.outcomes())
    }

    /// The config it was made with.
    #[must_use]
    pub const fn config(&self) -> &Config {
        &self.context.config
    }

    /// The dialect it speaks.
    #[must_use]
    pub const fn dialect(&self) -> &D {
        &self.context.dialect
    }

    /// The seed it was made with.
    pub(crate) const fn seed(&self) -> Seed {
        self.context.seed
    }

    /// Why it ended, if it did.
    #[must_use]
    pub const fn end_reason(&self) -> Option<&EndReason> {
        match &self.state {
            State::Ended { reason, .. } => Some(reason),
            _ => None,
        }
    }

    /// The session as of the last event that was taken, for another process or a later run; also after
    /// `shutdown(KeepSession)`. Before its first event it is the resume_from one.
    #[must_use]
    pub fn session(&self) -> Option<Session> {
        self.session_at(self.context.actions.taken())
    }

    /// The session as of a dispatch ([`Dispatch::mark`](crate::dispatch::Dispatch::mark)): for those who hold events
    /// back. `None` if that session is over.
    #[must_use]
    pub fn session_at(&self, mark: &Mark) -> Option<Session> {
        let session = self.state.session_or_import(&self.context)?;
        self.context.session_at(session, mark).filter(Session::is_resumable)
    }

    /// How it fares.
    #[must_use]
    pub fn health(&self) -> Health<'_> {
        let cx = &self.context;
        let (session, connection) = (self.state.session(), self.state.connection());
        let online = match &self.state {
            State::Active { since, .. } => cx.now - *since,
            _ => Duration::ZERO,
        };
        Health {
            phase: self.phase(),
            is_ready: matches!(self.state, State::Active { .. }),
            can_reconnect: self.state.will_reconnect() && !matches!(cx.requested, Some(Requested::Shutdown(_))),
            connection_age: connection.map(|connection| cx.now - connection.opened),
            time_online: cx.time_online.saturating_add(online),
            attempts: cx.attempts,
            sequence: session.and_then(Session::sequence),
            session_id: session.and_then(Session::id).map(Cow::Borrowed),
            latency: cx.latency.last,
            latency_smoothed: cx.latency.smoothed,
            last_ack: cx.latency.acked_at,
            counts: cx.counts,
            events: Cow::Borrowed(&cx.events),
        }
    }

    /// The last 64 transitions, oldest first: why did my shard drop?
    pub fn explain(&self) -> impl ExactSizeIterator<Item = &Transition> {
        self.context.history.iter()
    }

    fn accept(&mut self, now: Timestamp, encoded: Encoded) -> Result<CommandId, SendError> {
        self.context.advance(now);
        if matches!(self.state, State::Ended { .. }) {
            return Err(SendError::Ended);
        }
        let max = self.context.limits.payload;
        let len = self.context.dialect.format().encoding.len_sent(&encoded.payload).ok_or(CommandError::NotJson)?;
        if len > max {
            return Err(SendError::TooLong { len, max });
        }
        let untaken = self.context.actions.outcomes();
        let (id, superseded) = self.context.outbox.accept(encoded, untaken)?;
        if let Some((older, outcome)) = superseded {
            self.context.report_outcome(older, outcome);
        }
        Ok(id)
    }

    fn ask(&mut self, now: Timestamp, requested: Requested) {
        self.context.advance(now);
        if !matches!(self.state, State::Ended { .. }) {
            self.context.requested = Some(requested);
        }
    }

    fn take(&mut self, input: Input, scratch: Option<&mut Scratch>) {
        match input {
            Input::Tick | Input::TickUnread => {}
            Input::Start => self.step(Happening::Start),
            Input::Opened(connection) => self.on_connection(connection, Happening::Opened),
            Input::ConnectFailed(connection, failure) => {
                self.on_connection(connection, Happening::ConnectFailed(failure))
            }
            Input::Message(connection, message) => self.message(connection, message, scratch),
            Input::Sent(connection) => self.on_connection(connection, Happening::Sent),
            Input::Closed(connection, reason) => self.on_connection(connection, Happening::Closed(reason.bounded())),
            Input::IdentifyGranted(connection) => self.on_connection(connection, Happening::IdentifyGranted),
            Input::IdentifyDenied(connection, after) => {
                self.on_connection(connection, Happening::IdentifyDenied(after))
            }
            Input::BudgetExhausted(connection, after) => {
                self.on_connection(connection, Happening::BudgetExhausted(after))
            }
            Input::Token(token, lifetime) => {
                self.context.take_token(token, lifetime);
                self.step(Happening::TokenGiven);
            }
            Input::TokenDenied(after) => self.step(Happening::TokenDenied(after)),
            Input::Suspended(span) => self.step(Happening::Suspended(span)),
        }
    }

    fn on_connection(&mut self, connection: ConnectionId, happening: Happening) {
        if self.state.id() == Some(connection) {
            self.step(happening);
        } else {
            self.context.counts.stale += 1;
        }
    }

    /// Does all that is due at `now`, step by step: each moves the phase on or its deadline ahead.
    fn catch_up(&mut self, read_state: ReadState) -> Option<(Timestamp, Timer)> {
        // A dry tick judges beats that went out unjudged, though nothing may be due.
        let mut judges = read_state == ReadState::Drained;
        let mut next = self.state.deadline(&self.context);
        for _ in 0..STEPS {
            let is_due = next.is_some_and(|(until, _)| until <= self.context.now);
            if !is_due && !judges {
                return next;
            }
            judges = false;
            self.transition(|state, cx| state.due(read_state, cx));
            next = self.state.deadline(&self.context);
        }
        next.map(|(until, timer)| {
            debug_assert!(
                until > self.context.now,
                "deadline-ahead: {timer} is due and was not done in {:?}",
                self.state
            );
            (until.max(self.context.now + Duration::from_nanos(1)), timer)
        })
    }

    fn step(&mut self, happening: Happening) {
        self.transition(|state, cx| state.on(happening, cx));
    }

    fn transition(&mut self, step: impl FnOnce(State, &mut Context<D>) -> State) {
        let (from, connection) = (self.state.phase(), self.state.id());
        self.state = step(core::mem::take(&mut self.state), &mut self.context);
        let to = self.state.phase();
        if from != to {
            let cx = &mut self.context;
            let made = Transition::new(cx.now, connection.unwrap_or(cx.last_connection), cx.cause, from, to);
            trace::transition(&made);
            cx.history.note(made);
        }
    }
}

/// Prints where it stands, never the token.
impl<D: Dialect> fmt::Debug for GatewayMachine<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GatewayMachine")
            .field("dialect", &self.context.dialect.name())
            .field("health", &self.health())
            .field("deadline", &self.state.deadline(&self.context))
            .finish_non_exhaustive()
    }
}

/// What to do, in order. What is not taken comes first next time.
#[derive(Debug)]
#[must_use = "actions are to be carried out, in order"]
pub struct Actions<'a> {
    actions: &'a mut ActionQueue,
    wait: Option<(Timestamp, Timer)>,
}

impl Iterator for Actions<'_> {
    type Item = Action;

    fn next(&mut self) -> Option<Action> {
        self.actions.pop().or_else(|| self.wait.take().map(|(until, timer)| Action::Wait { until, timer }))
    }
}

/// More steps than any chain of what can be due at one moment has.
const STEPS: usize = 16;
