//! The WebSocket codec compared with `tungstenite`: random streams for both, each one's frames for the other, and handshakes.

use portcullis_tests::fuzz::websocket::{Difference, Heard, compared, heard, websocket, websocket_handshake};
use portcullis_websocket::handshake::{
    ClientHandshake, ClientRequest, HandshakeLimits, Progress, Scheme, ServerHandshake,
};
use portcullis_websocket::{Client, Connection, Limits, MessageKind, Server};
use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use tungstenite::handshake::MidHandshake;
use tungstenite::protocol::{Role, WebSocketConfig};
use tungstenite::{ClientHandshake as TheirClient, HandshakeError, Message, WebSocket};

/// A small generator: `xorshift64*`.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 16
    }

    fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next()).unwrap() % bound
    }

    fn one_in(&mut self, count: usize) -> bool {
        self.below(count) == 0
    }

    fn bytes(&mut self, len: usize) -> Vec<u8> {
        (0..len).map(|_| self.next() as u8).collect()
    }

    /// A payload that is often text, and sometimes cut or invalid.
    fn payload(&mut self) -> Vec<u8> {
        let len = match self.below(12) {
            0 => 0,
            1 => 120 + self.below(12),
            2 => 590 + self.below(20),
            _ => self.below(20),
        };
        if self.one_in(3) {
            return self.bytes(len);
        }
        let texts = ["a", "é", "€", "𝄞", "plain text"];
        let mut text = String::new();
        while text.len() < len {
            text.push_str(texts[self.below(texts.len())]);
        }
        let mut bytes = text.into_bytes();
        if self.one_in(3) {
            bytes.truncate(len);
        }
        bytes
    }

    /// A frame, mostly valid.
    fn frame(&mut self, masked: bool) -> Vec<u8> {
        let opcode = match self.below(40) {
            0..10 => 0x1,
            10..16 => 0x2,
            16..30 => 0x0,
            30..34 => 0x9,
            34..36 => 0xa,
            36..38 => 0x8,
            _ => self.below(16) as u8,
        };
        let fin = if opcode >= 8 && !self.one_in(30) || self.one_in(2) { 0x80 } else { 0 };
        let reserved = if self.one_in(60) { (self.below(8) as u8) << 4 } else { 0 };
        let mut payload = self.payload();
        if opcode >= 8 && !self.one_in(20) {
            payload.truncate(125);
        }
        if opcode == 8 && !self.one_in(4) && payload.len() >= 2 {
            let code = [1000_u16, 1001, 1014, 4004, 999, 1005, 5000][self.below(7)];
            payload[..2].copy_from_slice(&code.to_be_bytes());
        }
        let masked = masked != self.one_in(80);
        let bit = if masked { 0x80 } else { 0 };
        let mut frame = vec![fin | reserved | opcode];
        match (payload.len(), self.one_in(100)) {
            (len @ 0..126, false) => frame.push(bit | len as u8),
            (len, false) | (len @ 126.., true) => {
                frame.push(bit | 0x7e);
                frame.extend((len as u16).to_be_bytes());
            }
            (len, true) => {
                frame.push(bit | 0x7f);
                frame.extend((len as u64).to_be_bytes());
            }
        }
        if masked {
            let mask = self.bytes(4);
            frame.extend(&mask);
            payload.iter_mut().zip(mask.iter().cycle()).for_each(|(byte, key)| *byte ^= key);
        }
        frame.extend(payload);
        frame
    }
}

/// How many streams each test plays; `PORTCULLIS_WEBSOCKET` asks for more.
fn streams() -> u64 {
    std::env::var("PORTCULLIS_WEBSOCKET").map_or(5_000, |count| count.parse().expect("a number of streams"))
}

#[test]
fn random_streams_differ_only_as_listed() {
    let mut found = BTreeMap::<String, u64>::new();
    for seed in 1..=streams() {
        let mut random = Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let role = random.below(2) as u8;
        let count = 1 + random.below(12);
        let mut stream: Vec<u8> = (0..count).flat_map(|_| random.frame(role == 1)).collect();
        if random.one_in(3) {
            stream.truncate(random.below(stream.len()));
        }
        if random.one_in(20) {
            let at = random.below(stream.len().max(1));
            stream.splice(at..at, random.bytes(1));
        }
        match compared(role, &stream) {
            Ok(difference) => *found.entry(format!("{difference:?}")).or_default() += 1,
            Err(problem) => panic!("seed {seed}, role {role}, {stream:02x?}: {problem}"),
        }
        websocket(&[&[role, random.below(40) as u8], &stream[..]].concat());
    }
    println!("{found:#?}");
    for kind in [
        Difference::AtOnce,
        Difference::LengthNotMinimal,
        Difference::CodeAsItCame,
        Difference::BadGateway,
        Difference::ReasonNotText,
    ] {
        assert!(found.contains_key(&format!("{:?}", Some(kind))), "{kind:?} was not seen: is it one still?");
    }
}

/// Handshake heads with mistakes.
#[test]
fn random_heads_are_read_alike_in_every_cut() {
    let request = "GET /chat HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
                   Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\nrest";
    let answer = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
                  Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\nrest";
    let spices: [&[u8]; 12] = [
        b"\r\n",
        b"\n",
        b"\r",
        b" ",
        b"\t",
        b":",
        b",",
        b"\0",
        b"X: y\r\n",
        b"HTTP/1.1 100 C\r\n\r\n",
        b"\xff",
        b"Host: b\r\n",
    ];
    for seed in 1..=streams() / 4 {
        let mut random = Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        for (side, head) in [(0, answer), (1, request)] {
            let mut head = head.as_bytes().to_vec();
            for _ in 0..random.below(3) {
                let at = random.below(head.len());
                match random.below(3) {
                    0 => drop(head.remove(at)),
                    1 => head[at] = random.next() as u8,
                    _ => drop(head.splice(at..at, spices[random.below(spices.len())].to_vec())),
                }
            }
            websocket_handshake(&[&[side, random.below(60) as u8], &head[..]].concat());
        }
    }
}

/// The two ends of a stream in memory; the test moves the bytes.
#[derive(Debug, Default)]
struct Pipe {
    input: Vec<u8>,
    output: Vec<u8>,
}

impl Read for Pipe {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.input.is_empty() {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let len = buffer.len().min(self.input.len());
        buffer[..len].copy_from_slice(&self.input[..len]);
        self.input.drain(..len);
        Ok(len)
    }
}

impl Write for Pipe {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.output.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn what_either_writes_the_other_reads() {
    let mut random = Random(7);
    for len in [0, 1, 125, 126, 127, 1000, 65_535, 65_536, 70_000] {
        let text = "x".repeat(len);
        let bytes = random.bytes(len);
        // Ours, masked and unmasked.
        let mut out = Vec::new();
        let mut client = Connection::<Client>::new(Limits::default());
        client.send_text(&text, [1, 2, 3, 4], &mut out).unwrap();
        client.send_binary(&bytes, [9, 8, 7, 6], &mut out).unwrap();
        assert_eq!(read_by_them(Role::Server, out), [Message::text(&*text), Message::binary(bytes.clone())]);
        let mut out = Vec::new();
        let mut server = Connection::<Server>::new(Limits::default());
        server.send(MessageKind::Text, text.as_bytes(), (), &mut out).unwrap();
        server.send_binary(&bytes, (), &mut out).unwrap();
        assert_eq!(read_by_them(Role::Client, out), [Message::text(&*text), Message::binary(bytes.clone())]);
        // Theirs.
        let expected = [Heard::Text(text.clone().into_bytes()), Heard::Binary(bytes.clone())];
        let out = written_by_them(Role::Client, [Message::text(&*text), Message::binary(bytes.clone())]);
        assert_eq!(heard::<Server>(Limits::default(), &[&out]).0, expected);
        let out = written_by_them(Role::Server, [Message::text(&*text), Message::binary(bytes)]);
        assert_eq!(heard::<Client>(Limits::default(), &[&out]).0, expected);
    }
}

fn read_by_them(role: Role, input: Vec<u8>) -> Vec<Message> {
    let mut socket = WebSocket::from_raw_socket(Pipe { input, output: vec![] }, role, Some(WebSocketConfig::default()));
    core::iter::from_fn(|| socket.read().ok()).collect()
}

fn written_by_them(role: Role, messages: [Message; 2]) -> Vec<u8> {
    let mut socket = WebSocket::from_raw_socket(Pipe::default(), role, Some(WebSocketConfig::default()));
    for message in messages {
        socket.send(message).unwrap();
    }
    socket.get_ref().output.clone()
}

#[test]
fn our_client_and_their_server_shake_hands() {
    let request = ClientRequest::new(Scheme::Ws, "a.example", 8080, "/x?y=z").unwrap().with_header("X-A", "b").unwrap();
    let mut to_server = Vec::new();
    let mut client = ClientHandshake::start(&request, [7; 16], HandshakeLimits::default(), &mut to_server);
    let server = tungstenite::accept(Pipe { input: to_server, output: vec![] }).expect("they grant it");
    let answer = &server.get_ref().output;
    let Ok(Progress::Done { consumed, .. }) = client.receive(answer) else { panic!("{}", answer.escape_ascii()) };
    assert_eq!(consumed, answer.len());
}

#[test]
fn their_client_and_our_server_shake_hands() {
    let begun = match tungstenite::client("ws://a.example:8080/x?y=z", Pipe::default()) {
        Err(HandshakeError::Interrupted(begun)) => begun,
        other => panic!("{other:?}"),
    };
    let mut begun: MidHandshake<TheirClient<Pipe>> = begun;
    let asked = core::mem::take(&mut begun.get_mut().get_mut().output);
    let mut server = ServerHandshake::new(HandshakeLimits::default());
    let Ok(Progress::Done { outcome, consumed }) = server.receive(&asked) else { panic!("{}", asked.escape_ascii()) };
    assert_eq!((outcome.target(), consumed), ("/x?y=z", asked.len()));
    outcome.accept(None, &[], &mut begun.get_mut().get_mut().input).unwrap();
    assert!(begun.handshake().is_ok());
}
