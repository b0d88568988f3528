//! Requests awaited in another task than the shard's.

use crate::memory::{Alarm, Gateway, Memory};
use crate::stage::{Stage, Step};
use core::future::Future;
use core::num::NonZeroUsize;
use core::pin::{Pin, pin};
use core::task::{Context, Poll};
use core::time::Duration;
use portcullis::dialect::discord::{Intents, RequestChannelInfo, RequestGuildMembers, RequestSoundboardSounds};
use portcullis::machine::{Config, EventFilter, Phase, Shutdown};
use portcullis::requests::{GuildMembers, RequestError, RequestPolicy};
use portcullis::{Event, Seed, Timestamp};
use portcullis_runtime::{Builder, Driver, RequestFuture, Sender};
use std::sync::Arc;
use std::task::Waker;

/// A task that waits for an answer, and is polled when it was woken only.
struct Task<A> {
    asked: Pin<Box<RequestFuture<A>>>,
    alarm: Arc<Alarm>,
}

type Answered<A> = Result<A, RequestError>;

impl<A> Task<A>
where
    RequestFuture<A>: Future<Output = Answered<A>>,
{
    fn new(asked: RequestFuture<A>) -> Self {
        let alarm = Arc::new(Alarm::default());
        Waker::from(Arc::clone(&alarm)).wake();
        Self { asked: Box::pin(asked), alarm }
    }

    fn poll(&mut self) -> Option<Answered<A>> {
        if !self.alarm.take() {
            return None;
        }
        let waker = Waker::from(Arc::clone(&self.alarm));
        match self.asked.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(result) => Some(result),
            Poll::Pending => None,
        }
    }
}

fn search() -> RequestGuildMembers {
    RequestGuildMembers::by_query(1, "a", 9)
}

fn online() -> Stage {
    let mut stage = Stage::new();
    stage.reach(Phase::Active);
    stage
}

fn ask(sender: &Sender) -> Task<GuildMembers> {
    Task::new(sender.request_guild_members(search()))
}

/// The nonce of the `attempt`th request that was sent.
fn nonce(attempt: u64) -> String {
    format!("0000000000000007{attempt:016x}")
}

fn chunk(gateway: &mut Gateway, attempt: u64, index: u64, count: u64) {
    let nonce = nonce(attempt);
    let data = format!(
        r#"{{"guild_id":"1","members":[{{"id":{index}}}],"chunk_index":{index},"chunk_count":{count},"nonce":"{nonce}"}}"#
    );
    assert!(gateway.tell("GUILD_MEMBERS_CHUNK", &data));
}

fn requests_heard(gateway: &Gateway) -> usize {
    gateway.heard.iter().filter(|frame| frame.starts_with(r#"{"op":8,"#)).count()
}

#[test]
fn an_answer_comes_while_the_shard_is_polled_and_its_chunks_are_events_too() {
    let mut stage = online();
    let mut task = ask(&stage.shard.sender());
    assert_eq!(task.poll(), None);
    stage.run_until_idle();
    let expected = format!(r#"{{"op":8,"d":{{"guild_id":"1","query":"a","limit":9,"nonce":"{}"}}}}"#, nonce(0));
    assert_eq!(stage.gateway.heard.last(), Some(&expected), "the shard was woken to send it");
    chunk(&mut stage.gateway, 0, 1, 2);
    stage.run_until_idle();
    assert_eq!(task.poll(), None);
    chunk(&mut stage.gateway, 0, 0, 2);
    stage.run_until_idle();
    let answer = task.poll().expect("the task was woken").unwrap();
    assert_eq!((answer.guild_id(), answer.chunks().len()), (1, 2));
    assert_eq!(stage.taken(), ["READY", "GUILD_MEMBERS_CHUNK", "GUILD_MEMBERS_CHUNK"]);
}

#[test]
fn sounds_and_channels_are_asked_for_likewise() {
    let mut stage = online();
    let sender = stage.shard.sender();
    let mut sounds = Task::new(sender.request_soundboard_sounds(RequestSoundboardSounds::new([1, 2])));
    let mut info = Task::new(sender.request_channel_info(RequestChannelInfo::all(1)));
    stage.run_until_idle();
    assert_eq!((sounds.poll(), info.poll()), (None, None));
    assert!(stage.gateway.tell("CHANNEL_INFO", r#"{"guild_id":"1","channels":[]}"#));
    for guild_id in [1, 2] {
        let data = format!(r#"{{"guild_id":"{guild_id}","soundboard_sounds":[]}}"#);
        assert!(stage.gateway.tell("SOUNDBOARD_SOUNDS", &data));
    }
    stage.run_until_idle();
    assert_eq!(info.poll().unwrap().unwrap().guild_id(), 1);
    assert_eq!(sounds.poll().unwrap().unwrap().guilds().len(), 2);
}

#[test]
fn the_shards_timer_goes_off_for_a_request_without_an_answer() {
    let mut stage = online();
    let asked_at = stage.memory.time();
    let mut task = ask(&stage.shard.sender());
    let mut result = None;
    stage.until(|_| {
        result = task.poll();
        result.is_some()
    });
    assert_eq!(result, Some(Err(RequestError::Unanswered { received: 0, expected: None })));
    assert_eq!(stage.memory.time() - asked_at, Duration::from_secs(30), "not at the next heartbeat");
}

#[test]
fn a_refused_request_goes_out_again_at_its_time() {
    let mut stage = online();
    let mut task = ask(&stage.shard.sender());
    stage.run_until_idle();
    let data = format!(r#"{{"opcode":8,"retry_after":2.5,"meta":{{"guild_id":"1","nonce":"{}"}}}}"#, nonce(0));
    assert!(stage.gateway.tell("RATE_LIMITED", &data));
    let refused_at = stage.memory.time();
    stage.until(|stage| requests_heard(&stage.gateway) == 2);
    assert_eq!(stage.memory.time() - refused_at, Duration::from_millis(2500));
    chunk(&mut stage.gateway, 1, 0, 1);
    stage.run_until_idle();
    assert_eq!(task.poll().unwrap().unwrap().chunks().len(), 1);
}

#[test]
fn a_request_before_the_shard_has_started_waits_for_its_session() {
    let mut stage = Stage::new();
    let mut task = ask(&stage.shard.sender());
    assert_eq!(task.poll(), None);
    stage.reach(Phase::Active);
    stage.run_until_idle();
    chunk(&mut stage.gateway, 0, 0, 1);
    stage.run_until_idle();
    assert_eq!(task.poll().unwrap().unwrap().chunks().len(), 1);
}

#[test]
fn a_request_goes_on_over_a_resume() {
    let mut stage = online();
    let mut task = ask(&stage.shard.sender());
    stage.run_until_idle();
    chunk(&mut stage.gateway, 0, 0, 2);
    stage.run_until_idle();
    stage.gateway.cut();
    stage.until(|stage| stage.taken().contains(&"RESUMED"));
    chunk(&mut stage.gateway, 0, 1, 2);
    stage.run_until_idle();
    assert_eq!(task.poll().unwrap().unwrap().chunks().len(), 2);
    assert_eq!(requests_heard(&stage.gateway), 1);
}

#[test]
fn a_request_that_is_dropped_is_forgotten() {
    // given: room for one request
    let policy = RequestPolicy { requests: 1, ..RequestPolicy::default() };
    let mut stage = Stage::new();
    stage = Stage { shard: stage.shard.with_requests(policy), ..stage };
    stage.reach(Phase::Active);
    let sender = stage.shard.sender();

    // when: the first is dropped, before it has left, behind it, and when its answer is there
    drop(ask(&sender));
    let one = ask(&sender);
    stage.run_until_idle();
    drop(one);
    let two = ask(&sender);
    stage.run_until_idle();
    chunk(&mut stage.gateway, 1, 0, 1);
    stage.run_until_idle();
    drop(two);

    // then: the next has its place, and what comes of the others is passed over
    let mut three = ask(&sender);
    stage.run_until_idle();
    chunk(&mut stage.gateway, 0, 0, 1);
    stage.run_until_idle();
    assert_eq!((three.poll(), requests_heard(&stage.gateway)), (None, 3));
    chunk(&mut stage.gateway, 2, 0, 1);
    stage.run_until_idle();
    assert_eq!(three.poll().unwrap().unwrap().chunks().len(), 1);
}

#[test]
fn requests_end_with_the_shard_however_it_ends() {
    // It is shut down.
    let mut stage = online();
    let sender = stage.shard.sender();
    let mut task = ask(&sender);
    stage.run_until_idle();
    sender.shutdown(Shutdown::EndSession);
    stage.until(|stage| stage.is_over);
    assert_eq!(task.poll(), Some(Err(RequestError::Ended)));
    assert_eq!(ask(&sender).poll(), Some(Err(RequestError::Ended)), "no answer would ever come");

    // It is dropped, before and after the request was sent.
    for is_idle in [false, true] {
        let mut stage = online();
        let sender = stage.shard.sender();
        let mut task = ask(&sender);
        assert_eq!(task.poll(), None);
        if is_idle {
            stage.run_until_idle();
        }
        drop(stage);
        assert_eq!(task.poll(), Some(Err(RequestError::Ended)));
        assert_eq!(ask(&sender).poll(), Some(Err(RequestError::Ended)));
    }
}

#[test]
fn what_cannot_be_answered_is_refused_at_the_first_poll() {
    let stage = Stage::with(Memory::new(), |builder| {
        let events = EventFilter::except(["SOUNDBOARD_SOUNDS"]);
        builder.config(Config { events, ..Config::default() })
    });
    let sender = stage.shard.sender();
    let mut all = Task::new(sender.request_guild_members(RequestGuildMembers::all(1)));
    assert_eq!(all.poll(), Some(Err(RequestError::MissingIntent { intent: "GUILD_MEMBERS" })));
    let mut sounds = Task::new(sender.request_soundboard_sounds(RequestSoundboardSounds::new([1])));
    assert_eq!(sounds.poll(), Some(Err(RequestError::Filtered { event: "SOUNDBOARD_SOUNDS" })));
    assert_eq!(stage.shard.machine().room(), 256);
}

#[test]
fn a_shard_has_a_policy_of_its_own_for_requests() {
    let policy = RequestPolicy { silent: Duration::from_secs(3), requests: 1, ..RequestPolicy::default() };
    let mut stage = Stage::new();
    stage = Stage { shard: stage.shard.with_requests(policy), ..stage };
    stage.reach(Phase::Active);
    let sender = stage.shard.sender();
    let asked_at = stage.memory.time();
    let (mut one, mut two) = (ask(&sender), ask(&sender));
    assert_eq!(two.poll(), Some(Err(RequestError::TooManyRequests { limit: 1 })));
    stage.until(|_| one.poll().is_some());
    assert_eq!(stage.memory.time() - asked_at, Duration::from_secs(3));
}

#[test]
fn an_event_that_waits_in_the_inbox_delays_no_answer() {
    let mut stage = online();
    let mut task = ask(&stage.shard.sender());
    assert_eq!(task.poll(), None);
    // Polled until the first event: the outcome of the command.
    while stage.gateway.step() || requests_heard(&stage.gateway) == 0 {
        stage.poll();
    }
    chunk(&mut stage.gateway, 0, 0, 1);
    while stage.poll() != Step::Event {}
    assert_eq!(task.poll().unwrap().unwrap().chunks().len(), 1, "with the event, not behind it");
}

#[test]
fn a_split_shard_answers_when_its_consumer_comes_back_however_late() {
    let memory = Memory::new();
    let builder = Builder::new(memory.clone(), "a.bot.token", Intents::GUILDS).gateway("ws://127.0.0.1:9");
    let shard: Driver<_, _> = builder.seed(Seed(7)).build().unwrap();
    let (pump, mut events) = shard.split(NonZeroUsize::new(3).unwrap());
    let mut gateway = Gateway::new(&memory);
    let (mut pump, alarm) = (Box::pin(pump), Arc::new(Alarm::default()));
    Waker::from(Arc::clone(&alarm)).wake();
    let mut run_until_idle = |gateway: &mut Gateway| {
        loop {
            let was_woken = alarm.take();
            if was_woken {
                let waker = Waker::from(Arc::clone(&alarm));
                let _ = pump.as_mut().poll(&mut Context::from_waker(&waker));
            }
            if !gateway.step() && !was_woken {
                return;
            }
        }
    };
    run_until_idle(&mut gateway);
    let mut task = ask(events.sender());
    run_until_idle(&mut gateway);
    assert_eq!((requests_heard(&gateway), task.poll()), (1, None));

    // The consumer takes no events, so nothing is read; the answer waits in the socket.
    chunk(&mut gateway, 0, 0, 1);
    let asked_at: Timestamp = memory.time();
    while memory.time() - asked_at < Duration::from_secs(300) && memory.advance() {
        run_until_idle(&mut gateway);
    }
    assert_eq!(task.poll(), None, "silence is not judged by who does not listen");
    loop {
        run_until_idle(&mut gateway);
        match pin!(events.next()).poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(Some(Event::Dispatch(dispatch))) if dispatch.name() == "GUILD_MEMBERS_CHUNK" => break,
            Poll::Ready(Some(_)) => {}
            Poll::Ready(None) | Poll::Pending => panic!("the chunk is an event too"),
        }
    }
    assert_eq!(task.poll().unwrap().unwrap().chunks().len(), 1);
}
