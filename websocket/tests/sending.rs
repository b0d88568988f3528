//! What an endpoint writes, and what it refuses to write.

#![expect(clippy::unwrap_used, reason = "helpers are test code as well")]

mod wire;

use portcullis_websocket::frame::FrameHeader;
use portcullis_websocket::{
    Client, CloseCode, Connection, Fragment, Input, Limits, MessageKind, Owed, Phase, SendError, Server,
};
use wire::{close, encode, read_back, text};

const MASK: [u8; 4] = [9, 8, 7, 6];

fn client() -> (Connection<Client>, Vec<u8>) {
    (Connection::new(Limits::default()), Vec::new())
}

#[test]
fn frames_are_written_as_the_rfc_has_them() {
    for len in [0, 1, 125, 126, 127, 65_535, 65_536] {
        let payload = "x".repeat(len);
        let (mut client, mut out) = client();
        client.send_text(&payload, MASK, &mut out).unwrap();
        client.send_binary(payload.as_bytes(), MASK, &mut out).unwrap();
        let frames = [0x81, 0x82].map(|first| encode(first, payload.as_bytes(), Some(MASK))).concat();
        assert!(out == frames, "{len} bytes");
        let mut out = Vec::new();
        Connection::<Server>::new(Limits::default()).send_text(&payload, (), &mut out).unwrap();
        assert!(out == encode(0x81, payload.as_bytes(), None), "{len} bytes");
    }
}

#[test]
fn a_message_goes_out_in_fragments_with_pings_in_between_and_no_message() {
    let (mut client, mut out) = client();
    client.send_fragment(Fragment::First(MessageKind::Text), b"one ", MASK, &mut out).unwrap();
    let before = out.clone();
    assert_eq!(client.send_text("x", MASK, &mut out), Err(SendError::FragmentsOpen));
    let another = Fragment::First(MessageKind::Binary);
    assert_eq!(client.send_fragment(another, b"", MASK, &mut out), Err(SendError::FragmentsOpen));
    assert_eq!(out, before, "a refusal writes nothing");
    client.send_ping(b"?", MASK, &mut out).unwrap();
    client.send_fragment(Fragment::Middle, b"two ", MASK, &mut out).unwrap();
    client.send_fragment(Fragment::Last, b"three", MASK, &mut out).unwrap();
    assert_eq!(client.send_fragment(Fragment::Last, b"", MASK, &mut out), Err(SendError::NoFragmentsOpen));
    assert_eq!(client.send_fragment(Fragment::Middle, b"", MASK, &mut out), Err(SendError::NoFragmentsOpen));
    client.send_text("four", MASK, &mut out).unwrap();
    assert_eq!(read_back::<Client, Server>(out), ["ping ?", "text one two three", "text four"]);
}

#[test]
fn what_no_frame_can_hold_is_refused() {
    let (mut client, mut out) = client();
    let long = [0; FrameHeader::CONTROL_MAX + 1];
    let too_long = Err(SendError::ControlTooLong { len: 126, max: 125 });
    assert_eq!(client.send_ping(&long, MASK, &mut out), too_long);
    assert_eq!(client.send_pong(&long, MASK, &mut out), too_long);
    let reason = "x".repeat(124);
    let refused = client.send_close(Some((CloseCode::NORMAL, &reason)), MASK, &mut out);
    assert_eq!(refused, Err(SendError::ControlTooLong { len: 124, max: 123 }));
    for code in [0, 999, 1004, 1005, 1006, 1015, 2999, 5000].map(CloseCode) {
        assert_eq!(client.send_close(Some((code, "")), MASK, &mut out), Err(SendError::CloseCode { code }));
    }
    assert_eq!((out.len(), client.phase()), (0, Phase::Open));
}

#[test]
fn nothing_follows_a_close_frame() {
    let (mut client, mut out) = client();
    client.send_close(Some((CloseCode(4000), "bye")), MASK, &mut out).unwrap();
    assert_eq!(client.phase(), Phase::AwaitingClose);
    let before = out.clone();
    assert_eq!(client.send_text("x", MASK, &mut out), Err(SendError::Closing));
    assert_eq!(client.send_ping(b"", MASK, &mut out), Err(SendError::Closing));
    assert_eq!(client.send_close(None, MASK, &mut out), Err(SendError::Closing));
    // A ping is heard and not answered; a message still comes.
    let mut bytes =
        [wire::ping("x").encode::<Client>(), text("late").encode::<Client>(), close(4000, "").encode::<Client>()]
            .concat();
    let mut input = Input::new(&mut bytes);
    let mut notes = Vec::new();
    while let Some(event) = client.receive(&mut input).unwrap() {
        notes.push(wire::told(&event));
        assert_eq!(client.write_owed(MASK, &mut out), None);
    }
    assert_eq!(notes, ["ping x", "text late", "close 4000 "]);
    assert_eq!((client.phase(), out), (Phase::Closed, before));
}

#[test]
fn found_12_a_violation_is_answered_by_its_code_once() {
    for (frame, code) in [
        (encode(0x83, b"", None), 1002),
        (encode(0x81, b"x", Some(MASK)), 1002),
        (encode(0x81, b"\xff", None), 1007),
        (encode(0x82, &[0; 2000], None), 1009),
    ] {
        let mut client = Connection::<Client>::new(Limits { message: 1000, ..Limits::default() });
        let mut frame = frame;
        let violation = client.receive(&mut Input::new(&mut frame)).unwrap_err();
        assert_eq!((violation.close_code().0, client.phase()), (code, Phase::OwingClose));
        let mut out = Vec::new();
        assert_eq!(client.send_text("x", MASK, &mut out), Err(SendError::Closing));
        assert_eq!(client.write_owed(MASK, &mut out), Some(Owed::Close));
        assert_eq!(client.write_owed(MASK, &mut out), None);
        assert_eq!(out, encode(0x88, &code.to_be_bytes(), Some(MASK)));
        assert_eq!(client.phase(), Phase::Closed);
    }
}

#[test]
fn a_violation_after_our_close_frame_is_told_and_not_answered() {
    let (mut client, mut out) = client();
    client.send_close(None, MASK, &mut out).unwrap();
    assert!(client.receive(&mut Input::new(&mut [0x83, 0])).is_err());
    assert_eq!((client.write_owed(MASK, &mut out), client.phase()), (None, Phase::Closed));
    assert_eq!(out, encode(0x88, b"", Some(MASK)));
}

#[test]
fn the_end_of_the_stream_within_a_message_can_be_told() {
    let (mut client, _) = client();
    assert!(client.is_between_messages());
    for piece in [&[0x01][..], &[0x02, b'a'], b"b", &[0x80]] {
        assert_eq!(client.receive(&mut Input::new(&mut piece.to_vec())), Ok(None));
        assert!(!client.is_between_messages());
    }
    assert!(client.receive(&mut Input::new(&mut [0])).unwrap().is_some());
    assert!(client.is_between_messages());
}
