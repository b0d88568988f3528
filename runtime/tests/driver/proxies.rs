//! Proxies that misbehave, on a virtual clock.

use crate::memory::{Memory, Pipe};
use crate::stage::{Stage, Step};
use core::time::Duration;
use portcullis::machine::{Cause, Config, Phase, ProxyStatus, Timeouts, Timer};
use std::io::{ErrorKind, Read as _, Write as _};

/// A shard that dials through a proxy, whose end of the stream is the test's.
fn through(proxy: &str) -> (Stage, Pipe) {
    through_one_of(Memory::new(), proxy)
}

/// The same with addresses of the test's own.
fn through_one_of(memory: Memory, proxy: &str) -> (Stage, Pipe) {
    let timeouts = Timeouts { connect: Duration::from_secs(3), ..Timeouts::default() };
    let mut stage = Stage::with(memory, |builder| {
        let builder = builder.gateway("ws://gateway.invalid:9").proxy(proxy);
        builder.config(Config { timeouts, ..Config::default() })
    });
    // The gateway's turn would take the pipe.
    let mut pipe = None;
    while pipe.is_none() {
        stage.poll();
        pipe = stage.memory.accept();
    }
    stage.poll();
    (stage, pipe.unwrap())
}

/// What was said since the last time.
fn heard(pipe: &mut Pipe) -> Vec<u8> {
    let mut heard = Vec::new();
    match pipe.read_to_end(&mut heard) {
        Err(error) if error.kind() == ErrorKind::WouldBlock => heard,
        end => panic!("{end:?}"),
    }
}

fn say(stage: &mut Stage, pipe: &mut Pipe, bytes: &[u8]) {
    pipe.write_all(bytes).unwrap();
    stage.run_until_idle();
}

fn last_cause(stage: &Stage) -> Option<Cause> {
    stage.shard.explain().last().map(|made| made.cause)
}

const HTTP: &str = "http://bot:hush@proxy.invalid:3128";
const SOCKS: &str = "socks5://bot:hush@proxy.invalid";
const REQUEST: &[u8] = b"\x05\x01\x00\x03\x0fgateway.invalid\x00\x09";

#[test]
fn the_gateway_is_reached_through_a_proxy_that_resolves_its_name() {
    let (mut stage, mut pipe) = through(HTTP);
    let request = String::from_utf8(heard(&mut pipe)).unwrap();
    assert!(request.starts_with("CONNECT gateway.invalid:9 HTTP/1.1\r\nHost: gateway.invalid:9\r\n"), "{request}");
    assert!(request.contains("\r\nProxy-Authorization: Basic Ym90Omh1c2g=\r\n"), "{request}");
    say(&mut stage, &mut pipe, b"HTTP/1.1 200 Connection established\r\n\r\n");
    stage.memory.pass_on(pipe);
    stage.reach(Phase::Active);
    assert_eq!(stage.memory.world().asked, ["proxy.invalid"]);

    let (mut stage, mut pipe) = through(SOCKS);
    assert_eq!(heard(&mut pipe), [5, 2, 0, 2]);
    say(&mut stage, &mut pipe, &[5, 2]);
    assert_eq!(heard(&mut pipe), b"\x01\x03bot\x04hush");
    say(&mut stage, &mut pipe, &[1, 0]);
    assert_eq!(heard(&mut pipe), REQUEST);
    say(&mut stage, &mut pipe, &[5, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
    stage.memory.pass_on(pipe);
    stage.reach(Phase::Active);
    assert_eq!(stage.memory.world().asked, ["proxy.invalid"]);
}

#[test]
fn a_proxy_may_say_its_answer_byte_by_byte() {
    let (mut stage, mut pipe) = through(HTTP);
    heard(&mut pipe);
    for byte in b"HTTP/1.1 200 OK\r\nX: y\r\n\r\n" {
        say(&mut stage, &mut pipe, &[*byte]);
    }
    stage.memory.pass_on(pipe);
    stage.reach(Phase::Active);

    let (mut stage, mut pipe) = through("socks5://proxy.invalid");
    for byte in [5, 0] {
        say(&mut stage, &mut pipe, &[byte]);
    }
    heard(&mut pipe);
    for byte in [5, 0, 0, 1, 0, 0, 0, 0, 0, 0] {
        say(&mut stage, &mut pipe, &[byte]);
    }
    stage.memory.pass_on(pipe);
    stage.reach(Phase::Active);
}

#[test]
fn a_proxy_that_never_answers_is_given_up_in_time() {
    for (proxy, some) in [(HTTP, &b""[..]), (HTTP, b"H"), (SOCKS, b""), (SOCKS, b"\x05")] {
        let (mut stage, mut pipe) = through(proxy);
        say(&mut stage, &mut pipe, some);
        stage.reach(Phase::Backoff);
        assert_eq!(last_cause(&stage), Some(Cause::TimedOut(Timer::Connect)));
        assert_eq!(stage.memory.time().as_nanos(), 3_000_000_000);
    }
}

#[test]
fn a_proxy_that_drips_headers_without_end_is_given_up_in_time() {
    let (mut stage, mut pipe) = through(HTTP);
    say(&mut stage, &mut pipe, b"HTTP/1.1 200 OK\r\n");
    for _ in 0..29 {
        stage.memory.pass(Duration::from_millis(100));
        say(&mut stage, &mut pipe, b"X: y\r\n");
    }
    assert_eq!(stage.shard.phase(), Phase::Connecting);
    stage.reach(Phase::Backoff);
    assert_eq!(stage.memory.time().as_nanos(), 3_000_000_000);
    assert_eq!(last_cause(&stage), Some(Cause::TimedOut(Timer::Connect)));
}

#[test]
fn a_proxy_that_hangs_up_floods_or_speaks_nonsense_has_failed() {
    let flood = [&b"HTTP/1.1 200 OK\r\n"[..], &b"X-Again: and again\r\n".repeat(2000)].concat();
    for (proxy, answer) in [
        (HTTP, &flood[..]),
        (HTTP, b"SSH-2.0-OpenSSH_9.6\r\n"),
        (HTTP, b"\x05\x00"),
        (HTTP, b"HTTP/1.1 200 OK\r\n\r\nwelcome"),
        (SOCKS, b"HTTP/1.1 400 Bad Request\r\n\r\n"),
        (SOCKS, &[5; 4096]),
    ] {
        let (mut stage, mut pipe) = through(proxy);
        say(&mut stage, &mut pipe, answer);
        assert_eq!(last_cause(&stage), Some(Cause::ConnectProxy(None)), "{}", answer.escape_ascii());
        assert_eq!(stage.shard.phase(), Phase::Backoff);
    }
    for proxy in [HTTP, SOCKS] {
        let (mut stage, pipe) = through(proxy);
        drop(pipe);
        stage.run_until_idle();
        assert_eq!(last_cause(&stage), Some(Cause::ConnectProxy(None)));
    }
}

#[test]
fn a_proxy_that_is_not_there_is_not_taken_for_the_gateway() {
    for addresses in [Vec::new(), vec!["127.0.0.1:9".parse().unwrap()]] {
        let memory = Memory::new();
        memory.world().refusing.clone_from(&addresses);
        memory.world().addresses = addresses;
        let mut stage = Stage::with(memory, |builder| builder.proxy(HTTP));
        stage.reach(Phase::Backoff);
        assert_eq!(last_cause(&stage), Some(Cause::ConnectProxy(None)));
    }
}

#[test]
fn what_a_proxy_refuses_is_told_and_only_its_credentials_end_the_shard() {
    for (proxy, answers, status, phase) in [
        (HTTP, &[&b"HTTP/1.1 502 Bad Gateway\r\n\r\n"[..]][..], ProxyStatus::Http(502), Phase::Backoff),
        (HTTP, &[b"HTTP/1.1 407 Proxy Authentication Required\r\n"], ProxyStatus::Http(407), Phase::Ended),
        (SOCKS, &[b"\x05\x00", b"\x05\x05\x00\x01"], ProxyStatus::Socks(5), Phase::Backoff),
        (SOCKS, &[b"\x05\xff"], ProxyStatus::SocksCredentials, Phase::Ended),
        (SOCKS, &[b"\x05\x02", b"\x01\x01"], ProxyStatus::SocksCredentials, Phase::Ended),
    ] {
        let (mut stage, mut pipe) = through(proxy);
        for answer in answers {
            say(&mut stage, &mut pipe, answer);
        }
        assert_eq!((last_cause(&stage), stage.shard.phase()), (Some(Cause::ConnectProxy(Some(status))), phase));
        let told = format!("{:?} {:?} {:?}", stage.shard, stage.events, stage.shard.explain());
        assert!(!told.contains("hush"), "{told}");
    }
}

#[test]
fn the_next_attempt_asks_the_proxy_again() {
    let (mut stage, mut pipe) = through(SOCKS);
    say(&mut stage, &mut pipe, &[5, 0]);
    say(&mut stage, &mut pipe, &[5, 1]);
    let mut next = None;
    while next.is_none() {
        assert!(stage.memory.advance());
        stage.poll();
        next = stage.memory.accept();
    }
    stage.poll();
    assert_eq!(heard(&mut next.unwrap()), [5, 2, 0, 2]);
}

#[test]
fn found_01_what_fails_behind_a_tunnel_is_not_held_against_the_proxy() {
    let pool = ["127.0.0.1:3128", "127.0.0.2:3128"].map(|address| address.parse().unwrap());
    for (answer, behind, next) in [
        (&b"HTTP/1.1 200 OK\r\n\r\n"[..], &b"HTTP/1.1 503 Unavailable\r\n\r\n"[..], pool[0]),
        (b"SSH-2.0-x\r\n", b"", pool[1]),
    ] {
        let memory = Memory::new();
        memory.world().addresses = pool.to_vec();
        let (mut stage, mut pipe) = through_one_of(memory, HTTP);
        say(&mut stage, &mut pipe, answer);
        say(&mut stage, &mut pipe, behind);
        // Not the gateway's turn, which is not spoken to here.
        while stage.memory.world().connected.len() < 2 {
            while stage.poll() == Step::Event {}
            stage.memory.advance();
        }
        assert_eq!(stage.memory.world().connected, [pool[0], next]);
    }
}
