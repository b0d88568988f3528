//! What a compressed message costs the machine, beside the inflater's own work on the same bytes:
//!
//! `cargo bench -p portcullis --bench inflate --features tracing,zlib-rs,zstd`

// A bench that cannot be set up can only fail.
#![allow(clippy::expect_used)]

use bytes::Bytes;
use core::time::Duration;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use miniz_oxide::deflate::core::{CompressorOxide, create_comp_flags_from_zip_params};
use miniz_oxide::deflate::stream::deflate;
use miniz_oxide::inflate::stream::{InflateState, inflate};
use miniz_oxide::{DataFormat, MZFlush};
use portcullis::codec::{Compression, Encoding, Inflater};
use portcullis::dialect::discord::{Discord, Intents};
use portcullis::machine::{Action, Config, GatewayMachine, Input, Phase};
use portcullis::{LinkId, Message, Seed, Timestamp};
use std::hint::black_box;
use std::time::Instant;

/// A stream of 2 KB dispatches by `miniz_oxide` alone, into memory that is there.
fn raw_miniz(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("inflate_raw");
    group.throughput(Throughput::Elements(1));
    group.bench_function("miniz/2KiB", |bencher| {
        bencher.iter_custom(|iterations| {
            let mut zlib = zlib();
            let mut state = InflateState::new_boxed(DataFormat::Zlib);
            let mut room = vec![0; 16 << 10];
            timed(iterations, |count, first| {
                let messages: Vec<_> = (0..count).map(|index| deflated(&mut zlib, &frame(first + index))).collect();
                let start = Instant::now();
                for message in &messages {
                    black_box(inflate(&mut state, message, &mut room, MZFlush::Sync)).status.expect("a stream");
                }
                start.elapsed()
            })
        });
    });
}

/// The same by `zlib-rs`.
#[cfg(feature = "zlib-rs")]
fn raw_zlib_rs(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("inflate_raw");
    group.throughput(Throughput::Elements(1));
    group.bench_function("zlib_rs/2KiB", |bencher| {
        bencher.iter_custom(|iterations| {
            let mut zlib = zlib();
            let mut state = zlib_rs::Inflate::new(true, 15);
            let mut room = vec![0; 16 << 10];
            timed(iterations, |count, first| {
                let messages: Vec<_> = (0..count).map(|index| deflated(&mut zlib, &frame(first + index))).collect();
                let start = Instant::now();
                for message in &messages {
                    black_box(state.decompress(message, &mut room, zlib_rs::InflateFlush::SyncFlush))
                        .expect("a stream");
                }
                start.elapsed()
            })
        });
    });
}

#[cfg(not(feature = "zlib-rs"))]
fn raw_zlib_rs(_: &mut Criterion) {}

/// The same stream through a machine: from the message to its event, taken and dropped.
fn machine_inflate(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("machine_inflate");
    group.throughput(Throughput::Elements(1));
    for (name, inflater) in inflaters() {
        group.bench_function(format!("{name}/2KiB"), |bencher| {
            bencher.iter_custom(|iterations| {
                let mut zlib = zlib();
                let mut machine = online(inflater, &mut zlib);
                timed(iterations, |count, first| {
                    let messages: Vec<_> = (0..count)
                        .map(|index| Message::Binary(deflated(&mut zlib, &frame(first + index)).into()))
                        .collect();
                    let start = Instant::now();
                    for message in messages {
                        for action in machine.handle(Timestamp::ZERO, Input::Message(LINK, message)) {
                            black_box(action);
                        }
                    }
                    let spent = start.elapsed();
                    assert_eq!(machine.health().counts.malformed, 0);
                    spent
                })
            });
        });
    }
}

fn inflaters() -> Vec<(&'static str, Inflater)> {
    vec![
        ("miniz", Inflater::Miniz),
        #[cfg(feature = "zlib-rs")]
        ("zlib_rs", Inflater::ZlibRs),
    ]
}

/// Runs `batch` for so many messages at a time as stay in the cache; it gets their count and the first's number.
fn timed(iterations: u64, mut batch: impl FnMut(u64, u64) -> Duration) -> Duration {
    let (mut spent, mut first, mut left) = (Duration::ZERO, SEQUENCE, iterations);
    while left > 0 {
        let count = left.min(32);
        spent += batch(count, first);
        first += count;
        left -= count;
    }
    spent
}

fn zlib() -> Box<CompressorOxide> {
    let (level, window_bits) = (6, 15);
    Box::new(CompressorOxide::new(create_comp_flags_from_zip_params(level, window_bits, 0)))
}

fn deflated(zlib: &mut CompressorOxide, payload: &[u8]) -> Vec<u8> {
    let mut room = vec![0; payload.len() + 1024];
    let done = deflate(zlib, payload, &mut room, MZFlush::Sync);
    room.truncate(done.bytes_written);
    room
}

/// A machine in session, on a stream.
fn online(inflater: Inflater, zlib: &mut CompressorOxide) -> GatewayMachine {
    let discord = Discord::new("a.bot.token", Intents::UNPRIVILEGED).expect("a token");
    let discord = discord.with_compression(Compression::ZlibStream).expect("room in the identify");
    let discord = discord.with_encoding(Encoding::Json).expect("room in the identify");
    let config = Config { inflater: Some(inflater), ..Config::default() };
    let mut machine = GatewayMachine::new(discord, config, Seed(7)).expect("a config that can be");
    let mut message = |frame: &str| Input::Message(LINK, Message::Binary(deflated(zlib, frame.as_bytes()).into()));
    for input in [
        Input::Start,
        Input::Opened(LINK),
        message(r#"{"t":null,"s":null,"op":10,"d":{"heartbeat_interval":41250}}"#),
        Input::IdentifyGranted(LINK),
        Input::Sent(LINK),
        message(r#"{"t":"READY","s":1,"op":0,"d":{"v":10,"session_id":"5e551011"}}"#),
    ] {
        machine.handle(Timestamp::ZERO, input).for_each(|action: Action| drop(action));
    }
    assert_eq!(machine.phase(), Phase::Online);
    machine
}

/// A dispatch of 2 KiB whose words change from one to the next, as those of people do.
fn frame(sequence: u64) -> Bytes {
    const WORDS: [&str; 16] = [
        "the ", "gate ", "is ", "shut ", "at ", "night ", "who ", "goes ", "there ", "a ", "friend ", "pass ", "on ",
        "then ", "good ", "night ",
    ];
    let head = format!(r#"{{"t":"MESSAGE_CREATE","s":{sequence},"op":0,"d":{{"type":0,"tts":false,"content":""#);
    let tail = r#"","id":"1100000000000000000","channel_id":"1","author":{"id":"2","username":"someone"}}}"#;
    let mut frame = head;
    let mut state = sequence.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    while frame.len() + tail.len() < 2048 {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        frame.push_str(WORDS[usize::try_from(state >> 60).unwrap_or(0)]);
    }
    frame.push_str(tail);
    frame.into()
}

/// Sequences have as many digits as in a session of hours.
const SEQUENCE: u64 = 1_000_000_000;
const LINK: LinkId = LinkId(1);

criterion_group!(benches, raw_miniz, raw_zlib_rs, machine_inflate);
criterion_main!(benches);
