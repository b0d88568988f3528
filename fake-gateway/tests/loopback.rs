//! The fake gateway over real sockets: only what the machine cannot show.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "the client's helpers are test code as well")]

use async_tungstenite::WebSocketStream;
use async_tungstenite::tokio::{TokioAdapter, connect_async};
use async_tungstenite::tungstenite::{Error, Message};
use core::time::Duration;
use futures_util::StreamExt as _;
use portcullis::CloseCode;
use portcullis_fake::{ClientFrame, FakeConfig, FakeServer, Fault, Limits, Resumable, Rule, SessionId, Span, Target};
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
    // Bytes that are no HTTP, a socket that says nothing, a text that is no UTF-8, a message above every limit.
    let mut noise = TcpStream::connect(server.address()).await.unwrap();
    noise.write_all(b"\x00\xff\x00 not http \r\n\r\n").await.unwrap();
    let _silent = TcpStream::connect(server.address()).await.unwrap();
    for message in [Message::binary(vec![0xff; 9]), Message::binary(vec![b' '; 2 << 20])] {
        let mut bad = Client::connect(&server).await;
        // The fake may have cut the stream before all of it was written.
        let _ = bad.0.send(message).await;
        assert_eq!(bad.close_code().await, Some(4002));
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
async fn a_stop_says_going_away_and_then_nobody_is_there() {
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
