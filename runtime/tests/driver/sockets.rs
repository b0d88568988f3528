//! What the WebSocket layer makes of a peer's ways.

use crate::memory::Memory;
use crate::stage::Stage;
use async_tungstenite::tungstenite::Message;
use core::time::Duration;
use portcullis::machine::{Config, Limits, Phase, Timeouts};
use portcullis::{Closure, Event};

fn closures(stage: &Stage) -> Vec<Closure> {
    let closures = stage.events.iter().filter_map(|event| match event {
        Event::Closed { closure, .. } => Some(closure.clone()),
        _ => None,
    });
    closures.collect()
}

#[test]
fn pings_are_answered_though_nothing_else_is_said() {
    let mut stage = Stage::new();
    stage.reach(Phase::Online);
    for number in 0..3 {
        assert!(stage.gateway.raw(Message::Ping(vec![number].into())));
        stage.settle();
        assert_eq!(stage.gateway.pings, (0..=number).map(|number| vec![number]).collect::<Vec<_>>());
    }
    // Many at once are answered by the last, as RFC 6455 §5.5.3 allows.
    for number in 0..200 {
        assert!(stage.gateway.raw(Message::Ping(vec![number].into())));
    }
    stage.settle();
    assert_eq!(stage.gateway.pings.last(), Some(&vec![199]));
    assert_eq!(stage.shard.phase(), Phase::Online);
}

#[test]
fn a_message_above_the_limit_costs_the_link() {
    let limits = Limits { message: 300, ..Limits::default() };
    let mut stage = Stage::with(Memory::new(), |builder| builder.config(Config { limits, ..Config::default() }));
    stage.reach(Phase::Online);
    assert!(stage.gateway.raw(Message::text(" ".repeat(301))));
    stage.settle();
    assert_eq!(closures(&stage), [Closure::TooLarge { limit: 300 }]);
    assert_eq!(stage.shard.phase(), Phase::Waiting);
}

#[test]
fn text_that_is_no_utf8_and_bits_that_are_reserved_are_faults_of_the_peer() {
    for bytes in [&b"\x81\x01\xff"[..], b"\xc1\x00", b"\x83\x00", b"\x80\x00"] {
        let mut stage = Stage::new();
        stage.reach(Phase::Online);
        stage.gateway.bytes(bytes);
        stage.settle();
        assert_eq!(closures(&stage), [Closure::Protocol], "{bytes:?}");
    }
}

#[test]
fn a_close_frame_is_answered_before_it_is_told() {
    let mut stage = Stage::new();
    stage.reach(Phase::Online);
    assert!(stage.gateway.dispatch("LAST") && stage.gateway.close(4009));
    while closures(&stage).is_empty() {
        stage.poll();
    }
    while stage.gateway.step() {}
    assert_eq!(stage.gateway.heard.last().map(String::as_str), Some("close 4009"));
    assert_eq!(stage.taken(), ["READY", "LAST"]);
}

#[test]
fn a_dial_that_takes_too_long_is_given_up() {
    let memory = Memory::new();
    memory.world().is_listening = false;
    let timeouts = Timeouts { connect: Duration::from_secs(3), ..Timeouts::default() };
    let mut stage = Stage::with(memory.clone(), |builder| builder.config(Config { timeouts, ..Config::default() }));
    stage.reach(Phase::Waiting);
    assert_eq!(memory.time().as_nanos(), 3_000_000_000);
    memory.listen();
    stage.reach(Phase::Online);
}
