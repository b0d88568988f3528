//! What the WebSocket layer makes of a peer's ways.

use crate::memory::Memory;
use crate::stage::Stage;
use async_tungstenite::tungstenite::Message;
use core::time::Duration;
use portcullis::machine::{Cause, Config, Limits, Phase, Timeouts};
use portcullis::{CloseReason, Event};
use std::net::SocketAddr;

fn close_reasons(stage: &Stage) -> Vec<CloseReason> {
    let close_reasons = stage.events.iter().filter_map(|event| match event {
        Event::Closed { reason, .. } => Some(reason.clone()),
        _ => None,
    });
    close_reasons.collect()
}

#[test]
fn pings_are_answered_though_nothing_else_is_said() {
    let mut stage = Stage::new();
    stage.reach(Phase::Active);
    for number in 0..3 {
        assert!(stage.gateway.raw(Message::Ping(vec![number].into())));
        stage.run_until_idle();
        assert_eq!(stage.gateway.pings, (0..=number).map(|number| vec![number]).collect::<Vec<_>>());
    }
    // More than one turn's worth.
    for number in 0..=u8::MAX {
        assert!(stage.gateway.raw(Message::Ping(vec![number].into())));
    }
    stage.run_until_idle();
    assert_eq!(stage.gateway.pings.last(), Some(&vec![u8::MAX]));
    assert_eq!(stage.shard.phase(), Phase::Active);
}

#[test]
fn a_message_above_the_limit_costs_the_link() {
    let limits = Limits { message: 300, ..Limits::default() };
    let mut stage = Stage::with(Memory::new(), |builder| builder.config(Config { limits, ..Config::default() }));
    stage.reach(Phase::Active);
    assert!(stage.gateway.raw(Message::text(" ".repeat(301))));
    stage.run_until_idle();
    assert_eq!(close_reasons(&stage), [CloseReason::TooLarge { limit: 300 }]);
    assert_eq!(stage.shard.phase(), Phase::Backoff);
}

#[test]
fn text_that_is_no_utf8_and_bits_that_are_reserved_are_faults_of_the_peer() {
    for bytes in [&b"\x81\x01\xff"[..], b"\xc1\x00", b"\x83\x00", b"\x80\x00"] {
        let mut stage = Stage::new();
        stage.reach(Phase::Active);
        stage.gateway.bytes(bytes);
        stage.run_until_idle();
        assert_eq!(close_reasons(&stage), [CloseReason::Protocol], "{bytes:?}");
    }
}

#[test]
fn a_close_frame_is_answered_before_it_is_told() {
    let mut stage = Stage::new();
    stage.reach(Phase::Active);
    assert!(stage.gateway.dispatch("LAST") && stage.gateway.close(4009));
    while close_reasons(&stage).is_empty() {
        stage.poll();
    }
    while stage.gateway.step() {}
    assert_eq!(stage.gateway.heard.last().map(String::as_str), Some("close 4009"));
    assert_eq!(stage.taken(), ["READY", "LAST"]);
}

#[test]
fn nothing_is_lost_around_large_messages() {
    let mut stage = Stage::new();
    stage.reach(Phase::Active);
    let large = format!(r#"{{"t":"LARGE","s":null,"op":0,"d":"{}"}}"#, "x".repeat(200_000));
    for round in 0..8 {
        // Alone, with pings that are to be answered, with what follows at once, with half a frame behind it, and in
        // fragments.
        assert!(stage.gateway.raw(Message::text(large.as_str())));
        match round % 4 {
            0 => {}
            1 => assert!(stage.gateway.raw(Message::Ping(vec![round].into())) && stage.gateway.dispatch("SMALL")),
            2 => {
                stage.gateway.bytes(b"\x81\x2b{\"t\":\"HALF\",");
                stage.run_until_idle();
                stage.gateway.bytes(b"\"s\":null,\"op\":0,\"d\":{\"a\":\"00\"}}");
            }
            _ => {
                stage.gateway.bytes(b"\x01\x06{\"t\":\"");
                stage.run_until_idle();
                stage.gateway.bytes(b"\x89\x01\x07\x80\x1dHALF\",\"s\":null,\"op\":0,\"d\":{}}");
            }
        }
        stage.run_until_idle();
    }
    assert_eq!((close_reasons(&stage), stage.shard.phase()), (vec![], Phase::Active));
    let round = ["LARGE", "LARGE", "SMALL", "LARGE", "HALF", "LARGE", "HALF"];
    assert_eq!(stage.taken()[1..], [round, round].concat());
    assert_eq!(stage.gateway.pings, [vec![1], vec![7], vec![5], vec![7]]);
}

#[test]
fn a_dial_that_takes_too_long_is_given_up() {
    let memory = Memory::new();
    memory.world().is_listening = false;
    let timeouts = Timeouts { connect: Duration::from_secs(3), ..Timeouts::default() };
    let mut stage = Stage::with(memory.clone(), |builder| builder.config(Config { timeouts, ..Config::default() }));
    stage.reach(Phase::Backoff);
    assert_eq!(memory.time().as_nanos(), 3_000_000_000);
    memory.listen();
    stage.reach(Phase::Active);
}

fn addresses<const N: usize>(texts: [&str; N]) -> Vec<SocketAddr> {
    texts.iter().map(|text| text.parse().unwrap()).collect()
}

#[test]
fn an_address_that_leads_nowhere_costs_a_moment() {
    let memory = Memory::new();
    memory.world().addresses = addresses(["[::1]:9", "[::2]:9", "127.0.0.1:9", "127.0.0.2:9"]);
    memory.world().silent = addresses(["[::1]:9", "[::2]:9"]);
    let mut stage = Stage::with(memory.clone(), |builder| builder);
    stage.reach(Phase::Active);
    assert_eq!(memory.time().as_nanos(), 250_000_000);
}

#[test]
fn addresses_that_refuse_are_gone_through_without_a_pause() {
    let memory = Memory::new();
    memory.world().addresses = addresses(["[::1]:9", "127.0.0.1:9", "[::2]:9"]);
    memory.world().refusing = addresses(["[::1]:9", "127.0.0.1:9"]);
    let mut stage = Stage::with(memory.clone(), |builder| builder);
    stage.reach(Phase::Active);
    assert_eq!(memory.time().as_nanos(), 0);
}

#[test]
fn a_name_that_resolves_to_nothing_is_told_from_hosts_that_refuse() {
    for (known, cause) in [(addresses([]), Cause::ConnectName), (addresses(["[::1]:9"]), Cause::ConnectRefused)] {
        let memory = Memory::new();
        memory.world().refusing.clone_from(&known);
        memory.world().addresses = known;
        let mut stage = Stage::with(memory, |builder| builder);
        stage.reach(Phase::Backoff);
        assert_eq!(stage.shard.explain().last().map(|made| made.cause), Some(cause));
    }
}
