//! What the machine costs a frame. To be run with `tracing` compiled in, as in an application whose subscriber is off:
//!
//! `cargo bench -p portcullis --bench dispatch --features tracing`

// A bench that cannot be set up can only fail.
#![allow(clippy::expect_used)]

use bytes::Bytes;
use core::time::Duration;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use portcullis::dialect::Dialect;
use portcullis::dialect::discord::{Discord, Intents};
use portcullis::machine::{Action, Config, EventFilter, FirstBeat, GatewayMachine, HeartbeatPolicy, Input, Phase};
use portcullis::{ConnectionId, Message, Seed, Timestamp};
use std::hint::black_box;
use std::time::Instant;

/// A 2 KB dispatch through a machine: given as it came from the socket, its event taken and dropped.
fn machine_dispatch(criterion: &mut Criterion) {
    bench_dispatch(criterion, "machine_dispatch", Config::default());
}

/// The same frame where the application is given other events only.
fn filtered_dispatch(criterion: &mut Criterion) {
    let names = ["INTERACTION_CREATE", "MESSAGE_DELETE", "MESSAGE_UPDATE", "GUILD_CREATE", "TYPING_START"];
    bench_dispatch(criterion, "filtered_dispatch", Config { events: EventFilter::only(names), ..Config::default() });
}

fn bench_dispatch(criterion: &mut Criterion, name: &str, config: Config) {
    let mut machine = online_with(config, Seed(7));
    let (mut sequence, now) = (SEQUENCE, Timestamp::ZERO);
    let frame = message_create(sequence);
    let mut group = criterion.benchmark_group(name);
    group.throughput(Throughput::Elements(1));
    group.bench_function("2KiB", |bencher| {
        bencher.iter_custom(|iterations| {
            let mut spent = Duration::ZERO;
            let mut left = iterations;
            while left > 0 {
                // As many as stay in the cache: a socket has just written what a machine reads.
                let count = left.min(32);
                left -= count;
                let frames: Vec<Bytes> = (0..count).map(|index| renumbered(&frame, sequence + index)).collect();
                sequence += count;
                // Their memory is given back outside of what is measured.
                let given = frames.clone();
                let start = Instant::now();
                for frame in given {
                    for action in machine.handle(now, Input::Message(LINK, Message::Text(frame))) {
                        black_box(action);
                    }
                }
                spent += start.elapsed();
            }
            spent
        });
    });
    assert_eq!(machine.health().counts.duplicates, 0);
}

/// The same frame read only: its envelope scanned, its name looked at.
fn scan_envelope(criterion: &mut Criterion) {
    let (discord, frame) = (discord(), message_create(SEQUENCE));
    criterion.bench_function("scan_envelope/2KiB", |bencher| bencher.iter(|| discord.read(black_box(&frame))));
}

/// The same frame, its keys in another order: parsed.
fn parse_envelope(criterion: &mut Criterion) {
    let discord = discord();
    let frame = message_create(SEQUENCE);
    let head = frame.windows(5).position(|bytes| bytes == b",\"d\":").unwrap_or_default();
    let (head, data) = (&frame[1..head], &frame[head + 1..frame.len() - 1]);
    let frame = [b"{", data, b",", head, b"}"].concat();
    criterion.bench_function("parse_envelope/2KiB", |bencher| bencher.iter(|| discord.read(black_box(&frame))));
}

/// A tick with nothing due for each of 10,000 machines in session.
fn idle_machines(criterion: &mut Criterion) {
    let mut machines: Vec<_> = (0..10_000).map(|seed| online(Seed(seed))).collect();
    let now = Timestamp::ZERO + Duration::from_millis(1);
    let mut group = criterion.benchmark_group("idle_machines");
    group.throughput(Throughput::Elements(10_000));
    group.bench_function("10000", |bencher| {
        bencher.iter(|| {
            for machine in &mut machines {
                machine.handle(now, Input::Tick).for_each(|action| drop(black_box(action)));
            }
        });
    });
}

fn discord() -> Discord {
    Discord::new("a.bot.token", Intents::UNPRIVILEGED).expect("a token")
}

/// A machine in session, on a heartbeat whose first beat was acknowledged.
fn online(seed: Seed) -> GatewayMachine {
    online_with(Config::default(), seed)
}

fn online_with(config: Config, seed: Seed) -> GatewayMachine {
    let heartbeat = HeartbeatPolicy { first: FirstBeat::Immediate, ..HeartbeatPolicy::default() };
    let config = Config { heartbeat, ..config };
    let mut machine = GatewayMachine::new(discord(), config, seed).expect("a config that can be");
    let message = |frame: &str| Input::Message(LINK, Message::Text(Bytes::copy_from_slice(frame.as_bytes())));
    for input in [
        Input::Start,
        Input::Opened(LINK),
        message(r#"{"t":null,"s":null,"op":10,"d":{"heartbeat_interval":41250}}"#),
        Input::Sent(LINK),
        Input::IdentifyGranted(LINK),
        Input::Sent(LINK),
        message(r#"{"t":null,"s":null,"op":11,"d":null}"#),
        message(r#"{"t":"READY","s":1,"op":0,"d":{"v":10,"session_id":"5e551011"}}"#),
    ] {
        machine.handle(Timestamp::ZERO, input).for_each(|action: Action| drop(action));
    }
    assert_eq!(machine.phase(), Phase::Active);
    machine
}

/// A frame of 2 KiB in the shape of real ones.
fn message_create(sequence: u64) -> Bytes {
    let head = format!(r#"{{"t":"MESSAGE_CREATE","s":{sequence},"op":0,"d":{{"type":0,"tts":false,"content":""#);
    let tail = r#"","id":"1100000000000000000","channel_id":"1","author":{"id":"2","username":"someone"}}}"#;
    let content = "some words of {a} message ".bytes().cycle().take(2048 - head.len() - tail.len());
    let frame: Vec<u8> = head.bytes().chain(content).chain(tail.bytes()).collect();
    frame.into()
}

/// The same with another sequence of as many digits.
fn renumbered(frame: &[u8], sequence: u64) -> Bytes {
    const START: usize = br#"{"t":"MESSAGE_CREATE","s":"#.len();
    let mut frame = frame.to_vec();
    let digits = frame[START..].iter_mut().take_while(|byte| byte.is_ascii_digit()).count();
    let mut rest = sequence;
    for digit in frame[START..START + digits].iter_mut().rev() {
        *digit = b"0123456789"[usize::try_from(rest % 10).unwrap_or(0)];
        rest /= 10;
    }
    frame.into()
}

/// Sequences have as many digits as in a session of hours.
const SEQUENCE: u64 = 1_000_000_000;
const LINK: ConnectionId = ConnectionId(1);

criterion_group!(benches, machine_dispatch, filtered_dispatch, scan_envelope, parse_envelope, idle_machines);
criterion_main!(benches);
