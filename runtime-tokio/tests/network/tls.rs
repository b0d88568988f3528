//! Certificates of one's own.

use crate::certificates::{Authority, serving};
use crate::gateway::secured;
use crate::{Fate, fate, shard};
use portcullis::machine::{Cause, TlsFailure};
use portcullis_tokio::Tls;

#[tokio::test]
async fn an_authority_of_ones_own_is_trusted_and_no_other() {
    let (authority, other) = (Authority::new(), Authority::new());
    let server = secured(serving(authority.server(&["localhost"]))).await;
    let url = format!("wss://localhost:{}", server.address.port());
    assert_eq!(fate(shard(&url).tls(authority.trusted())).await, Fate::Ready);
    for tls in [other.trusted(), Tls::webpki()] {
        assert_eq!(fate(shard(&url).tls(tls)).await, Fate::Waits(Cause::ConnectTls(TlsFailure::UnknownIssuer)));
    }
}

#[tokio::test]
async fn found_13_a_certificate_that_has_expired_is_told_as_such() {
    let authority = Authority::new();
    let server = secured(serving(authority.expired(&["localhost"]))).await;
    let url = format!("wss://localhost:{}", server.address.port());
    assert_eq!(fate(shard(&url).tls(authority.trusted())).await, Fate::Waits(Cause::ConnectTls(TlsFailure::Expired)));
}

#[tokio::test]
async fn an_address_needs_a_certificate_of_its_own() {
    let authority = Authority::new();
    let server = secured(serving(authority.server(&["localhost", "127.0.0.1"]))).await;
    let url = format!("wss://127.0.0.1:{}", server.address.port());
    assert_eq!(fate(shard(&url).tls(authority.trusted())).await, Fate::Ready);
    assert_eq!(*server.names.lock().unwrap(), Vec::<String>::new(), "an address is no server name");
}

#[tokio::test]
async fn a_clients_certificate_is_shown_to_who_asks_for_it() {
    let authority = Authority::new();
    let server = secured(authority.demanding(authority.server(&["localhost"]))).await;
    let url = format!("wss://localhost:{}", server.address.port());
    assert_eq!(fate(shard(&url).tls(authority.trusted_by(authority.client()))).await, Fate::Ready);
    // The client of TLS 1.3 is done before the server has judged it: then the upgrade is cut off.
    let Fate::Waits(cause) = fate(shard(&url).tls(authority.trusted())).await else { panic!("it was let in") };
    assert!(matches!(cause, Cause::ConnectTls(_) | Cause::ConnectProtocol | Cause::ConnectIo(_)), "{cause}");
}
