//! The client's side of the handshake: what it asks, which answers it takes, and which it refuses.

#![expect(clippy::unwrap_used, reason = "helpers are test code as well")]

use core::time::Duration;
use portcullis_websocket::handshake::{
    Accepted, ClientHandshake, ClientRequest, HEADERS_MAX, HandshakeError, HandshakeLimits, HeadError, Progress, Scheme,
};

/// The sample of RFC 6455 §1.3.
const KEY: [u8; 16] = *b"the sample nonce";

fn start() -> ClientHandshake {
    let request = ClientRequest::new(Scheme::Ws, "server.example.com", 80, "/chat").unwrap();
    let request = request.with_protocol("chat").unwrap().with_protocol("superchat").unwrap();
    ClientHandshake::start(&request, KEY, HandshakeLimits::default(), &mut Vec::new())
}

/// Gives an answer in pieces of a size, and whole at last: what comes of it and how many bytes it had.
fn answered(answer: &[u8], size: usize) -> Result<Option<(Accepted, usize)>, HandshakeError> {
    let mut handshake = start();
    let mut before = 0;
    for piece in answer.chunks(size) {
        match handshake.receive(piece)? {
            Progress::More => before += piece.len(),
            Progress::Done { outcome, consumed } => return Ok(Some((outcome, before + consumed))),
        }
    }
    Ok(None)
}

/// The same in every cut of interest, which must not matter.
fn heard(answer: &str) -> Result<Option<(Accepted, usize)>, HandshakeError> {
    let whole = answered(answer.as_bytes(), answer.len());
    for size in [1, 2, 3, 7, 64] {
        assert_eq!(answered(answer.as_bytes(), size), whole, "in pieces of {size}: {answer:?}");
    }
    whole
}

/// An answer that is accepted, with lines of its own in place of `Connection`.
fn with(lines: &str) -> String {
    format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n{lines}\
         Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"
    )
}

#[test]
fn the_answer_of_the_rfc_is_accepted_and_what_is_behind_it_left() {
    let answer = with("Connection: Upgrade\r\nSec-WebSocket-Protocol: chat\r\n");
    let (accepted, consumed) = heard(&format!("{answer}\u{1}frames\r\n\r\n")).unwrap().unwrap();
    assert_eq!((accepted.protocol(), consumed), (Some("chat"), answer.len()));
    assert_eq!(accepted.headers().get("UPGRADE"), Some(&b"websocket"[..]));
    // Not before its last byte.
    assert_eq!(heard(&answer[..answer.len() - 1]), Ok(None));
}

#[test]
fn found_12_a_connection_header_may_be_a_list_and_may_come_twice() {
    for lines in [
        "Connection: keep-alive, Upgrade\r\n",
        "connection:upgrade,keep-alive\r\n",
        "Connection: keep-alive\r\nConnection: Upgrade\r\n",
        "Connection: Upgrade\r\nConnection: keep-alive\r\n",
        "CONNECTION: \t UPGRADE \t\r\n",
        "Connection: , ,Upgrade,\r\n",
    ] {
        assert!(heard(&with(lines)).unwrap().is_some(), "{lines:?}");
    }
    for lines in ["", "Connection: keep-alive\r\n", "Connection: no-upgrade\r\n", "Connection: \r\n"] {
        assert_eq!(heard(&with(lines)), Err(HandshakeError::Connection), "{lines:?}");
    }
}

#[test]
fn found_12_a_correct_answer_in_one_byte_segments_is_accepted() {
    let answer = with("Connection: Upgrade\r\n");
    assert!(answered(answer.as_bytes(), 1).unwrap().is_some());
}

#[test]
fn found_12_an_extension_that_was_not_offered_fails_the_handshake() {
    for value in ["permessage-deflate", "permessage-deflate; client_no_context_takeover", "x, y", ""] {
        let lines = format!("Connection: Upgrade\r\nSec-WebSocket-Extensions: {value}\r\n");
        assert_eq!(heard(&with(&lines)), Err(HandshakeError::Extension), "{value:?}");
    }
}

#[test]
fn a_subprotocol_must_be_one_that_was_offered() {
    for value in ["other", "Chat", "chat, superchat", "", "chat;x"] {
        let lines = format!("Connection: Upgrade\r\nSec-WebSocket-Protocol: {value}\r\n");
        assert_eq!(heard(&with(&lines)), Err(HandshakeError::Protocol), "{value:?}");
    }
    let twice = "Connection: Upgrade\r\nSec-WebSocket-Protocol: chat\r\nSec-WebSocket-Protocol: chat\r\n";
    assert_eq!(heard(&with(twice)), Err(HandshakeError::Doubled { header: "sec-websocket-protocol" }));
    // None is an answer as well.
    assert_eq!(heard(&with("Connection: Upgrade\r\n")).unwrap().unwrap().0.protocol(), None);
}

#[test]
fn the_upgrade_must_be_to_websocket_and_said_once() {
    let with = |lines: &str| {
        let accept = "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";
        heard(&format!("HTTP/1.1 101 X\r\nConnection: Upgrade\r\n{lines}{accept}\r\n\r\n")).map(|_| ())
    };
    assert_eq!(with("upgrade: WebSocket\r\n"), Ok(()));
    assert_eq!(with(""), Err(HandshakeError::Missing { header: "upgrade" }));
    assert_eq!(with("Upgrade: h2c\r\n"), Err(HandshakeError::Upgrade));
    assert_eq!(with("Upgrade: websocket, h2c\r\n"), Err(HandshakeError::Upgrade));
    assert_eq!(with("Upgrade: websocket/13\r\n"), Err(HandshakeError::Upgrade));
    let twice = "Upgrade: websocket\r\nUpgrade: websocket\r\n";
    assert_eq!(with(twice), Err(HandshakeError::Doubled { header: "upgrade" }));
}

#[test]
fn the_accept_must_answer_the_key_exactly() {
    let with = |lines: &str| {
        heard(&format!("HTTP/1.1 101 X\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n{lines}\r\n")).map(|_| ())
    };
    assert_eq!(with("Sec-WebSocket-Accept: \t s3pPLMBiTxaQ9kYGzzhZRbK+xOo= \r\n"), Ok(()));
    assert_eq!(with(""), Err(HandshakeError::Missing { header: "sec-websocket-accept" }));
    for accept in ["S3pPLMBiTxaQ9kYGzzhZRbK+xOo=", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo", "dGhlIHNhbXBsZSBub25jZQ==", ""] {
        assert_eq!(with(&format!("Sec-WebSocket-Accept: {accept}\r\n")), Err(HandshakeError::Accept), "{accept:?}");
    }
    let twice = "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n".repeat(2);
    assert_eq!(with(&twice), Err(HandshakeError::Doubled { header: "sec-websocket-accept" }));
}

#[test]
fn another_status_is_told_with_what_http_says_of_it() {
    let refused = |answer: &str| match heard(answer) {
        Err(HandshakeError::Refused(refusal)) => refusal,
        other => panic!("{other:?}"),
    };
    let busy = refused("HTTP/1.1 503 Service Unavailable\r\nRetry-After: 17\r\nContent-Length: 4\r\n\r\nbusy");
    assert_eq!((busy.status(), busy.retry_after(), busy.location()), (503, Some(Duration::from_secs(17)), None));
    let moved = refused("HTTP/1.0 308 \r\nlocation: wss://elsewhere.example/\r\n\r\n");
    assert_eq!((moved.status(), moved.location()), (308, Some("wss://elsewhere.example/")));
    for wait in ["-1", "1.5", "Wed, 21 Oct 2026 07:28:00 GMT", "", "99999999999999999999", "+5"] {
        assert_eq!(refused(&format!("HTTP/1.1 429 X\r\nRetry-After: {wait}\r\n\r\n")).retry_after(), None, "{wait:?}");
    }
    assert_eq!(refused("HTTP/1.1 200 OK\r\n\r\n").status(), 200);
}

#[test]
fn answers_before_the_answer_are_passed_over() {
    let hints = "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n";
    let answer = format!("{hints}{}", with("Connection: Upgrade\r\n"));
    assert_eq!(heard(&answer).unwrap().unwrap().1, answer.len());
    // Within the limit of the whole handshake.
    let endless = "HTTP/1.1 100 Continue\r\n\r\n".repeat(1000);
    let limit = HandshakeLimits::default().head;
    assert_eq!(heard(&endless), Err(HandshakeError::Head(HeadError::TooLong { limit })));
}

#[test]
fn what_is_no_http_is_told_by_its_first_bytes() {
    // The last is the alert of a TLS server.
    for answer in ["SSH-2.0-OpenSSH_9.6\r\n\0", "h", "HTTP/2 ", "<html>", "HTTP/1x", "\r\nHTTP/1.1", "\u{15}\u{3}\u{3}"]
    {
        assert_eq!(heard(answer), Err(HandshakeError::Head(HeadError::FirstLine)), "{answer:?}");
    }
    for answer in ["HTTP/1.1 1o1 X\r\n\r\n", "HTTP/1.1 10\r\n\r\n", "HTTP/1.2 101 X\r\n\r\n", "HTTP/1.1\r\n\r\n"] {
        assert_eq!(heard(answer), Err(HandshakeError::Head(HeadError::FirstLine)), "{answer:?}");
    }
    let old = with("Connection: Upgrade\r\n").replace("HTTP/1.1", "HTTP/1.0");
    assert_eq!(heard(&old), Err(HandshakeError::HttpVersion));
}

#[test]
fn a_malformed_header_fails_the_handshake() {
    for (line, error) in [
        ("X : y\r\n", HeadError::Header),
        ("X Y: z\r\n", HeadError::Header),
        (": y\r\n", HeadError::Header),
        ("nothing\r\n", HeadError::Header),
        ("X: y\r\n z\r\n", HeadError::Line),
        ("X: y\r\n\tz\r\n", HeadError::Line),
        ("X: y\rz\r\n", HeadError::Line),
        ("X: y\0z\r\n", HeadError::Line),
        ("X: y\n", HeadError::Line),
        ("X: \u{1}\r\n", HeadError::Line),
    ] {
        let answer = with(&format!("Connection: Upgrade\r\n{line}"));
        assert_eq!(heard(&answer), Err(HandshakeError::Head(error)), "{line:?}");
    }
}

#[test]
fn a_flood_is_cut_off() {
    let limit = HandshakeLimits::default().head;
    for flood in ["X-Again: and again\r\n", "x"] {
        let mut handshake = start();
        assert_eq!(handshake.receive(b"HTTP/1.1 101 "), Ok(Progress::More));
        let mut given = 13;
        let error = loop {
            match handshake.receive(flood.as_bytes()) {
                Ok(_) => given += flood.len(),
                Err(error) => break error,
            }
        };
        assert!(given <= limit, "{given}");
        assert_eq!(error, HandshakeError::Head(HeadError::TooLong { limit }));
    }
    let many = with(&"X: y\r\n".repeat(HEADERS_MAX + 1));
    assert_eq!(heard(&many), Err(HandshakeError::Head(HeadError::TooManyHeaders { limit: HEADERS_MAX })));
}

#[test]
fn no_value_is_printed() {
    let answer = with("Connection: Upgrade\r\nSet-Cookie: hush\r\n");
    let (accepted, _) = answered(answer.as_bytes(), 1000).unwrap().unwrap();
    let mut handshake = start();
    handshake.receive(b"HTTP/1.1 101 X\r\nSet-Cookie: hush\r\n").unwrap();
    let printed = format!("{accepted:?} {handshake:?}");
    assert!(printed.contains("Set-Cookie") && !printed.contains("hush"), "{printed}");
}
