//! Streams that are cut up, run together, damaged, or blown up.

use crate::codecs::Inflater;
use crate::world::{World, identify};
use portcullis::Message;
use portcullis_fake::{
    Action, Blocks, ConnectionId, Damage, Delivery, FakeConfig, Fault, LastPiece, Script, Span, Target,
};

/// An online client of a stream of stored blocks, whose bytes can be written down.
fn online(compress: &str) -> (World, ConnectionId) {
    let mut world = World::new(FakeConfig { guilds: 0, blocks: Blocks::Stored, ..FakeConfig::default() });
    let connection = world.connect_to(&format!("/?v=10&compress={compress}"));
    world.say(connection, &identify(0));
    world.actions.clear();
    (world, connection)
}

/// What one dispatch becomes with this fault.
fn sent(world: &mut World, fault: Fault) -> Vec<(Vec<u8>, Delivery)> {
    world.gateway.fault(Target::All, fault, Span::Next);
    dispatched(world)
}

fn dispatched(world: &mut World) -> Vec<(Vec<u8>, Delivery)> {
    world.gateway.dispatch(world.now, Target::All, "A", "1");
    world.tick();
    taken(world)
}

fn taken(world: &mut World) -> Vec<(Vec<u8>, Delivery)> {
    let sends = world.actions.drain(..).filter_map(|action| match action {
        Action::Send { message, delivery, .. } => Some((message.bytes().to_vec(), delivery)),
        _ => None,
    });
    sends.collect()
}

/// The dispatch of this number in stored blocks.
fn whole(sequence: u64) -> Vec<u8> {
    let payload = format!(r#"{{"t":"A","s":{sequence},"op":0,"d":1}}"#).into_bytes();
    let length = u16::try_from(payload.len()).unwrap();
    [[0].as_slice(), &length.to_le_bytes(), &(!length).to_le_bytes(), &payload, b"\0\0\0\xff\xff"].concat()
}

#[test]
fn scenario_56_a_payload_comes_in_several_messages_the_last_with_its_suffix_whole() {
    let (mut world, _) = online("zlib-stream");
    for (sequence, messages, last, count, shortest) in [
        (2, 3, LastPiece::Fair, 3, 12),
        (3, u32::MAX, LastPiece::Fair, 35, 4),
        (4, 3, LastPiece::Bytes(2), 3, 2),
        (5, u32::MAX, LastPiece::Bytes(1), 38, 1),
    ] {
        let pieces = sent(&mut world, Fault::Scatter { messages, last });
        let bytes: Vec<u8> = pieces.iter().flat_map(|(bytes, _)| bytes.clone()).collect();
        assert_eq!(bytes, whole(sequence));
        assert_eq!((pieces.len(), pieces.last().unwrap().0.len()), (count, shortest));
        assert!(pieces.iter().all(|(_, delivery)| *delivery == Delivery::Whole));
    }
}

#[test]
fn scenario_56_two_payloads_come_in_one_message() {
    let (mut world, _) = online("zlib-stream");
    world.gateway.fault(Target::All, Fault::Merge { payloads: 2 }, Span::Next);
    assert_eq!(dispatched(&mut world), []);
    assert_eq!(dispatched(&mut world), [([whole(2), whole(3)].concat(), Delivery::Whole)]);
    // One that waits alone leaves after a second.
    world.gateway.fault(Target::All, Fault::Merge { payloads: 2 }, Span::Next);
    assert_eq!(dispatched(&mut world), []);
    world.advance(crate::world::seconds(1));
    assert_eq!(taken(&mut world), [(whole(4), Delivery::Whole)]);
}

#[test]
fn scenario_58_damage_is_done_once_and_to_the_byte() {
    let (mut world, _) = online("zlib-stream");
    let cut = |bytes: Vec<u8>, missing: usize| bytes[..bytes.len() - missing].to_vec();
    let mut flipped = whole(2);
    flipped[1] ^= 0b100;
    for (damage, bytes) in [
        (Damage::FlipBit(10), flipped),
        (Damage::Truncate(9), cut(whole(3), 9)),
        (Damage::OmitSuffix, cut(whole(4), 4)),
        (Damage::RepeatSuffix, [whole(5), b"\0\0\xff\xff".to_vec()].concat()),
        (Damage::Append(b"\x07".as_slice().into()), [whole(6), b"\x07".to_vec()].concat()),
    ] {
        assert_eq!(sent(&mut world, Fault::Damage(damage)), [(bytes, Delivery::Whole)]);
    }
    assert_eq!(dispatched(&mut world), [(whole(7), Delivery::Whole)]);
}

#[test]
fn what_has_no_suffix_and_what_is_text_wait_for_what_can_be_damaged() {
    let (mut world, _) = online("zstd-stream");
    world.gateway.watch();
    let raw = |sequence| format!(r#"{{"t":"A","s":{sequence},"op":0,"d":1}}"#).into_bytes();
    let block = |sequence| [b"\xe0\0\0".as_slice(), &raw(sequence)].concat();
    assert_eq!(sent(&mut world, Fault::Damage(Damage::OmitSuffix)), [(block(2), Delivery::Whole)]);
    let mut plain = World::plain();
    plain.online(0);
    plain.actions.clear();
    for fault in [
        Fault::Damage(Damage::FlipBit(0)),
        Fault::Scatter { messages: 2, last: LastPiece::Fair },
        Fault::Merge { payloads: 2 },
    ] {
        let sequence =
            2 + u64::from(!matches!(fault, Fault::Damage(_))) + u64::from(matches!(fault, Fault::Merge { .. }));
        assert_eq!(sent(&mut plain, fault), [(raw(sequence), Delivery::Whole)]);
    }
    assert_eq!(world.gateway.take_events().filter(|event| event.to_string().contains("fault")).count(), 0);
}

#[test]
fn scenario_57_a_context_that_was_not_reset_is_not_to_be_inflated_again() {
    for compress in ["zlib-stream", "zstd-stream"] {
        let mut world = World::plain();
        world.gateway.fault(Target::All, Fault::KeepContext, Span::Next);
        for fails in [true, false] {
            world.actions.clear();
            world.connect_to(&format!("/?v=10&compress={compress}"));
            let hello = world.actions.iter().find_map(|action| match action {
                Action::Send { message, .. } => Some(message.clone()),
                _ => None,
            });
            assert_eq!(Inflater::of(compress).inflate(&hello.unwrap()).is_none(), fails, "{compress}");
        }
    }
}

#[test]
fn scenario_59_a_bomb_is_small_on_the_wire_and_what_follows_it_is_right() {
    for (compress, most) in [("zlib-stream", 1_300_000), ("zstd-stream", 33_000)] {
        let mut world = World::plain();
        let connection = world.connect_to(&format!("/?v=10&compress={compress}"));
        world.say(connection, &identify(0));
        assert_eq!(world.gateway.bomb(world.now, Target::All, 1 << 30), 1);
        world.tick();
        let Some(Action::Send { message, .. }) = world.actions.iter().rev().nth(1) else { panic!("no bomb") };
        assert!(message.bytes().len() < most, "{compress}: {}", message.bytes().len());
    }
    for compress in ["zlib-stream", "zstd-stream"] {
        let mut world = World::plain();
        let connection = world.connect_to(&format!("/?v=10&compress={compress}"));
        world.say(connection, &identify(0));
        world.gateway.bomb(world.now, Target::All, 500_000);
        world.gateway.dispatch(world.now, Target::All, "A", "1");
        world.tick();
        let mut inflater = Inflater::of(compress);
        let payloads: Vec<_> = world
            .actions
            .iter()
            .filter_map(|action| match action {
                Action::Send { message, .. } => Some(inflater.inflate(message).unwrap()),
                _ => None,
            })
            .collect();
        assert_eq!(payloads[2].len(), 500_035, "{compress}");
        assert_eq!(payloads[3], br#"{"t":"A","s":2,"op":0,"d":1}"#, "{compress}");
    }
}

#[test]
fn a_client_without_compression_gets_no_bomb() {
    let mut world = World::plain();
    world.online(0);
    assert_eq!(world.gateway.bomb(world.now, Target::All, 1 << 30), 0);
    world.tick();
    world.assert_story(&[]);
}

#[test]
fn a_script_has_words_for_all_of_it() {
    let script = "
        set blocks stored
        on connect: keep context
        after ready:
            scatter over 3 messages; dispatch A 1
            scatter over bytes leaving 1 byte; dispatch A 1
            flip bit 10; dispatch A 1
            truncate by 9 bytes; dispatch A 1
            omit suffix; dispatch A 1
            repeat suffix; dispatch A 1
            append bytes 07; dispatch A 1
            merge 2 payloads; 2 times dispatch A 1
            bomb of 1 MB; close 4000";
    let script = Script::parse(script).unwrap();
    let mut config = FakeConfig { guilds: 0, ..FakeConfig::default() };
    script.configure(&mut config);
    let mut world = World::new(config);
    world.gateway.play(world.now, script);
    let connection = world.connect_to("/?v=10&compress=zlib-stream");
    world.say(connection, &identify(0));
    let sends: Vec<_> = world
        .actions
        .iter()
        .filter_map(|action| match action {
            Action::Send { message: Message::Binary(bytes), .. } => Some(bytes.len()),
            _ => None,
        })
        .collect();
    let of_each = [vec![13, 13, 12], vec![1; 38], vec![38, 29, 34, 42, 39, 77]].concat();
    assert_eq!(sends[2..sends.len() - 1], of_each);
    assert!(sends[0] > 0 && sends[sends.len() - 1] < 1500, "{sends:?}");
    assert!(matches!(world.actions.iter().rev().nth(1), Some(Action::Close { .. })));
}
