//! Client and server on one virtual clock, with a network between them that can be cut.

use crate::rig::{config, discord};
use crate::story::Story;
use core::time::Duration;
use portcullis::dialect::discord::Discord;
use portcullis::machine::{Action, Config, ConnectFailure, Event, Input, Phase};
use portcullis::{CloseFrame, CloseReason, ConnectionId, GatewayMachine, Message, Seed, Timestamp};
use portcullis_fake::{self as fake, Delivery, FakeConfig, FakeGateway};
use std::collections::{BTreeMap, BTreeSet};

/// Client machine, server machine, a network, one clock, which jumps from deadline to deadline.
pub struct World {
    /// The client.
    pub client: GatewayMachine<Discord>,
    /// The server.
    pub gateway: FakeGateway,
    /// The client's inputs and actions.
    pub story: Story,
    /// All events of the client.
    pub events: Vec<Event>,
    /// The clock.
    pub now: Timestamp,
    latency: Duration,
    wire: BTreeMap<(Timestamp, u64), Parcel>,
    parcels: u64,
    open: BTreeSet<ConnectionId>,
    unreachable: Vec<String>,
}

/// A message, or an end of the connection, in transit.
#[derive(Clone, Debug)]
enum Parcel {
    ToServer(fake::Input),
    ToClient(ConnectionId, Input),
}

impl World {
    /// The time a message takes, either way.
    pub const LATENCY: Duration = Duration::from_millis(20);

    /// A world at t+0, with a client that has not started.
    #[must_use]
    pub fn new(config: Config, gateway: FakeConfig, seed: Seed) -> Self {
        Self::of(discord(), config, gateway, seed)
    }

    /// The same with this client.
    #[must_use]
    pub fn of(discord: Discord, config: Config, gateway: FakeConfig, seed: Seed) -> Self {
        Self {
            client: GatewayMachine::new(discord, config, seed).unwrap(),
            gateway: FakeGateway::new(with_own_resume_url(gateway)),
            story: Story::default(),
            events: Vec::new(),
            now: Timestamp::ZERO,
            latency: Self::LATENCY,
            wire: BTreeMap::new(),
            parcels: 0,
            open: BTreeSet::new(),
            unreachable: Vec::new(),
        }
    }

    /// A shard in phase Active at a gateway with this heartbeat interval; the story is empty.
    #[must_use]
    pub fn online(seed: Seed, interval: Duration) -> Self {
        let gateway = FakeConfig { heartbeat_interval: interval, ..FakeConfig::default() };
        let mut world =
            Self::new(Config { heartbeat: portcullis::machine::HeartbeatPolicy::default(), ..config() }, gateway, seed);
        world.start();
        world.until_online();
        world.story.clear();
        world
    }

    /// Starts the client.
    pub fn start(&mut self) {
        self.tell(Input::Start);
    }

    /// Lets time pass.
    pub fn advance(&mut self, span: Duration) {
        let end = self.now + span;
        while let Some(next) = self.next_moment().filter(|next| *next <= end) {
            self.now = self.now.max(next);
            self.step();
        }
        self.now = end;
    }

    /// Lets time pass until the client is in phase Active and no message is in transit.
    ///
    /// # Panics
    /// If that takes more than an hour.
    #[track_caller]
    pub fn until_online(&mut self) {
        let end = self.now + Duration::from_secs(3600);
        while self.client.phase() != Phase::Active || !self.wire.is_empty() {
            let next = self.next_moment().expect("a started client has a deadline");
            assert!(next <= end, "not online after an hour:\n{}", self.story.text());
            self.now = self.now.max(next);
            self.step();
        }
    }

    /// Calls the server.
    pub fn serve<R>(&mut self, deed: impl FnOnce(&mut FakeGateway, Timestamp) -> R) -> R {
        let done = deed(&mut self.gateway, self.now);
        self.tell_server(fake::Input::Tick);
        done
    }

    /// Cuts the network: the client sees the end of the stream, and messages in transit are lost.
    pub fn cut(&mut self) {
        self.wire.clear();
        for connection in std::mem::take(&mut self.open) {
            self.story.deed(self.now, "cut");
            self.tell_server(fake::Input::Closed(peer_of(connection), None));
            self.tell(Input::Closed(connection, CloseReason::Eof));
        }
    }

    /// From now on connecting to a URL that contains `text` fails.
    pub fn make_unreachable(&mut self, text: &str) {
        self.unreachable.push(text.into());
    }

    /// From now on every URL can be reached.
    pub fn make_reachable(&mut self) {
        self.unreachable.clear();
    }

    /// Gives the client an input now, and carries out its actions.
    pub fn tell(&mut self, input: Input) {
        self.story.input(self.now, &input);
        let mut inputs = vec![input];
        while let Some(input) = inputs.pop() {
            let actions: Vec<Action> = self.client.handle(self.now, input).collect();
            for action in actions {
                if !matches!(action, Action::Wait { .. }) {
                    self.story.action(self.now, &action);
                }
                inputs.extend(self.carry_out(action));
            }
        }
    }

    fn carry_out(&mut self, action: Action) -> Option<Input> {
        match action {
            Action::Connect { connection, url, .. } => {
                if self.unreachable.iter().any(|text| url.as_str().contains(text)) {
                    return Some(Input::ConnectFailed(connection, ConnectFailure::Refused));
                }
                self.open.insert(connection);
                let path_and_query = url.path_and_query().into();
                self.post(Parcel::ToServer(fake::Input::Upgrade { connection: peer_of(connection), path_and_query }));
                None
            }
            Action::Send { connection, message } => {
                self.post(Parcel::ToServer(fake::Input::Message(peer_of(connection), message)));
                Some(Input::Sent(connection))
            }
            Action::Close { connection, code, .. } => {
                self.post(Parcel::ToServer(fake::Input::Closed(peer_of(connection), Some(code))));
                let frame = CloseFrame { code: Some(code), reason: String::new() };
                let back = self.now + self.latency * 2;
                self.post_at(back, Parcel::ToClient(connection, Input::Closed(connection, CloseReason::Frame(frame))));
                None
            }
            Action::Abort { connection } => {
                self.open.remove(&connection);
                self.post(Parcel::ToServer(fake::Input::Closed(peer_of(connection), None)));
                None
            }
            Action::RequestIdentify { connection } => Some(Input::IdentifyGranted(connection)),
            Action::Event(event) => {
                self.events.push(event);
                None
            }
            Action::ReleaseIdentify { .. } | Action::RequestToken { .. } | Action::Wait { .. } => None,
        }
    }

    fn tell_server(&mut self, input: fake::Input) {
        let actions: Vec<fake::Action> = self.gateway.handle(self.now, input).collect();
        for action in actions {
            match action {
                fake::Action::Accept { connection: peer } => self.post_back(peer, Input::Opened),
                fake::Action::Refuse { connection: peer, status, retry_after } => {
                    let failure = ConnectFailure::Http { status, retry_after };
                    self.post_back(peer, |connection| Input::ConnectFailed(connection, failure));
                }
                fake::Action::Send { connection: peer, message, delivery } => {
                    // A message that was cut off never arrives; the drop behind it does.
                    if matches!(delivery, Delivery::Cut { .. }) {
                        continue;
                    }
                    let delay = delivery.takes();
                    let connection = connection_of(peer);
                    let input = Input::Message(connection, as_received(message));
                    self.post_at(self.now + self.latency + delay, Parcel::ToClient(connection, input));
                }
                fake::Action::Close { connection: peer, code, reason } => {
                    let reason = CloseReason::Frame(CloseFrame { code, reason });
                    self.post_back(peer, |connection| Input::Closed(connection, reason));
                }
                fake::Action::Drop { connection: peer } => {
                    self.post_back(peer, |connection| Input::Closed(connection, CloseReason::Eof));
                }
                fake::Action::Confirm { connection: peer } => self.post(Parcel::ToServer(fake::Input::Confirmed(peer))),
                fake::Action::Wait { .. } => {}
            }
        }
    }

    fn next_moment(&self) -> Option<Timestamp> {
        let parcel = self.wire.keys().next().map(|(at, _)| *at);
        [parcel, self.client.deadline(), self.gateway.deadline()].into_iter().flatten().min()
    }

    /// Delivers a message that is due, or gives a machine a tick that is due.
    fn step(&mut self) {
        if let Some(entry) = self.wire.first_entry().filter(|entry| entry.key().0 <= self.now) {
            match entry.remove() {
                Parcel::ToServer(input) => self.tell_server(input),
                Parcel::ToClient(connection, input) if self.open.contains(&connection) => {
                    if matches!(input, Input::Closed(..) | Input::ConnectFailed(..)) {
                        self.open.remove(&connection);
                    }
                    self.tell(input);
                }
                Parcel::ToClient(..) => {}
            }
        } else if self.gateway.deadline().is_some_and(|deadline| deadline <= self.now) {
            self.tell_server(fake::Input::Tick);
        } else {
            self.tell(Input::Tick);
        }
    }

    fn post(&mut self, parcel: Parcel) {
        self.post_at(self.now + self.latency, parcel);
    }

    fn post_at(&mut self, at: Timestamp, parcel: Parcel) {
        self.parcels += 1;
        self.wire.insert((at, self.parcels), parcel);
    }

    fn post_back(&mut self, peer: fake::ConnectionId, input: impl FnOnce(ConnectionId) -> Input) {
        let connection = connection_of(peer);
        self.post(Parcel::ToClient(connection, input(connection)));
    }
}

/// The config with a resume URL on one of Discord's hosts. The fake's default URL is on none, so a client would not connect
/// there.
fn with_own_resume_url(gateway: FakeConfig) -> FakeConfig {
    let unset = FakeConfig::default().resume_url;
    let own = "wss://gateway-fake.discord.gg".into();
    FakeConfig { resume_url: if gateway.resume_url == unset { own } else { gateway.resume_url }, ..gateway }
}

fn peer_of(connection: ConnectionId) -> fake::ConnectionId {
    fake::ConnectionId(u64::from(connection.0))
}

fn connection_of(peer: fake::ConnectionId) -> ConnectionId {
    ConnectionId(u32::try_from(peer.0).unwrap_or(u32::MAX))
}

/// Copies a message, since a message from a real network has memory of its own.
fn as_received(message: Message) -> Message {
    match message {
        Message::Text(bytes) => Message::Text(bytes::Bytes::copy_from_slice(&bytes)),
        Message::Binary(bytes) => Message::Binary(bytes::Bytes::copy_from_slice(&bytes)),
    }
}
