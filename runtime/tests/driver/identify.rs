//! Turns to identify: a queue that shards share, and what a driver does with its gate.

use crate::memory::{Alarm, Memory};
use crate::stage::Stage;
use core::task::{Context, Poll};
use core::time::Duration;
use portcullis::dialect::ShardId;
use portcullis::identify::{QueueConfig, SessionStartLimit};
use portcullis::machine::Phase;
use portcullis::{ConnectionId, Event, Timestamp};
use portcullis_runtime::{GateAnswer, IdentifyGate, SharedGate, SharedIdentify};
use std::sync::{Arc, Mutex};
use std::task::Waker;

const LINK: ConnectionId = ConnectionId(1);

fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

fn share(memory: &Memory, remaining: u32) -> SharedIdentify {
    let limit = SessionStartLimit { remaining, reset_after: seconds(3600), ..SessionStartLimit::default() };
    SharedIdentify::new(memory, limit, QueueConfig { spacing: seconds(5), reserve: 0, ..QueueConfig::default() })
}

/// A gate and the task that waits at it.
struct Waiting {
    gate: SharedGate,
    alarm: Arc<Alarm>,
}

impl Waiting {
    fn at(queue: &SharedIdentify, shard: u32) -> Self {
        let mut gate = queue.gate();
        gate.ask(LINK, ShardId::new(shard, 16).ok());
        Self { gate, alarm: Arc::new(Alarm::default()) }
    }

    fn poll(&mut self) -> Poll<GateAnswer> {
        self.gate.poll_answer(&mut Context::from_waker(&Waker::from(Arc::clone(&self.alarm))))
    }
}

const GRANTED: Poll<GateAnswer> = Poll::Ready(GateAnswer::Granted(LINK));

#[test]
fn the_first_has_its_turn_at_once_and_the_next_when_the_bucket_is_free() {
    let memory = Memory::new();
    let shared = share(&memory, 1000);
    let (mut one, mut two) = (Waiting::at(&shared, 0), Waiting::at(&shared, 1));
    assert_eq!((one.poll(), two.poll()), (GRANTED, Poll::Pending));
    assert_eq!((one.poll(), two.gate.wait()), (Poll::Pending, Some(seconds(15))));

    // The turn is used: who waits is told that the next one is due sooner.
    memory.pass(seconds(1));
    one.gate.spent(LINK);
    assert!(two.alarm.take());
    assert_eq!((two.poll(), two.gate.wait()), (Poll::Pending, Some(seconds(5))));
    memory.pass(seconds(5));
    assert_eq!((two.poll(), shared.left()), (GRANTED, 998));
}

#[test]
fn a_turn_that_comes_back_wakes_the_next() {
    let memory = Memory::new();
    let shared = share(&memory, 1000);
    let (mut one, mut two, mut three) = (Waiting::at(&shared, 0), Waiting::at(&shared, 1), Waiting::at(&shared, 2));
    assert_eq!((one.poll(), two.poll(), three.poll()), (GRANTED, Poll::Pending, Poll::Pending));
    one.gate.give_back(ConnectionId(9));
    assert!(!two.alarm.take(), "another connection's");
    one.gate.give_back(LINK);
    assert!(two.alarm.take());
    assert_eq!((two.poll(), three.poll()), (GRANTED, Poll::Pending));
    // A shard that is dropped gives its turn back as well.
    drop(two);
    assert!(three.alarm.take());
    assert_eq!((three.poll(), shared.left()), (GRANTED, 999));
}

#[test]
fn who_sees_the_time_come_wakes_the_one_whose_turn_it_is() {
    let memory = Memory::new();
    let shared = share(&memory, 1000);
    let (mut one, mut two, mut three) = (Waiting::at(&shared, 0), Waiting::at(&shared, 1), Waiting::at(&shared, 2));
    assert_eq!((one.poll(), two.poll(), three.poll()), (GRANTED, Poll::Pending, Poll::Pending));
    one.gate.spent(LINK);
    two.alarm.take();
    assert_eq!(two.poll(), Poll::Pending);
    memory.pass(seconds(5));
    assert_eq!(three.poll(), Poll::Pending);
    assert!(two.alarm.take());
    assert_eq!(two.poll(), GRANTED);
}

#[test]
fn what_is_exported_goes_on_in_another_run() {
    let memory = Memory::new();
    let shared = share(&memory, 3);
    assert_eq!(Waiting::at(&shared, 0).poll(), GRANTED, "and given back");
    let mut one = Waiting::at(&shared, 0);
    assert_eq!(one.poll(), GRANTED);
    one.gate.spent(LINK);
    let rules = QueueConfig { spacing: seconds(5), reserve: 0, ..QueueConfig::default() };
    let later = SharedIdentify::restore(&memory, &shared.export(), None, rules);
    let mut two = Waiting::at(&later, 1);
    assert_eq!((two.poll(), two.gate.wait(), later.left()), (Poll::Pending, Some(seconds(5)), 2));
}

#[test]
fn a_shard_whose_turn_is_refused_for_now_asks_again() {
    let memory = Memory::new();
    let rules = QueueConfig { waiting: 0, ..QueueConfig::default() };
    let shared = SharedIdentify::new(&memory, SessionStartLimit::default(), rules);
    assert_eq!(Waiting::at(&shared, 0).poll(), Poll::Ready(GateAnswer::Later(LINK, seconds(30))));
}

fn identified(stage: &Stage) -> bool {
    stage.gateway.heard.iter().any(|frame| frame.starts_with(r#"{"op":2,"#))
}

#[test]
fn scenario_10_two_shards_of_one_bucket_identify_one_after_the_other() {
    let memory = Memory::new();
    let shared = share(&memory, 1000);
    let mut one = Stage::with(memory.clone(), |builder| builder).gated(shared.gate());
    one.until(identified);
    let first = memory.time();
    let mut two = Stage::with(memory.clone(), |builder| builder).gated(shared.gate());
    two.until(identified);
    assert_eq!(memory.time() - first, seconds(5));
    two.reach(Phase::Active);
    assert_eq!(shared.left(), 998);
}

#[test]
fn a_shard_alone_leaves_the_gateways_five_seconds_and_a_little_between_two_identifies() {
    let mut stage = Stage::new();
    stage.gateway.manners = crate::memory::Manners::Refusing;
    stage.until(identified);
    let first = stage.memory.time();
    stage.gateway.heard.clear();
    stage.until(identified);
    assert!(stage.memory.time() - first >= Duration::from_millis(5250));
}

#[test]
fn scenario_14_a_shard_without_budget_says_so_and_an_update_from_elsewhere_wakes_it() {
    let memory = Memory::new();
    let shared = share(&memory, 0);
    let mut stage = Stage::with(memory, |builder| builder).gated(shared.gate());
    let told = Event::BudgetExhausted { resets_in: seconds(3600) };
    stage.until(|stage| stage.events.contains(&told));
    assert_eq!(stage.shard.phase(), Phase::AwaitingIdentify);
    assert!(!identified(&stage));

    let now = stage.memory.time();
    shared.update(SessionStartLimit::default());
    stage.run_until_idle();
    assert!(identified(&stage));
    assert_eq!(stage.memory.time(), now);
}

#[test]
fn scenario_14_a_shard_without_budget_beats_until_the_reset() {
    let memory = Memory::new();
    let shared = share(&memory, 0);
    let mut stage = Stage::with(memory, |builder| builder).gated(shared.gate());
    stage.until(identified);
    assert_eq!(stage.memory.time(), Timestamp::since_start(seconds(3600)));
    assert!(stage.gateway.beats > 80, "{}", stage.gateway.beats);
}

#[test]
fn scenario_11_a_shard_that_is_dropped_in_the_queue_leaves_it() {
    let memory = Memory::new();
    let shared = share(&memory, 1);
    let mut one = Waiting::at(&shared, 0);
    assert_eq!(one.poll(), GRANTED);
    let mut stage = Stage::with(memory, |builder| builder).gated(shared.gate());
    stage.reach(Phase::AwaitingIdentify);
    drop(stage);
    one.gate.give_back(LINK);
    assert_eq!(Waiting::at(&shared, 0).poll(), GRANTED);
}

/// What a driver told its gate.
#[derive(Clone, Default)]
struct Noting {
    told: Arc<Mutex<Vec<&'static str>>>,
    answer: Option<fn(ConnectionId) -> GateAnswer>,
    asked: Option<ConnectionId>,
}

impl Noting {
    fn note(&self, what: &'static str) {
        self.told.lock().unwrap().push(what);
    }
}

impl IdentifyGate for Noting {
    fn ask(&mut self, connection: ConnectionId, shard: Option<ShardId>) {
        assert_eq!(shard, Some(ShardId::ONE));
        self.asked = Some(connection);
        self.note("ask");
    }

    fn give_back(&mut self, _: ConnectionId) {
        self.note("give back");
    }

    fn spent(&mut self, _: ConnectionId) {
        self.note("spent");
    }

    fn poll_answer(&mut self, _: &mut Context<'_>) -> Poll<GateAnswer> {
        match (self.answer, self.asked.take()) {
            (Some(answer), Some(connection)) => Poll::Ready(answer(connection)),
            _ => Poll::Pending,
        }
    }

    fn wait(&self) -> Option<Duration> {
        None
    }
}

#[test]
fn a_gate_is_told_when_its_turn_is_used() {
    let gate = Noting { answer: Some(GateAnswer::Granted), ..Noting::default() };
    let told = Arc::clone(&gate.told);
    let mut stage = Stage::with(Memory::new(), |builder| builder).gated(gate);
    stage.reach(Phase::Active);
    assert_eq!(*told.lock().unwrap(), ["ask", "spent"]);
}

#[test]
fn a_gate_is_told_when_its_question_is_void() {
    let gate = Noting::default();
    let told = Arc::clone(&gate.told);
    let mut stage = Stage::with(Memory::new(), |builder| builder).gated(gate);
    stage.reach(Phase::AwaitingIdentify);
    stage.shard.reconnect(portcullis::machine::Cause::Requested);
    stage.until(|_| told.lock().unwrap().len() == 3);
    assert_eq!(*told.lock().unwrap(), ["ask", "give back", "ask"]);
}

#[test]
fn a_gate_that_says_later_is_asked_again_then() {
    let gate = Noting { answer: Some(|connection| GateAnswer::Later(connection, seconds(7))), ..Noting::default() };
    let told = Arc::clone(&gate.told);
    let mut stage = Stage::with(Memory::new(), |builder| builder).gated(gate);
    stage.until(|_| told.lock().unwrap().len() == 1);
    let first = stage.memory.time();
    stage.until(|_| told.lock().unwrap().len() == 2);
    assert_eq!(stage.memory.time() - first, seconds(7));
}
