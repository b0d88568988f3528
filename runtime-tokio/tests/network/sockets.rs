//! Sockets: both families, and what is set on them.

use crate::gateway::{forward, gateway};
use crate::{Fate, fate, shard};
use core::future::Future;
use portcullis::Timestamp;
use portcullis::dialect::discord::Intents;
use portcullis_runtime::{Builder, Runtime};
use portcullis_tokio::Tokio;
use socket2::SockRef;
use std::io;
use std::net::SocketAddr;
use tokio::net::TcpListener;

/// A way to a gateway over IPv6, where the machine has it.
async fn v6_port() -> Option<(portcullis_fake::FakeServer, u16)> {
    let gateway = gateway().await;
    match TcpListener::bind("[::1]:0").await {
        Ok(listener) => {
            let port = listener.local_addr().unwrap().port();
            forward(listener, gateway.address());
            Some((gateway, port))
        }
        Err(error) => {
            eprintln!("\n!! SKIPPED: this machine has no [::1] ({error})\n");
            None
        }
    }
}

#[tokio::test]
async fn a_gateway_is_reached_over_ipv6() {
    let Some((_gateway, port)) = v6_port().await else { return };
    assert_eq!(fate(shard(format!("ws://[::1]:{port}"))).await, Fate::Ready);
}

#[tokio::test]
async fn a_gateway_is_reached_over_ipv6_by_its_name() {
    let Some((_gateway, port)) = v6_port().await else { return };
    let runtime = Resolving(Tokio::new(), format!("[::1]:{port}").parse().unwrap());
    let builder = Builder::new(runtime, "a.bot.token", Intents::GUILDS).gateway("ws://gateway.invalid:9");
    assert_eq!(fate(builder).await, Fate::Ready);
}

/// Tokio, and a resolver that knows one name: not every machine has one for `::1`.
#[derive(Clone)]
struct Resolving(Tokio, SocketAddr);

impl Runtime for Resolving {
    type Stream = <Tokio as Runtime>::Stream;
    type Sleep = <Tokio as Runtime>::Sleep;

    fn now(&self) -> Timestamp {
        self.0.now()
    }

    fn slept(&self) -> core::time::Duration {
        self.0.slept()
    }

    fn sleep_until(&self, until: Timestamp) -> Self::Sleep {
        self.0.sleep_until(until)
    }

    fn resolve(&self, host: &str, port: u16) -> impl Future<Output = io::Result<Vec<SocketAddr>>> + Send + 'static {
        assert_eq!((host, port), ("gateway.invalid", 9));
        core::future::ready(Ok(vec![self.1]))
    }

    fn connect(&self, address: SocketAddr) -> impl Future<Output = io::Result<Self::Stream>> + Send + 'static {
        self.0.connect(address)
    }
}

#[tokio::test]
async fn small_messages_leave_at_once_and_a_dead_peer_is_noticed() {
    let gateway = gateway().await;
    let stream = Tokio::new().connect(gateway.address()).await.unwrap();
    let socket = SockRef::from(stream.get_ref());
    assert!(socket.tcp_nodelay().unwrap());
    assert!(socket.keepalive().unwrap());
    #[cfg(target_os = "linux")]
    {
        let (idle, interval) = (socket.tcp_keepalive_time().unwrap(), socket.tcp_keepalive_interval().unwrap());
        assert_eq!((idle.as_secs(), interval.as_secs(), socket.tcp_keepalive_retries().unwrap()), (60, 15, 4));
    }
}
