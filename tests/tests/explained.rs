//! What a machine reports of itself: its health, and why it changed its phase.

#![allow(clippy::unwrap_used)]

use portcullis::machine::{Cause, Phase, Shutdown, Timer, Transition};
use portcullis::{Sequence, Timestamp};
use portcullis_tests::rig::{config, prompt};
use portcullis_tests::{Rig, frames, millis, seconds};

/// The transitions as text.
fn explained(rig: &Rig) -> Vec<String> {
    rig.machine.explain().map(ToString::to_string).collect()
}

#[test]
fn explain_tells_each_transition_of_a_life_with_its_cause() {
    // given: a shard that became active, lost its connection, resumed, was asked to reconnect, and stopped
    let mut rig = Rig::online(prompt());
    rig.pass(seconds(10)).lose().next();
    rig.open().message(frames::hello("40000")).message(frames::ack()).message(frames::resumed(3));
    rig.advance(seconds(10)).message(frames::reconnect()).close(4000);
    rig.shutdown(Shutdown::KeepSession);

    // then: `explain` says so
    assert_eq!(
        explained(&rig),
        [
            "t+0.000 idle -> connecting: started (connection 1)",
            "t+0.000 connecting -> awaiting_hello: opened (connection 1)",
            "t+0.000 awaiting_hello -> awaiting_identify: hello (connection 1)",
            "t+0.000 awaiting_identify -> identifying: identify_granted (connection 1)",
            "t+0.000 identifying -> active: ready (connection 1)",
            "t+10.000 active -> backoff: connection_lost (connection 1)",
            "t+10.000 backoff -> connecting: wait_over (connection 2)",
            "t+10.000 connecting -> awaiting_hello: opened (connection 2)",
            "t+10.000 awaiting_hello -> resuming: hello (connection 2)",
            "t+10.000 resuming -> active: resumed (connection 2)",
            "t+20.000 active -> closing: reconnect_requested (connection 2)",
            "t+20.000 closing -> backoff: closed 4000 (connection 2)",
            "t+20.000 backoff -> ended: shutdown (connection 2)",
        ]
    );
}

#[test]
fn explain_keeps_the_last_sixty_four() {
    let mut rig = Rig::online(prompt());
    for _ in 0..100 {
        rig.reconnect(Cause::Requested).lose().next();
        rig.open().message(frames::hello("40000")).message(frames::ack()).message(frames::resumed(3));
    }
    assert_eq!(rig.machine.explain().len(), 64);
    let last = rig.machine.explain().last().unwrap();
    assert_eq!((last.from, last.to, last.cause), (Phase::Resuming, Phase::Active, Cause::Resumed));
    assert_eq!(last.connection(), 101);
}

#[test]
fn the_application_s_cause_is_what_explain_says() {
    let mut rig = Rig::online(prompt());
    rig.reconnect(Cause::Suspended);
    let last: &Transition = rig.machine.explain().last().unwrap();
    assert_eq!((last.from, last.to, last.cause), (Phase::Active, Phase::Closing, Cause::Suspended));
}

#[test]
fn every_cause_of_a_fault_has_a_name_of_its_own() {
    let timers = [Timer::Connect, Timer::Hello, Timer::Ready, Timer::Resumed, Timer::Write, Timer::Close];
    let mut names: Vec<&str> = timers.map(|timer| Cause::TimedOut(timer).name()).into();
    names.extend([Cause::Malformed, Cause::OutOfPlace, Cause::TooLarge, Cause::Undrained].map(Cause::name));
    names.extend([Cause::HeartbeatMissed, Cause::Silent, Cause::Suspended, Cause::ConnectionLost].map(Cause::name));
    let count = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), count, "{names:?}");
}

#[test]
fn health_before_start_and_after_the_end() {
    let idle = Rig::new(config());
    let health = idle.machine.health();
    assert_eq!((health.phase, health.is_ready, health.can_reconnect), (Phase::Idle, false, true));
    assert_eq!((health.connection_age, health.sequence, health.session_id, health.latency), (None, None, None, None));
    let ended = Rig::in_phase(Phase::Ended, config());
    let health = ended.machine.health();
    assert_eq!((health.phase, health.is_ready, health.can_reconnect), (Phase::Ended, false, false));
}

#[test]
fn health_counts_what_happened() {
    // given: two connections, a gap, a duplicate, an unreadable frame and a command
    let mut rig = Rig::online(prompt());
    rig.pass(seconds(100)).lose().next();
    rig.open().message(frames::hello("40000")).message(frames::ack()).message(frames::resumed(3));
    rig.message(frames::message_create(6)).message(frames::message_create(6)).message(frames::text("{"));
    rig.pass(millis(500)).tick();

    // then: each is counted
    let health = rig.machine.health();
    assert_eq!((health.is_ready, health.can_reconnect, health.attempts), (true, true, 1));
    assert_eq!((health.session_id.as_deref(), health.sequence), (Some("5e551011"), Some(Sequence(6))));
    assert_eq!(health.time_online.as_millis(), 100_500);
    assert_eq!(health.last_ack.map(|at| at - Timestamp::ZERO).map(|at| at.as_secs()), Some(100));
    let counts = health.counts;
    assert_eq!((counts.connections, counts.identifies, counts.resumes), (2, 1, 1));
    assert_eq!((counts.gaps, counts.duplicates, counts.malformed, counts.stale), (1, 1, 1, 0));
    assert_eq!((counts.beats_sent, counts.beats_acked), (2, 2));
    assert_eq!((counts.frames_in, counts.frames_out), (10, 4));
    let names: Vec<(&str, u64)> = health.events.iter().collect();
    assert_eq!(names, [("READY", 1), ("MESSAGE_CREATE", 2), ("RESUMED", 1)]);
}

#[test]
fn found_16_a_health_that_is_kept_says_the_same_and_borrows_nothing() {
    let mut rig = Rig::online(prompt());
    rig.pass(seconds(100));
    let kept = rig.machine.health().into_owned();
    let said = format!("{:?}", rig.machine.health());
    rig.message(frames::message_create(4)).lose();
    assert_eq!(format!("{kept:?}"), said);
    assert!(!said.contains("5e551011"), "{said}");
    assert_eq!((kept.session_id.as_deref(), kept.latency.is_some()), (Some("5e551011"), true));
    assert_eq!((kept.events.of("READY"), kept.events.of("MESSAGE_CREATE")), (1, 1));
}
