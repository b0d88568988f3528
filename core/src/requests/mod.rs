//! Requests that the gateway answers by events: Request Guild Members, Request Soundboard Sounds, Request Channel Info.
//!
//! [`Requests`] puts the answers together, without a clock and without I/O, as the machine beside which it stands. In
//! the spawned and the pulled form of a shard it is there already: `sender.request_guild_members(…).await`.
//!
//! # Invariants
//! * `one-result`: a request that was accepted, and is not cancelled, comes to exactly one result.
//! * `weighed`: the bytes that are counted are those of the parts that are kept.

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

/// Which request: every accepted one has its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestId(pub u64);

/// Requests on their way, and what has come of their answers. One stands beside one machine:
/// [`GatewayMachine::requests`](crate::GatewayMachine::requests) makes it.
///
/// It is told each event of the machine by [`observe`](Self::observe), and the time by [`tick`](Self::tick), no later
/// than its [`deadline`](Self::deadline). Events stay the application's: it is given chunks as any other.
///
/// * Chunks come in any order, each once; those of other requests are passed over. All is kept raw.
/// * A request whose connection died while it was written goes out again. So does one that a lost connection may have swallowed:
///   nothing of its answer had come when the session was resumed. What is replayed completes it otherwise.
/// * `RATE_LIMITED` delays a request, and requests for all members of one guild are sent 30 s apart.
/// * A lost session ends requests with [`RequestError::SessionLost`]: those that wait in the outbox if the machine's
///   `Config::on_session_lost` hands them back, which it does by default, and all others.
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
    /// The newest moment seen.
    now: Timestamp,
    next_id: u64,
    /// Those of which no time is known yet: they begin with the next tick.
    accepted: VecDeque<(RequestId, Collector)>,
    pending: BTreeMap<RequestId, Pending>,
    done: VecDeque<Done>,
    cooldowns: GuildCooldowns,
    bytes: usize,
    due: Option<Timestamp>,
    life: Life,
}

/// A result that was not taken, and the bytes of its parts.
type Done = (RequestId, Result<Answer, RequestError>, usize);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Life {
    Running,
    Over,
}

/// Whether the socket was read until it had nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ReadState {
    Drained,
    Unread,
}

/// Nonces of 32 bytes, none twice: the seed's part tells one run from the one whose session it may have resumed.
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

    /// Asks for something. It goes out with the next tick, and its time runs from then.
    ///
    /// # Errors
    /// [`RequestError`], when it is known already that no answer would come: for lack of an intent, by the event
    /// filter, by what the command may hold, by a guild of another shard; or when too many requests are open. Nothing is
    /// sent then.
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

    /// Forgets a request, and its result if it was not taken. What is in the outbox goes out all the same; what comes
    /// of it is passed over.
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

    /// Holds requests to another policy from now on, also those that are open.
    pub fn set_policy(&mut self, policy: RequestPolicy) {
        self.policy = policy;
        self.update_due();
    }

    /// Sends what is due, and gives up what has waited too long. The socket was read until it had nothing, as before an
    /// [`Input::Tick`](crate::Input::Tick); where it was not, call [`tick_unread`](Self::tick_unread).
    ///
    /// `send` is the machine's. When it was called, call the machine's `handle` right after with
    /// [`Input::TickUnread`](crate::Input::TickUnread), as after every [`send`](crate::GatewayMachine::send).
    pub fn tick(&mut self, now: Timestamp, send: impl FnMut(Command) -> Result<CommandId, SendError>) {
        self.advance(now, ReadState::Drained, send);
    }

    /// The same when the socket was not read: silence is not judged then, as what breaks it may wait there.
    pub fn tick_unread(&mut self, now: Timestamp, send: impl FnMut(Command) -> Result<CommandId, SendError>) {
        self.advance(now, ReadState::Unread, send);
    }

    /// A request that is done.
    pub fn next_result(&mut self) -> Option<(RequestId, Result<Answer, RequestError>)> {
        let (id, result, weight) = self.done.pop_front()?;
        self.bytes -= weight;
        Some((id, result))
    }

    /// When to give a tick at the latest. `None` while no request is open.
    #[must_use]
    pub const fn deadline(&self) -> Option<Timestamp> {
        self.due
    }

    /// How many requests are open: without a result, or with one that was not taken.
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

    /// It goes out at `until`, unless it would be given up before.
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

    /// Nothing more will come.
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

/// When silence is judged that fell due while the socket was not read.
const SECOND_LOOK: Duration = Duration::from_secs(1);
