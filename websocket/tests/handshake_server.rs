//! The server's side of the handshake: which requests it takes, and what it says to the rest.

use portcullis_websocket::handshake::{
    ClientHandshake, ClientRequest, HandshakeError, HandshakeLimits, HeadError, Progress, Rejection, ResponseError,
    Scheme, ServerHandshake, UpgradeRequest, write_response,
};

fn asked(request: &[u8], size: usize) -> Result<Option<(UpgradeRequest, usize)>, Rejection> {
    let mut handshake = ServerHandshake::new(HandshakeLimits::default());
    let mut before = 0;
    for piece in request.chunks(size) {
        match handshake.receive(piece)? {
            Progress::More => before += piece.len(),
            Progress::Done { outcome, consumed } => return Ok(Some((outcome, before + consumed))),
        }
    }
    Ok(None)
}

/// The same in every cut of interest, which must not matter.
fn heard(request: &str) -> Result<Option<(UpgradeRequest, usize)>, Rejection> {
    let whole = asked(request.as_bytes(), request.len());
    for size in [1, 2, 3, 7, 64] {
        assert_eq!(asked(request.as_bytes(), size), whole, "in pieces of {size}: {request:?}");
    }
    whole
}

/// The lines of a request that is granted.
const LINES: [&str; 6] = [
    "GET /chat HTTP/1.1",
    "Host: server.example.com",
    "Upgrade: websocket",
    "Connection: Upgrade",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    "Sec-WebSocket-Version: 13",
];

/// That request with another line in place of the one of the same name; an empty one leaves it out.
fn with(line: &str, instead: &str) -> String {
    let lines = LINES.map(|usual| if usual.starts_with(line) { instead } else { usual });
    let lines: Vec<&str> = lines.into_iter().filter(|line| !line.is_empty()).collect();
    format!("{}\r\n\r\n", lines.join("\r\n"))
}

fn rejected(line: &str, instead: &str) -> Option<Rejection> {
    heard(&with(line, instead)).err()
}

#[test]
fn the_request_of_the_rfc_is_granted_and_what_is_behind_it_left() {
    let request = with(
        "Host",
        "Host: server.example.com\r\nOrigin: http://example.com\r\n\
                        Sec-WebSocket-Protocol: chat, superchat\r\nSec-WebSocket-Protocol: other",
    );
    let (upgrade, consumed) = heard(&format!("{request}frames")).unwrap().unwrap();
    assert_eq!(consumed, request.len());
    assert_eq!(upgrade.target(), "/chat");
    assert_eq!(upgrade.headers().get("origin"), Some(&b"http://example.com"[..]));
    assert_eq!(upgrade.protocols().collect::<Vec<_>>(), ["chat", "superchat", "other"]);

    let mut out = Vec::new();
    upgrade.accept(Some("chat"), &[("X-Region", "eu")], &mut out).unwrap();
    assert_eq!(
        String::from_utf8(out).unwrap(),
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nSec-WebSocket-Protocol: chat\r\nX-Region: eu\r\n\r\n"
    );
}

#[test]
fn what_the_rfc_allows_is_taken() {
    for (line, instead) in [
        ("Upgrade", "upgrade: WEBSOCKET"),
        ("Upgrade", "Upgrade: h2c, websocket"),
        ("Connection", "Connection: keep-alive, Upgrade"),
        ("Connection", "Connection: keep-alive\r\nConnection: upgrade"),
        ("GET", "GET /chat?a=b&c HTTP/1.1"),
        ("GET", "GET http://server.example.com/chat HTTP/1.1"),
        ("GET", "\r\n\r\nGET / HTTP/1.1"),
        ("Host", "Host: [::1]:8080"),
        ("Host", "Host: a\r\nContent-Length: 0"),
        ("Host", "Host: a\r\nSec-WebSocket-Extensions: permessage-deflate; client_max_window_bits"),
    ] {
        assert!(heard(&with(line, instead)).unwrap().is_some(), "{instead:?}");
    }
}

#[test]
fn what_is_no_handshake_is_rejected_with_its_status() {
    for (line, instead, rejection) in [
        ("GET", "POST /chat HTTP/1.1", Rejection::Method),
        ("GET", "get /chat HTTP/1.1", Rejection::Method),
        ("GET", "GET /chat HTTP/1.0", Rejection::HttpVersion),
        ("GET", "GET chat HTTP/1.1", Rejection::Target),
        ("GET", "GET * HTTP/1.1", Rejection::Target),
        ("GET", "GET /chat#x HTTP/1.1", Rejection::Target),
        ("Host", "", Rejection::Host),
        ("Host", "Host:", Rejection::Host),
        ("Host", "Host: a\r\nHost: a", Rejection::Host),
        ("Host", "Host: a b", Rejection::Host),
        ("Host", "Host: a\r\nContent-Length: 5", Rejection::Body),
        ("Host", "Host: a\r\nContent-Length: 0\r\nContent-Length: 7", Rejection::Body),
        ("Host", "Host: a\r\nTransfer-Encoding: chunked", Rejection::Body),
        ("Upgrade", "", Rejection::Upgrade),
        ("Upgrade", "Upgrade: h2c", Rejection::Upgrade),
        ("Connection", "", Rejection::Upgrade),
        ("Connection", "Connection: keep-alive", Rejection::Upgrade),
        ("Sec-WebSocket-Key", "", Rejection::Key),
        ("Sec-WebSocket-Key", "Sec-WebSocket-Key: c2hvcnQ=", Rejection::Key),
        ("Sec-WebSocket-Key", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==x", Rejection::Key),
        ("Sec-WebSocket-Version", "", Rejection::Version),
        ("Sec-WebSocket-Version", "Sec-WebSocket-Version: 8", Rejection::Version),
        ("Sec-WebSocket-Version", "Sec-WebSocket-Version: 013", Rejection::Version),
        ("Sec-WebSocket-Version", "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Version: 13", Rejection::Version),
        ("Host", "Host: a\r\nSec-WebSocket-Protocol: a b", Rejection::Protocol),
        ("Host", "Host: a\r\nSec-WebSocket-Protocol: a, b, a", Rejection::Protocol),
        ("Host", "Host : a", Rejection::Head(HeadError::Header)),
        ("Host", "Host: a\r\n b", Rejection::Head(HeadError::Line)),
        ("Host", "Host: a\nX: y", Rejection::Head(HeadError::Line)),
        ("Host", "Host: a\rb", Rejection::Head(HeadError::Line)),
        ("Host", "Host: a\0b", Rejection::Head(HeadError::Line)),
        ("GET", "GET /chat HTTP/2", Rejection::Head(HeadError::FirstLine)),
        ("GET", "GET /chat", Rejection::Head(HeadError::FirstLine)),
    ] {
        assert_eq!(rejected(line, instead), Some(rejection), "{instead:?}");
    }
    let key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==";
    assert_eq!(rejected("Sec-WebSocket-Key", &format!("{key}\r\n{key}")), Some(Rejection::Key));
}

#[test]
fn a_rejection_says_what_would_do() {
    let told = |rejection: Rejection| {
        let mut out = Vec::new();
        rejection.encode(&mut out);
        String::from_utf8(out).unwrap()
    };
    assert_eq!(
        told(Rejection::Version),
        "HTTP/1.1 426 Upgrade Required\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
         Connection: Upgrade, close\r\nContent-Length: 0\r\n\r\n"
    );
    assert_eq!(
        told(Rejection::Method),
        "HTTP/1.1 405 Method Not Allowed\r\nAllow: GET\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
    );
    for (rejection, status) in [
        (Rejection::Key, "HTTP/1.1 400 "),
        (Rejection::HttpVersion, "HTTP/1.1 505 "),
        (Rejection::Head(HeadError::TooLong { limit: 1 }), "HTTP/1.1 431 "),
        (Rejection::Head(HeadError::Line), "HTTP/1.1 400 "),
        (Rejection::Upgrade, "HTTP/1.1 426 "),
    ] {
        assert!(told(rejection).starts_with(status), "{rejection:?}");
    }
}

#[test]
fn a_flood_is_cut_off() {
    let limit = HandshakeLimits::default().head;
    for flood in ["X-Again: and again\r\n", "x", "\r\n"] {
        let mut handshake = ServerHandshake::new(HandshakeLimits::default());
        let mut given = 0;
        let error = loop {
            match handshake.receive(flood.as_bytes()) {
                Ok(_) => given += flood.len(),
                Err(error) => break error,
            }
        };
        assert!(given <= limit, "{given}");
        assert_eq!(error, Rejection::Head(HeadError::TooLong { limit }));
    }
}

#[test]
fn only_what_can_be_sent_is_sent() {
    let (upgrade, _) = heard(&with("GET", LINES[0])).unwrap().unwrap();
    let mut out = Vec::new();
    assert_eq!(upgrade.accept(Some("chat"), &[], &mut out), Err(ResponseError::Protocol));
    for header in [("X Y", "z"), ("X", "a\r\nb"), ("Sec-WebSocket-Extensions", "x"), ("Connection", "x")] {
        assert_eq!(upgrade.accept(None, &[header], &mut out), Err(ResponseError::Header), "{header:?}");
        assert_eq!(write_response(403, &[header], b"", &mut out), Err(ResponseError::Header), "{header:?}");
    }
    for status in [0, 101, 199, 600] {
        assert_eq!(write_response(status, &[], b"", &mut out), Err(ResponseError::Status { status }));
    }
    assert_eq!(out, b"");
}

#[test]
fn a_refusal_of_the_applications_is_read_by_the_client() {
    let mut request = Vec::new();
    let asking = ClientRequest::new(Scheme::Wss, "a.example", 443, "/").unwrap();
    let mut asking = ClientHandshake::start(&asking, [7; 16], HandshakeLimits::default(), &mut request);
    assert!(asked(&request, 5).unwrap().is_some());
    let mut answer = Vec::new();
    write_response(503, &[("Retry-After", "3")], b"later", &mut answer).unwrap();
    let Err(HandshakeError::Refused(refusal)) = asking.receive(&answer) else { panic!("it is refused") };
    assert_eq!((refusal.status(), refusal.retry_after().unwrap().as_secs()), (503, 3));
}

#[test]
fn whatever_a_client_asks_for_the_server_grants() {
    for target in ["/", "/a?b=c&d", "/%20"] {
        for (scheme, host, port) in [(Scheme::Ws, "a.example", 80), (Scheme::Wss, "::1", 8443)] {
            let (mut to_server, mut to_client) = (Vec::new(), Vec::new());
            let request = ClientRequest::new(scheme, host, port, target).unwrap().with_protocol("x").unwrap();
            let request = request.with_header("User-Agent", "me/1").unwrap();
            let mut client = ClientHandshake::start(&request, [9; 16], HandshakeLimits::default(), &mut to_server);
            let (upgrade, consumed) = asked(&to_server, 3).unwrap().unwrap();
            assert_eq!((upgrade.target(), consumed), (target, to_server.len()));
            upgrade.accept(Some("x"), &[], &mut to_client).unwrap();
            let Ok(Progress::Done { outcome, consumed }) = client.receive(&to_client) else { panic!("it is granted") };
            assert_eq!((outcome.protocol(), consumed), (Some("x"), to_client.len()));
        }
    }
}
