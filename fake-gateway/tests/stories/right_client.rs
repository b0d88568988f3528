//! A small client that does everything right, on the fake's own clock: what ready-made scripts are tried with.

use core::time::Duration;
use portcullis::{CloseCode, Message, Timestamp};
use portcullis_fake::{Action, ConnectionId, Delivery, Event, FakeGateway, Input};
use serde_json::Value;
use std::collections::VecDeque;

const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// How long Hello, Ready and Resumed may take.
const PATIENCE: Duration = seconds(15);
const QUERY: &str = "v=10&encoding=json";

pub(crate) struct RightClient {
    pub(crate) gateway: FakeGateway,
    pub(crate) now: Timestamp,
    pub(crate) events: Vec<Event>,
    phase: Phase,
    session: Option<Session>,
    connections: u64,
    /// Attempts since a session last lived for a while.
    failures: u32,
    identify_not_before: Timestamp,
}

#[derive(Clone)]
struct Session {
    id: String,
    sequence: u64,
    url: Option<String>,
}

enum Phase {
    Waiting { until: Timestamp },
    Open(Link),
    Ended,
}

struct Link {
    connection: ConnectionId,
    /// Messages on their way.
    coming: VecDeque<(Timestamp, Coming)>,
    heart: Option<Heart>,
    /// An Identify is due then, once.
    identify_at: Option<Timestamp>,
    give_up: Option<Timestamp>,
    online_since: Option<Timestamp>,
}

enum Coming {
    Message(Message),
    Closed(Option<CloseCode>),
}

struct Heart {
    interval: Duration,
    next: Timestamp,
    acked: bool,
}

impl RightClient {
    pub(crate) fn new(mut gateway: FakeGateway) -> Self {
        gateway.watch();
        Self {
            gateway,
            now: Timestamp::ZERO,
            events: Vec::new(),
            phase: Phase::Waiting { until: Timestamp::ZERO },
            session: None,
            connections: 0,
            failures: 0,
            identify_not_before: Timestamp::ZERO,
        }
    }

    pub(crate) fn is_online(&self) -> bool {
        matches!(&self.phase, Phase::Open(link) if link.online_since.is_some())
    }

    pub(crate) const fn is_ended(&self) -> bool {
        matches!(self.phase, Phase::Ended)
    }

    /// Lives until the script ends, an hour at most.
    pub(crate) fn live(&mut self) {
        let end = Timestamp::ZERO + seconds(3600);
        while !self.gateway.is_ended() && self.now < end {
            let due = self.deadline().into_iter().chain(self.gateway.deadline()).min();
            self.now = self.now.max(due.unwrap_or(end));
            self.feed(Input::Tick);
            self.tick();
        }
    }

    fn deadline(&self) -> Option<Timestamp> {
        match &self.phase {
            Phase::Ended => None,
            Phase::Waiting { until } => Some(*until),
            Phase::Open(link) => {
                let coming = link.coming.front().map(|(at, _)| *at);
                let beat = link.heart.as_ref().map(|heart| heart.next);
                [coming, beat, link.identify_at, link.give_up].into_iter().flatten().min()
            }
        }
    }

    fn tick(&mut self) {
        if matches!(&self.phase, Phase::Waiting { until } if *until <= self.now) {
            self.connect();
        }
        while let Phase::Open(link) = &mut self.phase
            && link.coming.front().is_some_and(|(at, _)| *at <= self.now)
        {
            match link.coming.pop_front() {
                Some((_, Coming::Message(message))) => self.message(&message),
                Some((_, Coming::Closed(code))) => self.closed(code),
                None => {}
            }
        }
        let now = self.now;
        let Phase::Open(link) = &mut self.phase else { return };
        if link.give_up.is_some_and(|at| at <= now) {
            return self.leave(4000);
        }
        if link.identify_at.is_some_and(|at| at <= now) {
            link.identify_at = None;
            link.give_up = Some(now + PATIENCE);
            self.identify_not_before = now + Duration::from_millis(5500);
            return self.say(r#"{"op":2,"d":{"token":"T","intents":53608447,"properties":{}}}"#);
        }
        if let Some(heart) = link.heart.as_mut().filter(|heart| heart.next <= now) {
            if !heart.acked {
                return self.leave(4000);
            }
            heart.acked = false;
            heart.next = now + heart.interval;
            self.beat();
        }
    }

    fn connect(&mut self) {
        self.connections += 1;
        let connection = ConnectionId(self.connections);
        // A URL that is not the gateway's own cannot be reached here; the session is kept for the next try.
        let url = self.session.as_mut().and_then(|session| session.url.take());
        let path_and_query = match url.as_deref().map(|url| url.strip_prefix("ws://fake.invalid")) {
            Some(None) => return self.wait(),
            Some(Some(path)) if path.contains('?') => path.to_owned(),
            Some(Some(path)) => format!("/{}?{QUERY}", path.trim_matches('/')),
            None => format!("/?{QUERY}"),
        };
        if let Some(session) = &mut self.session {
            session.url = url;
        }
        let give_up = Some(self.now + PATIENCE);
        self.phase = Phase::Open(Link {
            connection,
            coming: VecDeque::new(),
            heart: None,
            identify_at: None,
            give_up,
            online_since: None,
        });
        self.feed(Input::Upgrade { connection, path_and_query });
    }

    fn message(&mut self, message: &Message) {
        let Ok(frame) = serde_json::from_slice::<Value>(message.bytes()) else { return self.leave(4000) };
        match frame["op"].as_i64() {
            Some(10) => self.hello(&frame["d"]["heartbeat_interval"]),
            Some(11) => {
                if let Phase::Open(Link { heart: Some(heart), .. }) = &mut self.phase {
                    heart.acked = true;
                }
            }
            Some(1) => self.beat(),
            Some(7) => self.leave(4000),
            Some(9) => {
                if frame["d"] != true {
                    self.session = None;
                }
                self.leave(4000);
            }
            Some(0) => self.dispatch(&frame),
            Some(_) | None => {}
        }
    }

    fn hello(&mut self, interval: &Value) {
        let now = self.now;
        let millis = interval.as_u64().unwrap_or(41_250).clamp(1000, 600_000);
        let interval = Duration::from_millis(millis);
        let Phase::Open(link) = &mut self.phase else { return };
        let is_first = link.heart.is_none();
        link.heart = Some(Heart { interval, next: now + interval / 2, acked: true });
        if !is_first {
            return;
        }
        if let Some(Session { id, sequence, .. }) = self.session.clone() {
            link.give_up = Some(now + PATIENCE);
            self.say(&format!(r#"{{"op":6,"d":{{"token":"T","session_id":"{id}","seq":{sequence}}}}}"#));
        } else {
            link.identify_at = Some(now.max(self.identify_not_before));
            link.give_up = None;
        }
    }

    fn dispatch(&mut self, frame: &Value) {
        let now = self.now;
        if frame["t"] == "READY" {
            self.session = Some(Session {
                id: frame["d"]["session_id"].as_str().unwrap_or_default().to_owned(),
                sequence: 0,
                url: frame["d"]["resume_gateway_url"].as_str().map(str::to_owned),
            });
        }
        if let (Some(session), Some(sequence)) = (&mut self.session, frame["s"].as_u64()) {
            session.sequence = session.sequence.max(sequence);
        }
        let Phase::Open(link) = &mut self.phase else { return };
        match frame["t"].as_str() {
            Some("READY") => {
                link.give_up = None;
                link.online_since = Some(now);
            }
            // One that answers an Identify means nothing.
            Some("RESUMED") if self.session.is_some() => {
                link.give_up = None;
                link.online_since = Some(now);
            }
            Some(_) | None => {}
        }
    }

    fn closed(&mut self, code: Option<CloseCode>) {
        match code.map(|code| code.0) {
            Some(4004 | 4010..=4014) => return self.phase = Phase::Ended,
            Some(1000 | 4003 | 4006 | 4007 | 4009) => self.session = None,
            Some(_) | None => {}
        }
        self.wait();
    }

    /// Closes with a code that keeps the session.
    fn leave(&mut self, code: u16) {
        if let Phase::Open(link) = &self.phase {
            let connection = link.connection;
            self.wait();
            self.feed(Input::Closed(connection, Some(CloseCode(code))));
        }
    }

    /// Waits 1, 2, 4 … 60 s; from the start again only after a minute online.
    fn wait(&mut self) {
        if let Phase::Open(Link { online_since: Some(since), .. }) = &self.phase
            && self.now - *since >= seconds(60)
        {
            self.failures = 0;
        }
        let pause = seconds(1_u64.checked_shl(self.failures).unwrap_or(60).clamp(1, 60));
        self.failures = self.failures.saturating_add(1);
        self.phase = Phase::Waiting { until: self.now + pause };
    }

    fn beat(&mut self) {
        let sequence = self.session.as_ref().map_or_else(|| "null".to_owned(), |session| session.sequence.to_string());
        self.say(&format!(r#"{{"op":1,"d":{sequence}}}"#));
    }

    fn say(&mut self, text: &str) {
        if let Phase::Open(link) = &self.phase {
            let connection = link.connection;
            self.feed(Input::Message(connection, Message::Text(text.as_bytes().to_vec().into())));
        }
    }

    /// Gives the gateway an input, and takes what comes of it onto the wire.
    fn feed(&mut self, input: Input) {
        let actions: Vec<_> = self.gateway.handle(self.now, input).collect();
        self.events.extend(self.gateway.take_events());
        for action in actions {
            let Phase::Open(link) = &mut self.phase else { continue };
            let (connection, coming, delay) = match action {
                Action::Send { delivery: Delivery::Cut { .. }, .. }
                | Action::Accept { .. }
                | Action::Confirm { .. }
                | Action::Wait { .. } => {
                    continue;
                }
                Action::Send { connection, message, delivery } => {
                    (connection, Coming::Message(message), delivery.takes())
                }
                Action::Close { connection, code, .. } => (connection, Coming::Closed(code), Duration::ZERO),
                Action::Drop { connection } | Action::Refuse { connection, .. } => {
                    (connection, Coming::Closed(None), Duration::ZERO)
                }
            };
            if connection == link.connection {
                // What is behind a late message waits for it.
                let behind = link.coming.back().map_or(self.now, |(at, _)| *at);
                link.coming.push_back((behind.max(self.now) + delay, coming));
            }
        }
    }
}
