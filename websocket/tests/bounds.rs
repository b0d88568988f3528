//! What a peer can make a connection hold.

#![expect(clippy::unwrap_used, reason = "helpers are test code as well")]

mod wire;

use portcullis_websocket::{Client, Connection, Decoder, Event, Input, Limits, Owed, Server, Violation};
use wire::{Echo, FIN, Raw, TEXT, binary, encode, first, last, middle, ping};

#[test]
fn a_connection_at_rest_is_a_small_struct() {
    assert!(size_of::<Connection<Client>>() < 256, "{}", size_of::<Connection<Client>>());
    assert!(size_of::<Connection<Server>>() < 256);
    assert!(size_of::<Decoder<Client>>() < 224);
}

/// How a stream ends whose frames each fit.
fn failed(limits: Limits, frames: impl IntoIterator<Item = Raw>) -> Option<Violation> {
    let mut connection = Connection::<Client>::new(limits);
    for frame in frames {
        let mut bytes = frame.encode::<Client>();
        let mut input = Input::new(&mut bytes);
        loop {
            match connection.receive(&mut input) {
                Ok(Some(_)) => {}
                Ok(None) => break,
                Err(violation) => return Some(violation),
            }
        }
    }
    None
}

#[test]
fn a_frame_above_the_limit_is_refused_by_its_header() {
    let limits = Limits { frame: 1000, message: 2000, ..Limits::default() };
    for (len, expected) in [(1000, None), (1001, Some(Violation::FrameTooLarge { len: 1001, limit: 1000 }))] {
        assert_eq!(failed(limits, [binary(vec![0; len])]), expected);
    }
    let mut head = encode(FIN | TEXT, &[0; 1001], None);
    head.truncate(4);
    let mut connection = Connection::<Client>::new(limits);
    let received = connection.receive(&mut Input::new(&mut head));
    assert_eq!(received, Err(Violation::FrameTooLarge { len: 1001, limit: 1000 }));
}

#[test]
fn a_message_above_the_limit_is_refused_in_fragments_too() {
    let limits = Limits { frame: 1000, message: 1000, ..Limits::default() };
    assert_eq!(failed(limits, [first([b'a'; 600]), last([b'a'; 400])]), None);
    let too_large = Some(Violation::MessageTooLarge { limit: 1000 });
    assert_eq!(failed(limits, [first([b'a'; 600]), last([b'a'; 401])]), too_large);
    assert_eq!(failed(limits, core::iter::once(first("a")).chain((0..2000).map(|_| middle("a")))), too_large);
}

#[test]
fn endless_fragments_end() {
    let limits = Limits { fragments: 10, empty_fragments: 3, ..Limits::default() };
    let empty = core::iter::once(first("")).chain((0..100).map(|_| middle("")));
    assert_eq!(failed(limits, empty), Some(Violation::TooManyFragments { limit: 3 }));
    let full = core::iter::once(first("a")).chain((0..100).map(|_| middle("a")));
    assert_eq!(failed(limits, full), Some(Violation::TooManyFragments { limit: 10 }));
    // Each message is counted by itself.
    let lawful = (0..100).flat_map(|_| [first(""), middle("a"), middle(""), last("")]);
    assert_eq!(failed(limits, lawful), None);
}

#[test]
fn of_many_pings_the_latest_is_answered() {
    let mut pings: Vec<u8> = (0..10_000).flat_map(|n| ping(format!("{n}")).encode::<Server>()).collect();
    let mut connection = Connection::<Server>::new(Limits::default());
    let mut input = Input::new(&mut pings);
    let mut count = 0;
    while let Some(event) = connection.receive(&mut input).unwrap() {
        assert!(matches!(event, Event::Ping(_)));
        count += 1;
    }
    let mut out = Vec::new();
    assert_eq!(connection.write_owed((), &mut out), Some(Owed::Pong));
    assert_eq!(connection.write_owed((), &mut out), None);
    assert_eq!((count, out), (10_000, encode(0x8a, b"9999", None)));
}

#[test]
fn a_close_frame_takes_the_place_of_a_pong() {
    let mut bytes = [ping("x").encode::<Server>(), wire::close(1001, "").encode::<Server>()].concat();
    let mut connection = Connection::<Server>::new(Limits::default());
    let mut input = Input::new(&mut bytes);
    while connection.receive(&mut input).unwrap().is_some() {}
    let mut out = Vec::new();
    assert_eq!(connection.write_owed((), &mut out), Some(Owed::Close));
    assert_eq!(connection.write_owed((), &mut out), None);
    assert_eq!(out, encode(0x88, &1001_u16.to_be_bytes(), None));
}

#[test]
fn nothing_of_a_peers_is_printed() {
    let mut bytes = [first("hush").encode::<Client>(), ping("hush").encode::<Client>()].concat();
    let mut connection = Connection::<Client>::new(Limits::default());
    let mut input = Input::new(&mut bytes);
    let event = connection.receive(&mut input).unwrap();
    let printed = format!("{connection:?} {event:?} {input:?}");
    assert!(!printed.contains("hush") && !printed.contains("104, 117"), "{printed}");
}

#[test]
fn the_suites_largest_fragmentation_passes() {
    // Autobahn 9.3.1 and 9.4.1: 4 MiB by fragments of 64 bytes.
    let mut echo = Echo::<Client>::new(Limits::default());
    let piece = [b'*'; 64];
    echo.hear(&first(piece).encode::<Client>());
    (0..65_534).for_each(|_| echo.hear(&middle(piece).encode::<Client>()));
    echo.hear(&last(piece).encode::<Client>());
    assert_eq!(echo.notes, [format!("text {}", wire::brief(&b"*".repeat(4 << 20)))]);
}
