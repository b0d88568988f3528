//! A walk at random through inputs, deeds and faults: what must hold after every step, whatever came before.

use crate::world::{QUERY, identify_shard, resume};
use core::time::Duration;
use portcullis::{CloseCode, Message, Timestamp};
use portcullis_fake::{
    Action, ConnectionId, FakeConfig, FakeGateway, Fate, Fault, Input, Limits, Rebuff, Resumable, ResumeUrl,
    SequenceFault, SessionId, Span, Target,
};
use std::collections::BTreeSet;

struct Walk {
    gateway: FakeGateway,
    now: Timestamp,
    open: BTreeSet<ConnectionId>,
    /// Accepted, and neither closed nor dropped by the fake.
    served: BTreeSet<ConnectionId>,
    /// The connections that are still spoken of.
    slots: Vec<ConnectionId>,
    opened: u64,
    draws: u64,
    actions: Vec<Action>,
}

impl Walk {
    fn new(seed: u64) -> Self {
        let limits = if seed.is_multiple_of(2) { Limits::Real } else { Limits::Lifted };
        let config = FakeConfig { seed, limits, ring: 20, max_concurrency: 4, record_max: 50, ..FakeConfig::default() };
        Self {
            gateway: FakeGateway::new(config),
            now: Timestamp::ZERO,
            open: BTreeSet::new(),
            served: BTreeSet::new(),
            slots: vec![ConnectionId(0); 12],
            opened: 0,
            draws: seed,
            actions: Vec::new(),
        }
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.draws = self.draws.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.draws >> 33) % limit
    }

    fn pick<T: Clone>(&mut self, list: &[T]) -> T {
        let index = self.below(u64::try_from(list.len()).unwrap());
        list[usize::try_from(index).unwrap()].clone()
    }

    fn connection(&mut self) -> ConnectionId {
        let slots = self.slots.clone();
        self.pick(&slots)
    }

    fn target(&mut self) -> Target {
        match self.below(4) {
            0 => Target::All,
            1 => Target::Guild(self.below(4) << 22),
            2 => self.gateway.sessions().next().map_or(Target::All, |status| Target::Session(status.id)),
            _ => Target::Connection(self.connection()),
        }
    }

    /// Mostly what a sound client would say there, sometimes what none would.
    fn text(&mut self, connection: ConnectionId) -> String {
        let online = self.gateway.sessions().any(|status| status.connection == Some(connection));
        let waiting: Vec<_> = self.gateway.sessions().filter(|status| status.connection.is_none()).collect();
        match self.below(12) {
            0 => self.pick(&["{", "[]", r#"{"op":77}"#, r#"{"op":3,"d":1}"#]).into(),
            1 => resume(SessionId(0), self.below(40)),
            2 => r#"{"op":31,"d":{"guild_ids":[]}}"#.into(),
            _ if online => format!(r#"{{"op":1,"d":{}}}"#, self.below(30)),
            3..=7 if !waiting.is_empty() => {
                let status = self.pick(&waiting);
                resume(status.id, (status.sequence + 1).saturating_sub(self.below(8)))
            }
            _ => identify_shard(self.below(1 << 16), u32::try_from(self.below(4)).unwrap(), 4),
        }
    }

    fn fault(&mut self) -> Fault {
        let span = Duration::from_millis(self.below(9000));
        let instead = Fate::Instead(Message::Text("x".into()));
        let fate = self.pick(&[Fate::Omit, Fate::Delay(span), Fate::Unnumbered, instead]);
        match self.below(11) {
            0 => Fault::RefuseUpgrade { status: 503, retry_after: None },
            1 => Fault::Hello(fate),
            2 => Fault::HeartbeatAck(fate),
            3 => Fault::Ready(fate),
            4 => Fault::Resumed(fate),
            5 => Fault::Identify(Rebuff::Drop),
            6 => Fault::Resume(Rebuff::Close(None)),
            7 => Fault::ResumeUrl(ResumeUrl::Omit),
            8 => Fault::Sequence(SequenceFault::Skip(2)),
            9 => Fault::Cut { bytes: 3 },
            _ => Fault::Split { pieces: 3, gap: span },
        }
    }

    fn deed(&mut self) {
        let (target, now) = (self.target(), self.now);
        let _reached = match self.below(12) {
            0 => self.gateway.drop_connections(now, target),
            1 => self.gateway.close(now, target, Some(CloseCode(4000)), ""),
            2 => self.gateway.reconnect(now, target),
            3 => self.gateway.invalid_session(now, target, Resumable::Yes),
            4 => self.gateway.invalid_session(now, target, Resumable::No),
            5 => self.gateway.request_heartbeat(now, target),
            6 => {
                let fault = self.fault();
                self.gateway.fault(target, fault, Span::Next);
                return;
            }
            7 => return self.gateway.lift_all(),
            _ => self.gateway.dispatch(now, target, "TYPING_START", r#"{"guild_id":"1"}"#),
        };
    }

    fn input(&mut self) -> Input {
        let connection = self.connection();
        match self.below(8) {
            0 => Input::Tick,
            1 => Input::Closed(connection, self.pick(&[None, Some(CloseCode(1000)), Some(CloseCode(4000))])),
            2 | 3 => {
                self.opened += 1;
                let slot = usize::try_from(self.below(12)).unwrap();
                self.slots[slot] = ConnectionId(self.opened);
                Input::Upgrade { connection: ConnectionId(self.opened), path_and_query: QUERY.into() }
            }
            _ => Input::Message(connection, Message::Text(self.text(connection).into_bytes().into())),
        }
    }

    fn step(&mut self) {
        if self.below(6) == 0 {
            self.deed();
        }
        let input = self.input();
        if let Input::Closed(connection, _) = &input {
            self.open.remove(connection);
        }
        // A clock that mostly goes on, sometimes leaps, and sometimes steps back.
        let leap = self.pick(&[0, 0, 10, 10, 10, 400, 400, 400, 5000, 70_000]);
        let told = if self.below(9) == 0 { Timestamp::ZERO } else { self.now + Duration::from_millis(leap) };
        self.now = self.now.max(told);
        let actions: Vec<_> = self.gateway.handle(told, input).collect();
        self.check(&actions);
        self.actions.extend(actions);
    }

    fn check(&mut self, actions: &[Action]) {
        for (index, action) in actions.iter().enumerate() {
            match action {
                Action::Accept { connection } => {
                    assert!(self.open.insert(*connection) && self.served.insert(*connection), "accepted twice");
                }
                Action::Refuse { connection, .. } => assert!(!self.served.contains(connection), "refused too late"),
                Action::Send { connection, .. } | Action::Confirm { connection } => {
                    assert!(self.served.contains(connection), "silent-outside");
                }
                Action::Close { connection, .. } | Action::Drop { connection } => {
                    assert!(self.served.remove(connection), "ended twice");
                    self.open.remove(connection);
                }
                Action::Wait { until } => {
                    assert!(*until > self.now, "a wait for what is due");
                    assert_eq!(index + 1, actions.len(), "a wait is last");
                    assert_eq!(self.gateway.deadline(), Some(*until));
                }
            }
        }
        assert_eq!(self.gateway.connections().collect::<BTreeSet<_>>(), self.open);
        let holders: Vec<_> = self.gateway.sessions().filter_map(|status| status.connection).collect();
        assert_eq!(holders.iter().collect::<BTreeSet<_>>().len(), holders.len(), "one-holder");
        assert!(holders.iter().all(|connection| self.open.contains(connection)), "one-holder");
        assert!(self.gateway.received().count() <= 50 && self.gateway.breaches().count() <= 50);
    }
}

#[test]
fn what_must_hold_holds_on_every_walk_and_a_walk_repeats() {
    let mut resumed = 0;
    for seed in 0..60 {
        let run = || {
            let mut walk = Walk::new(seed);
            for _ in 0..400 {
                walk.step();
            }
            walk
        };
        let walk = run();
        assert!(walk.gateway.counters().sessions > 0, "seed {seed} went nowhere");
        assert_eq!(walk.actions, run().actions, "seed {seed}");
        resumed += walk.gateway.counters().resumed;
    }
    assert!(resumed > 60, "the walks resumed {resumed} times only");
}
