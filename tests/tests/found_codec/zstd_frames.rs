//! zstd streams of several frames, as RFC 8878 §3 allows them.

use portcullis::codec::{Compression, Encoding, Format};
use portcullis::machine::Phase;
use portcullis_tests::rig::prompt;
use portcullis_tests::{Pair, frames};
use zstd_safe::{CCtx, CParameter};

fn formats() -> [Format; 2] {
    [Encoding::Json, Encoding::Etf].map(|encoding| Format { compression: Compression::ZstdStream, encoding })
}

/// A whole frame, with or without its checksum and its size.
fn whole(bytes: &[u8], has_checksum: bool) -> Vec<u8> {
    let mut context = CCtx::create();
    context.set_parameter(CParameter::ChecksumFlag(has_checksum)).unwrap();
    context.set_parameter(CParameter::ContentSizeFlag(!has_checksum)).unwrap();
    let mut packed = vec![0; zstd_safe::compress_bound(bytes.len())];
    let len = context.compress2(&mut packed[..], bytes).unwrap();
    packed.truncate(len);
    packed
}

/// The payloads of a gateway with this format, before compression.
fn plain(format: Format, message: &portcullis::Message) -> Vec<u8> {
    let json = core::str::from_utf8(message.bytes()).unwrap();
    match format.encoding {
        Encoding::Json => json.as_bytes().to_vec(),
        Encoding::Etf => portcullis_tests::etf::written(&serde_json::from_str(json).unwrap()),
    }
}

/// A frame that decoders skip (RFC 8878 §3.1.2).
const SKIPPED: &[u8] = &[0x50, 0x2A, 0x4D, 0x18, 3, 0, 0, 0, 1, 2, 3];

#[test]
fn found_08_a_frame_that_ends_with_its_payload_is_followed_by_another() {
    for format in formats() {
        for has_checksum in [false, true] {
            let mut pair = Pair::open(format, prompt());
            for message in [frames::hello("40000"), frames::ack(), frames::ready("5e551011", 1)] {
                pair.give(whole(&plain(format, &message), has_checksum));
            }
            assert_eq!(pair.rig.machine.phase(), Phase::Active, "{format:?}: {:?}", pair.rig.story.lines());
            pair.give(whole(&plain(format, &frames::message_create(2)), has_checksum));
            assert_eq!(pair.rig.dispatches.len(), 2);
        }
    }
}

#[test]
fn found_08_frames_may_share_a_message_and_payloads_may_be_split_over_frames() {
    for format in formats() {
        let mut pair = Pair::open(format, prompt());
        let mut hello = whole(&plain(format, &frames::hello("40000")), true);
        hello.extend(SKIPPED);
        pair.give(hello);
        let ready = plain(format, &frames::ready("5e551011", 1));
        let (head, tail) = ready.split_at(ready.len() / 2);
        let event = plain(format, &frames::message_create(2));
        // A half payload, the other half and an event, each in a frame; then the same event again, byte by byte.
        pair.give(whole(head, false));
        pair.give([whole(tail, true), whole(&event, false)].concat());
        assert_eq!(pair.rig.dispatches.len(), 2, "{format:?}");
        for byte in whole(&plain(format, &frames::message_create(3)), true) {
            pair.give(vec![byte]);
        }
        assert_eq!(pair.rig.dispatches.len(), 3, "{format:?}");
        assert_eq!(pair.rig.machine.phase(), Phase::Active);
    }
}

#[test]
fn found_08_what_is_no_frame_behind_one_is_damaged_and_windows_stay_bounded() {
    for format in formats() {
        // A window of 128 MiB, in the second frame.
        let too_wide = [0x28, 0xB5, 0x2F, 0xFD, 0x00, 0x88, 0x01, 0x00, 0x00];
        for behind in [&b"nothing"[..], &too_wide] {
            let event = plain(format, &frames::message_create(2));
            let mut pair = Pair::open(format, prompt());
            pair.give(whole(&plain(format, &frames::hello("40000")), false));
            pair.give(whole(&plain(format, &frames::ready("5e551011", 1)), false));
            pair.give([&*whole(&event, false), behind].concat());
            pair.assert_left_for("damaged compression", 1);
        }
    }
}
