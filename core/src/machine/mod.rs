//! The life of a shard: bytes and timestamps in, actions out.
//!
//! [`GatewayMachine`] is the typed face of the machine; the machine itself is a `State` and a `Context`. The state is the
//! phase, which owns what lives as long as it does; the context is what outlives phases. Each phase is a struct in the file
//! of its group, and decides what every input and every frame does to it.
#![doc = ""]
#![doc = include_str!("../../docs/phases.md")]

mod action;
mod action_queue;
mod active;
mod backoff;
mod cause;
mod closing;
mod config;
mod config_error;
mod connecting;
mod connection;
mod context;
mod deadline;
mod disconnect;
mod event;
mod event_counts;
mod failure;
mod filter;
mod frame;
mod handshake;
mod health;
mod heart;
mod identifying;
mod idle;
mod input;
mod intake;
mod limits;
mod open;
mod outbox;
mod outcome;
mod pace;
mod phase;
mod requested;
mod resuming;
mod resumption;
mod send_error;
mod spelling;
mod state;
mod steps;
mod timer;
mod token_slot;
mod trace;

use crate::codec::Scratch;
use crate::dialect::Dialect;
use crate::dialect::discord::Discord;
use crate::dispatch::Mark;
use crate::rng::Seed;
use crate::time::Timestamp;
use action_queue::ActionQueue;
use alloc::borrow::Cow;
use alloc::vec::Vec;
use context::Context;
use core::fmt;
use core::time::Duration;
use requested::Requested;
use state::State;
use steps::Machine;

pub use crate::session::Session;
pub use action::{Action, ConnectLimits, TokenReason};
pub use backoff::Backoff;
pub use cause::{Cause, Transition};
pub use config::{
    Config, ConnectPolicy, FirstBeat, HeartbeatPolicy, Life, MalformedPolicy, OnConnectFailure, OutOfBounds,
    ResumeFrom, ResumePolicy, SessionLostPolicy, Timeouts,
};
pub use config_error::{ConfigError, SpanOption};
pub use event::{EndReason, Event, Fault, FrameKind};
pub use event_counts::EventCounts;
pub use failure::{IoFailure, Location, TlsFailure};
pub use filter::{EventFilter, EventNames};
pub use health::{Counts, Health};
pub use input::{ConnectFailure, Input, ProxyStatus};
pub use limits::Limits;
pub use outcome::{CommandId, Outcome, ReturnReason};
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
    machine: Machine<D>,
}

impl<D: Dialect> GatewayMachine<D> {
    /// A machine that has not started.
    ///
    /// # Errors
    /// [`ConfigError`] says which option cannot be, and what to give in its place.
    pub fn new(dialect: D, config: Config, seed: Seed) -> Result<Self, ConfigError> {
        config.check(&dialect)?;
        let context = Context::new(dialect, config, seed);
        Ok(Self { machine: Machine { state: State::default(), context } })
    }

    /// Takes what happened, does what is due at `now`, and returns what to do.
    ///
    /// It never fails and never panics, whatever the bytes, the order of inputs, or the clock: a `now` older than one
    /// already seen counts as the newest seen. Actions that are not taken come first next time.
    pub fn handle(&mut self, now: Timestamp, input: Input) -> Actions<'_> {
        self.machine_mut().handle(now, input, None)
    }

    /// As [`handle`](Self::handle), but payloads are unpacked in memory that is lent, so that many machines need it once.
    /// The same actions come out, byte for byte. Where `miniz_oxide` inflates a stream, what it may look back to, 32 KiB,
    /// is copied there and back; the other libraries keep it themselves.
    pub fn handle_with(&mut self, now: Timestamp, input: Input, scratch: &mut Scratch) -> Actions<'_> {
        self.machine_mut().handle(now, input, Some(scratch))
    }

    /// Queues a command for the gateway. It leaves through [`Action::Send`] when a session is live and the send limit
    /// allows; [`Event::Command`] tells its outcome, once.
    ///
    /// Call [`handle`](Self::handle) with [`Input::TickUnread`] right after: it does what is due now. Pass
    /// [`Input::Tick`] only if the socket was read until it had nothing since the last input. After a stall the
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
        let encoded = self.machine.context.dialect.encode(command)?;
        self.machine_mut().accept(now, encoded)
    }

    /// Asks the machine to end, whatever its phase. Call [`handle`](Self::handle) with [`Input::TickUnread`] right after,
    /// as for [`send`](Self::send); [`Event::Ended`] follows when the connection is closed.
    pub fn shutdown(&mut self, now: Timestamp, shutdown: Shutdown) {
        self.machine_mut().request(now, Requested::Shutdown(shutdown));
    }

    /// Asks for a new connection, the session kept. A connection that is open or being opened is left; a wait between two connections
    /// ends at once: the network may be back. While a connection closes, the next is on its way already. It does not count
    /// towards the backoff. Call [`handle`](Self::handle) with [`Input::TickUnread`] right after, as for
    /// [`send`](Self::send). `cause` is what [`explain`](Self::explain) will say.
    pub fn reconnect(&mut self, now: Timestamp, cause: Cause) {
        if !matches!(self.machine.context.requested, Some(Requested::Shutdown(_))) {
            self.machine_mut().request(now, Requested::Reconnect(cause));
        }
    }

    /// What is to be done and was not taken yet, without an input. There is no `Wait` at its end: see
    /// [`deadline`](Self::deadline).
    pub fn actions(&mut self) -> Actions<'_> {
        Actions { actions: &mut self.machine.context.actions, wait: None }
    }

    /// When to call again at the latest, with a `Tick`. `Some` from `Start` to the end.
    #[must_use]
    pub fn deadline(&self) -> Option<Timestamp> {
        let Machine { state, context } = self.machine();
        state.deadline(context).map(|(until, _)| until)
    }

    /// All that is due some time, soonest first: for tests and the curious. A driver needs only the first,
    /// [`deadline`](Self::deadline).
    #[must_use]
    pub fn timers(&self) -> Vec<(Timestamp, Timer)> {
        let mut timers = Vec::new();
        let Machine { state, context } = self.machine();
        state.timers(context, |until, timer| timers.push((until, timer)));
        timers.sort_by_key(|(until, _)| *until);
        timers
    }

    /// Where it stands.
    #[must_use]
    pub const fn phase(&self) -> Phase {
        self.machine.state.phase()
    }

    /// How many more commands it accepts. Outcomes that were not taken yet count as commands.
    #[must_use]
    pub fn room(&self) -> usize {
        self.machine.context.outbox.room(self.machine.context.actions.outcomes())
    }

    /// The config it was made with.
    #[must_use]
    pub const fn config(&self) -> &Config {
        &self.machine.context.config
    }

    /// The dialect it speaks.
    #[must_use]
    pub const fn dialect(&self) -> &D {
        &self.machine.context.dialect
    }

    /// The seed it was made with.
    pub(crate) const fn seed(&self) -> Seed {
        self.machine.context.seed
    }

    /// Why it ended, if it did.
    #[must_use]
    pub const fn end_reason(&self) -> Option<&EndReason> {
        if let State::Ended(ended) = &self.machine.state { Some(&ended.reason) } else { None }
    }

    /// The session as of the last event that was taken, for another process or a later run; also after
    /// `shutdown(KeepSession)`. Before its first event it is the session to resume from.
    #[must_use]
    pub fn session(&self) -> Option<Session> {
        self.session_at(self.machine.context.actions.taken())
    }

    /// The session as of a dispatch ([`Dispatch::mark`](crate::dispatch::Dispatch::mark)): for those who hold events
    /// back. `None` if that session is over.
    #[must_use]
    pub fn session_at(&self, mark: &Mark) -> Option<Session> {
        let Machine { state, context } = self.machine();
        let session = state.session_or_import(context)?;
        context.session_at(session, mark).filter(Session::is_resumable)
    }

    /// How it fares.
    #[must_use]
    pub fn health(&self) -> Health<'_> {
        let Machine { state, context: cx } = self.machine();
        let (session, connection) = (state.session(), state.connection());
        let (is_ready, online) = match state.online_since() {
            None => (false, Duration::ZERO),
            Some(since) => (true, cx.now - since),
        };
        Health {
            phase: self.phase(),
            is_ready,
            can_reconnect: state.will_reconnect() && !matches!(cx.requested, Some(Requested::Shutdown(_))),
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
        self.machine.context.history.iter()
    }

    /// The machine, with its dialect as one of any kind.
    const fn machine(&self) -> &Machine {
        &self.machine
    }

    const fn machine_mut(&mut self) -> &mut Machine {
        &mut self.machine
    }
}

/// Prints where it stands, never the token.
impl<D: Dialect> fmt::Debug for GatewayMachine<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GatewayMachine")
            .field("dialect", &self.machine.context.dialect.name())
            .field("health", &self.health())
            .field("deadline", &self.machine.state.deadline(&self.machine.context))
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
