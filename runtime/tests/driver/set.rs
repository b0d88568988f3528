//! Many shards in one task.

use crate::memory::{Alarm, Gateway, Memory};
use crate::stage::Stage;
use core::future::Future as _;
use core::num::NonZeroUsize;
use core::pin::{Pin, pin};
use core::task::{Context, Poll};
use core::time::Duration;
use futures_core::Stream;
use portcullis::dialect::discord::{Command, Intents, Presence, Status};
use portcullis::dialect::{ShardId, ShardIdError};
use portcullis::identify::{QueueConfig, SessionStartLimit};
use portcullis::machine::{EndReason, Outcome, Phase, Session, Shutdown};
use portcullis::{ConnectionId, Discord, Event, Seed, Sequence};
use portcullis_runtime::{
    BuildError, Builder, Driver, Events, GateAnswer, IdentifyGate, Member, Pump, Sender, ShardKey, ShardSet,
    SharedIdentify, SplitShardSet,
};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::Waker;

type Shard = Driver<Discord, Memory>;

fn shard(memory: &Memory) -> Shard {
    let builder = Builder::new(memory.clone(), "a.bot.token", Intents::GUILDS).gateway("ws://127.0.0.1:9");
    builder.seed(Seed(7)).build().unwrap()
}

/// A set of shards, each with a world of its own.
struct Fleet<M> {
    set: ShardSet<M>,
    gateways: Vec<Gateway>,
    alarm: Arc<Alarm>,
    heard: Vec<(ShardKey, Event)>,
    has_ended: bool,
}

impl<M: Member> Fleet<M> {
    fn of(set: ShardSet<M>, gateways: Vec<Gateway>) -> Self {
        let alarm = Arc::new(Alarm::default());
        Waker::from(Arc::clone(&alarm)).wake();
        Self { set, gateways, alarm, heard: Vec::new(), has_ended: false }
    }

    /// One `next_event()`, polled once and dropped.
    fn poll(&mut self) -> Poll<Option<(ShardKey, Event)>> {
        let waker = Waker::from(Arc::clone(&self.alarm));
        pin!(self.set.next_event()).poll(&mut Context::from_waker(&waker))
    }

    /// Polls when woken, as an executor does, until both sides have nothing more to do.
    fn run_until_idle(&mut self) {
        loop {
            let was_woken = self.alarm.take();
            if was_woken {
                loop {
                    match self.poll() {
                        Poll::Ready(Some(heard)) => self.heard.push(heard),
                        Poll::Ready(None) => {
                            self.has_ended = true;
                            break;
                        }
                        Poll::Pending => break,
                    }
                }
            }
            let moved = self.gateways.iter_mut().fold(false, |moved, gateway| gateway.step() | moved);
            if !moved && !was_woken {
                return;
            }
        }
    }

    fn hear(&mut self) -> Vec<(ShardKey, Event)> {
        self.run_until_idle();
        core::mem::take(&mut self.heard)
    }
}

fn fleet(shards: usize) -> (Fleet<Shard>, Vec<ShardKey>) {
    let worlds: Vec<_> = (0..shards).map(|_| Memory::new()).collect();
    let mut set = ShardSet::new();
    let keys = worlds.iter().map(|memory| set.add(shard(memory))).collect();
    (Fleet::of(set, worlds.iter().map(Gateway::new).collect()), keys)
}

fn dispatches(heard: &[(ShardKey, Event)]) -> Vec<ShardKey> {
    heard.iter().filter(|(_, event)| matches!(event, Event::Dispatch(_))).map(|(key, _)| *key).collect()
}

#[test]
fn a_flooding_shard_delays_no_others_event_by_more_than_one_of_each() {
    let (mut fleet, keys) = fleet(3);
    let ready = fleet.hear();
    assert_eq!(ready.iter().filter(|(_, event)| matches!(event, Event::Ready(_))).count(), 3);
    for _ in 0..50 {
        fleet.gateways[0].dispatch("FLOOD");
    }
    fleet.gateways[1].dispatch("ONE");
    fleet.gateways[2].dispatch("ONE");
    let order = dispatches(&fleet.hear());
    assert_eq!(order.len(), 52);
    assert_eq!(&order[..4], [keys[0], keys[1], keys[2], keys[0]]);
}

#[test]
fn shards_come_and_go_and_the_set_is_over_when_all_have_ended() {
    let (mut fleet, keys) = fleet(2);
    fleet.hear();
    let memory = Memory::new();
    let late = fleet.set.add(shard(&memory));
    fleet.gateways.push(Gateway::new(&memory));
    let heard = fleet.hear();
    assert!(heard.iter().any(|(key, event)| *key == late && matches!(event, Event::Ready(_))), "{heard:?}");
    assert_eq!(fleet.set.len(), 3);

    // A shard that is taken out lives on by itself, and is heard no more in the set.
    let taken = fleet.set.remove(keys[0]).unwrap();
    fleet.gateways[0].dispatch("ONE");
    assert_eq!(fleet.hear(), []);
    assert_eq!(fleet.set.remove(keys[0]).map(|_| ()), None);
    drop(taken);

    fleet.set.shutdown(Shutdown::KeepSession);
    let ended = fleet.hear().into_iter().filter(|(_, event)| matches!(event, Event::Ended(_)));
    assert_eq!(ended.map(|(key, _)| key).collect::<Vec<_>>(), [keys[1], late]);
    assert!(fleet.has_ended);
    assert_eq!(fleet.set.sessions().map(|(key, _)| key).collect::<Vec<_>>(), [keys[1], late]);
    assert!(fleet.set.get(late).unwrap().end_reason().is_some());

    let memory = Memory::new();
    let new = fleet.set.add(shard(&memory));
    fleet.gateways.push(Gateway::new(&memory));
    assert!(new > late, "no key comes twice");
    assert!(fleet.hear().iter().any(|(key, event)| *key == new && matches!(event, Event::Ready(_))));
}

#[test]
fn a_command_to_all_is_answered_by_each() {
    let (mut fleet, keys) = fleet(3);
    fleet.hear();
    let command = Command::UpdatePresence(Presence::new(Status::Idle));
    let sent = fleet.set.broadcast(&command);
    assert_eq!(sent.iter().map(|(key, _)| *key).collect::<Vec<_>>(), keys);
    fleet.hear();
    for (_, sent) in sent {
        assert_eq!(pin!(sent.unwrap()).poll(&mut Context::from_waker(Waker::noop())), Poll::Ready(Outcome::Sent));
    }
}

#[test]
fn shards_that_live_in_tasks_of_their_own_are_one_stream_as_well() {
    let (mut fleet, keys) = fleet(3);
    fleet.hear();
    let mut pumps: Vec<Pump<Discord, Memory>> = Vec::new();
    let set = fleet.set.split(NonZeroUsize::new(10).unwrap(), |pump| pumps.push(pump));
    let mut fleet: Fleet<Events> = Fleet::of(set, fleet.gateways);
    for (gateway, count) in fleet.gateways.iter_mut().zip([5, 1, 1]) {
        for _ in 0..count {
            gateway.dispatch("ONE");
        }
    }
    for pump in &mut pumps {
        assert!(Pin::new(pump).poll(&mut Context::from_waker(Waker::noop())).is_pending());
    }
    let order = dispatches(&fleet.hear());
    assert_eq!(order, [keys[0], keys[1], keys[2], keys[0], keys[0], keys[0], keys[0]]);
}

/// A shard that counts how often it is polled.
struct Counted {
    shard: Shard,
    polls: Arc<AtomicUsize>,
}

impl Stream for Counted {
    type Item = Event;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Event>> {
        self.polls.fetch_add(1, Ordering::Relaxed);
        self.shard.poll_event(cx)
    }
}

impl Member for Counted {
    type Dialect = Discord;

    fn sender(&self) -> Sender {
        self.shard.sender()
    }

    fn session(&self) -> Option<Session> {
        self.shard.session()
    }
}

#[test]
fn a_shard_with_nothing_to_do_is_not_polled() {
    let polls = Arc::new(AtomicUsize::new(0));
    let worlds: Vec<_> = (0..100).map(|_| Memory::new()).collect();
    let count = |memory| Counted { shard: shard(memory), polls: Arc::clone(&polls) };
    let set = worlds.iter().map(count).collect();
    let mut fleet = Fleet::of(set, worlds.iter().map(Gateway::new).collect());
    fleet.hear();
    polls.store(0, Ordering::Relaxed);
    fleet.gateways[42].dispatch("ONE");
    assert_eq!(dispatches(&fleet.hear()).len(), 1);
    // Once for the event, once to find that there is no more.
    assert_eq!(polls.load(Ordering::Relaxed), 2);
}

#[test]
fn a_sender_that_outlives_its_shard_does_not_keep_the_task() {
    let Stage { memory, gateway, shard, alarm, .. } = {
        let mut stage = Stage::new();
        stage.run_until_idle();
        stage
    };
    let sender = shard.sender();
    assert!(Arc::strong_count(&alarm) > 1, "whoever has something for the shard wakes its task");
    drop((memory, gateway, shard));
    assert_eq!(Arc::strong_count(&alarm), 1);
    assert_eq!(sender.phase(), Phase::Ended);
}

/// A builder of shards in a world of their own.
fn builder(memory: &Memory) -> Builder<Memory> {
    Builder::new(memory.clone(), "a.bot.token", Intents::GUILDS).gateway("ws://127.0.0.1:9").seed(Seed(7))
}

fn ids<M: Member>(set: &ShardSet<M>) -> Vec<String> {
    set.iter().map(|(key, _)| set.shard(key).unwrap().to_string()).collect()
}

#[test]
fn found_16_members_of_a_set_tell_how_they_fare_before_and_after_a_split() {
    let (mut fleet, keys) = fleet(2);
    fleet.hear();
    let alone = fleet.set.get(keys[1]).unwrap();
    assert_eq!((alone.phase(), alone.latency(), alone.health().counts.connections), (Phase::Active, None, 1));
    let why = alone.explain();
    let mut pumps = Vec::new();
    let set: SplitShardSet = fleet.set.split(NonZeroUsize::new(10).unwrap(), |pump| pumps.push(pump));
    let split = set.get(keys[1]).unwrap();
    assert_eq!((split.explain(), split.health().counts.connections, split.latency()), (why, 1, None));
    // A pump that was dropped, as by a panic of its task, ends its shard: the set can still be asked.
    drop(pumps);
    assert_eq!(set.get(keys[1]).unwrap().end_reason(), Some(EndReason::Shutdown));
}

#[test]
fn found_22_a_guild_has_its_shard() {
    let memory = Memory::new();
    let mut set = builder(&memory).build_shards([0, 2], 3).unwrap();
    // Guilds 0 to 3 of a count of 3, by `(guild_id >> 22) % count`.
    let found = |set: &ShardSet<Shard>| {
        let guilds = [0, 1 << 22, 2 << 22, 3 << 22];
        guilds.map(|guild| set.for_guild(guild).map(|(key, shard)| (key, shard.sender().shard().unwrap().id())))
    };
    let keys: Vec<_> = set.iter().map(|(key, _)| key).collect();
    let (first, third) = (Some((keys[0], 0)), Some((keys[1], 2)));
    assert_eq!(found(&set), [first, None, third, first], "shard 1 lives elsewhere");

    // In the middle of a change of the count the old shard counts, until it has ended.
    let new = set.add(builder(&memory).shard(ShardId::ONE).build().unwrap());
    assert_eq!(found(&set), [first, Some((new, 0)), third, first]);
    set.get(keys[0]).unwrap().sender().shutdown(Shutdown::EndSession);
    let mut cx = Context::from_waker(Waker::noop());
    while let Poll::Ready(Some(_)) = pin!(set.next_event()).poll(&mut cx) {}
    assert_eq!(found(&set)[0], Some((new, 0)));
    assert_eq!(found(&set)[2], third);
}

#[test]
fn found_22_a_fleet_of_a_fixed_count_is_one_call() {
    let memory = Memory::new();
    let session = |id, shard| Session::new(id, ShardId::new(shard, 3).ok(), Sequence(7), None);
    let set = builder(&memory).resume(session("two", 2), None).build_shards(0..3, 3).unwrap();
    assert_eq!(ids(&set), ["[0, 3]", "[1, 3]", "[2, 3]"]);
    let sessions: Vec<_> = set.sessions().map(|(key, session)| (set.shard(key).unwrap().id(), session)).collect();
    assert_eq!(sessions, [(2, session("two", 2))]);
    assert_eq!(set.identify().unwrap().left(), 995, "1,000 less a reserve of 5");

    let error = builder(&memory).build_shards(2..4, 3).unwrap_err();
    assert_eq!(error, BuildError::Shard(ShardIdError::NotBelow { id: 3, count: 3 }));
    assert_eq!(builder(&memory).build_shards(0..1, 0).unwrap_err(), BuildError::Shard(ShardIdError::NoShards));
    assert!(builder(&memory).build_shards([], 3).unwrap().is_empty());
}

#[test]
fn found_22_the_shards_of_a_fixed_count_share_one_queue() {
    // given: three shards, one world and one bucket
    let memory = Memory::new();
    let shared = SharedIdentify::new(&memory, SessionStartLimit::default(), QueueConfig::default());
    let set = builder(&memory).identify(&shared).build_shards(0..3, 3).unwrap();
    let mut fleet = Fleet::of(set, (0..3).map(|_| Gateway::new(&memory)).collect());

    // when: all connect at once
    let online = |fleet: &mut Fleet<Shard>| {
        fleet.run_until_idle();
        fleet.set.iter().filter(|(_, shard)| shard.phase() == Phase::Active).count()
    };

    // then: one identifies, and the next 5 s later
    assert_eq!(online(&mut fleet), 1);
    while memory.time().as_nanos() < 5_000_000_000 {
        assert_eq!(online(&mut fleet), 1);
        assert!(memory.advance());
    }
    assert_eq!(online(&mut fleet), 2);
    assert_eq!(shared.left(), fleet.set.identify().unwrap().left());
}

/// A gate that lets its shard in at once, and notes whose it is.
struct Open {
    asked: Option<ConnectionId>,
    shard: ShardId,
    let_in: Arc<Mutex<Vec<ShardId>>>,
}

impl IdentifyGate for Open {
    fn ask(&mut self, connection: ConnectionId, shard: Option<ShardId>) {
        assert_eq!(shard, Some(self.shard));
        self.asked = Some(connection);
    }

    fn give_back(&mut self, _: ConnectionId) {
        self.asked = None;
    }

    fn spent(&mut self, _: ConnectionId) {
        self.let_in.lock().unwrap().push(self.shard);
    }

    fn poll_answer(&mut self, _: &mut Context<'_>) -> Poll<GateAnswer> {
        self.asked.take().map_or(Poll::Pending, |connection| Poll::Ready(GateAnswer::Granted(connection)))
    }

    fn wait(&self) -> Option<Duration> {
        None
    }
}

#[test]
fn found_22_a_fleet_goes_through_gates_of_the_applications_own() {
    let (memory, let_in) = (Memory::new(), Arc::new(Mutex::new(Vec::new())));
    let noted = Arc::clone(&let_in);
    let open = move |shard| Open { asked: None, shard, let_in: Arc::clone(&noted) };
    let set = builder(&memory).identify_by(open).build_shards(4..7, 16).unwrap();
    assert!(set.identify().is_none(), "there is no queue of this process");
    let mut fleet = Fleet::of(set, (0..3).map(|_| Gateway::new(&memory)).collect());
    fleet.run_until_idle();
    let mut let_in = let_in.lock().unwrap().iter().map(|shard| shard.id()).collect::<Vec<_>>();
    let_in.sort_unstable();
    assert_eq!(let_in, [4, 5, 6]);
}
