//! A shard in a task of its own, and a consumer that takes its time.

use crate::memory::{Alarm, Gateway, Memory};
use core::num::NonZeroUsize;
use core::pin::{Pin, pin};
use core::task::{Context, Poll};
use core::time::Duration;
use portcullis::dialect::discord::{Command, Intents, Presence, Status, UpdateVoiceState};
use portcullis::dialect::{CommandError, RawCommand, ShardId};
use portcullis::machine::{Cause, EndReason, Phase, SendError, Shutdown};
use portcullis::{Discord, Event, Seed, Sequence};
use portcullis_runtime::{Buffer, Builder, Events, Overflow, Pump};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::task::Waker;

struct Task {
    memory: Memory,
    gateway: Gateway,
    pump: Pump<Discord, Memory>,
    alarm: Arc<Alarm>,
    is_done: bool,
}

fn start(capacity: usize) -> (Task, Events) {
    start_with(capacity, Overflow::Wait)
}

fn start_with(capacity: usize, overflow: Overflow) -> (Task, Events) {
    start_in(Buffer { capacity: NonZeroUsize::new(capacity).unwrap(), overflow, ..Buffer::default() })
}

fn start_in(buffer: Buffer) -> (Task, Events) {
    let memory = Memory::new();
    let builder = Builder::new(memory.clone(), "a.bot.token", Intents::GUILDS).gateway("ws://127.0.0.1:9");
    let (pump, events) = builder.seed(Seed(7)).build().unwrap().split(buffer);
    let alarm = Arc::new(Alarm::default());
    Waker::from(Arc::clone(&alarm)).wake();
    (Task { gateway: Gateway::new(&memory), memory, pump, alarm, is_done: false }, events)
}

impl Task {
    /// As an executor does: it is polled when it was woken.
    fn run_until_idle(&mut self) {
        loop {
            let was_woken = self.alarm.take() && !self.is_done;
            if was_woken {
                let waker = Waker::from(Arc::clone(&self.alarm));
                self.is_done = Pin::new(&mut self.pump).poll(&mut Context::from_waker(&waker)).is_ready();
            }
            if !self.gateway.step() && !was_woken {
                return;
            }
        }
    }

    /// Lets the time pass, timer by timer.
    fn pass(&mut self, span: Duration) {
        let end = self.memory.time() + span;
        while self.memory.time() < end && self.memory.advance() {
            self.run_until_idle();
        }
    }
}

/// The event that waits, if one does.
fn take(events: &mut Events) -> Option<Event> {
    match pin!(events.next()).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(event) => event,
        Poll::Pending => None,
    }
}

#[test]
fn a_split_shard_sends_heartbeats_though_its_events_are_not_taken() {
    let (mut task, mut events) = start(3);
    task.run_until_idle();
    assert_eq!(events.sender().phase(), Phase::Active);
    for _ in 0..100 {
        assert!(task.gateway.dispatch("ONE"));
    }
    task.run_until_idle();
    let beats = task.gateway.beats;
    task.pass(Duration::from_secs(600));
    assert!(task.gateway.beats >= beats + 13, "{} beats in ten minutes", task.gateway.beats - beats);

    // A command goes out all the same.
    let command = Command::Raw(RawCommand::new(&BTreeMap::from([("op", 99)])).unwrap());
    drop(events.sender().send(command).unwrap());
    task.run_until_idle();
    assert_eq!(task.gateway.heard.last().map(String::as_str), Some(r#"{"op":99}"#));

    // Connecting and Ready came first; then the hundred, and nothing else but the command's outcome.
    let mut names = Vec::new();
    while let Some(event) = take(&mut events) {
        if let Event::Ready(dispatch) | Event::Dispatch(dispatch) = &event {
            names.push(dispatch.name().to_owned());
        }
        assert!(!matches!(event, Event::Closed { .. } | Event::Faulted(_)), "{event:?}");
        task.run_until_idle();
    }
    assert_eq!(names.len(), 101);
    assert_eq!(events.sender().phase(), Phase::Active);

    events.sender().shutdown(Shutdown::EndSession);
    task.run_until_idle();
    assert!(matches!(take(&mut events), Some(Event::Closed { .. })));
    assert!(matches!(take(&mut events), Some(Event::Ended(_))));
    assert!(task.is_done);
    assert_eq!(take(&mut events), None);
}

#[test]
fn events_that_are_dropped_end_the_pump_and_with_it_the_socket() {
    let (mut task, events) = start(8);
    task.run_until_idle();
    let sender = events.sender().clone();
    drop(events);
    task.run_until_idle();
    assert!(task.is_done);
    // An executor drops a future that is done.
    let Task { mut gateway, pump, .. } = task;
    drop(pump);
    while gateway.step() {}
    assert!(gateway.pipe().is_none());
    assert_eq!(sender.phase(), Phase::Ended);
}

#[test]
fn a_shard_that_is_shut_down_under_a_full_queue_ends() {
    let (mut task, mut events) = start(1);
    task.run_until_idle();
    assert!(matches!(take(&mut events), Some(Event::Connecting { .. })));
    task.run_until_idle();
    for _ in 0..10 {
        assert!(task.gateway.dispatch("ONE"));
    }
    events.sender().shutdown(Shutdown::KeepSession);
    task.run_until_idle();
    task.pass(Duration::from_secs(30));
    let mut last = None;
    while let Some(event) = take(&mut events) {
        last = Some(event);
        task.run_until_idle();
    }
    assert!(matches!(last, Some(Event::Ended(_))), "{last:?}");
    assert!(task.is_done);
}

/// What waits, in short: the sequence of a dispatch, the name of all else.
fn brief(events: &mut Events) -> Vec<String> {
    let brief = |event| match event {
        Event::Dispatch(dispatch) => dispatch.sequence().unwrap().0.to_string(),
        Event::Lagged(dropped) => format!("lagged {dropped}"),
        event => format!("{event:?}").split([' ', '(']).next().unwrap().to_lowercase(),
    };
    core::iter::from_fn(|| take(events)).map(brief).collect()
}

#[test]
fn the_oldest_dispatches_are_dropped_and_told_once_where_they_are_missing() {
    let (mut task, mut events) = start_with(5, Overflow::DropOldest);
    task.run_until_idle();
    for _ in 0..10 {
        assert!(task.gateway.dispatch("ONE"));
        task.run_until_idle();
    }
    assert_eq!(brief(&mut events), ["connecting", "ready", "lagged 7", "9", "10", "11"]);
    assert!(task.gateway.dispatch("ONE"));
    task.run_until_idle();
    assert_eq!(brief(&mut events), ["12"]);
}

#[test]
fn the_newest_dispatches_are_dropped_and_told_once_where_they_are_missing() {
    let (mut task, mut events) = start_with(5, Overflow::DropNewest);
    task.run_until_idle();
    for _ in 0..10 {
        assert!(task.gateway.dispatch("ONE"));
        task.run_until_idle();
    }
    assert_eq!(brief(&mut events), ["connecting", "ready", "2", "3", "4", "lagged 7"]);
    assert!(task.gateway.dispatch("ONE"));
    task.run_until_idle();
    assert_eq!(brief(&mut events), ["12"]);
}

/// A shard with room for 10,000 bytes of events, and fifty of a thousand that are not taken.
fn fifty_large(overflow: Overflow) -> (Task, Events) {
    let bytes = NonZeroUsize::new(10_000).unwrap();
    let (mut task, events) = start_in(Buffer { bytes, overflow, ..Buffer::default() });
    task.run_until_idle();
    let data = format!("\"{}\"", "x".repeat(970));
    for _ in 0..50 {
        assert!(task.gateway.tell("ONE", &data));
        task.run_until_idle();
    }
    (task, events)
}

#[test]
fn found_30_events_that_wait_are_bounded_in_bytes_whatever_is_dropped() {
    let numbers = |from: u64, to: u64| (from..=to).map(|number| number.to_string()).collect::<Vec<_>>();
    let life = || vec!["connecting".to_owned(), "ready".to_owned()];

    let (_task, mut events) = fifty_large(Overflow::DropOldest);
    assert_eq!(brief(&mut events), [life(), vec!["lagged 41".to_owned()], numbers(43, 51)].concat());

    let (mut task, mut events) = fifty_large(Overflow::DropNewest);
    assert_eq!(brief(&mut events), [life(), numbers(2, 10), vec!["lagged 41".to_owned()]].concat());
    assert!(task.gateway.dispatch("ONE"));
    task.run_until_idle();
    assert_eq!(brief(&mut events), ["52"], "there is room again");

    let (mut task, mut events) = fifty_large(Overflow::Wait);
    assert_eq!(brief(&mut events), [life(), numbers(2, 11)].concat(), "the bound, and the event that passed it");
    let mut rest = Vec::new();
    while rest.len() < 40 {
        task.run_until_idle();
        let more = brief(&mut events);
        assert!((1..=10).contains(&more.len()), "{more:?}");
        rest.extend(more);
    }
    assert_eq!(rest, numbers(12, 51), "nothing is lost");
}

#[test]
fn found_30_an_event_larger_than_the_bound_is_taken_alone() {
    let bytes = NonZeroUsize::new(100).unwrap();
    let large = format!("\"{}\"", "x".repeat(500));
    for (overflow, left) in [
        (Overflow::Wait, vec!["2"]),
        (Overflow::DropOldest, vec!["lagged 1", "3"]),
        (Overflow::DropNewest, vec!["2", "lagged 1"]),
    ] {
        let (mut task, mut events) = start_in(Buffer { bytes, overflow, ..Buffer::default() });
        task.run_until_idle();
        assert_eq!(brief(&mut events), ["connecting", "ready"]);
        for _ in 0..2 {
            assert!(task.gateway.tell("ONE", &large));
            task.run_until_idle();
        }
        assert_eq!(brief(&mut events), left, "{overflow:?}");
    }
}

#[test]
fn what_tells_of_the_shards_own_life_is_never_dropped() {
    for (overflow, told) in [
        (Overflow::DropOldest, ["connecting", "ready", "lagged 10", "command"]),
        (Overflow::DropNewest, ["connecting", "ready", "lagged 10", "command"]),
    ] {
        let (mut task, mut events) = start_with(3, overflow);
        task.run_until_idle();
        for _ in 0..10 {
            assert!(task.gateway.dispatch("ONE"));
            task.run_until_idle();
        }
        let command = || Command::Raw(RawCommand::new(&BTreeMap::from([("op", 99)])).unwrap());
        drop(events.sender().send(command()).unwrap());
        task.run_until_idle();
        // The buffer is full of what must not be dropped: the shard waits, and beats.
        assert!(task.gateway.dispatch("ONE"));
        let beats = task.gateway.beats;
        task.pass(Duration::from_secs(100));
        assert!(task.gateway.beats > beats);
        assert_eq!(brief(&mut events), told, "{overflow:?}");
        task.run_until_idle();
        assert_eq!(brief(&mut events), ["12"], "{overflow:?}");
    }
}

#[test]
fn a_session_is_exported_at_what_was_taken_and_what_was_dropped_counts_as_taken() {
    let at = |events: &Events| events.session().and_then(|session| session.sequence());
    let (mut task, mut events) = start_with(4, Overflow::DropOldest);
    task.run_until_idle();
    assert_eq!(events.session(), None, "nothing was taken");
    for _ in 0..6 {
        assert!(task.gateway.dispatch("ONE"));
        task.run_until_idle();
    }
    assert!(matches!(take(&mut events), Some(Event::Connecting { .. })));
    assert_eq!(at(&events), None);
    assert!(matches!(take(&mut events), Some(Event::Ready(_))));
    assert_eq!(at(&events), Some(Sequence(1)));
    assert_eq!(take(&mut events), Some(Event::Lagged(4)));
    assert_eq!(at(&events), Some(Sequence(5)));
    assert!(matches!(take(&mut events), Some(Event::Dispatch(_))));
    assert_eq!(at(&events), Some(Sequence(6)));
    // The shard is further on than its application, and stays so when it has ended.
    events.sender().shutdown(Shutdown::KeepSession);
    task.run_until_idle();
    assert_eq!(at(&events), Some(Sequence(6)));
}

#[test]
fn a_beat_goes_out_on_time_while_a_huge_frame_is_half_read() {
    let (mut task, mut events) = start(100);
    task.run_until_idle();
    task.pass(Duration::from_secs(42));
    let (beats, text) = (task.gateway.beats, format!(r#"{{"t":"HUGE","s":2,"op":0,"d":"{}"}}"#, "x".repeat(4 << 20)));
    let frame = [&[0x81, 127][..], &(text.len() as u64).to_be_bytes(), text.as_bytes()].concat();
    let (first, rest) = frame.split_at(frame.len() / 2);
    task.gateway.is_acking = false;
    task.gateway.bytes(first);
    task.run_until_idle();
    task.pass(Duration::from_secs(41));
    assert_eq!(task.gateway.beats, beats + 1);
    task.gateway.bytes(rest);
    task.run_until_idle();
    assert_eq!(brief(&mut events), ["connecting", "ready", "2"]);
}

#[test]
fn found_16_a_shard_that_was_split_tells_how_it_fares_and_why_it_dropped() {
    // given: a shard in a task of its own, whose connection is lost after a while
    let (mut task, mut events) = start(100);
    task.run_until_idle();
    let sender = events.sender().clone();
    assert_eq!(sender.latency(), None, "no heartbeat yet");
    task.pass(Duration::from_secs(60));
    assert_eq!(sender.latency(), Some(Duration::ZERO));
    task.gateway.cut();
    task.run_until_idle();
    task.pass(Duration::from_secs(10));

    // when: a task that has only its sender asks
    let causes: Vec<_> = sender.explain().iter().map(|transition| transition.cause).collect();
    let health = sender.health();

    // then: it is told as the shard itself would be
    assert_eq!(causes[4..6], [Cause::Ready, Cause::ConnectionLost]);
    assert_eq!((health.phase, health.counts.connections, health.counts.resumes), (Phase::Active, 2, 1));
    assert_eq!((health.events.of("READY"), health.session_id.as_deref()), (1, Some("abc")));
    assert_eq!(sender.end_reason(), None);
    assert_eq!(
        (events.explain(), events.phase(), events.latency()),
        (sender.explain(), sender.phase(), sender.latency())
    );
    assert_eq!(format!("{:?}", events.health()), format!("{health:?}"));

    // Also when all is over, and the shard itself is gone.
    sender.shutdown(Shutdown::EndSession);
    task.run_until_idle();
    while take(&mut events).is_some() {}
    assert_eq!(events.end_reason(), Some(EndReason::Shutdown));
    drop((task, events));
    assert_eq!((sender.end_reason(), sender.health().phase), (Some(EndReason::Shutdown), Phase::Ended));
    assert_eq!(sender.explain().last().map(|transition| transition.to), Some(Phase::Ended));
}

#[test]
fn found_22_a_pump_tells_which_shard_it_keeps_alive() {
    let shard = ShardId::new(2, 3).unwrap();
    let builder = Builder::new(Memory::new(), "a.bot.token", Intents::GUILDS).shard(shard);
    let (pump, _events) = builder.build().unwrap().split(Buffer::default());
    assert_eq!(pump.shard(), Some(shard));
}

#[test]
fn found_22_presence_and_voice_are_one_call() {
    let (mut task, events) = start(100);
    task.run_until_idle();
    let sender = events.sender();
    drop(sender.update_presence(Presence::new(Status::Dnd)).unwrap());
    drop(sender.update_voice_state(UpdateVoiceState::join(1, 2).muted()).unwrap());
    task.run_until_idle();
    let heard = task.gateway.heard[1..].iter().map(String::as_str).collect::<Vec<_>>();
    assert_eq!(
        heard,
        [
            r#"{"op":3,"d":{"since":null,"activities":[],"status":"dnd","afk":false}}"#,
            r#"{"op":4,"d":{"guild_id":"1","channel_id":"2","self_mute":true,"self_deaf":false}}"#,
        ]
    );
    let refused = sender.update_voice_state(UpdateVoiceState::leave(0)).unwrap_err();
    assert_eq!(refused, SendError::Command(CommandError::ZeroId { name: "guild_id" }));
}
