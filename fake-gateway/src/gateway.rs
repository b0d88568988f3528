//! The machine: connections, sessions, timers, and the one call that drives them.
//!
//! # Invariants
//! * `one-holder`: a session is on at most one connection, and that connection's phase names the session.
//! * `silent-outside`: nothing is sent on a connection before its Accept, nor after its Close or Drop.
//! * `expiry-covers-detached`: a session has an expiry exactly while it is on no connection.

use crate::config::{AcceptedToken, FakeConfig, SessionFate};
use crate::connection::{Connection, Phase};
use crate::event::{EventKind, Events};
use crate::faults::{Fate, Fault, FaultKind, Faults, Who};
use crate::guilds::Guilds;
use crate::habit::Observation;
use crate::identify_limit::IdentifyLimit;
use crate::input::{Action, Actions, ConnectionId, Input, Malformed};
use crate::pack::{Compression, Encoding, Packer};
use crate::query::Asked;
use crate::record::{Arrival, Breach, Counters, Received, Record};
use crate::rules::Rule;
use crate::run::{Acted, Part};
use crate::script::{Cue, Play};
use crate::session::{SessionKey, SessionStatus, Sessions};
use crate::timers::{Timer, Timers};
use crate::{frames, query};
use core::time::Duration;
use portcullis::{CloseCode, Message, Timestamp};
use std::collections::{BTreeMap, VecDeque};

/// The server's side of the gateway, without I/O: many connections and sessions of one application.
///
/// Same config and same calls give the same actions, byte for byte.
#[derive(Debug)]
pub struct FakeGateway {
    pub(super) config: FakeConfig,
    pub(super) now: Timestamp,
    pub(super) connections: BTreeMap<ConnectionId, Connection>,
    pub(super) sessions: Sessions,
    pub(super) timers: Timers,
    /// Delayed frames that have no order to keep.
    pub(super) late: BTreeMap<u64, (ConnectionId, Message)>,
    pub(super) lates: u64,
    pub(super) identify_limit: IdentifyLimit,
    /// When all members of a guild were asked for, in the last 30 s.
    pub(super) members_asked: BTreeMap<String, Timestamp>,
    pub(super) guilds: Guilds,
    pub(super) faults: Faults,
    pub(super) record: Record,
    pub(super) events: Events,
    pub(super) script: Option<Box<Play>>,
    /// Dispatches are not cues: a rule about events made them.
    pub(super) muted: bool,
    pub(super) actions: VecDeque<Action>,
    /// The state of the generator behind session ids.
    pub(super) draws: u64,
}

impl FakeGateway {
    /// A gateway that nobody has connected to.
    #[must_use]
    pub fn new(config: FakeConfig) -> Self {
        Self {
            now: Timestamp::ZERO,
            connections: BTreeMap::new(),
            sessions: Sessions::default(),
            timers: Timers::default(),
            late: BTreeMap::new(),
            lates: 0,
            identify_limit: IdentifyLimit::default(),
            members_asked: BTreeMap::new(),
            guilds: Guilds::default(),
            faults: Faults::default(),
            record: Record::new(config.record_max),
            events: Events::Unwatched,
            script: None,
            muted: false,
            actions: VecDeque::new(),
            draws: config.seed,
            config,
        }
    }

    /// Takes what happened, does what is due, and says what to do.
    ///
    /// Never fails and never panics: a `now` older than one already seen counts as the newest seen, and inputs of
    /// connections that are not open are counted and passed over.
    pub fn handle(&mut self, now: Timestamp, input: Input) -> Actions<'_> {
        self.now = self.now.max(now);
        match input {
            Input::Upgrade { connection, path_and_query } => self.upgrade(connection, &path_and_query),
            Input::Message(connection, message) => self.message(connection, &message),
            Input::Malformed(connection, why) => self.malformed(connection, why),
            Input::Closed(connection, code) => self.closed(connection, code),
            Input::Confirmed(connection) => self.pour(connection),
            Input::Tick => {}
        }
        self.settle();
        let wait = self.timers.first();
        Actions { queue: &mut self.actions, wait }
    }

    /// When to call with [`Input::Tick`] at the latest. At once, the newest moment seen, while actions wait to be
    /// taken: so a deed done between two calls is carried out by a driver that only keeps deadlines.
    #[must_use]
    pub fn deadline(&self) -> Option<Timestamp> {
        if self.actions.is_empty() { self.timers.first() } else { Some(self.now) }
    }

    /// A gateway equal to this one, which goes on as this one would; `None` while a connection has a compressor, whose
    /// state cannot be copied. With [`Blocks::Stored`](crate::Blocks::Stored) none has.
    #[must_use]
    pub fn fork(&self) -> Option<Self> {
        let fork = |(&id, open): (&ConnectionId, &Connection)| Some((id, open.fork()?));
        Some(Self {
            config: self.config.clone(),
            now: self.now,
            connections: self.connections.iter().map(fork).collect::<Option<_>>()?,
            sessions: self.sessions.clone(),
            timers: self.timers.clone(),
            late: self.late.clone(),
            lates: self.lates,
            identify_limit: self.identify_limit.clone(),
            members_asked: self.members_asked.clone(),
            guilds: self.guilds.clone(),
            faults: self.faults.clone(),
            record: self.record.clone(),
            events: self.events.clone(),
            script: self.script.clone(),
            muted: self.muted,
            actions: self.actions.clone(),
            draws: self.draws,
        })
    }

    /// The config it was made with, and what was changed since.
    #[must_use]
    pub const fn config(&self) -> &FakeConfig {
        &self.config
    }

    /// The last connections that asked for an upgrade, oldest first.
    #[must_use]
    pub fn arrivals(&self) -> impl DoubleEndedIterator<Item = &Arrival> {
        self.record.arrivals.iter()
    }

    /// The last frames received, oldest first.
    #[must_use]
    pub fn received(&self) -> impl DoubleEndedIterator<Item = &Received> {
        self.record.received.iter()
    }

    /// The last rules broken, oldest first.
    #[must_use]
    pub fn breaches(&self) -> impl DoubleEndedIterator<Item = &Breach> {
        self.record.breaches.iter()
    }

    /// The last habits that clients showed, oldest first: what the documentation forbids and the real gateway takes.
    #[must_use]
    pub fn habits(&self) -> impl DoubleEndedIterator<Item = &Observation> {
        self.record.habits.iter()
    }

    /// How often things happened.
    #[must_use]
    pub const fn counters(&self) -> Counters {
        self.record.counters
    }

    /// The connections that are open, by their number.
    pub fn connections(&self) -> impl Iterator<Item = ConnectionId> {
        self.connections.keys().copied()
    }

    /// The sessions that live, in the order they began.
    pub fn sessions(&self) -> impl Iterator<Item = SessionStatus> {
        self.sessions.iter().map(|(_, session)| SessionStatus {
            id: session.id,
            shard: session.shard,
            intents: session.intents,
            sequence: session.sequence,
            connection: session.connection,
        })
    }

    /// Which token opens a session from now on, with a new day's budget of Identifies. Sessions that live go on.
    pub fn accept_token(&mut self, token: AcceptedToken) {
        self.config.token = token;
        self.identify_limit.renew();
    }

    fn upgrade(&mut self, connection: ConnectionId, path_and_query: &str) {
        if self.connections.contains_key(&connection) {
            self.record.counters.strays += 1;
            return;
        }
        self.record.arrive(self.now, connection, path_and_query);
        self.tell(connection, || EventKind::Connected { path_and_query: path_and_query.into() });
        let cued = self.cued(Cue::Connect, connection);
        for &due in &cued {
            self.perform(due, Part::Faults);
        }
        let who = Who { connection: Some(connection), session: None };
        if let Some(Fault::RefuseUpgrade { status, retry_after }) = self.strike(FaultKind::RefuseUpgrade, who) {
            self.faults.forget(connection);
            return self.refuse(connection, status, retry_after);
        }
        if self.connections.len() >= self.config.connections_max {
            return self.refuse(connection, 503, None);
        }
        self.actions.push_back(Action::Accept { connection });
        let asked = query::read(path_and_query);
        let unspoken = Asked { version: 0, encoding: Encoding::Json, compression: Compression::None };
        let Asked { version, encoding, compression } = asked.unwrap_or(unspoken);
        let packer = Packer::new(encoding, compression, self.config.blocks);
        self.connections.insert(connection, Connection::new(version, packer));
        self.greet_with_old_context(connection);
        if let Err(rule) = asked {
            return self.breach(connection, rule);
        }
        for &due in &cued {
            self.perform(due, Part::Rest);
        }
        if !self.connections.contains_key(&connection) {
            return;
        }
        let hello = frames::hello(self.config.heartbeat_interval);
        match self.fate(FaultKind::Hello, connection) {
            None | Some(Fate::Unnumbered) => self.greet(connection, hello, Duration::ZERO),
            Some(Fate::Delay(delay)) => self.greet(connection, hello, delay),
            Some(Fate::Instead(message)) => self.send(connection, message),
            Some(Fate::Omit) => {}
        }
    }

    /// Where a fault wants it, the stream of a new connection goes on with a context its client does not have.
    fn greet_with_old_context(&mut self, connection: ConnectionId) {
        let is_stream = self.connections.get(&connection).is_some_and(|open| open.packer.is_stream());
        if is_stream
            && self.strike(FaultKind::KeepContext, self.who(connection)).is_some()
            && let Some(open) = self.connections.get_mut(&connection)
        {
            open.packer.keep_context();
        }
    }

    fn refuse(&mut self, connection: ConnectionId, status: u16, retry_after: Option<Duration>) {
        self.record.counters.refused += 1;
        self.tell(connection, || EventKind::Refused { status });
        self.actions.push_back(Action::Refuse { connection, status, retry_after });
    }

    fn greet(&mut self, connection: ConnectionId, hello: Message, delay: Duration) {
        if let Some(silence) = self.silence() {
            self.timers.set(Timer::Heartbeat(connection), self.now + delay + silence);
        }
        self.send_after(connection, hello, delay);
    }

    fn malformed(&mut self, connection: ConnectionId, why: Malformed) {
        if self.connections.contains_key(&connection) {
            let rule = match why {
                Malformed::Frame => Rule::WebsocketProtocol,
                Malformed::Text => Rule::NotUtf8,
                Malformed::Size => Rule::MessageTooLarge,
            };
            self.breach(connection, rule);
        } else {
            self.record.counters.strays += 1;
        }
    }

    fn closed(&mut self, connection: ConnectionId, code: Option<CloseCode>) {
        if !self.connections.contains_key(&connection) {
            self.record.counters.strays += 1;
            return;
        }
        self.record.counters.left += 1;
        self.tell(connection, || EventKind::Left { code });
        if let Some(CloseCode(code)) = code.filter(|&code| !may_be_sent(code)) {
            self.breach(connection, Rule::IllegalCloseCode { code });
        }
        self.cue(Cue::Leave, connection);
        let fate = match code {
            Some(CloseCode::NORMAL | CloseCode::GOING_AWAY) => SessionFate::Ended,
            Some(_) | None => SessionFate::Kept,
        };
        self.forget(connection, fate);
    }

    /// Does what is due, and what a script makes of it, until nothing is.
    fn settle(&mut self) {
        loop {
            match self.timers.pop_due(self.now) {
                Some(timer) => self.due(timer),
                None if self.act() == Acted::Nothing => return,
                None => {}
            }
        }
    }

    fn due(&mut self, timer: Timer) {
        match timer {
            Timer::Late(number) => {
                if let Some((connection, message)) = self.late.remove(&number) {
                    self.send(connection, message);
                }
            }
            Timer::Lane(connection) => self.open_lane(connection),
            Timer::Gather(connection) => self.release(connection),
            Timer::Heartbeat(connection) => self.breach(connection, Rule::SessionTimedOut),
            Timer::Reconnect(connection) => {
                self.end(connection, Some(CloseCode(4000)), "Reconnect.", SessionFate::Kept);
            }
            Timer::Expiry(key) => self.end_session(key),
            // What a script has due is done in `settle`, behind all timers.
            Timer::Script => {}
        }
    }

    /// Ends a session that is on no connection.
    pub(super) fn end_session(&mut self, key: SessionKey) {
        self.timers.cancel(Timer::Expiry(key));
        if self.sessions.remove(key).is_some() {
            self.record.counters.sessions_ended += 1;
        }
    }

    /// Forgets a connection and settles what becomes of its session.
    pub(super) fn forget(&mut self, connection: ConnectionId, fate: SessionFate) {
        if let Some(play) = &mut self.script {
            play.forget(connection);
        }
        self.timers.cancel(Timer::Heartbeat(connection));
        self.timers.cancel(Timer::Lane(connection));
        self.timers.cancel(Timer::Reconnect(connection));
        self.timers.cancel(Timer::Gather(connection));
        self.faults.forget(connection);
        if let Some(Phase::Active(key)) = self.connections.remove(&connection).map(|gone| gone.phase) {
            self.detach(key, fate);
        }
    }

    /// Takes a session off its connection.
    pub(super) fn detach(&mut self, key: SessionKey, fate: SessionFate) {
        match fate {
            SessionFate::Ended => self.end_session(key),
            SessionFate::Kept => {
                if let Some(session) = self.sessions.get_mut(key) {
                    session.connection = None;
                    self.timers.set(Timer::Expiry(key), self.now + self.config.session_lifetime);
                }
            }
        }
    }
}

/// Whether RFC 6455 lets an endpoint put this code into a close frame.
const fn may_be_sent(CloseCode(code): CloseCode) -> bool {
    matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999)
}
