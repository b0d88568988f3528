//! Damaged compressed streams: the client closes the connection, keeps the session, and the next connection works.

use portcullis::Sequence;
use portcullis::codec::{Compression, Encoding, Format};
use portcullis::machine::{Config, Limits, Phase};
use portcullis_tests::pack::{LEVEL, MZFlush, Packer, bomb};
use portcullis_tests::pair::{INFLATERS, compressed, formats};
use portcullis_tests::rig::prompt;
use portcullis_tests::{Pair, frames};
use proptest::prelude::*;

fn stream() -> Format {
    Format { compression: Compression::ZlibStream, ..Format::default() }
}

fn payload() -> Format {
    Format { compression: Compression::ZlibPayload, ..Format::default() }
}

/// A gateway's payloads after Ready.
fn say_on(pair: &mut Pair, sequences: core::ops::Range<u64>) {
    for sequence in sequences {
        if pair.rig.machine.phase() == Phase::Active {
            pair.say(&frames::message_create(sequence));
        }
    }
}

#[test]
fn scenario_58_a_stream_that_breaks_is_left_and_its_half_message_not_given_out() {
    for cut in 1..4 {
        let mut pair = Pair::online(stream(), prompt());
        say_on(&mut pair, 2..4);
        let mut message = pair.pack(&frames::message_create(4));
        // The suffix is missing, whole or in part.
        message.truncate(message.len() - cut);
        pair.give(message);
        assert_eq!(pair.rig.dispatches.len(), 3, "cut by {cut}");
        pair.say(&frames::message_create(5));
        assert_eq!(pair.rig.dispatches.len(), 3, "cut by {cut}");
        pair.assert_left_for("undecodable message: damaged compression", 3);
    }
}

#[test]
fn a_suffix_that_is_missing_or_doubled_is_damage() {
    let mut pair = Pair::online(stream(), prompt());
    let mut message = pair.pack(&frames::message_create(2));
    message.truncate(message.len() - 4);
    pair.give(message);
    pair.say(&frames::message_create(3));
    pair.assert_left_for("undecodable message: damaged compression", 1);

    let mut pair = Pair::online(stream(), prompt());
    let mut message = pair.pack(&frames::message_create(2));
    message.extend([0, 0, 0xFF, 0xFF]);
    pair.give(message);
    assert_eq!(pair.rig.dispatches.len(), 2);
    pair.say(&frames::message_create(3));
    pair.assert_left_for("undecodable message: damaged compression", 2);
}

#[test]
fn a_message_that_ends_in_the_suffix_where_no_block_does_is_left_at_once() {
    for (inflater, level) in INFLATERS.into_iter().flat_map(|inflater| [(inflater, 0), (inflater, 6)]) {
        let mut pair = Pair::open_at(stream(), Config { inflater, ..prompt() }, level);
        for message in [frames::hello("40000"), frames::ack(), frames::ready("5e551011", 1)] {
            pair.say(&message);
        }
        pair.rig.story.clear();
        let mut message = pair.pack(&frames::message_create(2));
        // The inflater reads the second one as the length of a stored block, which is invalid.
        message.extend([0, 0, 0xFF, 0xFF]);
        pair.give(message);
        assert_eq!(pair.rig.dispatches.len(), 2, "what was whole came out");
        pair.assert_left_for("undecodable message: damaged compression", 2);
    }
}

#[test]
fn the_bytes_of_the_suffix_are_data_in_a_stored_block() {
    // A text of 65,535 bytes in a term, of which no compressor made less, and a length that looks like a flush.
    let format = Format { compression: Compression::ZlibStream, encoding: Encoding::Etf };
    for inflater in INFLATERS {
        let mut pair = Pair::open_at(format, Config { inflater, ..prompt() }, 0);
        for message in [frames::hello("40000"), frames::ack(), frames::ready("5e551011", 1)] {
            pair.say(&message);
        }
        let text = "x".repeat(65_535);
        let message = pair.pack(&frames::dispatch("MESSAGE_CREATE", 2, &format!("\"{text}\"")));
        let suffix = message.windows(4).position(|bytes| bytes == [0, 0, 0xFF, 0xFF]).unwrap() + 4;
        assert!(suffix < 100, "the text's length");
        // Within a message, and at the end of one.
        let (first, rest) = message.split_at(suffix);
        pair.give(message.clone());
        let again = pair.pack(&frames::dispatch("MESSAGE_CREATE", 3, &format!("\"{text}\"")));
        let (again_first, again_rest) = again.split_at(suffix);
        assert_eq!(first.len() + rest.len(), again_first.len() + again_rest.len());
        pair.give(again_first.to_vec());
        pair.give(again_rest.to_vec());
        let told = pair.told();
        assert_eq!(told.len(), 3, "{inflater:?}: {:?}", pair.rig.story.lines());
        assert_eq!((&told[1].2, &told[2].2), (&text.clone().into(), &text.into()));
    }
}

#[test]
fn bytes_behind_the_end_are_damage() {
    let mut pair = Pair::online(stream(), prompt());
    let mut message = pair.pack(&frames::message_create(2));
    message.extend(b"trailing");
    pair.give(message);
    assert_eq!(pair.rig.dispatches.len(), 2, "what was whole came out");
    if pair.rig.machine.phase() == Phase::Active {
        pair.say(&frames::message_create(3));
    }
    pair.assert_left_for("undecodable message", 2);

    let mut pair = Pair::online(payload(), prompt());
    let mut message = pair.pack(&frames::message_create(2));
    message.extend(b"trailing");
    pair.give(message);
    pair.assert_left_for("undecodable message: compressed payload does not end with its message", 1);
}

#[test]
fn a_stream_that_ends_or_begins_anew_is_damage() {
    // The gateway ends its stream.
    let mut pair = Pair::online(stream(), prompt());
    let end = bomb(stream(), MZFlush::Finish, 0);
    let mut fresh = Pair::open(stream(), prompt());
    fresh.give(end.clone());
    assert_eq!(fresh.rig.machine.phase(), Phase::Closing);
    fresh.rig.assert_kinds("t+0.000 ! faulted: undecodable message: damaged compression");

    // The gateway begins another within the connection.
    pair.packer = Packer::new(stream(), LEVEL);
    pair.say(&frames::message_create(2));
    pair.assert_left_for("undecodable message: damaged compression", 1);

    // The gateway goes on with an old connection's.
    let mut pair = Pair::online(stream(), prompt());
    pair.rig.lose();
    pair.rig.next().open();
    pair.say(&frames::hello("40000"));
    pair.assert_left_for("undecodable message: damaged compression", 1);
}

#[test]
fn a_payload_that_is_cut_short_is_damage() {
    let mut pair = Pair::online(payload(), prompt());
    let message = pair.pack(&frames::message_create(2));
    for cut in 1..message.len() {
        let mut pair = Pair::online(payload(), prompt());
        pair.give(message[..cut].to_vec());
        pair.assert_left_for("undecodable message: compressed payload does not end with its message", 1);
    }
}

/// A kind of damage to the bytes of an event, and its name.
type Damage = (&'static str, fn(&mut Vec<u8>));

#[test]
fn a_zstd_stream_that_is_damaged_is_left() {
    let zstd = Format { compression: Compression::ZstdStream, ..Format::default() };
    for encoding in [Encoding::Json, Encoding::Etf] {
        let format = Format { encoding, ..zstd };
        let (event, next) = (frames::message_create(2), frames::message_create(3));
        let damages: [Damage; 4] = [
            ("cut short", |bytes| bytes.truncate(bytes.len() - 2)),
            ("bytes behind the end", |bytes| bytes.extend(b"trailing")),
            ("its first byte at the end", |bytes| bytes.rotate_left(1)),
            ("a frame that ends", |bytes| bytes.splice(.., [1, 0, 0]).for_each(drop)),
        ];
        for (name, damage) in damages {
            let mut pair = Pair::online(format, prompt());
            let mut bytes = pair.pack(&event);
            damage(&mut bytes);
            pair.give(bytes);
            for _ in 0..200 {
                if pair.rig.machine.phase() == Phase::Active {
                    pair.say(&next);
                }
            }
            assert_eq!(pair.rig.machine.phase(), Phase::Closing, "{name} in {encoding}");
            assert_eq!(pair.rig.dispatches.len(), 1, "{name} in {encoding}");
            pair.assert_left_for("undecodable message", 1);
        }
        // The gateway begins another frame within the connection.
        let mut pair = Pair::online(format, prompt());
        pair.packer = Packer::new(format, LEVEL);
        pair.say(&event);
        pair.assert_left_for("undecodable message: damaged compression", 1);
    }
}

#[test]
fn bytes_that_are_no_zlib_are_damage() {
    for format in [stream(), payload()] {
        for bytes in [&b"{\"op\":7}"[..], &[0x78, 0x9c, 0xFF], &[0x83, 0x74], &[0x28, 0xB5, 0x2F, 0xFD]] {
            let mut pair = Pair::open(format, prompt());
            pair.give(bytes.to_vec());
            assert_eq!(pair.rig.machine.phase(), Phase::Closing, "{format:?} {bytes:?}");
        }
    }
}

#[test]
fn scenario_59_what_inflates_beyond_the_limit_is_left_at_once() {
    let limits = || Config { limits: Limits { inflated: 1 << 20, ..Limits::default() }, ..prompt() };
    let formats = formats().into_iter().filter(compressed);
    for (format, inflater) in formats.flat_map(|format| INFLATERS.map(|inflater| (format, inflater))) {
        let bomb = bomb(format, MZFlush::Sync, 64 << 20);
        let mut pair = Pair::open(format, Config { inflater, ..limits() });
        pair.give(bomb);
        assert_eq!(pair.rig.machine.phase(), Phase::Closing);
        pair.rig.assert_kinds("t+0.000 ! faulted: undecodable message: payload above 1048576 bytes once inflated");
    }
    // A payload that never reaches its flush, in many messages.
    let mut pair = Pair::online(stream(), limits());
    let half = pair.packer.part(&format!("{{\"t\":\"{}", " ".repeat(600_000)));
    pair.give(half);
    assert_eq!(pair.rig.machine.phase(), Phase::Active);
    let half = pair.packer.part(&" ".repeat(600_000));
    pair.give(half);
    pair.assert_left_for("payload above 1048576 bytes", 1);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]
    #[test]
    fn a_flipped_bit_costs_the_link_at_the_most(
        format in prop::sample::select(formats().into_iter().filter(compressed).collect::<Vec<_>>()),
        level in prop_oneof![Just(0), Just(1), Just(6)],
        before in 0_u64..4,
        at in any::<prop::sample::Index>(),
        bit in 0_u8..8,
    ) {
        let mut pair = Pair::open_at(format, prompt(), level);
        for message in [frames::hello("40000"), frames::ack(), frames::ready("5e551011", 1)] {
            pair.say(&message);
        }
        pair.rig.story.clear();
        say_on(&mut pair, 2..2 + before);
        let intact = pair.told();
        let mut message = pair.pack(&frames::message_create(2 + before));
        let at = at.index(message.len());
        message[at] ^= 1 << bit;
        pair.give(message);
        say_on(&mut pair, 3 + before..9 + before);
        let told = pair.rig.dispatches.len();
        prop_assert!(told >= intact.len());
        // A flipped bit within a text, a name or a number may make another payload, which may be the fault.
        let is_whole = pair.rig.machine.health().sequence == Some(Sequence(1 + before));
        let faults = pair.rig.story.of_kind('!').len();
        if pair.rig.machine.phase() == Phase::Closing && told == intact.len() && is_whole && faults == 1 {
            pair.assert_left_for("faulted", 1 + before);
        }
    }
}
