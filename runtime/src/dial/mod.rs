//! From a URL to an open WebSocket: name, address, proxy, TLS, upgrade.
//!
//! # Invariants
//! * `wss-is-secured`: what has `wss` in its URL cannot be connected in the clear. The two schemes are two types, each
//!   made in one place only, and the plain way takes the other one.

mod budget;
mod race;
mod read_ahead;
mod route;

use crate::failure;
use crate::network::Network;
use crate::proxy;
use crate::runtime::Runtime;
use crate::websocket::{self, SocketLimits, WebSocket};
use budget::Budgeted;
use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll};
use futures_io::{AsyncRead, AsyncWrite};
use portcullis::machine::ConnectFailure;
use portcullis::url::{GatewayUrl, Scheme};
use read_ahead::ReadAhead;
use std::sync::Arc;

pub(crate) use budget::ReadBudget;
pub(crate) use route::Route;

pub(crate) use read_ahead::Piece;

/// A dial on its way.
pub(crate) struct Dial {
    attempt: Pin<Box<dyn Future<Output = Dialed> + Send>>,
    budget: Arc<ReadBudget>,
    route: Arc<Route>,
}

/// What came of it.
pub(crate) type Dialed = Result<Box<dyn WebSocket>, ConnectFailure>;

impl Dial {
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Dialed> {
        let dialed = self.attempt.as_mut().poll(cx);
        if let Poll::Ready(Err(failure)) = &dialed {
            self.route.failed_with(failure);
        }
        dialed
    }

    /// The addresses that a failure is attributed to. A driver that gives the dial up, as the machine tells it to when
    /// it takes too long, reports the failure there.
    pub(crate) const fn route(&self) -> &Arc<Route> {
        &self.route
    }

    /// The read budget of the connection, during the dial and of the open WebSocket.
    pub(crate) const fn budget(&self) -> &Arc<ReadBudget> {
        &self.budget
    }
}

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
        network: &Network,
        limits: SocketLimits,
    ) -> Result<Box<dyn WebSocket>, ConnectFailure> {
        websocket::open(&self.0, network, network.tls().connect(self.0.host(), stream).await?, limits).await
    }
}

/// A `ws` URL.
#[derive(Debug)]
struct Plain(GatewayUrl);

impl Plain {
    async fn open<S: AsyncRead + AsyncWrite + Send + Unpin + 'static>(
        &self,
        stream: S,
        network: &Network,
        limits: SocketLimits,
    ) -> Result<Box<dyn WebSocket>, ConnectFailure> {
        websocket::open(&self.0, network, stream, limits).await
    }
}

/// Dials. The machine times it.
pub(crate) fn dial<R: Runtime>(runtime: R, network: Network, url: GatewayUrl, limits: SocketLimits) -> Dial {
    let budget = Arc::<ReadBudget>::default();
    let route = Route::new(network.lookups());
    let (own, way) = (Arc::clone(&budget), Arc::clone(&route));
    let attempt = Box::pin(async move {
        // Both are below TLS, which also reads in small pieces, and as long as the peer sends.
        let stream = ReadAhead::new(connect(&runtime, &network, &way, url.host(), url.port()).await?);
        let stream = Budgeted::new(stream, own);
        match Target::of(url) {
            Target::Secured(target) => target.open(stream, &network, limits).await,
            Target::Plain(target) => target.open(stream, &network, limits).await,
        }
    });
    Dial { attempt, budget, route }
}

/// A stream to a host, through the proxy if there is one.
pub(crate) async fn connect<R: Runtime>(
    runtime: &R,
    network: &Network,
    route: &Route,
    host: &str,
    port: u16,
) -> Result<R::Stream, ConnectFailure> {
    let Some(proxy) = network.proxy_to(host, port) else { return reach(runtime, route, host, port).await };
    // A proxy that is not reached must not look like a gateway that is not reached.
    let stream = reach(runtime, route, proxy.host(), proxy.port()).await;
    let stream = stream.map_err(|_| ConnectFailure::Proxy { status: None })?;
    let stream = proxy::open_tunnel(proxy, stream, host, port, network.user_agent().as_bytes()).await?;
    route.tunnelled();
    Ok(stream)
}

/// A stream to the next host: the gateway's, or the proxy's.
async fn reach<R: Runtime>(runtime: &R, route: &Route, host: &str, port: u16) -> Result<R::Stream, ConnectFailure> {
    let candidates = route.resolve(runtime, host, port).await?;
    match race::connect(runtime, &candidates, route).await {
        Ok((stream, address)) => {
            route.connected(address);
            Ok(stream)
        }
        Err(error) => {
            route.not_reached(host, port);
            Err(failure::of_connect(&error))
        }
    }
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
