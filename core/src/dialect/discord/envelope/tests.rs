//! Frames of every shape, and the promise that scan and parse agree with `serde_json`.

use super::*;
use crate::frame::value_at;
use alloc::format;
use alloc::string::{String, ToString as _};
use alloc::vec;
use proptest::prelude::*;
use serde_json::Value;

/// What a reader makes of an envelope: `d` as decode would see it, with its second try.
#[derive(Debug, PartialEq)]
struct Reading {
    op: u64,
    sequence: Option<u64>,
    name: Option<String>,
    data: Option<Value>,
}

fn reading(frame: &[u8]) -> Result<Reading, FrameError> {
    let envelope = Envelope::read(frame)?;
    let frame = envelope.rewritten.as_deref().unwrap_or(frame);
    let decode = |span: Span| serde_json::from_slice(span.of(frame)).ok();
    Ok(Reading {
        op: envelope.op,
        sequence: envelope.sequence.map(|sequence| sequence.0),
        name: envelope.name.map(|name| core::str::from_utf8(name.of(frame)).unwrap().to_string()),
        data: envelope.data.and_then(|span| decode(span).or_else(|| decode(value_at(frame, span.start())?))),
    })
}

fn expected(op: u64, sequence: Option<u64>, name: Option<&str>, data: Option<&str>) -> Reading {
    let data = data.map(|data| serde_json::from_str(data).unwrap());
    Reading { op, sequence, name: name.map(String::from), data }
}

#[test]
fn the_usual_heads_are_scanned() {
    let dispatch = br#"{"t":"MESSAGE_CREATE","s":42,"op":0,"d":{"op":7,"t":"}"}}"#;
    let envelope = scan(dispatch).unwrap();
    assert_eq!((envelope.op, envelope.sequence, &envelope.rewritten), (0, Some(Sequence(42)), &None));
    assert_eq!(envelope.name.unwrap().of(dispatch), b"MESSAGE_CREATE");
    assert_eq!(envelope.data.unwrap().of(dispatch), br#"{"op":7,"t":"}"}"#);

    let hello = b"{\"t\":null,\"s\":null,\"op\":10,\"d\":{\"heartbeat_interval\":41250}} \r\n";
    let envelope = scan(hello).unwrap();
    assert_eq!((envelope.op, envelope.sequence, envelope.name), (10, None, None));
    assert_eq!(envelope.data.unwrap().of(hello), br#"{"heartbeat_interval":41250}"#);
}

#[test]
fn what_is_not_quite_the_usual_head_is_left_to_the_parser() {
    let long = format!(r#"{{"t":"{}","s":1,"op":0,"d":{{}}}}"#, "N".repeat(NAME_LEN_MAX + 1));
    for frame in [
        long.as_str(),
        r#"{"t":"A\u0042","s":1,"op":0,"d":{}}"#,
        r#"{"t":"É","s":1,"op":0,"d":{}}"#,
        r#"{"t":"A","s":null,"op":0,"d":{}}"#,
        r#"{"t":"A","s":01,"op":0,"d":{}}"#,
        r#"{"t":"A","s":-1,"op":0,"d":{}}"#,
        r#"{"t":"A","s":1.5,"op":0,"d":{}}"#,
        r#"{"t":"A","s":18446744073709551616,"op":0,"d":{}}"#,
        r#"{"t":"A","s":1,"op":00,"d":{}}"#,
        r#"{"t":"A","s":1,"op":10,"d":{}}"#,
        r#"{"t":"A","s":1,"op":0,"d":{"#,
        r#"{"t":"A","s":1,"op":0,"d":}"#,
        r#"{"t":"A","s":1,"op":0}"#,
        r#"{"t": "A","s":1,"op":0,"d":{}}"#,
        r#"{"t":null,"s":3,"op":10,"d":{}}"#,
        r#"{"t":null,"s":null,"op":11}"#,
    ] {
        assert_eq!(scan(frame.as_bytes()), None, "{frame}");
    }
    let longest = format!(r#"{{"t":"{}","s":9999999999999999999,"op":0,"d":1}}"#, "N".repeat(NAME_LEN_MAX));
    assert_eq!(scan(longest.as_bytes()).unwrap().sequence, Some(Sequence(9_999_999_999_999_999_999)));
    let largest = br#"{"t":"A","s":18446744073709551615,"op":0,"d":1}"#;
    assert_eq!((scan(largest), Envelope::read(largest).unwrap().sequence), (None, Some(Sequence(u64::MAX))));
}

#[test]
fn every_other_shape_is_parsed() {
    let long = "N".repeat(1000);
    let long_frame = format!(r#"{{"t":"{long}","s":1,"op":0,"d":{{}}}}"#);
    for (frame, reading_expected) in [
        (
            r#"{"d":{"op":9,"s":8,"t":"X"},"op":0,"s":1,"t":"A"}"#,
            expected(0, Some(1), Some("A"), Some(r#"{"op":9,"s":8,"t":"X"}"#)),
        ),
        (" {\n \"op\" : 11 }\n", expected(11, None, None, None)),
        (r#"{"op":1,"d":null}"#, expected(1, None, None, Some("null"))),
        (r#"{"t":"A","s":null,"op":0,"d":[]}"#, expected(0, None, Some("A"), Some("[]"))),
        (r#"{"t":"A","s":2,"op":0,"d":[1],"x":{}}"#, expected(0, Some(2), Some("A"), Some("[1]"))),
        (r#"{"x":[{"op":3}],"op":0,"op":7,"d":1,"d":2,"t":5,"s":"9"}"#, expected(7, None, None, Some("2"))),
        (r#"{"t":"A","s":-1,"op":0,"d":{}}"#, expected(0, None, Some("A"), Some("{}"))),
        (r#"{"t":"A","s":1.5,"op":0,"d":{}}"#, expected(0, None, Some("A"), Some("{}"))),
        (r#"{"t":"A","s":18446744073709551616,"op":0,"d":{}}"#, expected(0, None, Some("A"), Some("{}"))),
        (r#"{"t":"ÄÖ","s":1,"op":0,"d":{}}"#, expected(0, Some(1), Some("ÄÖ"), Some("{}"))),
        (r#"{"t":"","s":1,"op":0,"d":{}}"#, expected(0, Some(1), Some(""), Some("{}"))),
        (r#"{"o\u0070":2,"d":3}"#, expected(2, None, None, Some("3"))),
        (long_frame.as_str(), expected(0, Some(1), Some(&long), Some("{}"))),
    ] {
        assert_eq!(reading(frame.as_bytes()), Ok(reading_expected), "{frame}");
    }
}

#[test]
fn a_frame_without_an_opcode_is_a_dispatch_only_by_its_name() {
    assert_eq!(reading(br#"{"t":"A","s":1,"d":2}"#), Ok(expected(0, Some(1), Some("A"), Some("2"))));
    assert_eq!(reading(br#"{"t":"A","op":null}"#), Ok(expected(0, None, Some("A"), None)));
    for frame in [
        "{}",
        r#"{"d":{"op":1}}"#,
        r#"{"op":null}"#,
        r#"{"t":null,"op":null}"#,
        r#"{"op":-1}"#,
        r#"{"op":1.0}"#,
        r#"{"op":"1"}"#,
        r#"{"op":18446744073709551616}"#,
        r#"{"t":"A","op":-1}"#,
        r#"{"t":"A","op":[]}"#,
    ] {
        assert_eq!(reading(frame.as_bytes()), Err(FrameError::NoOpcode), "{frame}");
    }
}

#[test]
fn an_escaped_name_is_decoded_into_a_frame_of_the_usual_shape() {
    let envelope = Envelope::read(br#"{ "op":0, "x":1, "d":{"a": 1}, "t":"RE\u0041D\u0059", "s":3 }"#).unwrap();
    let frame = envelope.rewritten.clone().unwrap();
    assert_eq!(frame, br#"{"t":"READY","s":3,"op":0,"d":{"a": 1}}"#);
    assert_eq!(envelope.name.unwrap().of(&frame), b"READY");
    assert_eq!(envelope.data.unwrap().of(&frame), br#"{"a": 1}"#);
    assert_eq!(Envelope { rewritten: None, ..envelope }, scan(&frame).unwrap());

    let envelope = Envelope::read(br#"{"t":"\u00c9","op":5}"#).unwrap();
    assert_eq!(envelope.rewritten.as_deref(), Some(r#"{"t":"É","s":null,"op":5,"d":null}"#.as_bytes()));
    assert_eq!(envelope.data, None);
}

#[test]
fn a_name_that_could_not_stand_raw_is_none() {
    for name in [r#"a\"b"#, r"a\\b", r"a\nb", r"a\u0000b", r"\ud83d"] {
        let frame = format!(r#"{{"t":"{name}","s":1,"op":0,"d":{{}}}}"#);
        assert_eq!(reading(frame.as_bytes()), Ok(expected(0, Some(1), None, Some("{}"))), "{name}");
    }
}

#[test]
fn keys_behind_the_data_are_cut_off_by_the_second_try() {
    let frame = br#"{"t":"A","s":1,"op":0,"d":{"a":1},"x":{}}"#;
    let envelope = scan(frame).unwrap();
    assert_eq!(envelope.data.unwrap().of(frame), br#"{"a":1},"x":{}"#);
    assert_eq!(value_at(frame, envelope.data.unwrap().start()).unwrap().of(frame), br#"{"a":1}"#);
}

#[test]
fn a_frame_cut_behind_a_brace_is_left_to_the_decoder() {
    let frame = br#"{"t":"A","s":1,"op":0,"d":{"a":{}}"#;
    let data = scan(frame).unwrap().data.unwrap();
    assert_eq!(data.of(frame), br#"{"a":{}"#);
    assert_eq!(value_at(frame, data.start()), None);
    assert_eq!(reading(frame), Ok(expected(0, Some(1), Some("A"), None)));
}

#[test]
fn what_is_no_frame_is_an_error_with_its_place() {
    for (frame, error) in [
        (&b""[..], FrameError::NotJson { at: 0 }),
        (b"{", FrameError::NotJson { at: 0 }),
        (b"{\"op\":1,\n\"d\":x}", FrameError::NotJson { at: 13 }),
        (b"{\"op\":1} {}", FrameError::NotJson { at: 9 }),
        (b"[0]", FrameError::NotObject),
        (b"\"op\"", FrameError::NotObject),
        (b"null", FrameError::NotObject),
        (b"{\"op\":1,\"d\":\"\xff\"}", FrameError::NotUtf8 { at: 13 }),
        (b"{\"t\":\"A\",\"s\":1,\"op\":0,\"d\":}", FrameError::NotJson { at: 26 }),
    ] {
        assert_eq!(Envelope::read(frame), Err(error), "{}", String::from_utf8_lossy(frame));
    }
}

#[test]
fn lone_surrogates_in_the_data_pass() {
    let frame = br#"{"op":0,"t":"A","s":1,"d":{"c":"\ud83d"},"x":"\udc00"}"#;
    let envelope = Envelope::read(frame).unwrap();
    assert_eq!(envelope.sequence, Some(Sequence(1)));
    assert_eq!(envelope.data.unwrap().of(frame), br#"{"c":"\ud83d"}"#);
}

#[test]
fn deep_nesting_costs_no_stack() {
    let open = vec![b'['; 1 << 20];
    assert!(matches!(Envelope::read(&open), Err(FrameError::NotObject | FrameError::NotJson { .. })));
    for key in ["d", "x", "t", "s", "op"] {
        let mut frame = format!("{{\"{key}\":").into_bytes();
        frame.extend_from_slice(&open);
        assert!(matches!(Envelope::read(&frame), Err(FrameError::NotJson { .. })), "{key}");
        frame.extend_from_slice(&vec![b']'; 1 << 20]);
        frame.push(b'}');
        assert_eq!(Envelope::read(&frame), Err(FrameError::NoOpcode), "{key}");
    }
}

/// The envelope as a strict reader has it.
#[derive(serde::Deserialize)]
struct Strict<'a> {
    #[serde(borrow)]
    t: Option<Cow<'a, str>>,
    s: Option<u64>,
    op: u64,
    d: Option<Value>,
}

fn json(depth: u32) -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just(String::from("null")),
        Just(String::from("true")),
        any::<i64>().prop_map(|number| number.to_string()),
        prop::sample::select(vec![
            r#""\"op\":7,\"t\":\"X\"""#,
            r#""}""#,
            r#""{\"t\":null,\"s\":null,\"op\":10,\"d\":""#,
            r#""\\""#,
            r#""\ud83e\udd86 é""#,
        ])
        .prop_map(String::from),
        "[a-z{}:,\\[\\]]{0,6}".prop_map(|text| format!("\"{text}\"")),
    ];
    let key = prop::sample::select(vec!["op", "t", "s", "d", "}", "k"]);
    leaf.prop_recursive(depth, 24, 4, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(|items| format!("[{}]", items.join(","))),
            prop::collection::vec((key.clone(), inner), 0..4).prop_map(|members| {
                let members: Vec<_> = members.iter().map(|(key, value)| format!("\"{key}\" :{value}")).collect();
                format!("{{{}}}", members.join(", "))
            }),
        ]
    })
}

/// The members of a frame, each key at most once, as key and text.
fn members() -> impl Strategy<Value = Vec<(String, String)>> {
    let t = prop::option::weighted(
        0.9,
        prop_oneof![
            4 => Just(String::from("\"MESSAGE_CREATE\"")),
            1 => Just(String::from("null")),
            1 => Just(String::from("\"M\\u0045SSAGE\"")),
            1 => Just(String::from("\"É \u{7f}\"")),
            1 => "[ -~&&[^\"\\\\]]{0,140}".prop_map(|name| format!("\"{name}\"")),
        ],
    );
    let s = prop::option::weighted(
        0.9,
        prop_oneof![
            4 => any::<u64>().prop_map(|number| number.to_string()),
            1 => Just(String::from("null")),
        ],
    );
    let op = prop_oneof![3 => Just(0), 2 => 0..12_u64, 1 => any::<u64>()].prop_map(|op| op.to_string());
    let extra = prop::collection::btree_map("[e-n]{1,3}|D|OP", json(2), 0..3);
    (t, s, op, prop::option::weighted(0.9, json(4)), extra).prop_map(|(t, s, op, d, extra)| {
        let known = [("t", t), ("s", s), ("op", Some(op)), ("d", d)];
        let known = known.into_iter().filter_map(|(key, value)| Some((key.to_string(), value?)));
        known.chain(extra).collect()
    })
}

fn frame_of(members: &[(String, String)], blanks: &[String]) -> String {
    let mut blanks = blanks.iter().cycle();
    let mut blank = || blanks.next().map_or("", String::as_str);
    let mut frame = format!("{}{{", blank());
    for (index, (key, value)) in members.iter().enumerate() {
        let comma = if index == 0 { "" } else { "," };
        let blanks = [blank(), blank(), blank(), blank()];
        frame.extend([comma, blanks[0], "\"", key, "\"", blanks[1], ":", blanks[2], value, blanks[3]]);
    }
    frame + "}" + blank()
}

fn assert_reads_like_serde(frame: &str) {
    let strict: Strict<'_> = serde_json::from_str(frame).unwrap();
    let lenient = reading(frame.as_bytes()).unwrap();
    let data = lenient.data.filter(|data| !data.is_null());
    assert_eq!(
        (lenient.op, lenient.sequence, lenient.name.as_deref(), data),
        (strict.op, strict.s, strict.t.as_deref(), strict.d),
        "{frame}"
    );
}

proptest! {
    #[test]
    fn a_usual_head_is_scanned_and_reads_like_serde(
        name in "[A-Z_]{1,128}",
        sequence in 0..=9_999_999_999_999_999_999_u64,
        op in 0..=9_999_999_999_999_999_999_u64,
        d in json(4),
        tail in "(,\"x\":\\{\\})?\\}[ \r\n]{0,2}",
    ) {
        for head in [format!("\"{name}\",\"s\":{sequence},\"op\":0"), format!("null,\"s\":null,\"op\":{op}")] {
            let frame = format!("{{\"t\":{head},\"d\":{d}{tail}");
            prop_assert!(scan(frame.as_bytes()).is_some(), "{frame}");
            assert_reads_like_serde(&frame);
        }
    }

    #[test]
    fn a_frame_in_the_usual_order_reads_like_serde(members in members()) {
        assert_reads_like_serde(&frame_of(&members, &[]));
    }

    #[test]
    fn a_frame_in_any_order_and_spacing_reads_like_serde(
        members in members().prop_shuffle(),
        blanks in prop::collection::vec("[ \t\r\n]{0,2}", 0..7),
    ) {
        assert_reads_like_serde(&frame_of(&members, &blanks));
    }

    #[test]
    fn any_bytes_are_read_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        _ = reading(&bytes);
        for head in ["{\"t\":\"", "{\"t\":\"A\",\"s\":", "{\"t\":\"A\",\"s\":1,\"op\":0,\"d\":", "{\"op\":0,\"d\":"] {
            _ = Envelope::read(&[head.as_bytes(), &bytes].concat());
            _ = Envelope::read(&[head.as_bytes(), &bytes, b"}"].concat());
        }
    }

    #[test]
    fn a_damaged_frame_is_read_without_a_panic(members in members(), at in any::<prop::sample::Index>(), byte: u8) {
        let mut frame = frame_of(&members, &[]).into_bytes();
        let at = at.index(frame.len());
        _ = Envelope::read(&frame[..at]);
        frame[at] = byte;
        if let Ok(envelope) = Envelope::read(&frame) {
            let end = envelope.rewritten.as_ref().map_or(frame.len(), Vec::len);
            assert!([envelope.name, envelope.data].into_iter().flatten().all(|span| span.end() <= end), "within");
        }
    }
}
