//! A shutdown in every phase, and the ticks that tell the truth.

use crate::memory::{Gateway, Manners};
use crate::stage::{Stage, Step};
use async_tungstenite::tungstenite::Message;
use core::time::Duration;
use portcullis::dialect::RawCommand;
use portcullis::dialect::discord::Command;
use portcullis::machine::{Cause, EndReason, Outcome, Phase, ReturnReason, SendError, Shutdown};
use portcullis::{Event, Sequence};
use std::collections::BTreeMap;

fn command() -> Command {
    Command::Raw(RawCommand::new(&BTreeMap::from([("op", 99)])).unwrap())
}

/// A shard in a phase, and its gateway in the mood that keeps it there.
fn in_phase(phase: Phase) -> Stage {
    let mut stage = Stage::new();
    let manners = |gateway: &mut Gateway, manners| gateway.manners = manners;
    match phase {
        Phase::Idle => return stage,
        Phase::Connecting => stage.memory.world().is_listening = false,
        Phase::AwaitingHello => manners(&mut stage.gateway, Manners::Mute),
        Phase::Identifying => manners(&mut stage.gateway, Manners::Stalling),
        Phase::AwaitingIdentify => manners(&mut stage.gateway, Manners::Refusing),
        Phase::Backoff | Phase::Closing => {
            stage.reach(Phase::Active);
            stage.gateway.cut();
        }
        Phase::Resuming => {
            stage.reach(Phase::Active);
            stage.gateway.manners = Manners::Stalling;
            stage.gateway.cut();
        }
        _ => {}
    }
    if phase == Phase::Closing {
        stage.reach(Phase::Backoff);
        stage.gateway.manners = Manners::Good;
        stage.reach(Phase::Active);
        stage.shard.reconnect(Cause::Requested);
        while stage.shard.phase() != Phase::Closing {
            stage.poll();
        }
    } else {
        stage.reach(phase);
    }
    stage
}

#[test]
fn a_shutdown_ends_it_once_in_every_phase_and_every_command_comes_back() {
    for phase in Phase::ALL {
        if phase == Phase::Ended {
            continue;
        }
        for how in [Shutdown::KeepSession, Shutdown::EndSession] {
            let mut stage = in_phase(phase);
            assert_eq!(stage.shard.phase(), phase);
            let sent = stage.shard.send(command()).unwrap();
            stage.shard.sender().shutdown(how);
            stage.poll();
            stage.until(|stage| stage.is_over);
            let ends: Vec<&Event> = stage.events.iter().filter(|event| matches!(event, Event::Ended(_))).collect();
            assert_eq!(ends, [&Event::Ended(EndReason::Shutdown)], "{phase}");
            assert!(matches!(stage.events.last(), Some(Event::Ended(_))), "{phase}: {:?}", stage.events);
            let outcomes: Vec<_> = stage
                .events
                .iter()
                .filter(|event| matches!(event, Event::Command(id, _) if *id == sent.id()))
                .collect();
            assert_eq!(outcomes.len(), 1, "{phase}: {:?}", stage.events);
            assert_eq!(stage.shard.send(command()).map(|sent| sent.id()), Err(SendError::Ended));
        }
    }
}

#[test]
fn a_shard_shut_down_before_its_first_poll_never_connects() {
    let mut stage = Stage::new();
    stage.shard.shutdown(Shutdown::EndSession);
    stage.run_until_idle();
    assert_eq!(stage.events, [Event::Ended(EndReason::Shutdown)]);
    assert!(stage.is_over);
}

#[test]
fn a_dropped_shard_drops_its_socket_and_settles_its_tickets() {
    let mut stage = in_phase(Phase::AwaitingIdentify);
    let (sent, sender) = (stage.shard.send(command()).unwrap(), stage.shard.sender());
    drop(stage.shard);
    while stage.gateway.step() {}
    assert!(stage.gateway.pipe().is_none());
    assert_eq!(futures_now(sent), Some(Outcome::Returned(ReturnReason::Ended)));
    assert_eq!(sender.send(command()).map(|sent| sent.id()), Err(SendError::Ended));
    assert_eq!(sender.phase(), Phase::Ended);
}

#[test]
fn a_sender_wakes_a_shard_that_waits() {
    let mut stage = in_phase(Phase::Active);
    assert!(!stage.alarm.take());
    let sender = stage.shard.sender();
    let sent = sender.send(command()).unwrap();
    stage.run_until_idle();
    assert_eq!(stage.gateway.heard.last().map(String::as_str), Some(r#"{"op":99}"#));
    assert_eq!(futures_now(sent), Some(Outcome::Sent));
}

#[test]
fn a_full_outbox_refuses_the_sender_at_once() {
    let stage = Stage::new();
    let sender = stage.shard.sender();
    for _ in 0..256 {
        drop(sender.send(command()).unwrap());
    }
    assert_eq!(sender.room(), 0);
    assert_eq!(sender.send(command()).map(|sent| sent.id()), Err(SendError::QueueFull { limit: 256 }));
    let long = RawCommand::new(&BTreeMap::from([("d", "x".repeat(5000))])).unwrap();
    assert!(matches!(stage.shard.sender().send(Command::Raw(long)), Err(SendError::TooLong { max: 4096, .. })));
}

#[test]
fn the_second_identify_waits_for_its_turn() {
    let mut stage = Stage::new();
    stage.gateway.manners = Manners::Refusing;
    stage.until(|stage| stage.gateway.heard.iter().any(|text| text.starts_with(r#"{"op":2,"#)));
    let first = stage.memory.time();
    stage.reach(Phase::AwaitingIdentify);
    stage.gateway.manners = Manners::Good;
    stage.reach(Phase::Active);
    let spacing = stage.memory.time() - first;
    assert!((Duration::from_secs(5)..Duration::from_secs(6)).contains(&spacing), "{spacing:?}");
}

#[test]
fn a_shard_left_alone_beats_again_when_polled_and_is_not_judged() {
    let mut stage = in_phase(Phase::Active);
    stage.until(|stage| stage.gateway.beats == 1);
    // The application is busy for four intervals; the ack and three events wait in the socket.
    for name in ["ONE", "TWO", "THREE"] {
        assert!(stage.gateway.dispatch(name));
    }
    stage.memory.pass(Duration::from_secs(165));
    stage.poll();
    stage.run_until_idle();
    assert_eq!(stage.taken(), ["READY", "ONE", "TWO", "THREE"]);
    assert_eq!((stage.shard.phase(), stage.gateway.beats), (Phase::Active, 2));
    assert!(!stage.events.iter().any(|event| matches!(event, Event::Faulted(_))), "{:?}", stage.events);
}

#[test]
fn a_beat_goes_out_before_an_event_that_was_left_waiting() {
    let mut stage = in_phase(Phase::Active);
    // A skipped sequence is two events: the gap, and what came.
    assert!(stage.gateway.raw(Message::text(r#"{"t":"LATE","s":9,"op":0,"d":{}}"#)));
    stage.poll();
    assert!(matches!(stage.events.last(), Some(Event::Gap { .. })), "{:?}", stage.events);
    assert_eq!(stage.shard.session().unwrap().sequence(), Some(Sequence(1)), "what waits was not taken");
    stage.memory.pass(Duration::from_secs(50));
    stage.poll();
    assert_eq!(stage.taken(), ["READY", "LATE"]);
    assert_eq!(stage.shard.session().unwrap().sequence(), Some(Sequence(9)));
    while stage.gateway.step() {}
    assert_eq!(stage.gateway.beats, 1);
}

#[test]
fn a_command_does_not_make_the_shard_judge_an_ack_that_it_has_not_read() {
    let mut stage = in_phase(Phase::Active);
    stage.gateway.is_acking = false;
    stage.until(|stage| stage.gateway.beats == 1);
    // The ack waits in the socket, behind an event; the application comes back when the next beat is due.
    assert!(stage.gateway.dispatch("ONE") && stage.gateway.raw(Message::text(r#"{"op":11}"#)));
    stage.memory.pass(Duration::from_secs(42));
    stage.poll();
    assert_eq!(stage.taken(), ["READY", "ONE"]);
    drop(stage.shard.send(command()).unwrap());
    stage.gateway.is_acking = true;
    stage.run_until_idle();
    assert_eq!((stage.gateway.beats, stage.shard.phase()), (2, Phase::Active));
    assert!(!stage.events.iter().any(|event| matches!(event, Event::Faulted(_))), "{:?}", stage.events);
}

#[test]
fn a_busy_link_lets_others_have_their_turn() {
    let mut stage = in_phase(Phase::Active);
    let before = stage.events.len();
    for _ in 0..1000 {
        assert!(stage.gateway.dispatch("ONE"));
    }
    let mut yields = 0;
    loop {
        while stage.poll() == Step::Event {}
        // It goes on by itself until there is nothing to read.
        if !stage.alarm.take() {
            break;
        }
        yields += 1;
    }
    assert_eq!((yields, stage.events.len() - before), (3, 1000));
}

#[test]
fn a_shard_prints_while_someone_looks_at_it() {
    let stage = in_phase(Phase::Active);
    let text = format!("{:?} {:?} {:?}", stage.shard.sender(), stage.shard, stage.shard.machine());
    assert_eq!(text.matches("Active").count(), 1, "{text}");
}

#[test]
fn a_gateway_that_does_not_ack_is_left_with_the_session_kept() {
    let mut stage = in_phase(Phase::Active);
    stage.gateway.is_acking = false;
    stage.until(|stage| stage.shard.phase() == Phase::Backoff);
    assert_eq!(stage.gateway.heard.last().map(String::as_str), Some("close 4000"));
    stage.gateway.is_acking = true;
    stage.reach(Phase::Active);
    assert_eq!(stage.taken(), ["READY", "RESUMED"]);
    let causes: Vec<Cause> = stage.shard.explain().iter().map(|made| made.cause).collect();
    assert!(causes.contains(&Cause::HeartbeatMissed), "{causes:?}");
}

fn futures_now<F: Future + Unpin>(mut future: F) -> Option<F::Output> {
    let mut cx = core::task::Context::from_waker(std::task::Waker::noop());
    match core::pin::Pin::new(&mut future).poll(&mut cx) {
        core::task::Poll::Ready(output) => Some(output),
        core::task::Poll::Pending => None,
    }
}
