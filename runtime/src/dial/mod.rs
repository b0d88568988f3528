//! From a URL to an open WebSocket: name, address, TLS, upgrade.
//!
//! # Invariants
//! * `wss-is-secured`: what has `wss` in its URL cannot be connected in the clear. The two schemes are two types, each
//!   made in one place only, and the plain way takes the other one.

mod race;

use crate::failure;
use crate::runtime::Runtime;
use crate::tls::Tls;
use crate::websocket::{self, SocketLimits, WebSocket};
use core::future::Future;
use core::pin::Pin;
use futures_io::{AsyncRead, AsyncWrite};
use portcullis::machine::ConnectFailure;
use portcullis::url::{GatewayUrl, Scheme};

/// A dial on its way.
pub(crate) type Dial = Pin<Box<dyn Future<Output = Result<Box<dyn WebSocket>, ConnectFailure>> + Send>>;

/// Where to, told apart by type.
#[derive(Debug)]
enum Target {
    Secured(Secured),
    Plain(Plain),
}

impl Target {
    /// The only place where either is made.
    fn of(url: GatewayUrl) -> Self {
        match url.scheme() {
            Scheme::Wss => Self::Secured(Secured(url)),
            Scheme::Ws => Self::Plain(Plain(url)),
        }
    }
}

/// A `wss` URL.
#[derive(Debug)]
struct Secured(GatewayUrl);

impl Secured {
    async fn open<S: AsyncRead + AsyncWrite + Send + Unpin + 'static>(
        &self,
        stream: S,
        tls: &Tls,
        limits: SocketLimits,
    ) -> Result<Box<dyn WebSocket>, ConnectFailure> {
        websocket::open(&self.0, tls.connect(self.0.host(), stream).await?, limits).await
    }
}

/// A `ws` URL.
#[derive(Debug)]
struct Plain(GatewayUrl);

impl Plain {
    async fn open<S: AsyncRead + AsyncWrite + Send + Unpin + 'static>(
        &self,
        stream: S,
        limits: SocketLimits,
    ) -> Result<Box<dyn WebSocket>, ConnectFailure> {
        websocket::open(&self.0, stream, limits).await
    }
}

/// A connected stream to a host, by whichever of its addresses answers first.
pub(crate) async fn reach<R: Runtime>(runtime: &R, host: &str, port: u16) -> Result<R::Stream, ConnectFailure> {
    let addresses = runtime.resolve(host, port).await.map_err(|_| ConnectFailure::Name)?;
    if addresses.is_empty() {
        return Err(ConnectFailure::Name);
    }
    race::connect(runtime, addresses).await.map_err(|error| failure::of_connect(&error))
}

/// Dials. The machine times it.
pub(crate) fn dial<R: Runtime>(runtime: R, tls: Tls, url: GatewayUrl, limits: SocketLimits) -> Dial {
    Box::pin(async move {
        let stream = reach(&runtime, url.host(), url.port()).await?;
        match Target::of(url) {
            Target::Secured(target) => target.open(stream, &tls, limits).await,
            Target::Plain(target) => target.open(stream, limits).await,
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scheme_decides_the_type_whatever_port_and_host_suggest() {
        let target = |text| Target::of(GatewayUrl::parse(text).unwrap());
        for text in ["wss://gateway.discord.gg/", "WSS://127.0.0.1:80/", "wss://[::1]/"] {
            assert!(matches!(target(text), Target::Secured(_)), "{text}");
        }
        for text in ["ws://127.0.0.1:443/", "WS://localhost/"] {
            assert!(matches!(target(text), Target::Plain(_)), "{text}");
        }
    }
}
