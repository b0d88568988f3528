//! Allocations of the WebSocket codec: none at rest, one for each message that is kept, and no more than a message's bytes while
//! it arrives.

use portcullis_tests::memory::{Counting, asked, note_anew, sizes};
use portcullis_websocket::frame::{FrameHeader, Opcode, encode_frame};
use portcullis_websocket::{Client, Connection, Event, Input, Limits};
use std::hint::black_box;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn frame(header: FrameHeader, len: usize) -> Vec<u8> {
    let mut out = Vec::new();
    encode_frame(header, &vec![b'x'; len], &mut out);
    out
}

/// Gives a stream in pieces and keeps each message.
fn kept(connection: &mut Connection<Client>, stream: &mut [u8], piece: usize) -> usize {
    let mut kept = 0;
    for piece in stream.chunks_mut(piece) {
        let mut input = Input::new(piece);
        while let Some(event) = connection.receive(&mut input).unwrap() {
            if let Event::Message(message) = event {
                kept += black_box(message.into_payload().into_bytes()).len();
            }
        }
    }
    kept
}

#[test]
fn messages_that_are_whole_in_the_buffer_allocate_nothing_until_they_are_kept() {
    let mut stream = frame(FrameHeader::new(Opcode::Text), 1300).repeat(100);
    let mut connection = Connection::<Client>::new(Limits::default());
    note_anew();
    let mut input = Input::new(&mut stream);
    let mut bytes = 0;
    while let Some(Event::Message(message)) = connection.receive(&mut input).unwrap() {
        bytes += message.payload().len();
    }
    assert_eq!((asked().count, bytes), (0, 130_000));
}

#[test]
fn a_message_that_is_kept_is_one_allocation_of_its_size_however_it_is_cut() {
    for len in [1, 100, 1300, 65_536] {
        for piece in [1, 7, 1000, 70_000] {
            let mut stream = frame(FrameHeader::new(Opcode::Binary), len);
            let mut connection = Connection::<Client>::new(Limits::default());
            note_anew();
            assert_eq!(kept(&mut connection, &mut stream, piece), len);
            assert_eq!(sizes(), [len], "{len} bytes by {piece}");
            assert_eq!(asked().live, 0, "nothing is kept");
        }
    }
}

#[test]
fn a_large_message_takes_its_bytes_as_they_come_and_ends_as_its_size() {
    let len = 4 << 20;
    let mut stream = frame(FrameHeader::new(Opcode::Binary), len);
    let mut connection = Connection::<Client>::new(Limits::default());
    note_anew();
    let mut input = Input::new(&mut stream[..100]);
    assert!(connection.receive(&mut input).unwrap().is_none());
    assert_eq!(asked().live, 64 << 10, "a header's word is worth this much");
    assert_eq!(kept(&mut connection, &mut stream[100..], 1 << 16), len);
    assert_eq!(asked().live, 0);
    let sizes = sizes();
    assert_eq!((sizes.last(), sizes.len()), (Some(&len), 7), "{sizes:?}");
}

#[test]
fn a_message_in_fragments_is_kept_in_its_size_and_never_takes_more_than_the_limit() {
    let limits = Limits { message: 10_000, ..Limits::default() };
    let mut stream = frame(FrameHeader::new(Opcode::Text).followed(), 100);
    (0..98).for_each(|_| stream.extend(frame(FrameHeader::new(Opcode::Continuation).followed(), 100)));
    stream.extend(frame(FrameHeader::new(Opcode::Continuation), 100));
    let mut connection = Connection::<Client>::new(limits);
    note_anew();
    assert_eq!(kept(&mut connection, &mut stream, 333), 10_000);
    assert_eq!(asked().live, 0);
    let sizes = sizes();
    assert!(sizes.iter().all(|size| *size <= 10_000), "{sizes:?}");
    assert!(sizes.len() <= 9, "grown by doubling: {sizes:?}");
}

#[test]
fn pings_without_end_hold_one_pong() {
    let mut stream = frame(FrameHeader::new(Opcode::Ping), 125).repeat(10_000);
    let mut connection = Connection::<Client>::new(Limits::default());
    note_anew();
    assert_eq!(kept(&mut connection, &mut stream, 4096), 0);
    assert!(asked().live <= 125 && asked().peak <= 250, "{:?}", asked());
    let mut out = Vec::with_capacity(200);
    let before = asked().live;
    assert!(connection.write_owed([0; 4], &mut out).is_some());
    assert_eq!(asked().live, before - 125, "what was owed is gone");
}
