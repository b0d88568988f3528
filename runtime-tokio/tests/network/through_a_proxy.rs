//! The gateway behind a proxy.

use crate::certificates::{Authority, serving};
use crate::gateway::{gateway, secured};
use crate::proxy::{Proxy, Speaks};
use crate::{Fate, fate, shard};
use portcullis::machine::{Cause, ConnectFailure, EndReason, ProxyStatus, TlsFailure};
use portcullis_tokio::{BuildError, Network, ProxyError};
use tokio::net::TcpSocket;

/// Its URL, with these credentials.
fn url(speaks: Speaks, proxy: &Proxy, userinfo: &str) -> String {
    match speaks {
        Speaks::Http => format!("http://{userinfo}{}", proxy.address),
        Speaks::Socks5 => format!("socks5://{userinfo}{}", proxy.address),
    }
}

const BOTH: [Speaks; 2] = [Speaks::Http, Speaks::Socks5];
/// A name that resolves nowhere (RFC 2606 §2), but at the proxy.
const GATEWAY: &str = "wss://gateway.invalid";

#[tokio::test]
async fn tls_goes_through_the_tunnel_from_end_to_end_and_the_name_to_the_proxy() {
    let authority = Authority::new();
    let server = secured(serving(authority.server(&["gateway.invalid"]))).await;
    for speaks in BOTH {
        let proxy = Proxy::start(speaks, server.address).await;
        let builder = shard(GATEWAY).proxy(url(speaks, &proxy, "bot:p%40ss@")).tls(authority.trusted());
        assert_eq!(fate(builder).await, Fate::Ready);
        assert_eq!(proxy.asked(), ["gateway.invalid:443"]);
        assert_eq!(core::mem::take(&mut *server.names.lock().unwrap()), ["gateway.invalid"]);

        // A tunnel proves nothing about who is at its end.
        let builder = shard("wss://other.invalid").proxy(url(speaks, &proxy, "bot:p%40ss@")).tls(authority.trusted());
        assert_eq!(fate(builder).await, Fate::Waits(Cause::ConnectTls(TlsFailure::NameMismatch)));
    }
}

#[tokio::test]
async fn addresses_go_through_as_addresses() {
    let gateway = gateway().await;
    for speaks in BOTH {
        let proxy = Proxy::start(speaks, gateway.address()).await;
        for target in ["[2001:db8::1]:81", "192.0.2.1:82"] {
            let builder = shard(format!("ws://{target}")).proxy(url(speaks, &proxy, "bot:p%40ss@"));
            assert_eq!(fate(builder).await, Fate::Ready);
        }
        assert_eq!(proxy.asked(), ["[2001:db8::1]:81", "192.0.2.1:82"]);
    }
}

#[tokio::test]
async fn wrong_credentials_end_the_shard_and_are_not_told() {
    let gateway = gateway().await;
    for (speaks, status) in [(Speaks::Http, ProxyStatus::Http(407)), (Speaks::Socks5, ProxyStatus::SocksCredentials)] {
        let proxy = Proxy::start(speaks, gateway.address()).await;
        for userinfo in ["", "bot:hush@", "hush@"] {
            let failure = ConnectFailure::Proxy { status: Some(status) };
            let fate = fate(shard(GATEWAY).proxy(url(speaks, &proxy, userinfo))).await;
            assert_eq!(fate, Fate::Ended(EndReason::ConnectRefused { failure }), "{userinfo}");
            assert!(!format!("{fate:?}").contains("hush"));
        }
        assert_eq!(proxy.asked(), Vec::<String>::new());
    }
}

#[tokio::test]
async fn a_gateway_that_the_proxy_does_not_reach_is_told_as_such() {
    // Bound, without a listener: the port stays ours, and refuses.
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let closed = socket.local_addr().unwrap();
    for (speaks, status) in [(Speaks::Http, ProxyStatus::Http(502)), (Speaks::Socks5, ProxyStatus::Socks(5))] {
        let proxy = Proxy::start(speaks, closed).await;
        let fate = fate(shard(GATEWAY).proxy(url(speaks, &proxy, "bot:p%40ss@"))).await;
        assert_eq!(fate, Fate::Waits(Cause::ConnectProxy(Some(status))));
    }
    let fate = fate(shard(GATEWAY).proxy(format!("http://{closed}"))).await;
    assert_eq!(fate, Fate::Waits(Cause::ConnectProxy(None)));
}

#[tokio::test]
async fn a_network_and_its_proxy_are_shared_and_a_shards_own_settings_go_before() {
    let gateway = gateway().await;
    let proxy = Proxy::start(Speaks::Http, gateway.address()).await;
    let made = portcullis_tokio::Proxy::parse(&url(Speaks::Http, &proxy, "bot:p%40ss@")).unwrap();
    let network = Network::default().with_proxy(made);
    for _ in 0..2 {
        assert_eq!(fate(shard("ws://gateway.invalid").network(network.clone())).await, Fate::Ready);
    }
    assert_eq!(proxy.asked(), ["gateway.invalid:80"; 2]);

    let own = Proxy::start(Speaks::Socks5, gateway.address()).await;
    let builder = shard("ws://gateway.invalid").proxy(url(Speaks::Socks5, &own, "bot:p%40ss@")).network(network);
    assert_eq!(fate(builder).await, Fate::Ready);
    assert_eq!((proxy.asked().len(), own.asked().len()), (2, 1));
}

#[tokio::test]
async fn a_proxy_that_cannot_be_is_refused_before_anything_is_sent() {
    let refused = shard(GATEWAY).proxy("hush:1080").build().unwrap_err();
    assert_eq!(refused, BuildError::Proxy(ProxyError::NoScheme));
    assert_eq!(refused.to_string(), "the proxy's url must start with http:// or socks5://");
}
