//! One fake gateway, one clock, and clients that write text: a story's `>` is what the fake sent, `<` what it got.

use core::time::Duration;
use portcullis::{CloseCode, Message, Timestamp};
use portcullis_fake::{Action, ConnectionId, Delivery, FakeConfig, FakeGateway, Input, SessionId};
use serde_json::Value;

pub(crate) const QUERY: &str = "/?v=10&encoding=json";

pub(crate) const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

pub(crate) const fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

pub(crate) struct World {
    pub(crate) gateway: FakeGateway,
    pub(crate) now: Timestamp,
    /// What the fake did, a line each.
    lines: Vec<String>,
    /// Every action, for byte-for-byte comparisons.
    pub(crate) actions: Vec<Action>,
    connections: u64,
}

impl World {
    pub(crate) fn new(config: FakeConfig) -> Self {
        let gateway = FakeGateway::new(config);
        Self { gateway, now: Timestamp::ZERO, lines: Vec::new(), actions: Vec::new(), connections: 0 }
    }

    /// The default config, without guilds.
    pub(crate) fn plain() -> Self {
        Self::new(FakeConfig { guilds: 0, ..FakeConfig::default() })
    }

    /// Two connections are never open before each other's Hello is read, so the lines of it are dropped.
    pub(crate) fn connect(&mut self) -> ConnectionId {
        let connection = self.connect_to(QUERY);
        self.lines.clear();
        connection
    }

    pub(crate) fn connect_to(&mut self, path_and_query: &str) -> ConnectionId {
        self.connections += 1;
        let connection = ConnectionId(self.connections);
        self.handle(Input::Upgrade { connection, path_and_query: path_and_query.into() });
        connection
    }

    /// Connects and identifies with the intents; gives the session, its lines dropped.
    pub(crate) fn online(&mut self, intents: u64) -> (ConnectionId, SessionId) {
        let connection = self.connect();
        self.say(connection, &identify(intents));
        self.lines.clear();
        let Some(status) = self.gateway.sessions().find(|status| status.connection == Some(connection)) else {
            panic!("no session began");
        };
        (connection, status.id)
    }

    pub(crate) fn say(&mut self, connection: ConnectionId, text: &str) {
        self.handle(Input::Message(connection, Message::Text(text.as_bytes().to_vec().into())));
    }

    pub(crate) fn leave(&mut self, connection: ConnectionId, code: Option<u16>) {
        self.handle(Input::Closed(connection, code.map(CloseCode)));
    }

    pub(crate) fn tick(&mut self) {
        self.handle(Input::Tick);
    }

    pub(crate) fn input(&mut self, input: Input) {
        self.handle(input);
    }

    /// Moves the clock from deadline to deadline.
    pub(crate) fn advance(&mut self, span: Duration) {
        let until = self.now + span;
        while let Some(due) = self.gateway.deadline().filter(|&due| due <= until) {
            self.now = self.now.max(due);
            self.tick();
        }
        self.now = until;
        self.tick();
    }

    /// The lines since the last look.
    pub(crate) fn story(&mut self) -> Vec<String> {
        std::mem::take(&mut self.lines)
    }

    pub(crate) fn assert_story(&mut self, story: &[&str]) {
        assert_eq!(self.story(), story);
    }

    fn handle(&mut self, input: Input) {
        let actions: Vec<_> = self.gateway.handle(self.now, input).collect();
        for (index, action) in actions.iter().enumerate() {
            if let Action::Wait { until } = action {
                assert!(*until > self.now, "a wait for what is due");
                assert_eq!(index + 1, actions.len(), "a wait is last");
            } else {
                self.lines.push(format!("{} {}", self.now, line(action)));
            }
        }
        self.actions.extend(actions);
    }
}

pub(crate) fn identify(intents: u64) -> String {
    format!(r#"{{"op":2,"d":{{"token":"T","intents":{intents},"properties":{{}}}}}}"#)
}

pub(crate) fn identify_shard(intents: u64, id: u32, count: u32) -> String {
    format!(r#"{{"op":2,"d":{{"token":"T","intents":{intents},"properties":{{}},"shard":[{id},{count}]}}}}"#)
}

pub(crate) fn resume(session: SessionId, sequence: u64) -> String {
    format!(r#"{{"op":6,"d":{{"token":"T","session_id":"{session}","seq":{sequence}}}}}"#)
}

pub(crate) fn frames(world: &World) -> Vec<Value> {
    let sent = world.actions.iter().filter_map(|action| match action {
        Action::Send { message, .. } => serde_json::from_slice(message.bytes()).ok(),
        _ => None,
    });
    sent.collect()
}

fn line(action: &Action) -> String {
    match action {
        Action::Accept { connection } => format!("{} accept", connection.0),
        Action::Refuse { connection, status, retry_after } => {
            format!("{} refuse {status} {retry_after:?}", connection.0)
        }
        Action::Send { connection, message, delivery } => {
            let pieces = match delivery {
                Delivery::Whole => String::new(),
                Delivery::Cut { bytes } => format!(" cut after {bytes}"),
                Delivery::Pieces(pieces) => format!(" in {} pieces", pieces.len()),
                Delivery::Joined | Delivery::Stalled { .. } => format!(" {delivery}"),
            };
            format!("{} {}{pieces}", connection.0, frame(message))
        }
        Action::Close { connection, code, reason } => {
            let code = code.map_or_else(|| "without a code".into(), |code| code.to_string());
            format!("{} close {code} {reason}", connection.0).trim_end().to_owned()
        }
        Action::Drop { connection } => format!("{} drop", connection.0),
        Action::Confirm { connection } => format!("{} confirm", connection.0),
        Action::Wait { until } => format!("wait {until}"),
    }
}

fn frame(message: &Message) -> String {
    let Ok(frame) = serde_json::from_slice::<Value>(message.bytes()) else {
        return format!("raw {message:?}");
    };
    match frame["op"].as_i64() {
        Some(0) => format!("{} {}", frame["t"].as_str().unwrap_or("?"), frame["s"]),
        Some(op) => format!("op {op}"),
        None => format!("raw {message:?}"),
    }
}
