//! The decoder beside a model of sixty lines, which reads a whole stream at once and knows nothing of pieces.

#![expect(clippy::unwrap_used, reason = "helpers are test code as well")]

mod wire;

use portcullis_websocket::{Client, CloseCode, Connection, Event, Input, Limits, Message, Violation};
use proptest::prelude::*;
use wire::encode;

const LIMITS: Limits = Limits { frame: 200, message: 300, fragments: 6, empty_fragments: 2, reserve: 16 };

/// What a client hears, in the words of the model.
#[derive(Clone, Debug, PartialEq)]
enum Heard {
    Text(Vec<u8>),
    Binary(Vec<u8>),
    Ping(Vec<u8>),
    Pong(Vec<u8>),
    Close(Option<u16>, Vec<u8>),
    Failed(u16),
}

/// A stream of whole frames, unmasked, as the RFC reads it.
fn model(mut stream: &[u8]) -> Vec<Heard> {
    let mut heard = Vec::new();
    let mut message: Option<(u8, Vec<u8>, u32, u32)> = None;
    while let [first, second, rest @ ..] = stream {
        let (fin, opcode) = (first & 0x80 != 0, first & 0xf);
        let wrong = first & 0x70 != 0
            || !matches!(opcode, 0..=2 | 8..=10)
            || (opcode >= 8 && (!fin || second & 0x7f > 125))
            || second & 0x80 != 0
            || (opcode == 0 && message.is_none())
            || (matches!(opcode, 1 | 2) && message.is_some());
        if wrong {
            heard.push(Heard::Failed(1002));
            break;
        }
        let (len, rest) = match second & 0x7f {
            126 => (usize::from(u16::from_be_bytes([rest[0], rest[1]])), &rest[2..]),
            len => (usize::from(len), rest),
        };
        let payload = rest[..len.min(rest.len())].to_vec();
        stream = &rest[payload.len()..];
        match opcode {
            8 => {
                let reason = payload.get(2..).unwrap_or_default().to_vec();
                heard.push(match payload[..] {
                    [_] => Heard::Failed(1002),
                    [high, low, ..] => Heard::Close(Some(u16::from_be_bytes([high, low])), reason),
                    [] => Heard::Close(None, reason),
                });
                break;
            }
            9 => heard.push(Heard::Ping(payload)),
            10 => heard.push(Heard::Pong(payload)),
            _ => {
                let (kind, mut bytes, mut count, mut empty) = message.take().unwrap_or((opcode, vec![], 0, 0));
                (count, empty) = (count + 1, empty + u32::from(len == 0));
                // A message of one frame is no message in fragments.
                let is_alone = count == 1 && fin;
                let is_too_big = len > LIMITS.frame
                    || bytes.len() + len > LIMITS.message
                    || (!is_alone && (count > LIMITS.fragments || empty > LIMITS.empty_fragments));
                bytes.extend(payload);
                let is_text = match core::str::from_utf8(&bytes) {
                    Ok(_) => true,
                    Err(error) => error.error_len().is_none() && !fin,
                };
                match (kind, fin) {
                    _ if is_too_big => heard.push(Heard::Failed(1009)),
                    (1, _) if !is_text => heard.push(Heard::Failed(1007)),
                    (1, true) => heard.push(Heard::Text(bytes)),
                    (_, true) => heard.push(Heard::Binary(bytes)),
                    (_, false) => message = Some((kind, bytes, count, empty)),
                }
                if matches!(heard.last(), Some(Heard::Failed(_))) {
                    break;
                }
            }
        }
    }
    heard
}

/// What the crate hears of a stream in pieces.
fn heard(stream: &[u8], cuts: &[usize]) -> Vec<Heard> {
    let mut connection = Connection::<Client>::new(LIMITS);
    let mut all = Vec::new();
    let mut rest = stream.to_vec();
    for cut in cuts.iter().chain([&usize::MAX]) {
        let behind = rest.split_off(rest.len().min(*cut));
        let mut input = Input::new(&mut rest);
        loop {
            all.push(match connection.receive(&mut input) {
                Ok(Some(Event::Message(Message::Text(bytes)))) => Heard::Text(bytes.into_vec()),
                Ok(Some(Event::Message(Message::Binary(bytes)))) => Heard::Binary(bytes.into_vec()),
                Ok(Some(Event::Ping(bytes))) => Heard::Ping(bytes.into_vec()),
                Ok(Some(Event::Pong(bytes))) => Heard::Pong(bytes.into_vec()),
                Ok(Some(Event::Close(close))) => {
                    Heard::Close(close.code().map(|CloseCode(code)| code), close.reason_bytes().to_vec())
                }
                Err(violation) => Heard::Failed(violation.close_code().0),
                Ok(None) => break,
            });
        }
        rest = behind;
    }
    all
}

/// A frame, valid most of the time.
fn frame() -> impl Strategy<Value = Vec<u8>> {
    let fin = prop_oneof![3 => Just(0x80_u8), 2 => Just(0)];
    let opcode = prop_oneof![4 => Just(1_u8), 2 => Just(2), 6 => Just(0), 2 => Just(9), 1 => Just(10), 1 => Just(8), 1 => 0..16_u8];
    let reserved = prop_oneof![30 => Just(0_u8), 1 => (0..8_u8).prop_map(|bits| bits << 4)];
    let payload = prop_oneof![
        4 => "[a-zé𝄞]{0,9}".prop_map(String::into_bytes),
        2 => proptest::collection::vec(any::<u8>(), 0..8),
        1 => "[a-z]{100,280}".prop_map(String::into_bytes),
        1 => "𝄞".prop_flat_map(|text: String| (1..4_usize).prop_map(move |at| text.as_bytes()[..at].to_vec())),
        1 => Just(vec![]),
    ];
    let mask = prop_oneof![40 => Just(None), 1 => Just(Some([1_u8, 2, 3, 4]))];
    (fin, opcode, reserved, payload, mask).prop_map(|(fin, opcode, reserved, payload, mask)| {
        let fin = if opcode >= 8 { 0x80 } else { fin };
        encode(fin | reserved | opcode, &payload, mask)
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1024, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_client_hears_what_the_model_hears(
        frames in proptest::collection::vec(frame(), 0..12),
        cuts in proptest::collection::vec(0..40_usize, 0..30),
    ) {
        let stream = frames.concat();
        prop_assert_eq!(heard(&stream, &cuts), model(&stream));
    }
}

#[test]
fn a_violation_is_told_once() {
    let mut connection = Connection::<Client>::new(LIMITS);
    let mut bytes = [0x83, 0x83, 0x83];
    let mut input = Input::new(&mut bytes);
    assert_eq!(connection.receive(&mut input), Err(Violation::ReservedOpcode { opcode: 3 }));
    assert_eq!(connection.receive(&mut input), Ok(None));
    assert!(input.is_empty());
}
