//! What a compressed message costs the machine, beside the inflater's own work on the same bytes, turn by turn so that a
//! busy computer is busy for both:
//!
//! `cargo bench -p portcullis --bench inflate --features tracing,zlib-rs,zstd`
//!
//! With `PORTCULLIS_COUNT=zlib_rs/machine` it inflates 1,000 messages in that way and says nothing, for a tool that counts
//! instructions: see BENCHMARKS.md.

// A bench that cannot be set up can only fail.
#![allow(clippy::expect_used)]

use bytes::Bytes;
use miniz_oxide::deflate::core::{CompressorOxide, create_comp_flags_from_zip_params};
use miniz_oxide::deflate::stream::deflate;
use miniz_oxide::inflate::stream::{InflateState, inflate};
use miniz_oxide::{DataFormat, MZFlush};
use portcullis::codec::{Compression, Inflater};
use portcullis::dialect::discord::{Discord, Intents};
use portcullis::machine::{Action, Config, GatewayMachine, Input, Phase};
use portcullis::{ConnectionId, Message, Seed, Timestamp};
use std::hint::black_box;
use std::time::Instant;

fn main() {
    match std::env::var("PORTCULLIS_COUNT") {
        Ok(which) => count(&which),
        Err(_) => compare(),
    }
}

/// Prints what a message costs by the library alone and by the machine.
fn compare() {
    println!(
        "ns a message of {} bytes inflated: the least of {ROUNDS} rounds, and the middle one",
        frame(SEQUENCE).len()
    );
    println!("{:<10} {:>16} {:>16} {:>20}", "", "library alone", "machine", "the machine's part");
    for Choice { name, compression, inflater, raw } in choices() {
        let (mut gateway, mut raw) = (Gateway::new(compression), raw());
        let mut machine = online(compression, inflater, &mut gateway);
        let (mut alone, mut whole) = (Vec::new(), Vec::new());
        // The library inflates what came before as well: its window is the same.
        for message in &gateway.sent {
            raw(message);
        }
        for round in 0..WARM + ROUNDS {
            let messages: Vec<Bytes> = (0..BATCH).map(|_| gateway.next()).collect();
            let start = Instant::now();
            for message in &messages {
                raw(black_box(message));
            }
            let spent = start.elapsed();
            let start = Instant::now();
            for message in messages {
                handle(&mut machine, message);
            }
            if round >= WARM {
                alone.push(spent.as_nanos() / u128::from(BATCH));
                whole.push(start.elapsed().as_nanos() / u128::from(BATCH));
            }
        }
        assert_eq!(machine.health().counts.malformed, 0);
        assert_eq!(machine.phase(), Phase::Active);
        let mut parts: Vec<i128> =
            alone.iter().zip(&whole).map(|(alone, whole)| whole.cast_signed() - alone.cast_signed()).collect();
        for all in [&mut alone, &mut whole] {
            all.sort_unstable();
        }
        parts.sort_unstable();
        let (least, middle) = (whole[0].cast_signed() - alone[0].cast_signed(), parts[parts.len() / 2]);
        let pair = |all: &[u128]| format!("{} / {}", all[0], all[all.len() / 2]);
        println!("{name:<10} {:>16} {:>16} {:>20}", pair(&alone), pair(&whole), format!("{least} / {middle}"));
    }
}

/// Inflates 1,000 messages by `name/library` or `name/machine`.
fn count(which: &str) {
    let (name, way) = which.split_once('/').expect("name/library or name/machine");
    let Choice { compression, inflater, raw, .. } =
        choices().into_iter().find(|choice| choice.name == name).expect("a choice of this name");
    let mut gateway = Gateway::new(compression);
    let mut machine = online(compression, inflater, &mut gateway);
    let mut raw = raw();
    for message in &gateway.sent {
        raw(message);
    }
    let warm: Vec<Bytes> = (0..500).map(|_| gateway.next()).collect();
    let messages: Vec<Bytes> = (0..1000).map(|_| gateway.next()).collect();
    if way == "machine" {
        for message in warm {
            handle(&mut machine, message);
        }
        counted(|| messages.into_iter().for_each(|message| handle(&mut machine, message)));
    } else {
        for message in &warm {
            raw(message);
        }
        counted(|| messages.iter().for_each(|message| raw(message)));
    }
    assert_eq!(machine.health().counts.malformed, 0);
}

/// What is counted: a name for the tool.
#[inline(never)]
fn counted(work: impl FnOnce()) {
    work();
}

fn handle(machine: &mut GatewayMachine, message: Bytes) {
    for action in machine.handle(Timestamp::ZERO, Input::Message(LINK, Message::Binary(message))) {
        drop(black_box(action));
    }
}

/// A library, and the machine that uses it.
struct Choice {
    name: &'static str,
    compression: Compression,
    inflater: Inflater,
    raw: fn() -> Raw,
}

/// Inflates a message by the library alone.
type Raw = Box<dyn FnMut(&[u8])>;

fn choices() -> Vec<Choice> {
    vec![
        Choice {
            name: "miniz",
            compression: Compression::ZlibStream,
            inflater: Inflater::Miniz,
            raw: || {
                let (mut state, mut room) = (InflateState::new_boxed(DataFormat::Zlib), vec![0; ROOM]);
                Box::new(move |message| {
                    black_box(inflate(&mut state, message, &mut room, MZFlush::Sync)).status.expect("a stream");
                })
            },
        },
        #[cfg(feature = "zlib-rs")]
        Choice {
            name: "zlib_rs",
            compression: Compression::ZlibStream,
            inflater: Inflater::ZlibRs,
            raw: || {
                let (mut state, mut room) = (zlib_rs::Inflate::new(true, 15), vec![0; ROOM]);
                Box::new(move |message| {
                    black_box(state.decompress(message, &mut room, zlib_rs::InflateFlush::SyncFlush))
                        .expect("a stream");
                })
            },
        },
        #[cfg(feature = "zstd")]
        Choice {
            name: "zstd",
            compression: Compression::ZstdStream,
            inflater: Inflater::Miniz,
            raw: || {
                let (mut state, mut room) = (zstd_safe::DCtx::create(), vec![0; ROOM]);
                Box::new(move |message| {
                    let mut output = zstd_safe::OutBuffer::around(&mut room[..]);
                    let mut input = zstd_safe::InBuffer::around(message);
                    black_box(state.decompress_stream(&mut output, &mut input)).expect("a stream");
                    assert_eq!(input.pos, message.len());
                })
            },
        },
    ]
}

/// The gateway's side of a connection.
struct Gateway {
    packer: Packer,
    sequence: u64,
    /// What was sent before the first dispatch.
    sent: Vec<Bytes>,
}

enum Packer {
    Zlib(Box<CompressorOxide>),
    #[cfg(feature = "zstd")]
    Zstd(zstd_safe::CCtx<'static>),
}

impl Gateway {
    fn new(compression: Compression) -> Self {
        let packer = match compression {
            #[cfg(feature = "zstd")]
            Compression::ZstdStream => {
                let mut zstd = zstd_safe::CCtx::create();
                zstd.init(3).expect("a level that there is");
                Packer::Zstd(zstd)
            }
            _ => Packer::Zlib(Box::new(CompressorOxide::new(create_comp_flags_from_zip_params(6, 15, 0)))),
        };
        Self { packer, sequence: SEQUENCE, sent: Vec::new() }
    }

    fn say(&mut self, frame: &str) -> Message {
        let bytes = self.packer.pack(frame.as_bytes());
        self.sent.push(bytes.clone());
        Message::Binary(bytes)
    }

    fn next(&mut self) -> Bytes {
        self.sequence += 1;
        self.packer.pack(&frame(self.sequence))
    }
}

impl Packer {
    fn pack(&mut self, payload: &[u8]) -> Bytes {
        let mut room = vec![0; payload.len() + 1024];
        match self {
            Self::Zlib(zlib) => {
                let done = deflate(zlib, payload, &mut room, MZFlush::Sync);
                room.truncate(done.bytes_written);
            }
            #[cfg(feature = "zstd")]
            Self::Zstd(zstd) => {
                let mut output = zstd_safe::OutBuffer::around(&mut room[..]);
                let mut input = zstd_safe::InBuffer::around(payload);
                zstd.compress_stream(&mut output, &mut input).expect("room");
                zstd.flush_stream(&mut output).expect("room");
                let len = output.pos();
                room.truncate(len);
            }
        }
        room.into()
    }
}

/// A machine in session, on a stream.
fn online(compression: Compression, inflater: Inflater, gateway: &mut Gateway) -> GatewayMachine {
    let discord = Discord::new("a.bot.token", Intents::UNPRIVILEGED).expect("a token");
    let discord = discord.with_compression(compression).expect("room in the identify");
    let config = Config { inflater: Some(inflater), ..Config::default() };
    let mut machine = GatewayMachine::new(discord, config, Seed(7)).expect("a config that can be");
    for input in [
        Input::Start,
        Input::Opened(LINK),
        Input::Message(LINK, gateway.say(r#"{"t":null,"s":null,"op":10,"d":{"heartbeat_interval":41250}}"#)),
        Input::IdentifyGranted(LINK),
        Input::Sent(LINK),
        Input::Message(LINK, gateway.say(r#"{"t":"READY","s":1,"op":0,"d":{"v":10,"session_id":"5e551011"}}"#)),
    ] {
        machine.handle(Timestamp::ZERO, input).for_each(|action: Action| drop(action));
    }
    assert_eq!(machine.phase(), Phase::Active);
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
const LINK: ConnectionId = ConnectionId(1);
const ROOM: usize = 16 << 10;
/// Messages a turn: as many as stay in the cache.
const BATCH: u64 = 32;
const WARM: usize = 50;
const ROUNDS: usize = 500;
