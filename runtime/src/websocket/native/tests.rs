//! The native layer poll by poll, over a stream that gives and takes as little as it likes.

use super::*;
use core::future::Future as _;
use core::pin::pin;
use core::task::Waker;
use portcullis_websocket::handshake::{Progress, ServerHandshake, accept_key};
use portcullis_websocket::{Input, Server};
use std::io::{self, ErrorKind};
use std::sync::{Arc, Mutex, MutexGuard};

/// The server's end, and how much the stream moves at a time.
struct Peer {
    to_client: Vec<u8>,
    from_client: Vec<u8>,
    /// The most that one read gives.
    read: usize,
    /// The most that may still be written.
    room: usize,
    reads: usize,
    /// Given for ever, when nothing else is left.
    endless: &'static [u8],
    handshake: Option<ServerHandshake>,
}

#[derive(Clone)]
struct Wire(Arc<Mutex<Peer>>);

impl Wire {
    fn new(read: usize) -> Self {
        Self(Arc::new(Mutex::new(Peer {
            to_client: Vec::new(),
            from_client: Vec::new(),
            read,
            room: usize::MAX,
            reads: 0,
            endless: b"",
            handshake: Some(ServerHandshake::new(HandshakeLimits::default())),
        })))
    }

    fn peer(&self) -> MutexGuard<'_, Peer> {
        self.0.lock().unwrap()
    }

    /// An open socket, and what the server says behind its answer.
    fn open(&self, behind: &[u8]) -> Box<dyn WebSocket> {
        let (url, network) = (GatewayUrl::parse("ws://127.0.0.1:9/").unwrap(), Network::default());
        let limits = SocketLimits { message: 1000, payload: 4096 };
        let mut opening = pin!(open(&url, &network, self.clone(), limits));
        let mut answered = false;
        for _ in 0..1000 {
            if let Poll::Ready(opened) = opening.as_mut().poll(&mut cx()) {
                return opened.unwrap();
            }
            if !answered {
                self.peer().answer(behind);
                answered = true;
            }
        }
        panic!("it does not open");
    }
}

impl Peer {
    fn answer(&mut self, behind: &[u8]) {
        let asked = core::mem::take(&mut self.from_client);
        let Ok(Progress::Done { outcome, .. }) = self.handshake.take().unwrap().receive(&asked) else {
            panic!("asked")
        };
        let accept = accept_key(outcome.headers().get("sec-websocket-key").unwrap());
        self.to_client
            .extend_from_slice(b"HTTP/1.1 101 X\r\nUpgrade: websocket\r\nConnection: keep-alive, Upgrade\r\n");
        self.to_client.extend([b"Sec-WebSocket-Accept: ", &accept[..], b"\r\n\r\n", behind].concat());
    }

    /// What the client's frames say, in words.
    fn heard(&mut self) -> Vec<String> {
        let mut connection = Connection::<Server>::new(Limits::default());
        let mut bytes = self.from_client.clone();
        let mut input = Input::new(&mut bytes);
        let mut heard = Vec::new();
        while let Some(event) = connection.receive(&mut input).unwrap() {
            heard.push(match event {
                Event::Message(message) => message.as_text().unwrap().to_owned(),
                Event::Pong(bytes) => format!("pong {}", bytes.escape_ascii()),
                Event::Ping(_) => "ping".to_owned(),
                Event::Close(close) => format!("close {}", close.code().unwrap()),
            });
        }
        heard
    }
}

impl AsyncRead for Wire {
    fn poll_read(self: Pin<&mut Self>, _: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        let mut peer = self.peer();
        peer.reads += 1;
        if peer.to_client.is_empty() && !peer.endless.is_empty() {
            let endless = peer.endless;
            peer.to_client.extend(endless.iter().cycle().take(1000 * endless.len()));
        }
        let len = buffer.len().min(peer.to_client.len()).min(peer.read);
        if len == 0 {
            return Poll::Pending;
        }
        let taken: Vec<u8> = peer.to_client.drain(..len).collect();
        buffer[..len].copy_from_slice(&taken);
        Poll::Ready(Ok(len))
    }
}

impl AsyncWrite for Wire {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let mut peer = self.peer();
        let len = bytes.len().min(peer.room);
        if len == 0 {
            return Poll::Pending;
        }
        peer.room -= len;
        peer.from_client.extend_from_slice(&bytes[..len]);
        Poll::Ready(Ok(len))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Err(ErrorKind::NotConnected.into()))
    }
}

fn cx() -> Context<'static> {
    Context::from_waker(Waker::noop())
}

/// What there is to read now.
fn read(socket: &mut dyn WebSocket) -> Vec<Result<Message, CloseReason>> {
    let mut all = Vec::new();
    while let Poll::Ready(told) = socket.poll_message(&mut cx()) {
        match told {
            Ok(None) => {}
            Ok(Some(message)) => all.push(Ok(message)),
            Err(reason) => {
                all.push(Err(reason));
                break;
            }
        }
    }
    all
}

fn text(text: &'static str) -> Message {
    Message::Text(text.into())
}

#[test]
fn found_12_answer_and_frames_come_in_any_segments() {
    for size in [1, 2, 3, 50, 10_000] {
        let wire = Wire::new(size);
        let mut socket = wire.open(b"\x81\x05hello\x01\x02he\x89\x00\x80\x03llo\x88\x04\x03\xe7no");
        let no = CloseFrame { code: Some(CloseCode(999)), reason: "no".into() };
        let expected = [Ok(text("hello")), Ok(text("hello")), Err(CloseReason::Frame(no))];
        assert_eq!(read(&mut *socket), expected, "by {size}");
        // A pong that was not written when the close frame came is owed no more.
        assert_eq!(wire.peer().heard().last().map(String::as_str), Some("close 1002"), "by {size}");
    }
}

#[test]
fn a_pong_is_never_put_into_a_message() {
    let wire = Wire::new(1000);
    let mut socket = wire.open(b"");
    wire.peer().room = 3;
    socket.start_send(text("a message that does not fit"));
    assert!(socket.poll_sent(&mut cx()).is_pending());
    wire.peer().to_client.extend(b"\x89\x011\x89\x012");
    assert_eq!(read(&mut *socket), []);
    wire.peer().room = 5;
    // Only `poll_sent` writes a message on: otherwise the driver would not learn that it has left.
    assert_eq!((read(&mut *socket), wire.peer().from_client.len()), (vec![], 3));
    assert!(socket.poll_sent(&mut cx()).is_pending());
    wire.peer().room = usize::MAX;
    assert!(socket.poll_sent(&mut cx()).is_ready());
    assert_eq!(read(&mut *socket), []);
    assert_eq!(wire.peer().heard(), ["a message that does not fit", "pong 2"]);
}

#[test]
fn a_message_follows_a_pong_that_is_half_written() {
    let wire = Wire::new(1000);
    let mut socket = wire.open(b"");
    wire.peer().room = 2;
    wire.peer().to_client.extend(b"\x89\x02ab");
    assert_eq!(read(&mut *socket), []);
    socket.start_send(text("behind it"));
    assert!(socket.poll_sent(&mut cx()).is_pending());
    wire.peer().room = usize::MAX;
    assert!(socket.poll_sent(&mut cx()).is_ready());
    assert_eq!(wire.peer().heard(), ["pong ab", "behind it"]);
}

#[test]
fn pings_to_a_peer_that_reads_nothing_hold_one_pong() {
    let wire = Wire::new(1000);
    let mut socket = wire.open(b"");
    wire.peer().room = 0;
    for number in 0..10_000 {
        let payload = format!("{number:05}");
        wire.peer().to_client.extend([b"\x89\x05", payload.as_bytes()].concat());
        assert_eq!(read(&mut *socket), []);
    }
    wire.peer().room = usize::MAX;
    assert_eq!(read(&mut *socket), []);
    assert_eq!(wire.peer().heard(), ["pong 00000", "pong 09999"]);
}

#[test]
fn found_32_fragments_without_end_are_seen_by_the_driver_at_each_read() {
    let wire = Wire::new(usize::MAX);
    let mut socket = wire.open(b"\x01\x01a");
    assert!(matches!(socket.poll_message(&mut cx()), Poll::Ready(Ok(None))));
    wire.peer().endless = b"\x00\x00";
    let before = wire.peer().reads;
    assert!(matches!(socket.poll_message(&mut cx()), Poll::Ready(Ok(None))));
    assert_eq!(wire.peer().reads, before + 1, "one read a poll");
    let ended = read(&mut *socket);
    assert_eq!(ended, [Err(CloseReason::Protocol)], "and they end");
    assert_eq!(wire.peer().heard(), ["close 1009"]);
}

#[test]
fn a_write_that_fails_is_told_behind_what_was_read() {
    let wire = Wire::new(1000);
    let mut socket = wire.open(b"");
    wire.peer().to_client.extend(b"\x81\x01a\x81\x01b");
    assert!(matches!(socket.poll_message(&mut cx()), Poll::Ready(Ok(Some(_)))));
    // The close frame is the last of ours: a message behind it cannot be sent.
    socket.start_close(CloseCode(4000), "bye");
    socket.start_send(text("too late"));
    assert!(socket.poll_sent(&mut cx()).is_pending());
    assert_eq!(read(&mut *socket), [Ok(text("b")), Err(CloseReason::Io)]);
}
