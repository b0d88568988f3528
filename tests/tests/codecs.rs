//! From the bytes of messages to events, in every format.

use portcullis::codec::{CodecError, Compression, Format, Inflater};
use portcullis::machine::{Action, Config, Input, Limits, Phase};
use portcullis::{Message, Timestamp};
use portcullis_tests::pack::Packed;
use portcullis_tests::pair::{INFLATERS, Told, discord_in, formats};
use portcullis_tests::rig::prompt;
use portcullis_tests::{Pair, Rig, frames};
use proptest::prelude::*;

fn stream() -> Format {
    Format { compression: Compression::ZlibStream, ..Format::default() }
}

fn streams() -> impl Iterator<Item = Format> {
    let is_stream = |format: &Format| matches!(format.compression, Compression::ZlibStream | Compression::ZstdStream);
    formats().into_iter().filter(is_stream)
}

fn bytes(hex: &str) -> Vec<u8> {
    let digits: Vec<u8> = hex.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
    let pairs = digits.chunks(2);
    pairs.map(|pair| u8::from_str_radix(core::str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
}

#[test]
fn scenario_3_a_hello_that_comes_compressed_is_taken() {
    for format in formats() {
        let mut pair = Pair::open(format, prompt());
        pair.say(&frames::hello("41250"));
        assert_eq!(pair.rig.machine.phase(), Phase::Identifying, "{format:?}");
    }
}

#[test]
fn the_documented_stream_is_read() {
    let mut pair = Pair::open(stream(), prompt());
    for message in [
        "789caa562a51b2ca2bcdc9d1512a8631f20b94ac0c0d74945294acaa953252138b4a9252134be233f34a528bca127394ac4c0c8d4c0d6a6b01000000ffff",
        "aac6a5d710ac1724500b000000ffff",
        "22460d000000ffff",
    ] {
        pair.give(bytes(message));
    }
    assert_eq!(pair.rig.machine.phase(), Phase::Identifying);
    assert_eq!(pair.rig.machine.health().counts.frames_in, 3);
    pair.give(bytes("c2a5c61ca104000000ffff"));
    assert_eq!(pair.rig.machine.phase(), Phase::Closing);
}

#[test]
fn a_stream_of_stored_blocks_is_read() {
    let mut pair = Pair::open(stream(), prompt());
    let hello = frames::hello("41250").into_bytes();
    let len = u16::try_from(hello.len()).unwrap();
    let mut message = vec![0x78, 0x01, 0x00];
    message.extend(len.to_le_bytes());
    message.extend((!len).to_le_bytes());
    message.extend(&hello);
    message.extend([0, 0, 0, 0xFF, 0xFF]);
    pair.give(message);
    assert_eq!(pair.rig.machine.phase(), Phase::Identifying);
}

/// A zstd frame's begin, without a checksum, and of this window descriptor.
fn zstd_head(window: u8) -> Vec<u8> {
    vec![0x28, 0xB5, 0x2F, 0xFD, 0x00, window]
}

/// A block that is not compressed, and not the last.
fn zstd_raw(bytes: &[u8]) -> Vec<u8> {
    [&(bytes.len() << 3).to_le_bytes()[..3], bytes].concat()
}

#[test]
fn the_documented_zstd_stream_is_read() {
    let format = Format { compression: Compression::ZstdStream, ..Format::default() };
    let mut pair = Pair::open(format, prompt());
    let hello = zstd_raw(frames::hello("41250").bytes());
    assert_eq!(&hello[..3], [0xE0, 0x01, 0x00]);
    pair.give([zstd_head(0x40), hello].concat());
    assert_eq!(pair.rig.machine.phase(), Phase::Identifying);
    // A payload of two blocks.
    let ready = frames::ready("5e551011", 1).into_bytes();
    let (first, second) = ready.split_at(40);
    pair.give([zstd_raw(first), zstd_raw(second)].concat());
    assert_eq!(pair.rig.machine.phase(), Phase::Active);
}

#[test]
fn a_zstd_window_is_bounded() {
    let format = Format { compression: Compression::ZstdStream, ..Format::default() };
    for (descriptor, phase) in [(0x68, Phase::Identifying), (0x70, Phase::Closing)] {
        let mut pair = Pair::open(format, prompt());
        pair.give([zstd_head(descriptor), zstd_raw(frames::hello("41250").bytes())].concat());
        assert_eq!(pair.rig.machine.phase(), phase, "8 MiB are read, 16 are not");
    }
}

#[test]
fn the_documented_payload_is_read() {
    let mut pair = Pair::open(Format { compression: Compression::ZlibPayload, ..Format::default() }, prompt());
    pair.give(bytes(
        "789cab562a51b2ca2bcdc9d1512a8631f20b94ac0c0d74945294acaa953252138b4a9252134be233f34a528bca127394ac4c0c8d4c0d6a6b01438e135c",
    ));
    assert_eq!(pair.rig.machine.phase(), Phase::Identifying);
}

#[test]
fn what_comes_as_text_is_a_payload_as_it_stands() {
    for format in formats() {
        let mut pair = Pair::online(format, prompt());
        pair.rig.message(frames::message_create(2));
        pair.say(&frames::message_create(3));
        pair.rig.assert_kinds("t+0.000 * MESSAGE_CREATE 2\nt+0.000 * MESSAGE_CREATE 3");
    }
}

#[test]
fn compression_is_asked_for_where_it_belongs() {
    for (compression, url, identify) in [
        (Compression::None, "wss://gateway.discord.gg/?v=10&encoding=json", false),
        (Compression::ZlibStream, "wss://gateway.discord.gg/?v=10&encoding=json&compress=zlib-stream", false),
        (Compression::ZstdStream, "wss://gateway.discord.gg/?v=10&encoding=json&compress=zstd-stream", false),
        (Compression::ZlibPayload, "wss://gateway.discord.gg/?v=10&encoding=json", true),
    ] {
        let mut rig = Rig::of(discord_in(Format { compression, ..Format::default() }), prompt());
        let mut connects = Vec::new();
        for action in rig.machine.handle(Timestamp::ZERO, Input::Start) {
            if let Action::Connect { connection, url, .. } = action {
                connects.push((connection, url));
            }
        }
        let [(connection, asked)] = &*connects else { panic!("{connects:?}") };
        assert_eq!(asked.as_str(), url);
        let inputs =
            [Input::Opened(*connection), Input::Message(*connection, frames::hello("40000")), Input::Sent(*connection)];
        let mut sends = Vec::new();
        for input in inputs.into_iter().chain([Input::IdentifyGranted(*connection)]) {
            for action in rig.machine.handle(Timestamp::ZERO, input) {
                if let Action::Send { message, .. } = action {
                    sends.push(String::from_utf8(message.into_bytes().to_vec()).unwrap());
                }
            }
        }
        assert_eq!(sends.last().unwrap().contains("\"compress\":true"), identify, "{sends:?}");
    }
}

#[test]
fn scenario_56_a_message_that_is_split_anywhere_gives_its_event_once() {
    for (format, level) in streams().flat_map(|format| [(format, 0), (format, 1), (format, 6)]) {
        let mut whole = Pair::open_at(format, prompt(), level);
        whole.say(&frames::hello("40000"));
        let second = whole.pack(&frames::heartbeat_request());
        for cut in 0..=second.len() {
            let mut pair = Pair::open_at(format, prompt(), level);
            pair.say(&frames::hello("40000"));
            pair.pack(&frames::heartbeat_request());
            pair.give(second[..cut].to_vec());
            pair.give(second[cut..].to_vec());
            assert_eq!(pair.rig.machine.health().counts.frames_in, 2, "cut at {cut}");
            pair.say(&frames::reconnect());
            assert_eq!(pair.rig.machine.phase(), Phase::Closing, "cut at {cut}");
        }
    }
}

#[test]
fn scenarios_56_and_62_payloads_in_one_message_come_out_in_their_order() {
    for format in streams() {
        let mut pair = Pair::online(format, prompt());
        let three: Vec<u8> = (2..5).flat_map(|sequence| pair.pack(&frames::message_create(sequence))).collect();
        pair.give(three);
        pair.rig.assert_kinds("t+0.000 * MESSAGE_CREATE 2\nt+0.000 * MESSAGE_CREATE 3\nt+0.000 * MESSAGE_CREATE 4");
    }
}

#[test]
fn what_follows_a_payload_that_costs_the_link_is_dropped_with_it() {
    let mut pair = Pair::online(stream(), prompt());
    let mut both = pair.pack(&frames::reconnect());
    both.extend(pair.pack(&frames::message_create(2)));
    pair.give(both);
    assert_eq!(pair.rig.machine.phase(), Phase::Closing);
    assert_eq!(pair.rig.dispatches.len(), 1);
}

#[test]
fn scenario_57_the_next_link_has_an_inflater_of_its_own() {
    let mut pair = Pair::online(stream(), prompt());
    let half = pair.pack(&frames::message_create(2));
    pair.give(half[..half.len() - 2].to_vec());
    pair.rig.lose();
    pair.rig.next().open();
    pair.packer = portcullis_tests::pack::Packer::new(stream(), 6);
    pair.say(&frames::hello("40000")).say(&frames::message_create(2)).say(&frames::resumed(3));
    assert_eq!(pair.rig.machine.phase(), Phase::Active);
    assert_eq!(pair.rig.dispatches.len(), 3);
}

#[test]
fn empty_messages_and_empty_flushes_are_nothing() {
    for format in formats().into_iter().skip(1) {
        let mut pair = Pair::online(format, prompt());
        pair.give(Vec::new());
        if format.compression == Compression::ZlibStream {
            pair.give([0, 0, 0, 0xFF, 0xFF].to_vec());
            pair.give([0, 0, 0, 0xFF, 0xFF, 0, 0, 0, 0xFF, 0xFF].to_vec());
        }
        pair.say(&frames::message_create(2));
        pair.rig.assert_kinds("t+0.000 * MESSAGE_CREATE 2");
    }
}

#[test]
fn a_guild_of_four_megabytes_comes_through_every_format() {
    let members: Vec<String> = (0..40_000).map(member).collect();
    let data = format!(r#"{{"id":"1","name":"a guild","members":[{}]}}"#, members.join(","));
    assert!(data.len() > 4 << 20, "{} bytes", data.len());
    let guild = frames::dispatch("GUILD_CREATE", 2, &data);
    for (format, inflater) in formats().into_iter().flat_map(|format| INFLATERS.map(|inflater| (format, inflater))) {
        let mut pair = Pair::online(format, Config { inflater, ..prompt() });
        pair.say(&guild);
        let told = pair.told();
        assert_eq!(told[1].2, serde_json::from_str::<serde_json::Value>(&data).unwrap(), "{format:?}");
        pair.say(&frames::message_create(3));
        assert_eq!(pair.rig.dispatches.len(), 3);
    }
}

fn member(index: u64) -> String {
    let id = 41_771_983_423_143_937 + index * 7_919;
    format!(
        r#"{{"user":{{"id":"{id}","username":"someone {index}","bot":false,"avatar":null}},"roles":["{}"],"deaf":false}}"#,
        index % 97
    )
}

#[test]
fn a_message_has_a_bounded_number_of_payloads() {
    let config = || Config { limits: Limits { payloads: 4, ..Limits::default() }, ..prompt() };
    let mut pair = Pair::online(stream(), config());
    let four: Vec<u8> = (2..6).flat_map(|sequence| pair.pack(&frames::message_create(sequence))).collect();
    pair.give(four);
    assert_eq!(pair.rig.dispatches.len(), 5);
    let five: Vec<u8> = (6..11).flat_map(|sequence| pair.pack(&frames::message_create(sequence))).collect();
    pair.give(five);
    assert_eq!(pair.rig.dispatches.len(), 9);
    pair.assert_left_for(&CodecError::TooMany { limit: 4 }.to_string(), 9);
}

/// How the bytes of payloads are cut into messages.
#[derive(Clone, Debug)]
enum Split {
    Bytes,
    Parts(Vec<usize>),
    Coalesced(usize),
}

fn split() -> impl Strategy<Value = Split> {
    prop_oneof![
        Just(Split::Bytes),
        proptest::collection::vec(0_usize..40, 1..10).prop_map(Split::Parts),
        (1_usize..6).prop_map(Split::Coalesced),
    ]
}

/// What the client makes of payloads that are split so. Formats with a message for each payload are not split.
fn told(format: Format, inflater: Option<Inflater>, level: i32, payloads: &[Message], split: &Split) -> Vec<Told> {
    let mut pair = Pair::open_at(format, Config { inflater, ..prompt() }, level);
    let payloads: Vec<Packed> =
        payloads.iter().map(|payload| pair.packer.pack(core::str::from_utf8(payload.bytes()).unwrap())).collect();
    if matches!(format.compression, Compression::None | Compression::ZlibPayload) {
        for payload in payloads {
            match payload {
                Packed::Text(bytes) => pair.rig.message(Message::Text(bytes.into())),
                Packed::Binary(bytes) => pair.rig.message(Message::Binary(bytes.into())),
            };
        }
        return pair.told();
    }
    // What follows on Hello waits for the Identify.
    let mut hello: Vec<Vec<u8>> = payloads.into_iter().map(Packed::into_bytes).collect();
    let rest = hello.split_off(1);
    for payloads in [hello, rest] {
        for message in messages(&payloads, split) {
            pair.give(message);
        }
    }
    pair.told()
}

/// The payloads' bytes, cut into messages.
fn messages(payloads: &[Vec<u8>], split: &Split) -> Vec<Vec<u8>> {
    match split {
        Split::Bytes => payloads.concat().into_iter().map(|byte| vec![byte]).collect(),
        Split::Coalesced(count) => payloads.chunks(*count).map(<[_]>::concat).collect(),
        Split::Parts(sizes) => {
            let all = payloads.concat();
            let (mut rest, mut messages) = (&*all, Vec::new());
            for size in sizes.iter().cycle() {
                let (message, behind) = rest.split_at((size + 1).min(rest.len()));
                messages.push(message.to_vec());
                rest = behind;
                if rest.is_empty() {
                    break;
                }
            }
            messages
        }
    }
}

fn value() -> impl Strategy<Value = serde_json::Value> {
    use serde_json::{Map, Value, json};
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i32>().prop_map(Value::from),
        // Quarters: what `serde_json` reads of other fractions depends on how they are written.
        any::<i32>().prop_map(|number| json!(f64::from(number) / 4.0)),
        ".{0,40}".prop_map(Value::from),
        any::<u64>().prop_map(|id| Value::from(id.to_string())),
    ];
    leaf.prop_recursive(5, 60, 8, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..8).prop_map(Value::from),
            proptest::collection::btree_map(".{0,12}", inner, 0..8)
                .prop_map(|map| Value::from(map.into_iter().collect::<Map<_, _>>())),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn every_format_however_split_gives_the_events_of_plain_json(
        datas in proptest::collection::vec(value(), 0..8),
        level in 0_i32..10,
        split in split(),
    ) {
        let mut payloads = vec![frames::hello("40000"), frames::ack(), frames::ready("5e551011", 1)];
        for (index, data) in datas.iter().enumerate() {
            payloads.push(frames::dispatch("AN_EVENT", index as u64 + 2, &data.to_string()));
        }
        let plain = told(Format::default(), None, level, &payloads, &split);
        prop_assert_eq!(plain.len(), datas.len() + 1);
        for (format, inflater) in formats().into_iter().flat_map(|format| INFLATERS.map(|inflater| (format, inflater))) {
            prop_assert_eq!(&told(format, inflater, level, &payloads, &split), &plain, "{:?} {:?}", format, inflater);
        }
    }
}
