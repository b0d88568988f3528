//! However the stream is cut, the events are the same.

#![expect(clippy::unwrap_used, reason = "helpers are test code as well")]

mod wire;

use portcullis_websocket::{Client, Limits, Server};
use wire::{Echo, End, FIN, Raw, TEXT, binary, close, encode, first, last, middle, ping, pong, text};

/// Conversations of one peer, valid and not: short enough to be cut at each pair of places.
fn corpus() -> Vec<Vec<Raw>> {
    vec![
        vec![text(""), text("plain"), binary(b"\x00\xff")],
        vec![text("κόσμε 𝄞"), ping("p"), pong("q")],
        vec![text("x".repeat(126)), ping("")],
        vec![first("a"), ping("1"), middle(""), pong("2"), last("𝄞"), text("next")],
        vec![first(b"\xf0\x9d"), middle(b"\x84"), last(b"\x9e!")],
        vec![first(b"\xf0\x9d"), last(b"a")],
        vec![first(b"\xf0\x9d"), last("")],
        vec![binary("b"), close(4004, "Authentication failed."), text("dropped")],
        vec![text("a"), close(999, ""), ping("dropped")],
        vec![close(1000, b"\xff\xfe")],
        vec![Raw(FIN | 0x8, b"a".to_vec())],
        vec![Raw(FIN | 0x8, vec![])],
        vec![text("a"), Raw(FIN | TEXT | 0x40, b"compressed".to_vec())],
        vec![last("nothing to continue")],
        vec![first("a"), text("b")],
        vec![Raw(FIN | 0xb, vec![])],
        vec![Raw(0x9, vec![])],
        vec![ping("*".repeat(126))],
        vec![text(b"abc\xed\xa0\x80def")],
    ]
}

fn heard<R: End>(pieces: &[&[u8]]) -> (Vec<String>, Vec<u8>) {
    let mut echo = Echo::<R>::new(Limits { message: 300, ..Limits::default() });
    for piece in pieces {
        echo.hear(piece);
    }
    (echo.notes, echo.out)
}

fn check<R: End>(stream: &[u8]) {
    let whole = heard::<R>(&[stream]);
    for from in 0..=stream.len() {
        for to in from..=stream.len() {
            let pieces = [&stream[..from], &stream[from..to], &stream[to..]];
            assert_eq!(heard::<R>(&pieces), whole, "cut at {from} and {to}: {stream:02x?}");
        }
    }
    let octets: Vec<&[u8]> = stream.chunks(1).collect();
    assert_eq!(heard::<R>(&octets), whole, "{stream:02x?}");
}

#[test]
fn every_split_of_every_stream_gives_the_same_events_and_answers() {
    for frames in corpus() {
        check::<Client>(&frames.iter().flat_map(Raw::encode::<Client>).collect::<Vec<u8>>());
        check::<Server>(&frames.iter().flat_map(Raw::encode::<Server>).collect::<Vec<u8>>());
    }
}

#[test]
fn lengths_and_masks_that_break_the_rules_break_them_in_every_split() {
    // Not minimal, 2^63, above the limit of 300 bytes.
    for head in [
        &[FIN | TEXT, 126, 0, 5][..],
        &[FIN | TEXT, 127, 0, 0, 0, 0, 0, 0, 0, 200],
        &[FIN | TEXT, 127, 0x80, 0, 0, 0, 0, 0, 0, 0],
        &[FIN | TEXT, 126, 1, 45],
        &[FIN | TEXT, 127, 0, 0, 0, 0, 0, 1, 0, 0],
    ] {
        check::<Client>(&[head, b"hello"].concat());
    }
    check::<Client>(&encode(FIN | TEXT, b"x", Some([1, 2, 3, 4])));
    check::<Server>(&encode(FIN | TEXT, b"x", None));
}
