//! Any bytes as what a WebSocket peer sends.

mod differential;
mod handshake;

pub use differential::{Difference, compared, websocket_differential};
pub use handshake::websocket_handshake;

use portcullis_websocket::{
    Client, CloseCode, Connection, Event, Input, Limits, Message, Owed, Phase, Role, Server, Violation,
};

/// Something that an endpoint reports.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Heard {
    /// A text message.
    Text(Vec<u8>),
    /// A binary message.
    Binary(Vec<u8>),
    /// A ping.
    Ping(Vec<u8>),
    /// A pong.
    Pong(Vec<u8>),
    /// A close frame, with its code and reason; the last event.
    Close(Option<CloseCode>, Vec<u8>, Option<Violation>),
    /// The peer broke the protocol; the last event.
    Failed(Violation),
}

/// A role with a constant mask.
pub trait End: Role {
    /// A mask.
    const MASK: Self::Mask;
}

impl End for Client {
    const MASK: [u8; 4] = [0x12, 0x34, 0x56, 0x78];
}

impl End for Server {
    const MASK: () = ();
}

/// The limits for fuzzing: small, so that few bytes reach them.
pub const LIMITS: Limits = Limits { frame: 600, message: 1000, fragments: 20, empty_fragments: 4, reserve: 64 };

/// What an echoing endpoint reports of a stream in pieces, and what it sends.
///
/// # Panics
/// If an invariant does not hold.
pub fn heard<R: End>(limits: Limits, pieces: &[&[u8]]) -> (Vec<Heard>, Vec<u8>) {
    let mut connection = Connection::<R>::new(limits);
    let (mut all, mut out) = (Vec::new(), Vec::new());
    for piece in pieces {
        let mut piece = piece.to_vec();
        let mut input = Input::new(&mut piece);
        loop {
            let before = (input.len(), matches!(connection.phase(), Phase::Open));
            let event = match connection.receive(&mut input) {
                Ok(None) => break,
                Ok(Some(event)) => event,
                Err(violation) => {
                    all.push(Heard::Failed(violation));
                    assert_eq!(connection.owed(), Some(Owed::Close), "a violation is answered");
                    continue;
                }
            };
            assert!(before.0 > input.len() && before.1, "an event is made of bytes, before the end");
            all.push(match event {
                Event::Message(message) => {
                    assert!(message.payload().len() <= limits.message);
                    connection.send(message.kind(), message.payload(), R::MASK, &mut out).expect("it is open");
                    match message {
                        Message::Text(_) => Heard::Text(message.as_text().expect("it is utf-8").into()),
                        Message::Binary(bytes) => Heard::Binary(bytes.into_vec()),
                    }
                }
                Event::Ping(bytes) => Heard::Ping(bytes.into_vec()),
                Event::Pong(bytes) => Heard::Pong(bytes.into_vec()),
                Event::Close(close) => Heard::Close(close.code(), close.reason_bytes().to_vec(), close.violation()),
            });
            while connection.write_owed(R::MASK, &mut out).is_some() {}
        }
        assert!(input.is_empty(), "all is taken");
        while connection.write_owed(R::MASK, &mut out).is_some() {}
    }
    let ended = matches!(all.last(), Some(Heard::Close(..) | Heard::Failed(_)));
    assert_eq!(connection.phase() == Phase::Closed, ended, "{all:?}");
    (all, out)
}

/// The first byte is the role, the second the size of the pieces that the rest is cut into. Whole, in pieces and byte by byte, an
/// endpoint must report the same and answer the same, and its answers must be valid.
///
/// # Panics
/// If an invariant does not hold.
pub fn websocket(bytes: &[u8]) {
    let [role, size, stream @ ..] = bytes else { return };
    match role & 1 {
        0 => cut::<Client, Server>(stream, usize::from(*size)),
        _ => cut::<Server, Client>(stream, usize::from(*size)),
    }
}

fn cut<R: End, P: End>(stream: &[u8], size: usize) {
    let whole = heard::<R>(LIMITS, &[stream]);
    let pieces: Vec<&[u8]> = stream.chunks(size.max(1)).collect();
    assert_eq!(heard::<R>(LIMITS, &pieces), whole);
    if size != 1 {
        let octets: Vec<&[u8]> = stream.chunks(1).collect();
        assert_eq!(heard::<R>(LIMITS, &octets), whole);
    }
    let (heard, out) = whole;
    let (echo, _) = self::heard::<P>(Limits { frame: LIMITS.message, ..LIMITS }, &[&out]);
    assert!(!echo.iter().any(|heard| matches!(heard, Heard::Failed(_))), "{heard:?} is answered by {echo:?}");
    let answers = heard.iter().filter(|heard| !matches!(heard, Heard::Pong(_))).count();
    assert_eq!(echo.len(), answers, "{heard:?} is answered by {echo:?}");
}
