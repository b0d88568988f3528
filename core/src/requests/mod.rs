//! Requests that the gateway answers by events: Request Guild Members, Request Soundboard Sounds, Request Channel Info.
//!
//! [`Requests`] is a second state machine beside a shard's [`GatewayMachine`](crate::GatewayMachine), and has neither a clock
//! nor I/O either. It sends requests through the machine's `send`, observes the machine's events, and assembles each answer
//! from them. The drivers have one built in: `sender.request_guild_members(…).await`.
//!
//! The gateway does not answer at all when the guild is not the bot's: silence is all there is to judge by. So a request
//! has time limits ([`RequestPolicy`]), and silence counts only while a connection is up and the socket was read until it
//! was empty. A request is repeated only where no part of its answer can still arrive, since the gateway limits how often
//! it answers.
//!
//! # Invariants
//! * `one-result`: a request that was accepted, and is not cancelled, has exactly one result.
//! * `weighed`: `bytes` is the sum of the bytes of all kept parts.

mod answer;
mod collector;
mod commands;
mod cooldowns;
mod error;
mod observe;
mod part;
mod pending;
mod policy;
mod trace;

use crate::dialect::discord::{Command, Discord, Intents, OwnGuilds};
use crate::machine::{CommandId, EventFilter, SendError};
use crate::rng::Seed;
use crate::time::Timestamp;
use alloc::collections::{BTreeMap, VecDeque};
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use collector::Collector;
use cooldowns::GuildCooldowns;
use core::time::Duration;
use pending::{Patience, Pending, Stage};

pub use answer::{Answer, ChannelInfo, GuildMembers, SoundboardSounds};
pub use collector::Request;
pub use error::RequestError;
pub use policy::RequestPolicy;

/// The id of a request. Each accepted request has its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestId(pub u64);

/// Open requests and the parts of their answers. Each machine has at most one, which
/// [`GatewayMachine::requests`](crate::GatewayMachine::requests) makes.
///
/// Pass each event of the machine to [`observe`](Self::observe), and call [`tick`](Self::tick) no later than
/// [`deadline`](Self::deadline). The application still gets all events, chunks too.
///
/// * Chunks may come in any order and more than once. Chunks of other requests are ignored. All parts are kept as raw JSON.
/// * A request whose connection died during its write is sent again. So is a request that the lost connection may have swallowed:
///   one without any part of its answer when the session has resumed. Otherwise the replayed events complete the answer.
/// * `RATE_LIMITED` delays a request. Requests for all members of one guild are sent 30 s apart.
/// * A lost session ends requests with [`RequestError::SessionLost`]. Requests that are still in the outbox survive it if
///   `Config::on_session_lost` keeps commands; by default it hands them back, and they end too.
///
/// ```
/// use portcullis::requests::RequestPolicy;
/// use portcullis::dialect::discord::{Discord, Intents, RequestGuildMembers};
/// use portcullis::{Action, Config, GatewayMachine, Input, Seed, Timestamp};
///
/// let discord = Discord::new("a.bot.token", Intents::GUILDS | Intents::GUILD_MEMBERS)?;
/// let mut machine = GatewayMachine::new(discord, Config::default(), Seed(7))?;
/// let mut requests = machine.requests(RequestPolicy::default());
///
/// let id = requests.ask(RequestGuildMembers::all(41771983444115456))?;
/// // In a driver's loop, with each input, here the first:
/// let now = Timestamp::ZERO;
/// for action in machine.handle(now, Input::Start) {
///     if let Action::Event(event) = &action {
///         requests.observe(now, event);
///     }
///     // … carry it out
/// }
/// requests.tick_unread(now, |command| machine.send(now, command));
/// // A command was sent, so the next input, `TickUnread`, is due at once.
/// while let Some((done, result)) = requests.next_result() {
///     assert_eq!(done, id);
///     println!("{} chunks", match result? {
///         portcullis::requests::Answer::GuildMembers(members) => members.chunks().len(),
///         _ => 0,
///     });
/// }
/// assert_eq!(machine.room(), 255, "the command waits for a session");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Requests {
    intents: Intents,
    guilds: OwnGuilds,
    events: EventFilter,
    policy: RequestPolicy,
    nonces: Nonces,
    /// The latest time seen.
    now: Timestamp,
    next_id: u64,
    /// Requests since the last tick. `ask` has no `now`: their time limits start with the next tick.
    accepted: VecDeque<(RequestId, Collector)>,
    pending: BTreeMap<RequestId, Pending>,
    done: VecDeque<Done>,
    cooldowns: GuildCooldowns,
    /// The bytes of all kept parts, bounded by `policy.bytes`.
    bytes: usize,
    due: Option<Timestamp>,
    life: Life,
}

/// A result that was not taken yet, and the bytes of its parts.
type Done = (RequestId, Result<Answer, RequestError>, usize);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Life {
    Running,
    Over,
}

/// Whether the driver read the socket until it was empty. If not, an answer may lie unread in it, and silence proves nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ReadState {
    Drained,
    Unread,
}

/// Nonces of 32 bytes, none twice. They contain the seed since a resumed session may replay chunks for requests of an earlier
/// process.
#[derive(Clone, Debug)]
struct Nonces {
    seed: Seed,
    next: u64,
}

impl Requests {
    const fn new(discord: &Discord, events: EventFilter, seed: Seed, policy: RequestPolicy) -> Self {
        Self {
            intents: discord.intents(),
            guilds: discord.own_guilds(),
            events,
            policy,
            nonces: Nonces { seed, next: 0 },
            now: Timestamp::ZERO,
            next_id: 0,
            accepted: VecDeque::new(),
            pending: BTreeMap::new(),
            done: VecDeque::new(),
            cooldowns: GuildCooldowns::new(),
            bytes: 0,
            due: None,
            life: Life::Running,
        }
    }

    /// Accepts a request. It is sent with the next tick, and its time limits start then.
    ///
    /// # Errors
    /// [`RequestError`] when too many requests are open, or when the answer could not arrive: an intent is missing, the event
    /// filter drops the answer's events, the command breaks a limit of the gateway, or the guild belongs to another shard.
    /// Nothing is sent then.
    pub fn ask(&mut self, request: impl Into<Request>) -> Result<RequestId, RequestError> {
        let request = request.into();
        if self.life == Life::Over {
            return Err(RequestError::Ended);
        }
        if let Some(intent) = request.missing_intent(self.intents) {
            return Err(RequestError::MissingIntent { intent });
        }
        if let Some(event) = request.events().iter().find(|event| !self.events.passes(event.as_bytes())) {
            return Err(RequestError::Filtered { event });
        }
        if self.open() >= self.policy.requests {
            return Err(RequestError::TooManyRequests { limit: self.policy.requests });
        }
        let collector = Collector::new(request);
        let command = collector.command();
        command.encode()?;
        self.guilds.check(&command)?;
        let id = RequestId(self.next_id);
        self.next_id += 1;
        self.accepted.push_back((id, collector));
        self.update_due();
        Ok(id)
    }

    /// Forgets a request, and its result if that was not taken. A command that is already in the outbox is still sent; its
    /// answer is ignored.
    pub fn cancel(&mut self, id: RequestId) {
        self.accepted.retain(|(accepted, _)| *accepted != id);
        if let Some(pending) = self.pending.remove(&id) {
            self.bytes -= pending.bytes;
        }
        let Self { done, bytes, .. } = self;
        done.retain(|(of, _, weight)| {
            *bytes -= if *of == id { *weight } else { 0 };
            *of != id
        });
        self.update_due();
    }

    /// Replaces the policy, for open requests too.
    pub fn set_policy(&mut self, policy: RequestPolicy) {
        self.policy = policy;
        self.update_due();
    }

    /// Sends the requests that are due, and gives up those that waited too long. Call it only if the socket was read until it was
    /// empty, as for [`Input::Tick`](crate::Input::Tick); otherwise call [`tick_unread`](Self::tick_unread).
    ///
    /// `send` forwards to the machine's `send`. If it was called, call the machine's `handle` right after with
    /// [`Input::TickUnread`](crate::Input::TickUnread), as after every [`send`](crate::GatewayMachine::send).
    pub fn tick(&mut self, now: Timestamp, send: impl FnMut(Command) -> Result<CommandId, SendError>) {
        self.advance(now, ReadState::Drained, send);
    }

    /// As [`tick`](Self::tick), but the socket was not read until it was empty: silence is not judged, since the answer may lie
    /// unread in the socket.
    pub fn tick_unread(&mut self, now: Timestamp, send: impl FnMut(Command) -> Result<CommandId, SendError>) {
        self.advance(now, ReadState::Unread, send);
    }

    /// The next finished request and its result.
    pub fn next_result(&mut self) -> Option<(RequestId, Result<Answer, RequestError>)> {
        let (id, result, weight) = self.done.pop_front()?;
        self.bytes -= weight;
        Some((id, result))
    }

    /// When to call a tick at the latest. `None` while no request is open.
    #[must_use]
    pub const fn deadline(&self) -> Option<Timestamp> {
        self.due
    }

    /// How many requests are open: without a result, or with a result that was not taken.
    #[must_use]
    pub fn open(&self) -> usize {
        self.accepted.len() + self.pending.len() + self.done.len()
    }

    fn advance(
        &mut self,
        now: Timestamp,
        read_state: ReadState,
        mut send: impl FnMut(Command) -> Result<CommandId, SendError>,
    ) {
        self.now = self.now.max(now);
        if self.due.is_none_or(|due| due > self.now) {
            return;
        }
        while let Some((id, collector)) = self.accepted.pop_front() {
            self.pending.insert(id, Pending::new(collector, self.now));
        }
        let is_due = |pending: &Pending| pending.deadline(&self.policy) <= self.now;
        let due: Vec<RequestId> =
            self.pending.iter().filter(|(_, pending)| is_due(pending)).map(|(id, _)| *id).collect();
        for id in due {
            let Some(pending) = self.pending.get_mut(&id) else { continue };
            let waited = self.now - pending.since;
            match &mut pending.stage {
                Stage::Held { .. } => self.send(id, &mut send),
                Stage::OutboxFull | Stage::Queued(_) => self.finish(id, Err(RequestError::NotSent { waited })),
                Stage::Sent(Patience::Until(until)) if read_state == ReadState::Unread => {
                    *until = self.now + SECOND_LOOK;
                }
                Stage::Sent(_) => self.expire(id),
            }
        }
        self.update_due();
    }

    fn send(&mut self, id: RequestId, send: &mut impl FnMut(Command) -> Result<CommandId, SendError>) {
        let Some(pending) = self.pending.get_mut(&id) else { return };
        let guild = pending.collector.cooldown_guild();
        let free_at = guild.map_or(self.now, |guild_id| self.cooldowns.free_at(guild_id, self.now));
        if free_at > self.now {
            return self.hold(id, free_at);
        }
        self.bytes -= core::mem::take(&mut pending.bytes);
        match send(pending.collector.begin(self.nonces.draw())) {
            Ok(command) => {
                pending.stage = Stage::Queued(command);
                trace::sent(id, pending.collector.op());
                if let Some(guild_id) = guild {
                    self.cooldowns.take(self.now, guild_id, command);
                }
            }
            Err(SendError::QueueFull { .. }) => pending.stage = Stage::OutboxFull,
            Err(error) => self.finish(id, Err(error.into())),
        }
    }

    /// Schedules a request for `until`, unless its time limit ends before.
    fn hold(&mut self, id: RequestId, until: Timestamp) {
        let Some(pending) = self.pending.get_mut(&id) else { return };
        let give_up = pending.give_up(&self.policy);
        if self.now > give_up {
            let waited = self.now - pending.since;
            return self.finish(id, Err(RequestError::NotSent { waited }));
        }
        let span = until - self.now;
        if until > give_up {
            return self.finish(id, Err(RequestError::RateLimited { retry_after: span }));
        }
        trace::held(id, span);
        pending.stage = Stage::Held { until };
    }

    /// Ends a request whose answer does not continue.
    fn expire(&mut self, id: RequestId) {
        if let Some(Pending { collector, bytes, .. }) = self.pending.remove(&id) {
            self.conclude(id, collector.expire(), bytes);
        }
    }

    fn finish(&mut self, id: RequestId, result: Result<Answer, RequestError>) {
        if let Some(Pending { bytes, .. }) = self.pending.remove(&id) {
            self.conclude(id, result, bytes);
        }
    }

    fn conclude(&mut self, id: RequestId, result: Result<Answer, RequestError>, bytes: usize) {
        debug_assert!(!self.done.iter().any(|(done, ..)| *done == id), "one-result: {id:?} is done already");
        trace::done(id, &result, bytes);
        let kept = if result.is_ok() { bytes } else { 0 };
        self.bytes -= bytes - kept;
        self.done.push_back((id, result, kept));
    }

    fn update_due(&mut self) {
        debug_assert!(self.bytes == self.weigh(), "weighed: {} bytes are counted, {} kept", self.bytes, self.weigh());
        let soonest = self.pending.values().map(|pending| pending.deadline(&self.policy)).min();
        self.due = if self.accepted.is_empty() { soonest } else { Some(self.now) };
    }

    fn weigh(&self) -> usize {
        let pending = self.pending.values().map(|pending| pending.bytes);
        pending.chain(self.done.iter().map(|(.., bytes)| *bytes)).sum()
    }
}

impl Nonces {
    fn draw(&mut self) -> String {
        let nonce = format!("{:016x}{:016x}", self.seed.0, self.next);
        self.next = self.next.wrapping_add(1);
        nonce
    }
}

/// How soon silence is judged again that fell due while the socket was not read.
const SECOND_LOOK: Duration = Duration::from_secs(1);
