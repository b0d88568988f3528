//! What the upgrade says.

use crate::{Fate, PATIENCE, fate, shard};
use portcullis::machine::Cause;
use portcullis_tokio::{BuildError, Builder, HeaderError};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::time::timeout;

/// The request that a shard makes, as it is on the wire.
async fn request_of(set: impl FnOnce(Builder) -> Builder) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let builder = set(shard(format!("ws://{}", listener.local_addr().unwrap())));
    let server = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut request = Vec::new();
        while !request.ends_with(b"\r\n\r\n") {
            request.push(stream.read_u8().await.unwrap());
        }
        stream.write_all(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n").await.unwrap();
        String::from_utf8(request).unwrap()
    };
    let (fate, request) = timeout(PATIENCE, async { tokio::join!(fate(builder), server) }).await.unwrap();
    assert_eq!(fate, Fate::Waits(Cause::ConnectHttp(404)));
    request
}

fn has(request: &str, line: &str) -> bool {
    request.lines().any(|given| given.eq_ignore_ascii_case(line))
}

#[tokio::test]
async fn who_we_are_is_said_unless_something_else_is() {
    let request = request_of(|builder| builder).await;
    let version = env!("CARGO_PKG_VERSION");
    let told = format!("User-Agent: DiscordBot (https://github.com/portcullis-rs/portcullis, {version})");
    assert!(has(&request, &told), "{request}");

    let request =
        request_of(|builder| builder.user_agent("mine/1").header("X-Region", "eu").header("Cookie", "a=b")).await;
    assert!(has(&request, "User-Agent: mine/1"), "{request}");
    assert!(has(&request, "X-Region: eu") && has(&request, "Cookie: a=b"), "{request}");
    assert_eq!(request.to_ascii_lowercase().matches("user-agent").count(), 1);
}

#[tokio::test]
async fn headers_of_the_handshake_are_refused_before_anything_is_sent() {
    let refused = |builder: Builder| builder.build().unwrap_err();
    for (name, lower) in [("Host", "host"), ("Sec-WebSocket-Key", "sec-websocket-key"), ("UPGRADE", "upgrade")] {
        let error = HeaderError::Reserved { name: lower.into() };
        assert_eq!(refused(shard("ws://127.0.0.1:9").header(name, "x")), BuildError::Header(error));
    }
    let told = refused(shard("ws://127.0.0.1:9").user_agent("a\r\nb")).to_string();
    assert_eq!(told, "the value of the header user-agent must be visible ascii, and not empty");
}
