//! Frames made byte by byte, without the crate, and what an endpoint makes of them, in words.

#![allow(dead_code, unreachable_pub, reason = "each test uses its part")]

use portcullis_websocket::{Client, Connection, Event, Input, Limits, Message, Role, Server};

/// Which end the endpoint under test is.
pub trait End: Role {
    /// A mask for a frame of this end.
    fn mask() -> Self::Mask;
    /// Masks what the peer of this end sends, if that end masks.
    const PEER_MASK: Option<[u8; 4]>;
}

impl End for Client {
    fn mask() -> [u8; 4] {
        [0x0f, 0xf0, 0x55, 0xaa]
    }

    const PEER_MASK: Option<[u8; 4]> = None;
}

impl End for Server {
    fn mask() {}

    const PEER_MASK: Option<[u8; 4]> = Some([0x37, 0xfa, 0x21, 0x3d]);
}

/// A frame as its first byte and payload, before it is known who sends it.
#[derive(Clone, Debug)]
pub struct Raw(pub u8, pub Vec<u8>);

/// The FIN bit.
pub const FIN: u8 = 0x80;
pub const CONTINUATION: u8 = 0x0;
pub const TEXT: u8 = 0x1;
pub const BINARY: u8 = 0x2;
pub const CLOSE: u8 = 0x8;
pub const PING: u8 = 0x9;
pub const PONG: u8 = 0xa;

impl Raw {
    /// The bytes of the frame as the peer of an end sends them.
    pub fn encode<R: End>(&self) -> Vec<u8> {
        encode(self.0, &self.1, R::PEER_MASK)
    }
}

/// The bytes of a frame.
pub fn encode(first: u8, payload: &[u8], mask: Option<[u8; 4]>) -> Vec<u8> {
    let bit = if mask.is_some() { 0x80 } else { 0 };
    let mut bytes = vec![first];
    match payload.len() {
        len @ 0..=125 => bytes.push(bit | u8::try_from(len).unwrap()),
        len @ 126..=0xffff => {
            bytes.push(bit | 0x7e);
            bytes.extend(u16::try_from(len).unwrap().to_be_bytes());
        }
        len => {
            bytes.push(bit | 0x7f);
            bytes.extend(u64::try_from(len).unwrap().to_be_bytes());
        }
    }
    let mask = mask.inspect(|mask| bytes.extend(mask)).unwrap_or_default();
    bytes.extend(payload.iter().enumerate().map(|(at, byte)| byte ^ mask[at % 4]));
    bytes
}

pub fn text(payload: impl AsRef<[u8]>) -> Raw {
    Raw(FIN | TEXT, payload.as_ref().to_vec())
}

pub fn binary(payload: impl AsRef<[u8]>) -> Raw {
    Raw(FIN | BINARY, payload.as_ref().to_vec())
}

pub fn ping(payload: impl AsRef<[u8]>) -> Raw {
    Raw(FIN | PING, payload.as_ref().to_vec())
}

pub fn pong(payload: impl AsRef<[u8]>) -> Raw {
    Raw(FIN | PONG, payload.as_ref().to_vec())
}

pub fn close(code: u16, reason: impl AsRef<[u8]>) -> Raw {
    Raw(FIN | CLOSE, [&code.to_be_bytes(), reason.as_ref()].concat())
}

/// A first fragment, one in the middle, and a last.
pub fn first(payload: impl AsRef<[u8]>) -> Raw {
    Raw(TEXT, payload.as_ref().to_vec())
}

pub fn middle(payload: impl AsRef<[u8]>) -> Raw {
    Raw(CONTINUATION, payload.as_ref().to_vec())
}

pub fn last(payload: impl AsRef<[u8]>) -> Raw {
    Raw(FIN | CONTINUATION, payload.as_ref().to_vec())
}

/// An endpoint that echoes messages and answers what it owes, and notes both as words.
pub struct Echo<R: End> {
    connection: Connection<R>,
    pub notes: Vec<String>,
    pub out: Vec<u8>,
}

impl<R: End> Echo<R> {
    pub fn new(limits: Limits) -> Self {
        Self { connection: Connection::new(limits), notes: Vec::new(), out: Vec::new() }
    }

    /// Takes a piece of the stream.
    pub fn hear(&mut self, piece: &[u8]) {
        let mut piece = piece.to_vec();
        let mut input = Input::new(&mut piece);
        loop {
            match self.connection.receive(&mut input) {
                Ok(Some(event)) => {
                    self.notes.push(told(&event));
                    if let Event::Message(message) = event {
                        let _ = self.connection.send(message.kind(), message.payload(), R::mask(), &mut self.out);
                    }
                }
                Ok(None) => break,
                Err(violation) => self.notes.push(format!("fails with {}", violation.close_code())),
            }
            while self.connection.write_owed(R::mask(), &mut self.out).is_some() {}
        }
        assert!(input.is_empty(), "all is taken");
    }
}

/// An event in words.
pub fn told(event: &Event<'_>) -> String {
    match event {
        Event::Message(Message::Text(bytes)) => format!("text {}", brief(bytes)),
        Event::Message(Message::Binary(bytes)) => format!("binary {}", brief(bytes)),
        Event::Ping(bytes) => format!("ping {}", brief(bytes)),
        Event::Pong(bytes) => format!("pong {}", brief(bytes)),
        Event::Close(close) => {
            let code = close.code().map_or("none".into(), |code| code.to_string());
            format!("close {code} {}", brief(close.reason_bytes()))
        }
    }
}

/// Bytes as text, long ones by their size and sum.
pub fn brief(bytes: &[u8]) -> String {
    if bytes.len() > 40 {
        let sum = bytes.iter().fold(0_u32, |sum, byte| sum.wrapping_mul(31).wrapping_add(u32::from(*byte)));
        return format!("{} bytes, {sum:x}", bytes.len());
    }
    bytes.escape_ascii().to_string()
}

/// What an end of the other role reads out of the bytes that this end wrote.
pub fn read_back<R: End, P: End>(mut out: Vec<u8>) -> Vec<String> {
    let mut peer = Connection::<P>::new(Limits::default());
    let mut input = Input::new(&mut out);
    let mut notes = Vec::new();
    while let Some(event) = peer.receive(&mut input).unwrap() {
        notes.push(told(&event));
    }
    notes
}
