//! Peers that send without end what is no event: whatever arrives, what is due is done in time.

use crate::memory::Manners;
use crate::stage::{Stage, Step};
use core::time::Duration;
use portcullis::machine::{Cause, EndReason, Fault, Phase, Shutdown, Timer};
use portcullis::{Event, Timestamp};

/// How long a poll takes of a shard that could read on for ever.
const TURN: Duration = Duration::from_millis(100);

/// A pong of the largest size there is.
fn pong() -> Vec<u8> {
    [&[0x8a, 125][..], &[b'x'; 125]].concat()
}

/// An event that has come before, which is dropped.
fn repeated() -> Vec<u8> {
    let text = format!(r#"{{"t":"OLD","s":1,"op":0,"d":"{}"}}"#, "x".repeat(1000));
    [&[0x81, 126][..], &u16::try_from(text.len()).unwrap().to_be_bytes(), text.as_bytes()].concat()
}

/// What a peer can send without end and without an event.
fn floods() -> [(&'static str, Vec<u8>); 4] {
    [("pongs", pong()), ("empty pongs", vec![0x8a, 0]), ("pings", vec![0x89, 1, b'x']), ("repeated events", repeated())]
}

/// Polls once, which ends though the flood does not, and lets the gateway answer.
fn turn(stage: &mut Stage) {
    while stage.poll() == Step::Event {}
    // Without a connection there is no flood.
    let is_quiet = stage.is_over || stage.shard.phase() == Phase::Backoff;
    assert!(is_quiet || stage.alarm.take(), "what has more to read is woken for it: {:?}", stage.events);
    stage.memory.pass(TURN);
    while stage.gateway.step() {}
}

/// Turns, until the condition holds or so much time has passed.
fn turn_until(stage: &mut Stage, span: Duration, mut condition: impl FnMut(&Stage) -> bool) -> Option<Timestamp> {
    let end = stage.memory.time() + span;
    while stage.memory.time() < end {
        turn(stage);
        if condition(stage) {
            return Some(stage.memory.time());
        }
    }
    None
}

#[test]
fn found_28_beats_are_on_time_in_a_flood() {
    for (name, bytes) in floods() {
        let mut stage = Stage::new();
        stage.reach(Phase::Active);
        stage.gateway.flood(&bytes);
        let mut last = stage.memory.time();
        for beat in 1..=2 {
            let late = Duration::from_millis(41_250) + 2 * TURN;
            let at = turn_until(&mut stage, late, |stage| stage.gateway.beats == beat);
            last = at.unwrap_or_else(|| panic!("{name}: beat {beat} did not come within an interval of {last}"));
        }
        assert_eq!(stage.shard.phase(), Phase::Active, "{name}");
        // Events that come again are told of, and no more than that.
        let faulted =
            |event: &Event| matches!(event, Event::Faulted(fault) if !matches!(fault, Fault::Repeated { .. }));
        assert!(!stage.events.iter().any(faulted), "{name}: {:?}", stage.events);
    }
}

#[test]
fn found_28_a_shutdown_is_carried_out_in_a_flood_also_when_something_else_is_due() {
    for (name, bytes) in floods() {
        for overdue in [Duration::ZERO, Duration::from_secs(41)] {
            let mut stage = Stage::new();
            stage.reach(Phase::Active);
            stage.gateway.flood(&bytes);
            turn(&mut stage);
            stage.memory.pass(overdue);
            stage.shard.shutdown(Shutdown::EndSession);
            turn(&mut stage);
            assert_eq!(stage.gateway.heard.last().map(String::as_str), Some("close 1000"), "{name}");
            let ended = turn_until(&mut stage, Duration::from_secs(30), |stage| stage.is_over);
            assert!(ended.is_some(), "{name}: {:?}", stage.shard);
            assert_eq!(stage.events.last(), Some(&Event::Ended(EndReason::Shutdown)), "{name}");
        }
    }
}

#[test]
fn found_28_a_hello_that_does_not_come_is_missed_in_a_flood() {
    let mut stage = Stage::new();
    stage.gateway.manners = Manners::Mute;
    stage.reach(Phase::AwaitingHello);
    let opened = stage.memory.time();
    stage.gateway.flood(&pong());
    let left = turn_until(&mut stage, Duration::from_secs(90), |stage| stage.shard.phase() == Phase::Backoff);
    let waited = left.expect("the Hello was waited for without end") - opened;
    // 15 s, and as long as it takes to read what the socket could hold then: 32 kB a turn of 256 pongs.
    assert!(waited < Duration::from_secs(15 + 30), "{waited:?}");
    assert_eq!(stage.shard.explain().last().map(|made| made.cause), Some(Cause::TimedOut(Timer::Hello)));
}

#[test]
fn found_28_a_dead_heart_is_found_in_a_flood() {
    for (name, bytes) in [("pongs", pong()), ("repeated events", repeated())] {
        let mut stage = Stage::new();
        stage.reach(Phase::Active);
        stage.gateway.is_acking = false;
        stage.gateway.flood(&bytes);
        let beaten = turn_until(&mut stage, Duration::from_secs(42), |stage| stage.gateway.beats == 1);
        let left = turn_until(&mut stage, Duration::from_secs(600), |stage| stage.shard.phase() != Phase::Active);
        let waited = left.expect("it was not found") - beaten.expect("no beat went out");
        // It is judged an interval late at the most.
        assert!(waited < Duration::from_millis(2 * 41_250 + 1000), "{name}: {waited:?}");
        let causes: Vec<Cause> = stage.shard.explain().iter().map(|made| made.cause).collect();
        assert!(causes.contains(&Cause::HeartbeatMissed), "{name}: {causes:?}");
    }
}

#[test]
fn found_32_a_message_without_end_costs_the_connection() {
    for (begin, more) in [(&[0x01, 0][..], &[0x00, 0][..]), (&[0x02, 0], &[0x00, 1, b'x'])] {
        let mut stage = Stage::new();
        stage.reach(Phase::Active);
        stage.gateway.bytes(begin);
        stage.gateway.flood(more);
        let left = turn_until(&mut stage, Duration::from_secs(5), |stage| stage.shard.phase() != Phase::Active);
        assert!(left.is_some(), "{:?}", stage.shard);
        assert_eq!(stage.gateway.heard.last().map(String::as_str), Some("close 1009"));
    }
}
