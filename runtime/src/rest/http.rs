//! HTTP for one request: a trait for clients of all kinds, and a small client over a runtime's own sockets.

use crate::dial::{self, Route};
use crate::network::Network;
use crate::runtime::Runtime;

use core::future::Future;
use core::pin::{Pin, pin};
use core::time::Duration;
use futures_io::{AsyncRead, AsyncWrite};
use futures_util::future::{Either, select};
use futures_util::{AsyncReadExt as _, AsyncWriteExt as _};
use http::header::{AUTHORIZATION, USER_AGENT};
use http::{Request, Response};
use portcullis::machine::ConnectFailure;
use std::io::{self, ErrorKind};
use std::sync::Arc;
use ureq_proto::BodyMode;
use ureq_proto::client::{Call, RecvResponseResult, SendRequestResult, state};

/// What an [`HttpClient`] gives: a response, whatever its status, or why there is none.
pub type HttpFuture = Pin<Box<dyn Future<Output = io::Result<Response<Vec<u8>>>> + Send>>;

/// An HTTP client to use in place of the built-in one, for example one with a pool or a rate limiter. A function from a
/// request to a future is one.
///
/// The request has the `Authorization` header: do not log it.
///
/// ```
/// use portcullis_runtime::HttpClient;
/// use portcullis_runtime::http::{Request, Response};
///
/// fn takes(_: impl HttpClient) {}
/// takes(|request: Request<()>| async move {
///     assert_eq!(request.uri().path(), "/api/v10/gateway/bot");
///     Ok(Response::new(b"{}".to_vec()))
/// });
/// ```
pub trait HttpClient: Send + Sync + 'static {
    /// Sends a request without a body, and reads the whole answer.
    fn send(&self, request: Request<()>) -> HttpFuture;
}

impl<F, A> HttpClient for F
where
    F: Fn(Request<()>) -> A + Send + Sync + 'static,
    A: Future<Output = io::Result<Response<Vec<u8>>>> + Send + 'static,
{
    fn send(&self, request: Request<()>) -> HttpFuture {
        Box::pin(self(request))
    }
}

/// The built-in client: one connection for each request. The protocol itself is `ureq-proto`'s.
pub(super) struct OneShot<R> {
    pub(super) runtime: R,
    pub(super) network: Network,
}

impl<R: Runtime> HttpClient for OneShot<R> {
    fn send(&self, mut request: Request<()>) -> HttpFuture {
        let (runtime, network) = (self.runtime.clone(), self.network.clone());
        request.headers_mut().insert(USER_AGENT, network.user_agent().clone());
        let route = Route::new(network.lookups());
        let way = Arc::clone(&route);
        let timeout = self.runtime.sleep_until(self.runtime.now() + TIMEOUT);
        let exchange = async move {
            let Some(host) = request.uri().host() else { return Err(unusable("the URL has no host")) };
            let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
            let (port, is_secured) = match request.uri().scheme_str() {
                Some("https") => (443, true),
                Some("http") => (80, false),
                _ => return Err(unusable("the URL is neither https nor http")),
            };
            let port = request.uri().port_u16().unwrap_or(port);
            let stream = dial::connect(&runtime, &network, &way, &host, port).await.map_err(not_reached)?;
            if is_secured {
                exchange(network.tls().connect(&host, stream).await.map_err(not_reached)?, request).await
            } else {
                exchange(stream, request).await
            }
        };
        Box::pin(async move {
            let answer = match select(pin!(exchange), pin!(timeout)).await {
                Either::Left((answer, _)) => answer,
                Either::Right(((), _)) => Err(ErrorKind::TimedOut.into()),
            };
            // After a failure the next request goes to another address, if there is one.
            match &answer {
                Ok(answer) if !answer.status().is_server_error() => route.proven(),
                Ok(_) | Err(_) => route.failed(),
            }
            answer
        })
    }
}

/// The most bytes of a response. That of `/gateway/bot` has about 200; this is a bound on a peer's memory, not a size.
const ANSWER_MAX: usize = 64 << 10;

/// How long a request may take: lookup, connection, TLS and response. Long enough for a slow network; the backoff
/// ([`Rest::BACKOFF`](super::Rest::BACKOFF)) asks again after it.
const TIMEOUT: Duration = Duration::from_secs(20);

async fn exchange<S: AsyncRead + AsyncWrite + Unpin>(
    mut stream: S,
    mut request: Request<()>,
) -> io::Result<Response<Vec<u8>>> {
    // `ureq-proto` logs the head that it writes, so the token is added behind it here.
    let secret = request.headers_mut().remove(AUTHORIZATION);
    let mut call = Call::new(request).map_err(wrong)?.proceed();
    let (mut head, mut piece) = (Vec::new(), vec![0; 4 << 10]);
    while !call.can_proceed() {
        let len = call.write(&mut piece).map_err(wrong)?;
        head.extend_from_slice(&piece[..len]);
    }
    if let Some(secret) = secret {
        head.truncate(head.len().saturating_sub(2));
        head.extend_from_slice(&[b"authorization: ", secret.as_bytes(), b"\r\n\r\n"].concat());
    }
    stream.write_all(&head).await?;
    stream.flush().await?;
    let Some(SendRequestResult::RecvResponse(call)) = call.proceed().map_err(wrong)? else {
        return Err(unusable("a request without a body asked for one"));
    };
    receive(&mut stream, call).await
}

async fn receive<S: AsyncRead + Unpin>(
    stream: &mut S,
    mut call: Call<state::RecvResponse>,
) -> io::Result<Response<Vec<u8>>> {
    let mut incoming = Incoming { bytes: Vec::new(), total: 0 };
    let head = loop {
        let (used, head) = call.try_response(&incoming.bytes, false).map_err(wrong)?;
        incoming.bytes.drain(..used);
        match head {
            Some(head) => break head,
            // An interim response (1xx, RFC 9110 §15.2), which comes before the final one.
            None if used > 0 => {}
            None if incoming.more(stream).await? => {}
            None => return Err(ErrorKind::UnexpectedEof.into()),
        }
    };
    let mut body = Vec::new();
    if let Some(RecvResponseResult::RecvBody(mut call)) = call.proceed() {
        let mut piece = vec![0; 4 << 10];
        loop {
            let (used, len) = call.read(&incoming.bytes, &mut piece).map_err(wrong)?;
            incoming.bytes.drain(..used);
            body.extend_from_slice(&piece[..len]);
            if used > 0 || len > 0 {
                continue;
            }
            // A body that ends with the connection could always go on.
            if call.can_proceed() && call.body_mode() != BodyMode::CloseDelimited {
                break;
            }
            if !incoming.more(stream).await? {
                if call.can_proceed() {
                    break;
                }
                return Err(ErrorKind::UnexpectedEof.into());
            }
        }
    }
    let (parts, ()) = head.into_parts();
    Ok(Response::from_parts(parts, body))
}

struct Incoming {
    bytes: Vec<u8>,
    total: usize,
}

impl Incoming {
    /// Reads on; `false` at the end.
    async fn more<S: AsyncRead + Unpin>(&mut self, stream: &mut S) -> io::Result<bool> {
        let mut piece = [0; 4 << 10];
        let len = stream.read(&mut piece).await?;
        self.total += len;
        if self.total > ANSWER_MAX {
            return Err(io::Error::new(ErrorKind::InvalidData, "the answer has more than 64 KiB"));
        }
        self.bytes.extend_from_slice(&piece[..len]);
        Ok(len > 0)
    }
}

fn unusable(what: &'static str) -> io::Error {
    io::Error::new(ErrorKind::InvalidInput, what)
}

fn not_reached(failure: ConnectFailure) -> io::Error {
    io::Error::other(failure)
}

fn wrong(error: ureq_proto::Error) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, error)
}
