//! One client's socket: the handshake, then a reader and a writer side by side.

use super::http::{self, Ask, Plain};
use super::reader::read;
use super::replies::Replies;
use super::shared::{Orders, Shared, Socket, UpgradeAnswer};
use super::tls::Identity;
use super::writer::{WRITE, Writer};
use crate::input::{ConnectionId, Input};
use crate::rest::DO;
use async_tungstenite::tokio::TokioAdapter;
use core::pin::pin;
use core::time::Duration;
use futures_util::future::select;
use futures_util::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use std::sync::Arc;
use tokio::net::TcpStream;
use tokio::time::timeout;

/// How long a client may take to ask for its upgrade.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// How long an HTTP answer may take, and the client to close its stream after it.
const LINGER: Duration = Duration::from_secs(2);

/// Serves a client, behind TLS if there is an identity, until one of the two ends it.
pub(super) async fn serve(stream: TcpStream, identity: Option<Identity>, socket: Socket) {
    // Pieces are to leave as they are written.
    let _ = stream.set_nodelay(true);
    let stream = TokioAdapter::new(stream);
    match identity {
        None => answer(stream, &socket.shared).await,
        Some(identity) => {
            if let Ok(Ok(stream)) = timeout(HANDSHAKE, identity.acceptor.accept(stream)).await {
                answer(stream, &socket.shared).await;
            }
        }
    }
}

/// Reads one request and answers it; a WebSocket is served to its end.
async fn answer<S: AsyncRead + AsyncWrite + Unpin>(mut stream: S, shared: &Arc<Shared>) {
    let Ok(Some(ask)) = timeout(HANDSHAKE, http::ask(&mut stream)).await else { return };
    match ask {
        Ask::Upgrade { target, key, behind } => upgrade(stream, target, &key, behind, shared).await,
        Ask::Plain(plain) => {
            if let Some(text) = plain_answer(plain, &mut stream, shared).await {
                say(stream, &text).await;
            }
        }
        Ask::Wrong(wrong) => say(stream, &http::objection(wrong)).await,
    }
}

/// What a request that asks for no upgrade is told. `POST /_fake/do` does deeds; all else is the machine's matter.
async fn plain_answer(plain: Plain, stream: &mut (impl AsyncRead + Unpin), shared: &Shared) -> Option<String> {
    if plain.method != "POST" || plain.target != DO {
        let answer = shared.http(&plain.method, &plain.target, plain.authorization.as_deref());
        return Some(http::answer(&answer));
    }
    let body = timeout(HANDSHAKE, plain.body(stream)).await.ok()??;
    Some(match body {
        Ok(body) => http::answer(&shared.with(|gateway, now| gateway.http_do(now, &body))),
        Err(wrong) => http::objection(wrong),
    })
}

/// Writes the only answer a stream gets, and ends it.
async fn say<S: AsyncRead + AsyncWrite + Unpin>(mut stream: S, text: &str) {
    let written = async {
        stream.write_all(text.as_bytes()).await?;
        stream.close().await?;
        // A stream that is dropped with unread bytes is reset, and the answer may be lost with it.
        let mut rest = [0; 1024];
        while stream.read(&mut rest).await? > 0 {}
        std::io::Result::Ok(())
    };
    let _ = timeout(LINGER, written).await;
}

async fn upgrade<S: AsyncRead + AsyncWrite + Unpin>(
    mut stream: S,
    target: String,
    key: &str,
    behind: Vec<u8>,
    shared: &Arc<Shared>,
) {
    let Some(opened) = shared.open() else { return say(stream, &http::refusal(503, None)).await };
    let connection = opened.connection;
    match shared.feed(Input::Upgrade { connection, path_and_query: target }) {
        Some(UpgradeAnswer::Accepted) => {}
        Some(UpgradeAnswer::Refused { status, retry_after }) => {
            shared.gone(connection);
            return say(stream, &http::refusal(status, retry_after)).await;
        }
        None => return shared.gone(connection),
    }
    let life = pin!(async {
        let switched = timeout(WRITE, stream.write_all(http::switching(key).as_bytes())).await;
        if matches!(switched, Ok(Ok(()))) {
            live(stream, behind, connection, opened.orders, shared).await;
        }
    });
    select(life, opened.killed).await;
    shared.gone(connection);
}

/// A reader and a writer, until one of the two ends the connection.
async fn live<S: AsyncRead + AsyncWrite + Unpin>(
    stream: S,
    behind: Vec<u8>,
    connection: ConnectionId,
    orders: Orders,
    shared: &Shared,
) {
    let (reading, writing) = stream.split();
    let replies = Replies::default();
    let write = pin!(Writer::new(writing).write(orders, connection, shared, &replies));
    let read = pin!(read(reading, behind, connection, shared, &replies));
    select(write, read).await;
}
