//! Many shards, one gateway and one identify queue on one virtual clock.

use crate::rig::TOKEN;
use core::time::Duration;
use portcullis::dialect::ShardId;
use portcullis::dialect::discord::{Discord, Intents};
use portcullis::identify::{Answer, IdentifyQueue, PermitId};
use portcullis::machine::{Action, Config, ConnectFailure, Event, Input, Phase};
use portcullis::{CloseFrame, CloseReason, ConnectionId, GatewayMachine, Seed, Timestamp};
use portcullis_fake::{self as fake, FakeConfig, FakeGateway};
use std::collections::{BTreeMap, BTreeSet};

/// Shards of one application, their gateway, and the queue that they share.
pub struct Fleet {
    /// The server.
    pub gateway: FakeGateway,
    /// The identify queue that all shards ask.
    pub queue: IdentifyQueue,
    /// The clock.
    pub now: Timestamp,
    /// When each Identify was sent, and by which shard.
    pub identifies: Vec<(Timestamp, u32)>,
    /// When the queue told a shard that the budget is used up: the time, the shard, and the wait.
    pub exhausted: Vec<(Timestamp, u32, Duration)>,
    shards: Vec<Shard>,
    /// The queue's deadline, stored because finding it walks through all requests.
    queue_due: Option<Timestamp>,
    /// The machines' deadlines, soonest first.
    due: BTreeSet<(Timestamp, usize)>,
    wire: BTreeMap<(Timestamp, u64), Parcel>,
    parcels: u64,
}

struct Shard {
    machine: GatewayMachine,
    due: Option<Timestamp>,
    /// The connection whose permit was granted and not used yet.
    granted: Option<ConnectionId>,
    open: Option<ConnectionId>,
}

enum Parcel {
    ToServer(fake::Input),
    ToClient(usize, ConnectionId, Input),
}

impl Fleet {
    /// The time a message takes, either way.
    pub const LATENCY: Duration = Duration::from_millis(20);

    /// A fleet of `count` shards that have not started.
    #[must_use]
    pub fn new(count: u32, config: &Config, gateway: FakeConfig, queue: IdentifyQueue) -> Self {
        let resume_url = "wss://gateway-fake.discord.gg".into();
        let shards = (0..count).map(|id| {
            let shard = ShardId::new(id, count).unwrap();
            let discord = Discord::new(TOKEN, Intents::GUILDS).unwrap().with_shard(shard);
            let machine = GatewayMachine::new(discord, config.clone(), Seed(u64::from(id) + 7)).unwrap();
            Shard { machine, due: None, granted: None, open: None }
        });
        Self {
            gateway: FakeGateway::new(FakeConfig { resume_url, ..gateway }),
            queue,
            now: Timestamp::ZERO,
            identifies: Vec::new(),
            exhausted: Vec::new(),
            shards: shards.collect(),
            queue_due: None,
            due: BTreeSet::new(),
            wire: BTreeMap::new(),
            parcels: 0,
        }
    }

    /// Starts every shard, the first ones first.
    pub fn start(&mut self) {
        for index in 0..self.shards.len() {
            self.tell(index, Input::Start);
        }
    }

    /// Lets time pass.
    pub fn advance(&mut self, span: Duration) {
        let end = self.now + span;
        self.queue_due = self.queue.deadline();
        while let Some(next) = self.next_moment().filter(|next| *next <= end) {
            self.now = self.now.max(next);
            self.step();
        }
        self.now = end;
    }

    /// Cuts every connection.
    pub fn cut(&mut self) {
        self.wire.clear();
        for index in 0..self.shards.len() {
            self.cut_one(index);
        }
    }

    /// Cuts one shard's connection. Messages in transit on it arrive too late.
    pub fn cut_one(&mut self, index: usize) {
        if let Some(connection) = self.shards[index].open.take() {
            self.tell_server(fake::Input::Closed(peer_of(index, connection), None));
            self.tell(index, Input::Closed(connection, CloseReason::Eof));
        }
    }

    /// How many shards are in this phase.
    #[must_use]
    pub fn count(&self, phase: Phase) -> usize {
        self.shards.iter().filter(|shard| shard.machine.phase() == phase).count()
    }

    /// One machine.
    #[must_use]
    pub fn machine(&self, index: usize) -> &GatewayMachine {
        &self.shards[index].machine
    }

    /// Passes on the queue's answers that are due now, for tests that changed the queue.
    pub fn answer(&mut self) {
        for answer in self.queue.answers(self.now) {
            let (Answer::Granted(id) | Answer::Exhausted { id, .. }) = answer;
            let (index, connection) = asker(id);
            match answer {
                Answer::Granted(_) => {
                    self.shards[index].granted = Some(connection);
                    self.tell(index, Input::IdentifyGranted(connection));
                }
                Answer::Exhausted { resets_in, .. } => self.tell(index, Input::BudgetExhausted(connection, resets_in)),
            }
        }
        self.queue_due = self.queue.deadline();
    }

    fn tell(&mut self, index: usize, input: Input) {
        let mut inputs = vec![input];
        while let Some(input) = inputs.pop() {
            let actions: Vec<Action> = self.shards[index].machine.handle(self.now, input).collect();
            for action in actions {
                inputs.extend(self.carry_out(index, action));
            }
        }
        let Shard { machine, due, granted, .. } = &mut self.shards[index];
        if machine.phase() == Phase::Identifying
            && let Some(connection) = granted.take()
        {
            self.queue.spent(self.now, id(index, connection));
            self.queue_due = self.queue.deadline();
            self.identifies.push((self.now, u32::try_from(index).unwrap()));
        }
        if let Some(due) = due.take() {
            self.due.remove(&(due, index));
        }
        *due = machine.deadline();
        self.due.extend(due.map(|due| (due, index)));
    }

    fn carry_out(&mut self, index: usize, action: Action) -> Option<Input> {
        match action {
            Action::Connect { connection, .. } => {
                self.shards[index].open = Some(connection);
                let path_and_query = "/?v=10&encoding=json".into();
                let peer = peer_of(index, connection);
                self.post(Self::LATENCY, Parcel::ToServer(fake::Input::Upgrade { connection: peer, path_and_query }));
            }
            Action::Send { connection, message } => {
                let input = fake::Input::Message(peer_of(index, connection), message);
                self.post(Self::LATENCY, Parcel::ToServer(input));
                return Some(Input::Sent(connection));
            }
            Action::Close { connection, code, .. } => {
                let input = fake::Input::Closed(peer_of(index, connection), Some(code));
                self.post(Self::LATENCY, Parcel::ToServer(input));
                let reason = CloseReason::Frame(CloseFrame { code: Some(code), reason: String::new() });
                self.post(Self::LATENCY * 2, Parcel::ToClient(index, connection, Input::Closed(connection, reason)));
            }
            Action::Abort { connection } => {
                self.shards[index].open = None;
                self.post(Self::LATENCY, Parcel::ToServer(fake::Input::Closed(peer_of(index, connection), None)));
            }
            Action::RequestIdentify { connection } => {
                self.queue.ask(self.now, id(index, connection), u32::try_from(index).unwrap()).unwrap();
                self.queue_due = self.queue.deadline();
            }
            Action::ReleaseIdentify { connection } => {
                self.shards[index].granted = None;
                self.queue.give_back(self.now, id(index, connection));
                self.queue_due = self.queue.deadline();
            }
            Action::Event(Event::BudgetExhausted { resets_in }) => {
                self.exhausted.push((self.now, u32::try_from(index).unwrap(), resets_in));
            }
            Action::Event(_) | Action::Wait { .. } => {}
            Action::RequestToken { .. } => panic!("Discord's tokens do not expire"),
        }
        None
    }

    /// Gives the server an input now.
    pub fn tell_server(&mut self, input: fake::Input) {
        let actions: Vec<fake::Action> = self.gateway.handle(self.now, input).collect();
        for action in actions {
            let (peer, input): (fake::ConnectionId, &dyn Fn(ConnectionId) -> Input) = match &action {
                fake::Action::Accept { connection: peer } => (*peer, &Input::Opened),
                fake::Action::Send { connection: peer, message, .. } => {
                    (*peer, &|connection| Input::Message(connection, message.clone()))
                }
                fake::Action::Refuse { connection: peer, status, retry_after } => {
                    let failure = ConnectFailure::Http { status: *status, retry_after: *retry_after };
                    (*peer, &move |connection| Input::ConnectFailed(connection, failure.clone()))
                }
                fake::Action::Close { connection: peer, code, reason } => (*peer, &|connection| {
                    Input::Closed(connection, CloseReason::Frame(CloseFrame { code: *code, reason: reason.clone() }))
                }),
                fake::Action::Drop { connection: peer } => {
                    (*peer, &|connection| Input::Closed(connection, CloseReason::Eof))
                }
                fake::Action::Confirm { connection: peer } => {
                    self.post(Self::LATENCY, Parcel::ToServer(fake::Input::Confirmed(*peer)));
                    continue;
                }
                fake::Action::Wait { .. } => continue,
            };
            let (index, connection) = client(peer);
            self.post(Self::LATENCY, Parcel::ToClient(index, connection, input(connection)));
        }
    }

    fn next_moment(&self) -> Option<Timestamp> {
        let parcel = self.wire.keys().next().map(|(at, _)| *at);
        let due = self.due.first().map(|(at, _)| *at);
        [parcel, due, self.queue_due, self.gateway.deadline()].into_iter().flatten().min()
    }

    fn step(&mut self) {
        if let Some(entry) = self.wire.first_entry().filter(|entry| entry.key().0 <= self.now) {
            match entry.remove() {
                Parcel::ToServer(input) => self.tell_server(input),
                Parcel::ToClient(index, connection, input) if self.shards[index].open == Some(connection) => {
                    if matches!(input, Input::Closed(..) | Input::ConnectFailed(..)) {
                        self.shards[index].open = None;
                    }
                    self.tell(index, input);
                }
                Parcel::ToClient(..) => {}
            }
        } else if self.gateway.deadline().is_some_and(|deadline| deadline <= self.now) {
            self.tell_server(fake::Input::Tick);
        } else if self.queue_due.is_some_and(|deadline| deadline <= self.now) {
            self.answer();
        } else if let Some(&(_, index)) = self.due.first() {
            self.tell(index, Input::Tick);
        }
    }

    fn post(&mut self, delay: Duration, parcel: Parcel) {
        self.parcels += 1;
        self.wire.insert((self.now + delay, self.parcels), parcel);
    }
}

fn id(index: usize, connection: ConnectionId) -> PermitId {
    PermitId(((index as u64) << 32) | u64::from(connection.0))
}

fn asker(PermitId(id): PermitId) -> (usize, ConnectionId) {
    ((id >> 32) as usize, ConnectionId(id as u32))
}

fn peer_of(index: usize, connection: ConnectionId) -> fake::ConnectionId {
    fake::ConnectionId(id(index, connection).0)
}

fn client(fake::ConnectionId(peer): fake::ConnectionId) -> (usize, ConnectionId) {
    asker(PermitId(peer))
}
