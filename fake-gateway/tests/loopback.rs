//! The fake gateway over real sockets: only what the machine cannot show.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "the client's helpers are test code as well")]

use async_tungstenite::WebSocketStream;
use async_tungstenite::tokio::{TokioAdapter, connect_async};
use async_tungstenite::tungstenite::{Error, Message};
use core::time::Duration;
use futures_util::StreamExt as _;
use portcullis::CloseCode;
use portcullis_fake::{
    ClientFrame, FakeConfig, FakeServer, Fault, Flood, Identity, Limits, Listen, Observer, Resumable, Rule, Script,
    SessionId, Span, Target,
};
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

const IDENTIFY: &str = r#"{"op":2,"d":{"token":"T","intents":0,"properties":{}}}"#;
const HEARTBEAT: &str = r#"{"op":1,"d":null}"#;

struct Client(WebSocketStream<TokioAdapter<TcpStream>>);

impl Client {
    async fn connect(server: &FakeServer) -> Self {
        let stream = TcpStream::connect(server.address()).await.unwrap();
        let url = format!("{}/?v=10&encoding=json", server.url());
        let (socket, _) = async_tungstenite::tokio::client_async(url, stream).await.unwrap();
        let mut client = Self(socket);
        assert_eq!(client.frame().await["op"], 10);
        client
    }

    async fn online(server: &FakeServer) -> (Self, SessionId) {
        let mut client = Self::connect(server).await;
        client.say(IDENTIFY).await;
        let ready = client.frame().await;
        let id = u128::from_str_radix(ready["d"]["session_id"].as_str().unwrap(), 16).unwrap();
        (client, SessionId(id))
    }

    async fn say(&mut self, text: &str) {
        self.0.send(Message::text(text)).await.unwrap();
    }

    async fn message(&mut self) -> Option<Result<Message, Error>> {
        timeout(Duration::from_secs(20), self.0.next()).await.expect("the fake was silent")
    }

    async fn frame(&mut self) -> Value {
        match self.message().await {
            Some(Ok(Message::Text(text))) => serde_json::from_str(&text).unwrap(),
            other => panic!("no frame: {other:?}"),
        }
    }

    async fn close_code(&mut self) -> Option<u16> {
        match self.message().await {
            Some(Ok(Message::Close(frame))) => frame.map(|frame| frame.code.into()),
            other => panic!("no close: {other:?}"),
        }
    }
}

async fn server() -> FakeServer {
    let config = FakeConfig { guilds: 0, limits: Limits::Lifted, ..FakeConfig::default() };
    FakeServer::start(config).await.unwrap()
}

#[tokio::test]
async fn a_session_is_begun_dropped_and_resumed_over_tcp() {
    let server = server().await;
    let (mut client, session) = Client::online(&server).await;
    let handle = server.handle();
    assert_eq!(handle.with(|gateway, _| gateway.config().resume_url.clone()), server.url());
    handle.with(|gateway, now| gateway.drop_connections(now, Target::All));
    // A stream that ends without a close frame.
    assert!(matches!(client.message().await, Some(Err(_)) | None));
    handle.with(|gateway, now| gateway.dispatch(now, Target::Session(session), "USER_UPDATE", "{}"));

    let mut client = Client::connect(&server).await;
    client.say(&format!(r#"{{"op":6,"d":{{"token":"T","session_id":"{session}","seq":1}}}}"#)).await;
    assert_eq!(client.frame().await["t"], "USER_UPDATE");
    assert_eq!(client.frame().await["t"], "RESUMED");
    handle.with(|gateway, now| gateway.invalid_session(now, Target::All, Resumable::No));
    assert_eq!(client.frame().await["d"], false);
}

#[tokio::test]
async fn a_close_has_its_code_and_the_clients_own_code_arrives() {
    let server = server().await;
    let handle = server.handle();
    let (mut client, _) = Client::online(&server).await;
    handle.with(|gateway, now| gateway.close(now, Target::All, Some(CloseCode(4008)), &"ä".repeat(99)));
    assert_eq!(client.close_code().await, Some(4008));
    let mut client = Client::connect(&server).await;
    handle.with(|gateway, now| gateway.close(now, Target::All, None, ""));
    assert_eq!(client.close_code().await, None);
    let (mut client, session) = Client::online(&server).await;
    client.0.close(None).await.unwrap();
    handle
        .until(move |gateway| gateway.sessions().any(|status| status.id == session && status.connection.is_none()))
        .await;
}

#[tokio::test]
async fn an_upgrade_is_refused_with_status_and_retry_after() {
    let server = server().await;
    let fault = Fault::RefuseUpgrade { status: 429, retry_after: Some(Duration::from_millis(1500)) };
    server.handle().with(|gateway, _| gateway.fault(Target::All, fault, Span::Next));
    match connect_async(format!("{}/?v=10", server.url())).await {
        Err(Error::Http(response)) => {
            assert_eq!(response.status(), 429);
            assert_eq!(response.headers()["retry-after"], "2");
        }
        other => panic!("not refused: {:?}", other.map(|_| ())),
    }
    Client::connect(&server).await;
}

#[tokio::test]
async fn pieces_are_fragments_with_time_between_them() {
    let server = server().await;
    let mut client = Client::connect(&server).await;
    let gap = Duration::from_millis(20);
    server.handle().with(|gateway, _| gateway.fault(Target::All, Fault::Split { pieces: 4, gap }, Span::Next));
    let start = tokio::time::Instant::now();
    client.say(HEARTBEAT).await;
    assert_eq!(client.frame().await["op"], 11);
    assert!(start.elapsed() >= 3 * gap);
}

#[tokio::test]
async fn a_fragment_on_the_wire_has_no_fin_bit() {
    // given: a client that reads bytes
    let server = server().await;
    let mut stream = TcpStream::connect(server.address()).await.unwrap();
    let fault = Fault::Split { pieces: 2, gap: Duration::ZERO };
    server.handle().with(|gateway, _| gateway.fault(Target::All, fault, Span::Next));
    let request = "GET /?v=10 HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
                   Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut bytes = Vec::new();
    while !bytes.ends_with(br#"0.0}]"]}}"#) {
        assert_ne!(stream.read_buf(&mut bytes).await.unwrap(), 0);
    }
    // then: Hello is a text frame without FIN and a continuation with it
    let head = bytes.windows(4).position(|window| window == b"\r\n\r\n").unwrap() + 4;
    let first = usize::from(bytes[head + 1]);
    assert_eq!((bytes[head], bytes[head + 2 + first]), (0x01, 0x80));
}

#[tokio::test]
async fn a_stream_cut_within_a_message_ends_without_it() {
    let server = server().await;
    let mut client = Client::connect(&server).await;
    server.handle().with(|gateway, _| gateway.fault(Target::All, Fault::Cut { bytes: 9 }, Span::Next));
    client.say(HEARTBEAT).await;
    assert!(matches!(client.message().await, Some(Err(_)) | None));
}

#[tokio::test]
async fn timers_of_the_machine_are_kept() {
    let config = FakeConfig { heartbeat_interval: Duration::from_millis(40), guilds: 0, ..FakeConfig::default() };
    let server = FakeServer::start(config).await.unwrap();
    let mut client = Client::connect(&server).await;
    assert_eq!(client.close_code().await, Some(4009));
    let broken = server.handle().with(|gateway, _| gateway.breaches().map(|breach| breach.rule).collect::<Vec<_>>());
    assert_eq!(broken, [Rule::SessionTimedOut]);
}

#[tokio::test]
async fn clients_with_garbage_do_not_hurt_the_others() {
    let server = server().await;
    let (mut good, _) = Client::online(&server).await;
    // Bytes that are no HTTP, a socket that says nothing, a message that is no JSON, a message above every limit.
    let mut noise = TcpStream::connect(server.address()).await.unwrap();
    noise.write_all(b"\x00\xff\x00 not http \r\n\r\n").await.unwrap();
    let _silent = TcpStream::connect(server.address()).await.unwrap();
    for (message, code) in [(vec![0xff; 9], 4002), (vec![b' '; 2 << 20], 1009)] {
        let mut bad = Client::connect(&server).await;
        // The fake may have cut the stream before all of it was written.
        let _ = bad.0.send(Message::binary(message)).await;
        assert_eq!(bad.close_code().await, Some(code));
    }
    good.say(HEARTBEAT).await;
    assert_eq!(good.frame().await["op"], 11);
}

#[tokio::test]
async fn a_client_that_never_reads_is_cut_and_the_others_go_on() {
    let config = FakeConfig { guilds: 0, ring: 10, limits: Limits::Lifted, ..FakeConfig::default() };
    let server = FakeServer::start(config).await.unwrap();
    let handle = server.handle();
    let (_deaf, session) = Client::online(&server).await;
    let (mut good, other) = Client::online(&server).await;
    let big = format!("\"{}\"", "x".repeat(1 << 20));
    for _ in 0..100 {
        handle.with(|gateway, now| gateway.dispatch(now, Target::Session(session), "USER_UPDATE", &big));
    }
    handle.until(|gateway| gateway.sessions().any(|status| status.id == session && status.connection.is_none())).await;
    handle.with(|gateway, now| gateway.dispatch(now, Target::Session(other), "USER_UPDATE", "1"));
    assert_eq!(good.frame().await["d"], 1);
}

#[tokio::test]
async fn many_clients_are_served_at_once() {
    let config = FakeConfig { guilds: 1, limits: Limits::Lifted, ..FakeConfig::default() };
    let server = FakeServer::start(config).await.unwrap();
    let mut clients = Vec::new();
    for _ in 0..100 {
        clients.push(Client::online(&server).await.0);
    }
    let reached = server.handle().with(|gateway, now| gateway.dispatch(now, Target::All, "USER_UPDATE", "{}"));
    assert_eq!(reached, 100);
    for client in &mut clients {
        assert_eq!(client.frame().await["t"], "USER_UPDATE");
    }
}

#[tokio::test]
async fn a_stop_says_going_away_and_then_no_server_is_there() {
    let server = server().await;
    let handle = server.handle();
    let (mut client, _) = Client::online(&server).await;
    client.say(HEARTBEAT).await;
    handle.until(|gateway| gateway.counters().heartbeats == 1).await;
    assert!(handle.with(|gateway, _| {
        gateway.received().any(|received| received.frame == ClientFrame::Heartbeat { sequence: None })
    }));
    let address = server.address();
    let ((), code) = tokio::join!(server.stop(), async {
        assert_eq!(client.frame().await["op"], 11);
        let code = client.close_code().await;
        // Reading on sends the answer to the close frame.
        assert!(!matches!(client.message().await, Some(Ok(_))));
        code
    });
    assert_eq!(code, Some(1001));
    assert!(TcpStream::connect(address).await.is_err());
}

/// Reads bytes until they end so, or the stream does.
async fn bytes_until(stream: &mut TcpStream, end: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    while !bytes.ends_with(end) {
        let read = timeout(Duration::from_secs(20), stream.read_buf(&mut bytes)).await.expect("the fake was silent");
        if read.unwrap() == 0 {
            break;
        }
    }
    bytes
}

/// A client that says no more than an upgrade needs: no `User-Agent`, no `Origin`. Nothing of the answer is read.
async fn asking(server: &FakeServer) -> TcpStream {
    let mut stream = TcpStream::connect(server.address()).await.unwrap();
    let request = "GET /?v=10 HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
                   Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    stream.write_all(request.as_bytes()).await.unwrap();
    stream
}

/// The same, its Hello read.
async fn raw_client(server: &FakeServer) -> TcpStream {
    let mut stream = asking(server).await;
    bytes_until(&mut stream, br#"]"]}}"#).await;
    stream
}

#[tokio::test]
async fn a_ping_of_any_payload_is_answered() {
    let server = server().await;
    let mut client = Client::connect(&server).await;
    for payload in [b"".as_slice(), b"12345", &[0xff; 125]] {
        client.0.send(Message::Ping(payload.to_vec().into())).await.unwrap();
        assert_eq!(client.message().await.unwrap().unwrap(), Message::Pong(payload.to_vec().into()));
    }
}

#[tokio::test]
async fn bytes_that_are_no_websocket_frame_cost_1002() {
    // An unmasked frame, a reserved bit, an unknown opcode, a ping in fragments.
    for bytes in [b"\x81\x02{}".as_slice(), b"\xc1\x80\0\0\0\0", b"\x83\x80\0\0\0\0", b"\x09\x80\0\0\0\0"] {
        let server = server().await;
        let mut stream = raw_client(&server).await;
        stream.write_all(bytes).await.unwrap();
        let answer = bytes_until(&mut stream, b"Protocol error.").await;
        assert_eq!(answer[..4], [0x88, 17, 0x03, 0xea], "{bytes:x?}");
        let rules: Vec<_> = server.handle().with(|gateway, _| gateway.breaches().map(|breach| breach.rule).collect());
        assert_eq!(rules, [Rule::WebsocketProtocol]);
    }
}

#[tokio::test]
async fn several_frames_leave_together_and_a_stalled_one_stops_in_its_middle() {
    let server = server().await;
    let mut client = Client::connect(&server).await;
    let handle = server.handle();
    handle.with(|gateway, _| {
        gateway.fault(Target::All, Fault::Coalesce { frames: 3 }, Span::Next);
    });
    for _ in 0..3 {
        client.say(HEARTBEAT).await;
    }
    for _ in 0..3 {
        assert_eq!(client.frame().await["op"], 11);
    }

    let mut stream = raw_client(&server).await;
    let stall = Fault::Stall { bytes: 5, pause: None };
    let connection = handle.with(|gateway, now| {
        let connection = gateway.connections().last().unwrap();
        gateway.fault(Target::Connection(connection), stall, Span::Next);
        gateway.request_heartbeat(now, Target::Connection(connection));
        connection
    });
    // The head of the frame, five bytes of its payload, and then nothing until the stream ends.
    let first = bytes_until(&mut stream, br#"{"t":"#).await;
    assert_eq!(first, b"\x81\x23{\"t\":");
    drop(stream);
    handle.until(move |gateway| gateway.connections().all(|open| open != connection)).await;
    client.say(HEARTBEAT).await;
    assert_eq!(client.frame().await["op"], 11);
}

#[tokio::test]
async fn a_half_open_client_is_closed_and_the_others_go_on() {
    let config = FakeConfig { heartbeat_interval: Duration::from_millis(100), guilds: 0, ..FakeConfig::default() };
    let server = FakeServer::start(config).await.unwrap();
    // One that never asks, one that asks half, one that falls silent after Hello.
    let _mute = TcpStream::connect(server.address()).await.unwrap();
    let mut half = TcpStream::connect(server.address()).await.unwrap();
    half.write_all(b"GET / HTTP/1.1\r\nUpgrade").await.unwrap();
    let mut silent = asking(&server).await;
    let all = bytes_until(&mut silent, b"\x0f\xa9Session timed out.").await;
    assert!(all.ends_with(b"\x0f\xa9Session timed out."));
    Client::connect(&server).await;
}

#[tokio::test]
async fn a_client_that_trusts_the_certificate_comes_in_by_tls() {
    use async_tungstenite::tokio::TokioAdapter as Adapter;
    use futures_rustls::TlsConnector;
    use futures_rustls::pki_types::{CertificateDer, ServerName, pem::PemObject as _};
    use futures_rustls::rustls::{ClientConfig, RootCertStore, crypto::ring::default_provider};
    use std::sync::Arc;

    let identity = Identity::new().unwrap();
    let listen = Listen { identity: Some(identity.clone()), ..Listen::default() };
    let server = FakeServer::start_with(FakeConfig { guilds: 0, ..FakeConfig::default() }, listen).await.unwrap();
    assert!(server.url().starts_with("wss://127.0.0.1:"));

    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(identity.pem().as_bytes()).unwrap()).unwrap();
    let config = ClientConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    for name in ["127.0.0.1", "localhost"] {
        let tcp = Adapter::new(TcpStream::connect(server.address()).await.unwrap());
        let name = ServerName::try_from(name).unwrap();
        let tls = TlsConnector::from(Arc::new(config.clone())).connect(name, tcp).await.unwrap();
        let url = format!("{}/?v=10&encoding=json", server.url());
        let (mut socket, _) = async_tungstenite::client_async(url, tls).await.unwrap();
        let hello = socket.next().await.unwrap().unwrap().into_text().unwrap();
        assert!(hello.contains("heartbeat_interval"), "{hello}");
    }
}

#[tokio::test]
async fn a_script_is_played_and_told_of_over_sockets() {
    let (told, mut lines) = tokio::sync::mpsc::unbounded_channel();
    let script = Script::parse("set guilds 0\nafter ready: dispatch generated MESSAGE_CREATE; op 7; end").unwrap();
    let mut config = FakeConfig::default();
    script.configure(&mut config);
    let observer = Observer::new(move |event| {
        let _ = told.send(event.to_string());
    });
    let listen = Listen { script: Some(script), observer: Some(observer), ..Listen::default() };
    let server = FakeServer::start_with(config, listen).await.unwrap();
    let mut client = Client::connect(&server).await;
    client.say(&IDENTIFY.replace("\"intents\":0", "\"intents\":512")).await;
    for name in ["READY", "MESSAGE_CREATE"] {
        assert_eq!(client.frame().await["t"], name);
    }
    assert_eq!(client.frame().await["op"], 7);
    server.handle().until(portcullis_fake::FakeGateway::is_ended).await;
    let mut all = String::new();
    while !all.contains("Reconnect") {
        all += &timeout(Duration::from_secs(20), lines.recv()).await.unwrap().unwrap();
    }
    assert!(all.contains("connected by /?v=10&encoding=json") && all.contains("< Identify"), "{all}");
}

#[tokio::test]
async fn a_flood_waits_for_a_client_that_reads_late() {
    let server = server().await;
    let mut client = Client::connect(&server).await;
    client.say(&IDENTIFY.replace("\"intents\":0", "\"intents\":33281")).await;
    let ready = client.frame().await;
    assert_eq!(ready["t"], "READY");
    // More messages than may wait for one client, and more bytes than fit into the kernel's buffers.
    let flood = Flood { events: 20_000, size: 1000, until: "DONE".into() };
    assert_eq!(server.handle().with(|gateway, now| gateway.flood(now, Target::All, &flood)), 1);
    let sent = server.handle().with(|gateway, _| gateway.counters().dispatches);
    assert!(sent < 2000, "{sent} are on their way to a client that reads nothing");
    for number in 0..20_000 {
        assert_eq!(client.frame().await["s"], number + 2);
    }
    assert_eq!(client.frame().await["t"], "DONE");
}

/// A frame as clients send it, with a mask of zeros.
fn masked(first: u8, payload: &[u8]) -> Vec<u8> {
    let length = payload.len();
    let mut frame = match u8::try_from(length) {
        Ok(length @ ..126) => vec![first, 0x80 | length],
        _ => [&[first, 0x80 | 127][..], &(length as u64).to_be_bytes()].concat(),
    };
    frame.extend([0; 4]);
    frame.extend(payload);
    frame
}

/// All that comes until the stream ends.
async fn rest(stream: &mut TcpStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    timeout(Duration::from_secs(20), stream.read_to_end(&mut bytes)).await.expect("the stream did not end").unwrap();
    bytes
}

#[tokio::test]
async fn found_26_a_close_frame_is_echoed_and_then_the_stream_ends() {
    let server = server().await;
    // A code, a code with a reason, no code.
    for (payload, echo) in
        [(&b"\x03\xe8"[..], &b"\x88\x02\x03\xe8"[..]), (b"\x0f\xa0bye", b"\x88\x02\x0f\xa0"), (b"", b"\x88\x00")]
    {
        let mut stream = raw_client(&server).await;
        stream.write_all(&masked(0x88, payload)).await.unwrap();
        assert_eq!(rest(&mut stream).await, echo, "{payload:x?}");
    }
    server.handle().until(|gateway| gateway.connections().count() == 0 && gateway.counters().left == 3).await;
    assert_eq!(server.handle().with(|gateway, _| gateway.counters().breaches), 0);
}

#[tokio::test]
async fn found_26_a_close_frame_is_echoed_while_a_late_message_waits() {
    let server = server().await;
    let mut stream = raw_client(&server).await;
    let lag = Fault::Lag(Duration::from_secs(3600));
    server.handle().with(|gateway, now| {
        gateway.fault(Target::All, lag, Span::Next);
        gateway.request_heartbeat(now, Target::All);
    });
    stream.write_all(&masked(0x88, b"\x03\xe8")).await.unwrap();
    assert_eq!(rest(&mut stream).await, b"\x88\x02\x03\xe8");
}

#[tokio::test]
async fn found_26_a_text_that_is_no_utf_8_costs_1007_and_too_large_a_message_1009() {
    let fragment = [masked(0x01, b"\xc3"), masked(0x80, b"\x28")].concat();
    for (bytes, rule, close) in [
        (masked(0x81, b"{\"op\":\xff}"), Rule::NotUtf8, &b"\x03\xef"[..]),
        (fragment, Rule::NotUtf8, b"\x03\xef"),
        (masked(0x82, &vec![b' '; (1 << 20) + 1]), Rule::MessageTooLarge, b"\x03\xf1"),
    ] {
        let server = server().await;
        let mut stream = raw_client(&server).await;
        // The fake does not read a message that is too large to its end.
        let _ = stream.write_all(&bytes).await;
        let answer = bytes_until(&mut stream, if rule == Rule::NotUtf8 { b"UTF-8." } else { b"large." }).await;
        assert_eq!((answer[0], &answer[2..4]), (0x88, close), "{rule}");
        let rules: Vec<_> = server.handle().with(|gateway, _| gateway.breaches().map(|breach| breach.rule).collect());
        assert_eq!(rules, [rule]);
    }
}

#[tokio::test]
async fn found_26_a_client_that_pings_and_never_reads_costs_one_pong() {
    // given: a client whose system takes little that it does not read
    let server = server().await;
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(16 << 10).unwrap();
    let mut stream = socket.connect(server.address()).await.unwrap();
    let request = "GET /?v=10 HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
                   Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    stream.write_all(request.as_bytes()).await.unwrap();
    bytes_until(&mut stream, br#"]"]}}"#).await;

    // when: it sends 24 MiB of pings before it reads, and a heartbeat
    let pings = masked(0x89, &[b'p'; 125]).repeat(8 << 10);
    for _ in 0..24 {
        stream.write_all(&pings).await.unwrap();
    }
    stream.write_all(&masked(0x81, HEARTBEAT.as_bytes())).await.unwrap();
    server.handle().until(|gateway| gateway.counters().heartbeats == 1).await;

    // then: what was kept for it is what the system has room for (4 MiB at most), and an ack
    let kept = bytes_until(&mut stream, br#""op":11,"d":null}"#).await;
    assert!(kept.len() < 12 << 20, "{} bytes of pongs were kept", kept.len());
}
