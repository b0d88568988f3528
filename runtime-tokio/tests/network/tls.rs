//! Certificates of one's own.

use crate::certificates::{Authority, serving};
use crate::gateway::secured;
use crate::{Fate, fate, shard};
use portcullis::machine::{Cause, TlsFailure};
use portcullis_tokio::{PemError, Tls};

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

#[tokio::test]
async fn found_22_the_authorities_of_a_pem_file_are_trusted_and_no_other() {
    let (authority, other) = (Authority::new(), Authority::new());
    let server = secured(serving(authority.server(&["localhost"]))).await;
    let url = format!("wss://localhost:{}", server.address.port());
    let both = format!("# The test's own.\n{}\n{}", other.pem(), authority.pem());
    assert_eq!(fate(shard(&url).tls(Tls::from_pem(both.as_bytes()).unwrap())).await, Fate::Ready);
    let tls = Tls::from_pem(other.pem().as_bytes()).unwrap();
    assert_eq!(fate(shard(&url).tls(tls)).await, Fate::Waits(Cause::ConnectTls(TlsFailure::UnknownIssuer)));
}

#[test]
fn found_22_a_pem_file_without_a_good_certificate_is_refused() {
    let good = Authority::new().pem();
    let cut = good.replace("-----END CERTIFICATE-----", "");
    let key = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n";
    let empty = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    for (pem, error) in [
        ("", PemError::NoCertificate),
        ("authorities.pem", PemError::NoCertificate),
        (key, PemError::NoCertificate),
        (&cut, PemError::Damaged { index: 0 }),
        (&good.replace('M', "!"), PemError::Damaged { index: 0 }),
        (&format!("{good}{cut}"), PemError::Damaged { index: 1 }),
        (&format!("{good}{empty}"), PemError::Certificate { index: 1 }),
    ] {
        assert_eq!(Tls::from_pem(pem.as_bytes()).err(), Some(error), "{pem}");
    }
    assert!(Tls::from_pem(&[0xff; 100]).is_err());
}
