//! The handshake and the close of the native WebSocket layer, against a peer that writes its bytes by hand.

use super::stage::settings;
use super::{Host, Lab, patiently};
use portcullis::machine::Cause;
use portcullis::{CloseCode, CloseFrame, CloseReason, Event};
use portcullis_websocket::handshake::{HandshakeLimits, Progress, ServerHandshake, accept_key};
use portcullis_websocket::{Connection, Event as Heard, Input, Limits, Server};
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::thread::{self, JoinHandle};

/// A gateway of one connection, which returns the code of the close frame that it receives.
struct Peer {
    url: String,
    thread: JoinHandle<Option<CloseCode>>,
}

/// How the peer writes.
#[derive(Clone, Copy)]
enum Segments {
    Whole,
    OneByte,
}

/// Answers the upgrade with these lines beside the proof, and sends these bytes.
fn peer(lines: &'static str, frames: Vec<u8>, segments: Segments) -> Peer {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let url = format!("ws://{}", listener.local_addr().unwrap());
    let thread = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        stream.set_nodelay(true).unwrap();
        let accept = accept_key(&key(&mut stream));
        let accept = core::str::from_utf8(&accept).unwrap();
        let head = format!("HTTP/1.1 101 X\r\nUpgrade: websocket\r\n{lines}\r\nSec-WebSocket-Accept: {accept}\r\n\r\n");
        let bytes = [head.as_bytes(), &frames].concat();
        let size = match segments {
            Segments::Whole => bytes.len(),
            Segments::OneByte => 1,
        };
        for piece in bytes.chunks(size) {
            // A client that refuses the answer closes the connection.
            if stream.write_all(piece).is_err() {
                break;
            }
        }
        answered(&mut stream)
    });
    Peer { url, thread }
}

/// The key of the client's request.
fn key(stream: &mut TcpStream) -> Vec<u8> {
    let mut handshake = ServerHandshake::new(HandshakeLimits::default());
    let mut buffer = [0; 2048];
    loop {
        let len = stream.read(&mut buffer).unwrap();
        if let Progress::Done { outcome, .. } = handshake.receive(&buffer[..len]).unwrap() {
            return outcome.headers().get("sec-websocket-key").unwrap().to_vec();
        }
    }
}

/// The code of the close frame, if one arrives before the end.
fn answered(stream: &mut TcpStream) -> Option<CloseCode> {
    let mut connection = Connection::<Server>::new(Limits::default());
    let mut buffer = [0; 2048];
    loop {
        let len = stream.read(&mut buffer).ok().filter(|len| *len > 0)?;
        let mut input = Input::new(&mut buffer[..len]);
        while let Some(event) = connection.receive(&mut input).unwrap() {
            if let Heard::Close(close) = event {
                return close.code().map(|code| CloseCode(code.0));
            }
        }
    }
}

/// How a shard's first connection ends: the reason if it was open, or the cause if opening it failed.
async fn ended<H: Host>(url: &str) -> Result<CloseReason, Cause> {
    let mut shard = settings::<H>(&Lab::default(), url).build().unwrap();
    loop {
        match patiently::<H, _>(shard.next_event()).await.expect("the shard ended") {
            Event::Closed { reason, .. } => return Ok(reason),
            Event::Reconnecting { cause, .. } => return Err(cause),
            _ => {}
        }
    }
}

fn close(code: u16, reason: &str) -> Vec<u8> {
    let len = u8::try_from(2 + reason.len()).unwrap();
    [&[0x88, len], &code.to_be_bytes()[..], reason.as_bytes()].concat()
}

fn frame_of(code: u16, reason: &str) -> CloseReason {
    CloseReason::Frame(CloseFrame { code: Some(CloseCode(code)), reason: reason.to_owned() })
}

/// `Connection` may be a list, and may come in two lines.
pub async fn found_12_a_connection_header_may_be_a_list<H: Host>() {
    for lines in [
        "Connection: keep-alive, Upgrade",
        "Connection: keep-alive\r\nConnection: Upgrade",
        "connection: upgrade\r\nConnection: keep-alive",
    ] {
        let peer = peer(lines, close(4000, "later"), Segments::Whole);
        assert_eq!(ended::<H>(&peer.url).await, Ok(frame_of(4000, "later")), "{lines}");
        assert_eq!(peer.thread.join().unwrap(), Some(CloseCode(4000)), "the close frame is echoed");
    }
}

/// An answer may come byte by byte, and so may frames.
pub async fn found_12_an_answer_in_one_byte_segments_is_taken<H: Host>() {
    let peer = peer("Connection: Upgrade", close(4000, "later"), Segments::OneByte);
    assert_eq!(ended::<H>(&peer.url).await, Ok(frame_of(4000, "later")));
    assert_eq!(peer.thread.join().unwrap(), Some(CloseCode(4000)));
}

/// An extension or a subprotocol that was not offered fails the handshake.
pub async fn found_12_what_was_not_offered_fails_the_handshake<H: Host>() {
    for lines in [
        "Connection: Upgrade\r\nSec-WebSocket-Extensions: permessage-deflate",
        "Connection: Upgrade\r\nSec-WebSocket-Protocol: chat",
    ] {
        let peer = peer(lines, close(4000, ""), Segments::Whole);
        assert_eq!(ended::<H>(&peer.url).await, Err(Cause::ConnectProtocol), "{lines}");
    }
}

/// Invalid close codes are reported as received, and answered with 1002.
pub async fn found_12_a_close_code_is_told_as_it_came<H: Host>() {
    for code in [999, 1005, 5000] {
        let peer = peer("Connection: Upgrade", close(code, "why"), Segments::Whole);
        assert_eq!(ended::<H>(&peer.url).await, Ok(frame_of(code, "why")));
        assert_eq!(peer.thread.join().unwrap(), Some(CloseCode(1002)), "{code}");
    }
}

/// Violations are answered: 1002, 1007 for text that is not UTF-8, 1009 for a message that is too large.
pub async fn found_12_a_violation_is_answered<H: Host>() {
    let too_large = [&[0x82, 127][..], &(1_u64 << 40).to_be_bytes()].concat();
    for (frames, code) in [
        (vec![0x83, 0], 1002),
        (vec![0x81, 0x81, 1, 2, 3, 4, 5], 1002),
        (vec![0x81, 1, 0xff], 1007),
        // Bytes behind it are ignored, and do not cause a reset.
        ([&[0x80, 0][..], &[0; 10_000]].concat(), 1002),
        (too_large, 1009),
    ] {
        let peer = peer("Connection: Upgrade", frames, Segments::Whole);
        let reason = ended::<H>(&peer.url).await.unwrap();
        assert_eq!(matches!(reason, CloseReason::TooLarge { .. }), code == 1009, "{reason:?}");
        assert_eq!(matches!(reason, CloseReason::Protocol), code != 1009, "{reason:?}");
        assert_eq!(peer.thread.join().unwrap(), Some(CloseCode(code)));
    }
}
