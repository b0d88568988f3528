use super::*;
use crate::codec::etf::write;
use alloc::string::{String, ToString as _};
use alloc::{format, vec};
use proptest::prelude::*;

fn bytes(hex: &str) -> Vec<u8> {
    let digits: Vec<u8> = hex.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
    let pairs = digits.chunks(2).map(|pair| core::str::from_utf8(pair).unwrap());
    pairs.map(|pair| u8::from_str_radix(pair, 16).unwrap()).collect()
}

fn json(payload: &[u8]) -> Result<String, Undecoded> {
    Transcoder::new(Inflater::Miniz).json(payload, 1 << 20).map(|frame| String::from_utf8(frame.to_vec()).unwrap())
}

/// The term as the data of a frame.
fn data(term: &[u8]) -> Result<String, Undecoded> {
    let payload = [&[131, 116, 0, 0, 0, 1, 115, 1, b'd'], term].concat();
    let frame = json(&payload)?;
    Ok(frame.strip_prefix("{\"d\":").unwrap().strip_suffix('}').unwrap().into())
}

fn wrong(at: usize) -> Undecoded {
    Undecoded::Malformed(FrameError::NotEtf { at })
}

#[test]
fn the_documented_frames_are_read_with_their_keys_in_order() {
    let ack = "83 74 00000004 73 01 64 73 03 6e696c 73 02 6f70 61 0b 73 01 73 73 03 6e696c 73 01 74 73 03 6e696c";
    assert_eq!(json(&bytes(ack)).unwrap(), r#"{"t":null,"s":null,"op":11,"d":null}"#);
    let hello = "83 74 00000004 73 01 64 74 00000001 73 12 6865617274626561745f696e74657276616c 62 0000a122
                 73 02 6f70 61 0a 73 01 73 73 03 6e696c 73 01 74 73 03 6e696c";
    let read = r#"{"t":null,"s":null,"op":10,"d":{"heartbeat_interval":41250}}"#;
    assert_eq!(json(&bytes(hello)).unwrap(), read);
    let compressed = "83 50 0000000b 789c2b616060602c66ca2f48e406000ba30236";
    assert_eq!(json(&bytes(compressed)).unwrap(), r#"{"op":11}"#);
}

#[test]
fn every_term_has_its_json() {
    for (term, expected) in [
        ("61 ff", "255"),
        ("62 ffffffff", "-1"),
        ("6e 04 00 ffffffff", "4294967295"),
        ("6e 04 01 00000080", "-2147483648"),
        ("6e 05 00 0000000001", "\"4294967296\""),
        ("6e 07 00 0100 80c9 6567 94", "\"41771983423143937\""),
        ("6e 08 01 ffffffffffffffff", "\"-18446744073709551615\""),
        ("6f 00000003 00 010000", "1"),
        ("6e 0a 00 00000000000000000100", "\"18446744073709551616\""),
        ("6e 00 01", "0"),
        ("46 3ff8000000000000", "1.5"),
        ("46 4415af1d78b58c40", "1e20"),
        ("63 312e35303030303030303030303030303030303030652b30300000000000 00", "1.5"),
        ("64 0003 6e696c", "null"),
        ("77 04 6e756c6c", "null"),
        ("76 0004 74727565", "true"),
        ("73 05 66616c7365", "false"),
        ("73 02 6f6b", "\"ok\""),
        ("73 01 e9", "\"é\""),
        ("77 02 c3a9", "\"é\""),
        ("6d 00000005 22 5c 0a 41 1f", r#""\"\\\u000aA\u001f""#),
        ("6d 00000000", "\"\""),
        ("6a", "[]"),
        ("6b 0002 00 01", "[0,1]"),
        ("6b 0000", "[]"),
        ("6c 00000002 61 01 6a 6a", "[1,[]]"),
        ("6c 00000000 6a", "[]"),
        ("68 02 61 01 61 02", "[1,2]"),
        ("69 00000001 6a", "[[]]"),
        ("68 00", "[]"),
        ("74 00000000", "{}"),
        ("74 00000003 61 07 6a 6e 05 00 0000000001 6a 6d 00000001 22 6a", r#"{"7":[],"4294967296":[],"\"":[]}"#),
        ("74 00000001 73 03 6e696c 73 03 6e696c", r#"{"nil":null}"#),
    ] {
        assert_eq!(data(&bytes(term)).as_deref(), Ok(expected), "{term}");
    }
}

#[test]
fn a_sequence_is_a_number_however_large_and_of_a_key_given_twice_the_last_counts() {
    let frame = "83 74 00000004 73 01 73 6e 05 00 0000000001 73 02 6f70 61 00 73 01 61 61 01 73 01 61 61 02";
    assert_eq!(json(&bytes(frame)).unwrap(), r#"{"s":4294967296,"op":0,"a":1,"a":2}"#);
    let frame = "83 74 00000002 73 02 6f70 61 00 6d 00000002 6f70 61 07";
    assert_eq!(json(&bytes(frame)).unwrap(), r#"{"op":7}"#);
    assert_eq!(json(&bytes("83 74 00000000")).unwrap(), "{}");
}

#[test]
fn what_is_no_term_is_an_error_with_its_place() {
    assert_eq!(json(b""), Err(wrong(0)));
    assert_eq!(json(b"{}"), Err(wrong(0)));
    assert_eq!(json(&[131]), Err(wrong(1)));
    assert_eq!(json(&[131, 106]), Err(Undecoded::Malformed(FrameError::NotObject)));
    for term in [
        "67 00",                                       // a pid
        "4d 00000001 08 00",                           // a bit string
        "50 0000000b 789c",                            // compressed, but not the whole
        "6c 00000001 61 01 61 02",                     // an improper list
        "46 7ff0000000000000",                         // infinite
        "63 6e616e",                                   // cut short
        "6e 11 00 0000000000000000000000000000000001", // beyond 128 bits
        "6d ffffffff 00",                              // a length beyond the end
        "6c ffffffff",                                 // a count beyond the end
        "74 ffffffff",
        "74 00000001 6a 6a", // a list as a key
        "6a 6a",             // bytes behind the end
    ] {
        assert!(matches!(data(&bytes(term)), Err(Undecoded::Malformed(FrameError::NotEtf { .. }))), "{term}");
    }
}

#[test]
fn depth_and_size_are_bounded() {
    let nested = |depth: usize| [&[108, 0, 0, 0, 1].repeat(depth)[..], &[106], &[106].repeat(depth)[..]].concat();
    assert!(data(&nested(256)).is_ok());
    assert!(matches!(data(&nested(257)), Err(Undecoded::Malformed(FrameError::NotEtf { .. }))));
    assert!(data(&nested(100_000)).is_err());

    let too_large = Err(Undecoded::Broken(CodecError::TooLarge { limit: 1 << 20 }));
    let zeros = [&bytes("6d 00040000")[..], &vec![0; 1 << 18]].concat();
    assert_eq!(data(&zeros), too_large, "each zero is six bytes of json");
    let nils = [&bytes("6c 00080000")[..], &vec![106; (1 << 19) + 1]].concat();
    assert_eq!(data(&nils), too_large);
    assert_eq!(json(&bytes("83 50 00100001 789c")), too_large);
}

#[test]
fn compressed_terms_have_the_size_they_say() {
    for hex in [
        "83 50 0000000a 789c2b616060602c66ca2f48e406000ba30236",
        "83 50 0000000c 789c2b616060602c66ca2f48e406000ba30236",
        "83 50 0000000b 789c2b616060602c66ca2f48e406000ba3023600",
        "83 50 0000000b 789c2b616060602c66ca2f48e406000ba302",
        "83 50 0000000b 789c2b616060602c66ca2f48e406000ba30237",
        "83 50 0000",
    ] {
        assert_eq!(json(&bytes(hex)), Err(wrong(1)), "{hex}");
    }
}

#[test]
fn keys_of_any_number_are_kept_in_their_order() {
    let pairs = (0..1000_u32).flat_map(|key| [[&[98][..], &key.to_be_bytes()].concat(), vec![106]]).flatten();
    let payload: Vec<u8> = [131, 116].into_iter().chain(1001_u32.to_be_bytes()).chain(pairs).collect();
    let expected: Vec<String> = (0..1000).map(|key| format!("\"{key}\":[]")).collect();
    let last = [115, 1, b's', 97, 7];
    assert_eq!(json(&[&payload[..], &last].concat()).unwrap(), format!("{{\"s\":7,{}}}", expected.join(",")));
}

proptest! {
    #[test]
    fn what_is_written_is_read_as_it_was(text in any::<String>(), number in any::<i32>(), quarters in any::<i32>()) {
        let float = f64::from(quarters) / 4.0;
        let value = serde_json::json!({ "d": [text, number, float, null, true, {}, [], { text.clone(): number }] });
        let read = json(&write(value.to_string().as_bytes()).unwrap()).unwrap();
        prop_assert_eq!(serde_json::from_str::<serde_json::Value>(&read).unwrap(), value);
    }

    #[test]
    fn any_bytes_are_a_frame_or_an_error(mut payload in proptest::collection::vec(any::<u8>(), 0..200)) {
        payload.splice(..0, [131, 116, 0, 0, 0, 2]);
        if let Ok(frame) = Transcoder::new(Inflater::Miniz).json(&payload, 1 << 20) {
            prop_assert!(frame.starts_with(b"{") && frame.ends_with(b"}"), "{}", format!("{frame:?}"));
        }
    }
}
