//! Every compression and encoding, as the machine's own outputs: what a client's inflater makes of them, and what the
//! gateway makes of a client's terms.

use crate::world::{World, identify, seconds};
use portcullis::{Message, Timestamp};
use portcullis_fake::{Action, Blocks, ConnectionId, FakeConfig, Input, Rule, Target};
use zlib_rs::{Inflate, InflateFlush};
use zstd_safe::{DCtx, InBuffer, OutBuffer};

const HELLO: &str =
    r#"{"t":null,"s":null,"op":10,"d":{"heartbeat_interval":41250,"_trace":["[\"gateway-test\",{\"micros\":0.0}]"]}}"#;
const ACK: &str = r#"{"t":null,"s":null,"op":11,"d":null}"#;

/// The messages since the last look.
fn taken(world: &mut World) -> Vec<Message> {
    let sent = world.actions.drain(..).filter_map(|action| match action {
        Action::Send { message, .. } => Some(message),
        _ => None,
    });
    sent.collect()
}

fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap()
}

/// A client's side of a stream: it lives as long as its connection.
pub(crate) enum Inflater {
    Zlib(Box<Inflate>),
    Zstd(DCtx<'static>),
}

impl Inflater {
    pub(crate) fn of(compress: &str) -> Self {
        if compress == "zlib-stream" {
            Self::Zlib(Box::new(Inflate::new(true, 15)))
        } else {
            Self::Zstd(DCtx::create())
        }
    }

    pub(crate) fn inflate(&mut self, message: &Message) -> Option<Vec<u8>> {
        let Message::Binary(wire) = message else { panic!("text on a compressed connection") };
        let mut out = vec![0; 1 << 20];
        let length = match self {
            Self::Zlib(state) => {
                let before = state.total_out();
                state.decompress(wire, &mut out, InflateFlush::SyncFlush).ok()?;
                usize::try_from(state.total_out() - before).unwrap()
            }
            Self::Zstd(state) => {
                let (mut output, mut input) = (OutBuffer::around(&mut out[..]), InBuffer::around(&wire[..]));
                while input.pos < wire.len() {
                    state.decompress_stream(&mut output, &mut input).ok()?;
                }
                output.pos()
            }
        };
        out.truncate(length);
        Some(out)
    }
}

/// A term as a client writes it, of the few kinds it needs.
fn term(op: u8, data: &[u8]) -> Message {
    let payload = [b"\x83t\0\0\0\x02m\0\0\0\x02opa".as_slice(), &[op], b"m\0\0\0\x01d", data].concat();
    Message::Binary(payload.into())
}

fn identify_term() -> Message {
    let token = b"m\0\0\0\x05tokenm\0\0\0\x01T";
    let intents = b"m\0\0\0\x07intentsb\0\0\x82\x01";
    let shard = b"m\0\0\0\x05shardk\0\x02\0\x01";
    let compress = b"m\0\0\0\x08compresss\x04true";
    let properties = b"m\0\0\0\x0apropertiest\0\0\0\0";
    let data = [b"t\0\0\0\x05".as_slice(), token, intents, shard, compress, properties].concat();
    term(2, &data)
}

#[test]
fn a_stream_has_one_context_for_its_connections_life() {
    for (compress, blocks) in [
        ("zlib-stream", Blocks::Compressed),
        ("zlib-stream", Blocks::Stored),
        ("zstd-stream", Blocks::Compressed),
        ("zstd-stream", Blocks::Stored),
    ] {
        let mut world = World::new(FakeConfig { guilds: 1, blocks, ..FakeConfig::default() });
        for connection in 1..=2 {
            // A new connection is a new context.
            let (mut inflater, id) = (Inflater::of(compress), ConnectionId(connection));
            assert_eq!(world.connect_to(&format!("/?v=10&compress={compress}")), id);
            world.advance(seconds(6));
            world.say(id, &identify(1));
            world.say(id, r#"{"op":1,"d":null}"#);
            let told: Vec<_> =
                taken(&mut world).iter().map(|message| text(inflater.inflate(message).unwrap())).collect();
            assert_eq!((told[0].as_str(), told[3].as_str(), told.len()), (HELLO, ACK, 4), "{compress} {blocks:?}");
            assert!(
                told[1].starts_with(r#"{"t":"READY","s":1"#) && told[2].starts_with(r#"{"t":"GUILD_CREATE","s":2"#)
            );
        }
    }
}

#[test]
fn a_stream_is_the_same_twice_and_much_shorter_than_its_payloads() {
    let run = |compress: &str| {
        let mut world = World::plain();
        let connection = world.connect_to(&format!("/?v=10&compress={compress}"));
        world.say(connection, &identify(0));
        for number in 0..100 {
            let json = format!(r#"{{"number":{number},"text":"the same again"}}"#);
            world.gateway.dispatch(world.now, Target::All, "USER_UPDATE", &json);
        }
        world.tick();
        taken(&mut world)
    };
    for compress in ["zlib-stream", "zstd-stream"] {
        let messages = run(compress);
        assert_eq!(messages, run(compress));
        let length: usize = messages[2..].iter().map(|message| message.bytes().len()).sum();
        // Without the library's feature the blocks of zstd are stored.
        let is_compressed = compress == "zlib-stream" || cfg!(feature = "zstd");
        assert_eq!(length < 100 * 45, is_compressed, "{compress}: {length} bytes for 100 dispatches of 85");
    }
}

#[test]
fn an_identify_with_compress_has_its_larger_payloads_compressed() {
    let mut world = World::new(FakeConfig { guilds: 1, ..FakeConfig::default() });
    let connection = world.connect_to("/?v=10&encoding=json");
    let asks = identify(1).replace(r#""intents""#, r#""compress":true,"intents""#);
    world.say(connection, &asks);
    world.say(connection, r#"{"op":1,"d":null}"#);
    let messages = taken(&mut world);
    assert_eq!(messages[0], Message::Text(HELLO.as_bytes().into()), "Hello comes before it is known");
    for (message, name) in messages[1..3].iter().zip(["READY", "GUILD_CREATE"]) {
        // Each is a stream of its own.
        let payload = text(Inflater::of("zlib-stream").inflate(message).unwrap());
        assert!(payload.starts_with(&format!(r#"{{"t":"{name}""#)), "{payload}");
    }
    assert_eq!(messages[3], Message::Text(ACK.as_bytes().into()), "small ones are text");
}

#[test]
fn etf_is_spoken_both_ways_under_every_compression() {
    for compress in ["", "zlib-stream", "zstd-stream"] {
        let mut world = World::plain();
        let query = if compress.is_empty() { String::new() } else { format!("&compress={compress}") };
        let connection = world.connect_to(&format!("/?v=10&encoding=etf{query}"));
        world.input(Input::Message(connection, identify_term()));
        world.input(Input::Message(connection, term(1, b"s\x03nil")));
        let mut inflater = Inflater::of(compress);
        let terms: Vec<Vec<u8>> = taken(&mut world)
            .iter()
            .map(|message| match message {
                Message::Binary(bytes) if compress.is_empty() => bytes.to_vec(),
                message => inflater.inflate(message).unwrap(),
            })
            .collect();
        assert!(terms[0].starts_with(b"\x83t\0\0\0\x04d\0\x01dt\0\0\0\x02d\0\x06_tracel\0\0\0\x01m"), "{compress}");
        let ready = terms[1].escape_ascii().to_string();
        assert!(ready.ends_with(r"d\x00\x02opa\x00d\x00\x01sa\x01d\x00\x01tm\x00\x00\x00\x05READY"), "{ready}");
        assert!(ready.contains(r"d\x00\x05shardk\x00\x02\x00\x01"), "the shard is a list of small integers: {ready}");
        assert_eq!(terms[2], b"\x83t\0\0\0\x04d\0\x01dd\0\x03nild\0\x02opa\x0bd\0\x01sd\0\x03nild\0\x01td\0\x03nil");
        assert_eq!(world.gateway.sessions().map(|status| status.intents).collect::<Vec<_>>(), [33_281]);
        assert_eq!(world.gateway.breaches().next(), None);
    }
}

#[test]
fn what_is_no_term_costs_4002_and_a_term_of_another_shape_4001() {
    let text = |text: &'static str| Message::Text(text.as_bytes().into());
    let bytes = |bytes: &'static [u8]| Message::Binary(bytes.into());
    for (message, reason, rule) in [
        (text(r#"{"op":1,"d":null}"#), "4002 Error while decoding payload.", Rule::Undecodable),
        (bytes(br#"{"op":1,"d":null}"#), "4002 Error while decoding payload.", Rule::Undecodable),
        (bytes(b"\x83t\0\0\0\x01s\x02opa\x01"), "4002 Error while decoding payload.", Rule::Undecodable),
        (bytes(b"\x83a\x01"), "4002 Error while decoding payload.", Rule::Undecodable),
        (term(99, b"j"), "4001 Unknown opcode.", Rule::UnknownOpcode { op: 99 }),
        (term(1, b"j"), "4001 Invalid payload.", Rule::Malformed { op: 1 }),
    ] {
        let mut world = World::plain();
        let connection = world.connect_to("/?v=10&encoding=etf");
        let _ = world.story();
        world.input(Input::Message(connection, message));
        assert_eq!(world.story(), [format!("{} 1 close {reason}", Timestamp::ZERO)]);
        assert_eq!(world.gateway.breaches().map(|breach| breach.rule).collect::<Vec<_>>(), [rule]);
    }
}

#[test]
fn a_gateway_with_a_compressor_cannot_be_forked_and_one_that_stores_can() {
    for (blocks, can) in [(Blocks::Compressed, false), (Blocks::Stored, true)] {
        let mut world = World::new(FakeConfig { blocks, ..FakeConfig::default() });
        world.connect_to("/?v=10&compress=zlib-stream");
        assert_eq!(world.gateway.fork().is_some(), can);
    }
}
