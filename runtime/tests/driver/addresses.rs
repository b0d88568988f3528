//! Addresses that take a connection and are no gateway: the next attempt takes another.

use crate::memory::{Dead, Manners, Memory};
use crate::stage::Stage;
use core::time::Duration;
use portcullis::machine::{Config, Phase, Timeouts};
use std::net::SocketAddr;

const UNAVAILABLE: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n";
const LIMITED: &[u8] = b"HTTP/1.1 429 Too Many Requests\r\nContent-Length: 0\r\n\r\n";

fn address(number: u8) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, number], 9))
}

/// A shard of a gateway with two addresses.
fn pool(dead: &[(SocketAddr, Dead)]) -> Stage {
    let memory = Memory::new();
    memory.world().addresses = vec![address(1), address(2)];
    memory.world().dead = dead.to_vec();
    let timeouts = Timeouts { connect: Duration::from_secs(60), ..Timeouts::default() };
    Stage::with(memory, |builder| builder.config(Config { timeouts, ..Config::default() }))
}

/// The last part of the addresses that took a connection.
fn connected(stage: &Stage) -> Vec<u8> {
    let number = |address: &SocketAddr| match address {
        SocketAddr::V4(address) => address.ip().octets()[3],
        SocketAddr::V6(_) => 0,
    };
    stage.memory.world().connected.iter().map(number).collect()
}

/// Loses the connection and comes back.
fn come_back(stage: &mut Stage) {
    stage.gateway.cut();
    stage.reach(Phase::Backoff);
    stage.reach(Phase::Active);
}

#[test]
fn found_01_what_fails_behind_tcp_is_the_addresss_fault_and_the_next_attempt_takes_another() {
    for dead in [Dead::Silent, Dead::HangsUp, Dead::Says(UNAVAILABLE), Dead::Says(b"SSH-2.0-x\r\n")] {
        let mut stage = pool(&[(address(1), dead)]);
        stage.reach(Phase::Active);
        assert_eq!(connected(&stage), [1, 2], "{dead:?}");
        // It is remembered for as long as a few attempts take, and then forgotten.
        come_back(&mut stage);
        assert_eq!(connected(&stage), [1, 2, 2], "{dead:?}");
        stage.memory.pass(Duration::from_secs(300));
        come_back(&mut stage);
        assert_eq!(connected(&stage), [1, 2, 2, 1, 2], "{dead:?}");
    }
}

#[test]
fn found_01_an_address_that_opens_and_says_no_hello_is_as_good_as_dead() {
    let mut stage = pool(&[]);
    stage.gateway.manners = Manners::Mute;
    stage.reach(Phase::AwaitingHello);
    stage.reach(Phase::Backoff);
    stage.gateway.manners = Manners::Good;
    stage.reach(Phase::Active);
    assert_eq!(connected(&stage), [1, 2]);
    // An address that spoke is alive, also when its connection is lost.
    come_back(&mut stage);
    assert_eq!(connected(&stage), [1, 2, 2]);
}

#[test]
fn found_01_what_is_refused_to_us_is_no_addresss_fault() {
    let mut stage = pool(&[(address(1), Dead::Says(LIMITED))]);
    for attempts in 1..=3 {
        stage.reach(Phase::Backoff);
        assert_eq!(connected(&stage), vec![1; attempts]);
        stage.until(|stage| stage.shard.phase() != Phase::Backoff || connected(stage).len() > attempts);
    }
}

#[test]
fn found_01_when_all_have_failed_each_is_tried_again() {
    let mut stage = pool(&[(address(1), Dead::Silent), (address(2), Dead::HangsUp)]);
    stage.until(|stage| connected(stage).len() >= 5);
    assert_eq!(connected(&stage)[..5], [1, 2, 1, 2, 1]);
    stage.memory.world().dead.remove(1);
    stage.reach(Phase::Active);
}

#[test]
fn found_01_an_address_that_failed_is_tried_beside_one_that_takes_no_connection() {
    let mut stage = pool(&[(address(1), Dead::HangsUp)]);
    stage.memory.world().silent = vec![address(2)];
    stage.until(|stage| connected(stage).len() == 1);
    stage.reach(Phase::Backoff);
    stage.memory.world().dead.clear();
    let since = stage.memory.time();
    stage.reach(Phase::Active);
    assert!(stage.memory.time() - since < Duration::from_secs(6), "{}", stage.memory.time());
    assert_eq!(connected(&stage), [1, 1]);
}
