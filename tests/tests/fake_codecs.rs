//! The whole life against the fake gateway in every format, its payloads whole, cut up and run together; and what breaks
//! a stream, costs the connection and not the session.

use portcullis::codec::{Compression, Format};
use portcullis::machine::{Config, Event, Limits, Phase, Shutdown};
use portcullis::{Seed, Timestamp};
use portcullis_fake::{
    Blocks, Damage, FakeConfig, FakeGateway, Fault, Flood, Generator, LastPiece, Script, Span, Target,
};
use portcullis_tests::pair::{Told, compressed, discord_in, formats};
use portcullis_tests::rig::prompt;
use portcullis_tests::{World, seconds};
use serde_json::Value;

/// How payloads come.
const SHAPES: [Option<Fault>; 5] = [
    None,
    Some(Fault::Scatter { messages: 3, last: LastPiece::Fair }),
    Some(Fault::Scatter { messages: u32::MAX, last: LastPiece::Fair }),
    Some(Fault::Scatter { messages: u32::MAX, last: LastPiece::Bytes(1) }),
    Some(Fault::Merge { payloads: 3 }),
];

fn gateway(blocks: Blocks) -> FakeConfig {
    FakeConfig { blocks, guild_bytes: 20_000, members: 1500, ..FakeConfig::default() }
}

/// All dispatches that came out, Ready and Resumed among them.
fn told(world: &World) -> Vec<Told> {
    let dispatches = world.events.iter().filter_map(|event| match event {
        Event::Ready(dispatch) | Event::Resumed(dispatch) | Event::Dispatch(dispatch) => Some(dispatch),
        _ => None,
    });
    dispatches
        .map(|dispatch| {
            let sequence = dispatch.sequence().map(|sequence| sequence.0);
            (dispatch.name().to_owned(), sequence, with_texts(dispatch.decode().unwrap()))
        })
        .collect()
}

/// The same, with integers above 32 bits as strings, as they are in ETF.
fn with_texts(value: Value) -> Value {
    match value {
        Value::Number(number) if number.as_u64().is_some_and(|number| number > u32::MAX.into()) => {
            number.to_string().into()
        }
        Value::Array(items) => items.into_iter().map(with_texts).collect(),
        Value::Object(members) => members.into_iter().map(|(key, value)| (key, with_texts(value))).collect(),
        other => other,
    }
}

/// Compares one by one, so that a difference is readable.
#[track_caller]
fn assert_same(told: &[Told], plain: &[Told], what: &str) {
    for (told, plain) in told.iter().zip(plain) {
        assert_eq!(told, plain, "{what}");
    }
    assert_eq!(told.len(), plain.len(), "{what}");
}

/// Some events of a guild.
fn traffic(gateway: &mut FakeGateway, now: Timestamp, generator: &mut Generator) {
    for name in Generator::EVENTS {
        let json = generator.event(name, 230_000_000_000 << 22);
        gateway.dispatch(now, Target::All, name, &json);
    }
    gateway.dispatch(
        now,
        Target::All,
        "AN_EVENT_OF_NEXT_YEAR",
        r#"{"1":[-1,2.5,true,null,18446744073709551615,"ü"],"":{}}"#,
    );
}

/// Connects, identifies, gets events, is dropped, misses some, resumes, and ends.
fn life(format: Format, blocks: Blocks, shape: Option<Fault>) -> Vec<Told> {
    let mut world = World::of(discord_in(format), prompt(), gateway(blocks), Seed(9));
    if let Some(fault) = shape {
        world.serve(|gateway, _| gateway.fault(Target::All, fault, Span::UntilLifted));
    }
    let mut generator = Generator::new(5);
    world.start();
    world.until_online();
    world.serve(|gateway, now| traffic(gateway, now, &mut generator));
    world.advance(seconds(3));
    world.serve(|gateway, now| gateway.drop_connections(now, Target::All));
    world.serve(|gateway, now| traffic(gateway, now, &mut generator));
    world.advance(seconds(60));
    assert_eq!(world.client.phase(), Phase::Active, "{format:?} {blocks:?}\n{}", world.story.text());
    world.client.shutdown(world.now, Shutdown::EndSession);
    world.advance(seconds(5));
    assert_eq!(world.client.phase(), Phase::Ended, "{format:?}");
    assert_eq!((world.gateway.sessions().count(), world.gateway.counters().resumed), (0, 1), "{format:?}");
    assert_eq!(world.gateway.breaches().next(), None, "{format:?}");
    assert!(world.story.of_kind('!').is_empty(), "{format:?} {:?}", world.story.of_kind('!'));
    told(&world)
}

#[test]
fn every_format_and_split_gives_what_plain_json_gives() {
    let plain = life(Format::default(), Blocks::Compressed, None);
    // The client has no privileged intents: those of members and presences do not come.
    let seen = Generator::EVENTS.len() - 4 + 1;
    assert_eq!(plain.len(), 1 + 2 + 2 * seen + 1);
    for format in formats() {
        for shape in SHAPES {
            // A message of a zstd stream is one payload: the stream does not say where a payload ends.
            let merges = matches!(shape, Some(Fault::Merge { .. }));
            if merges && format.compression == Compression::ZstdStream {
                continue;
            }
            let what = format!("{format:?} {shape:?}");
            assert_same(&life(format, Blocks::Compressed, shape), &plain, &what);
        }
        assert_same(&life(format, Blocks::Stored, None), &plain, &format!("{format:?}, stored"));
    }
}

/// An online shard, and what comes after something is done to the gateway: the connection is left for a fault, the session kept,
/// and each dispatch comes once.
fn survives(format: Format, config: Config, what: &str, deed: impl FnOnce(&mut FakeGateway, Timestamp)) {
    let mut world = World::of(discord_in(format), config, gateway(Blocks::Compressed), Seed(4));
    world.start();
    world.until_online();
    let mut generator = Generator::new(3);
    let message = generator.message_of_size(230_000_000_000 << 22, 900);
    let say = |gateway: &mut FakeGateway, now| gateway.dispatch(now, Target::All, "MESSAGE_CREATE", &message);
    world.serve(say);
    world.advance(seconds(1));
    world.serve(|gateway, now| {
        deed(gateway, now);
        (0..3).for_each(|_| {
            say(gateway, now);
        });
    });
    // Only the missing ack shows some damage: the inflater waits for the end of a block that never comes.
    world.advance(seconds(180));
    let story = world.story.text();
    assert_eq!(world.client.phase(), Phase::Active, "{format:?}, {what}\n{story}");
    let counters = world.gateway.counters();
    assert_eq!(counters.sessions, 1, "{format:?}, {what}: the session is kept\n{story}");
    assert!(counters.resumed >= 1, "{format:?}, {what}\n{story}");
    assert!(world.story.of_kind('!').len() == 1, "{format:?}, {what}\n{story}");
    let sequences: Vec<_> = told(&world).into_iter().filter_map(|(_, sequence, _)| sequence).collect();
    let last = u64::try_from(sequences.len()).unwrap();
    assert_eq!(sequences, (1..=last).collect::<Vec<_>>(), "{format:?}, {what}: each once, in order");
    let messages: Vec<_> = told(&world).into_iter().filter(|(name, ..)| name == "MESSAGE_CREATE").collect();
    assert_eq!(messages.len(), 4, "{format:?}, {what}");
    assert!(
        messages.iter().all(|(_, _, data)| *data == messages[0].2),
        "{format:?}, {what}: no half message comes out"
    );
}

#[test]
fn scenario_58_damage_costs_the_link_and_not_the_session() {
    for format in formats().into_iter().filter(compressed) {
        let suffixes = format.compression == Compression::ZlibStream;
        let damages = [
            (Damage::FlipBit(1), true),
            // A stream has no checksum: with other lengths it inflates to other bytes, and the damage is not found at once.
            (Damage::Truncate(20), true),
            (Damage::OmitSuffix, suffixes),
            (Damage::RepeatSuffix, suffixes),
            (Damage::Append(b"\x07\x07\x07".as_slice().into()), true),
        ];
        for (damage, _) in damages.into_iter().filter(|(_, fits)| *fits) {
            let what = format!("{damage:?}");
            survives(format, prompt(), &what, |gateway, _| {
                gateway.fault(Target::All, Fault::Damage(damage), Span::Next);
            });
        }
    }
}

#[test]
fn scenario_57_a_stream_that_goes_on_where_another_was_is_left() {
    for format in formats().into_iter().filter(compressed) {
        if format.compression == Compression::ZlibPayload {
            continue;
        }
        survives(format, prompt(), "an old context", |gateway, now| {
            gateway.fault(Target::All, Fault::KeepContext, Span::Next);
            gateway.drop_connections(now, Target::All);
        });
    }
}

#[test]
fn scenario_59_a_gigabyte_in_a_message_is_refused_and_the_session_kept() {
    let config = Config { limits: Limits { inflated: 1 << 20, ..Limits::default() }, ..prompt() };
    for format in formats().into_iter().filter(compressed) {
        survives(format, config.clone(), "a bomb", |gateway, now| {
            assert_eq!(gateway.bomb(now, Target::All, 1_000_000_000), 1);
        });
    }
}

#[test]
fn half_a_message_and_a_close_lose_nothing() {
    for format in formats().into_iter().filter(compressed) {
        let mut world = World::of(discord_in(format), prompt(), gateway(Blocks::Compressed), Seed(4));
        world.start();
        world.until_online();
        let message = Generator::new(3).message_of_size(230_000_000_000 << 22, 900);
        world.serve(|gateway, now| {
            gateway.fault(Target::All, Fault::Damage(Damage::Truncate(60)), Span::Next);
            gateway.dispatch(now, Target::All, "MESSAGE_CREATE", &message);
            gateway.drop_connections(now, Target::All);
        });
        world.advance(seconds(60));
        assert_eq!(world.client.phase(), Phase::Active, "{format:?}");
        assert_eq!(world.gateway.counters().resumed, 1, "{format:?}");
        let messages = told(&world).iter().filter(|(name, ..)| name == "MESSAGE_CREATE").count();
        assert_eq!(messages, 1, "{format:?}");
    }
}

#[test]
fn a_flood_is_read_to_its_end_in_every_format() {
    for format in formats() {
        let mut world = World::of(discord_in(format), prompt(), gateway(Blocks::Compressed), Seed(2));
        world.start();
        world.until_online();
        let flood = Flood { events: 1000, size: 700, until: "MESSAGE_DELETE".into() };
        world.serve(|gateway, now| gateway.flood(now, Target::All, &flood));
        world.advance(seconds(10));
        let told = told(&world);
        assert_eq!(told.iter().filter(|(name, ..)| name == "MESSAGE_CREATE").count(), 1000, "{format:?}");
        assert_eq!(told.last().map(|(name, ..)| name.as_str()), Some("MESSAGE_DELETE"), "{format:?}");
    }
}

#[test]
fn the_ready_made_scripts_of_scenarios_56_to_59_cost_no_session() {
    for (name, of_zlib_stream) in [
        ("56-scattered", true),
        ("56-suffix-cut", true),
        ("57-context-kept", false),
        ("58-bit-flipped", false),
        ("58-end-missing", false),
        ("58-half-then-closed", false),
        ("58-suffixes", false),
        ("59-bomb", false),
    ] {
        let path = format!("{}/../fake-gateway/scripts/{name}.script", env!("CARGO_MANIFEST_DIR"));
        let text = std::fs::read_to_string(&path).unwrap();
        let is_meant = |format: &Format| !of_zlib_stream || format.compression == Compression::ZlibStream;
        for format in formats().into_iter().filter(compressed).filter(is_meant) {
            let mut world = World::of(discord_in(format), prompt(), FakeConfig::default(), Seed(6));
            world.serve(|gateway, now| gateway.play(now, Script::parse(&text).unwrap()));
            world.start();
            world.advance(seconds(300));
            let (gateway, story) = (&world.gateway, world.story.text());
            assert_eq!(world.client.phase(), Phase::Active, "{name}, {format:?}\n{story}");
            assert_eq!(gateway.failures(), [], "{name}, {format:?}\n{story}");
            assert_eq!(gateway.counters().sessions, 1, "{name}, {format:?}\n{story}");
            assert!(gateway.is_ended() && gateway.breaches().next().is_none(), "{name}, {format:?}");
        }
    }
}
