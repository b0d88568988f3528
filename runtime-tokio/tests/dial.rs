//! Ways in which a connection does not come about, and the one over TLS that does, on the loopback interface.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "helpers are test code as well")]

use core::time::Duration;
use futures_rustls::TlsAcceptor;
use portcullis::dialect::discord::Intents;
use portcullis::machine::{Cause, ConnectFailure, EndReason, Shutdown};
use portcullis::{Closure, Event};
use portcullis_fake::{FakeConfig, FakeServer, Limits};
use portcullis_tokio::rustls::crypto::ring;
use portcullis_tokio::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use portcullis_tokio::rustls::{ClientConfig, RootCertStore, ServerConfig};
use portcullis_tokio::{Shard, Tls};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;
use tokio_util::compat::{FuturesAsyncReadCompatExt as _, TokioAsyncReadCompatExt as _};

const PATIENCE: Duration = Duration::from_secs(20);

/// A server that reads a request and gives a fixed answer to each connection.
async fn answering(answer: &'static [u8]) -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut request = [0; 4096];
            let _ = stream.read(&mut request).await;
            let _ = stream.write_all(answer).await;
        }
    });
    address
}

/// What becomes of the first attempt: a wait and its cause, or the end.
async fn first_attempt(url: String, tls: Tls) -> Result<(Duration, Cause), EndReason> {
    let mut shard = Shard::builder("a.bot.token", Intents::GUILDS).gateway(url).tls(tls).build().unwrap();
    let attempt = async {
        loop {
            match shard.next_event().await {
                Some(Event::Reconnecting { after, cause, .. }) => return Ok((after, cause)),
                Some(Event::Ended(reason)) => return Err(reason),
                Some(_) => {}
                None => panic!("it ended without a reason"),
            }
        }
    };
    timeout(PATIENCE, attempt).await.expect("nothing came of it")
}

async fn refused_with(answer: &'static [u8]) -> Result<(Duration, Cause), EndReason> {
    first_attempt(format!("ws://{}", answering(answer).await), Tls::default()).await
}

#[tokio::test]
async fn a_status_is_told_and_a_retry_after_is_waited_for() {
    let failure = ConnectFailure::Http { status: 401, retry_after: None };
    let unauthorized = refused_with(b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n").await;
    assert_eq!(unauthorized, Err(EndReason::ConnectRefused { failure }));

    let (_, cause) = refused_with(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 6\r\n\r\nbanned").await.unwrap();
    assert_eq!(cause, Cause::ConnectHttp(403));

    let (after, cause) =
        refused_with(b"HTTP/1.1 429 Too Many Requests\r\nRetry-After: 77\r\nContent-Length: 0\r\n\r\n").await.unwrap();
    assert_eq!(cause, Cause::ConnectHttp(429));
    assert!(after >= Duration::from_secs(77), "{after:?}");

    let (after, cause) =
        refused_with(b"HTTP/1.1 503 Unavailable\r\nRetry-After: Wed, 21 Oct 2026 07:28:00 GMT\r\n\r\n").await.unwrap();
    assert_eq!(cause, Cause::ConnectHttp(503));
    assert!(after < Duration::from_secs(77), "{after:?}");
}

#[tokio::test]
async fn an_answer_that_is_no_upgrade_is_a_fault_of_protocol() {
    for answer in [
        &b"SSH-2.0-OpenSSH_9.6\r\n"[..],
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
          Sec-WebSocket-Accept: AAAAAAAAAAAAAAAAAAAAAAAAAAA=\r\n\r\n",
    ] {
        assert_eq!(refused_with(answer).await.unwrap().1, Cause::ConnectProtocol);
    }
}

#[tokio::test]
async fn a_closed_port_refuses() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let (_, cause) = first_attempt(format!("ws://{address}"), Tls::default()).await.unwrap();
    assert_eq!(cause, Cause::ConnectRefused);
}

#[tokio::test]
async fn a_server_without_tls_is_no_wss_gateway() {
    let address = answering(b"HTTP/1.1 101 Switching Protocols\r\n\r\n").await;
    assert_eq!(first_attempt(format!("wss://{address}"), Tls::default()).await.unwrap().1, Cause::ConnectTls);
}

/// A fake gateway behind TLS, with a certificate of its own for `localhost`.
struct Secured {
    _gateway: FakeServer,
    port: u16,
    certificate: CertificateDer<'static>,
}

async fn secured() -> Secured {
    let config = FakeConfig { limits: Limits::Lifted, ..FakeConfig::default() };
    let gateway = FakeServer::start(config).await.unwrap();
    let behind = gateway.address();
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let certificate = made.cert.der().clone();
    let key = PrivateKeyDer::Pkcs8(made.signing_key.serialize_der().into());
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.clone()], key)
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let Ok(stream) = acceptor.accept(stream.compat()).await else { return };
                let mut gateway = TcpStream::connect(behind).await.unwrap();
                let _ = copy_bidirectional(&mut stream.compat(), &mut gateway).await;
            });
        }
    });
    Secured { _gateway: gateway, port, certificate }
}

fn trusting(certificate: CertificateDer<'static>) -> Tls {
    let mut roots = RootCertStore::empty();
    roots.add(certificate).unwrap();
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    Tls::with_config(Arc::new(config))
}

#[tokio::test]
async fn a_certificate_of_an_unknown_authority_or_of_another_name_is_refused() {
    let server = secured().await;
    let url = format!("wss://localhost:{}", server.port);
    assert_eq!(first_attempt(url, Tls::webpki()).await.unwrap().1, Cause::ConnectTls);
    let url = format!("wss://127.0.0.1:{}", server.port);
    assert_eq!(first_attempt(url, trusting(server.certificate)).await.unwrap().1, Cause::ConnectTls);
}

#[tokio::test]
async fn a_shard_lives_over_tls() {
    let server = secured().await;
    let url = format!("wss://localhost:{}", server.port);
    let builder = Shard::builder("a.bot.token", Intents::GUILDS).gateway(url);
    let mut shard = builder.tls(trusting(server.certificate)).build().unwrap();
    let life = async {
        let mut closure = None;
        while let Some(event) = shard.next_event().await {
            match event {
                Event::Ready(_) => shard.shutdown(Shutdown::EndSession),
                Event::Closed { closure: how, .. } => closure = Some(how),
                _ => {}
            }
        }
        closure
    };
    let closure = timeout(PATIENCE, life).await.unwrap();
    // The gateway answers our close frame, or just hangs up.
    assert!(matches!(closure, None | Some(Closure::Frame(_) | Closure::Eof)), "{closure:?}");
    assert_eq!(shard.end_reason(), Some(EndReason::Shutdown));
}
