//! TLS, with a certificate authority made for each case.

use super::dial::first_attempt;
use super::{Fake, Host, Lab, Stage, fake};
use portcullis::Event;
use portcullis::machine::{Cause, EndReason, Shutdown, TlsFailure};
use portcullis_fake::{Identity, Listen};
use portcullis_runtime::Tls;
use portcullis_runtime::rustls::crypto::ring;
use portcullis_runtime::rustls::pki_types::CertificateDer;
use portcullis_runtime::rustls::pki_types::pem::PemObject as _;
use portcullis_runtime::rustls::{ClientConfig, RootCertStore};
use std::sync::Arc;

/// A gateway behind TLS, and its authority.
fn secured() -> (Fake, Tls) {
    let identity = Identity::new().unwrap();
    let trusted = trusting(identity.pem());
    let fake = Fake::start_with(fake::config(), Listen { identity: Some(identity), ..Listen::default() });
    (fake, trusted)
}

/// A TLS configuration that trusts one authority, given as PEM.
fn trusting(authority: &str) -> Tls {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(authority.as_bytes()).unwrap()).unwrap();
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    Tls::with_config(Arc::new(config))
}

async fn refused<H: Host>(lab: &Lab<H::Runtime>, url: String, tls: Tls, why: TlsFailure) {
    let (_, cause) = first_attempt::<H>(lab, url, tls).await.unwrap();
    assert_eq!(cause, Cause::ConnectTls(why));
}

/// A run by name and by address: large frames, a lost connection, the end.
pub async fn a_shard_lives_over_tls<H: Host>() {
    for host in ["localhost", "127.0.0.1"] {
        let (fake, tls) = secured();
        let url = format!("wss://{host}:{}", fake.address.port());
        let mut stage = Stage::<H>::with(fake, |settings| settings.gateway(url).tls(tls));
        stage.come_online().await;
        stage.say_much(1 << 20);
        assert_eq!(stage.hear().await.2.len(), 1 << 20);
        stage.beat().await;
        stage.acknowledged().await;
        stage.cut();
        stage.fake.say("missed");
        assert_eq!(stage.lose_link().await.1, Cause::ConnectionLost);
        assert_eq!(stage.resumed().await, ["missed"]);
        stage.shard.shutdown(Shutdown::EndSession);
        stage.until(|event| matches!(event, Event::Closed { .. }).then_some(())).await;
        assert_eq!(stage.end().await, EndReason::Shutdown);
    }
}

/// The built-in authorities, and one of the same name that is not the gateway's.
pub async fn a_certificate_of_another_authority_is_refused<H: Host>() {
    let (fake, _) = secured();
    let url = format!("wss://localhost:{}", fake.address.port());
    refused::<H>(&Lab::default(), url.clone(), Tls::webpki(), TlsFailure::UnknownIssuer).await;
    let other = Identity::new().unwrap();
    refused::<H>(&Lab::default(), url, trusting(other.pem()), TlsFailure::UnknownIssuer).await;
    assert_eq!(fake.with(|gateway, _| gateway.counters().connects), 0);
}

/// The right authority, and a name that the certificate does not have.
pub async fn a_certificate_of_another_name_is_refused<H: Host>() {
    let (fake, tls) = secured();
    let lab = Lab::<H::Runtime>::default();
    lab.name("gateway.test", [fake.address]);
    let url = format!("wss://gateway.test:{}", fake.address.port());
    refused::<H>(&lab, url, tls, TlsFailure::NameMismatch).await;
}

/// A shard with a `wss` URL does not talk to a gateway without TLS.
pub async fn a_server_without_tls_is_no_wss_gateway<H: Host>() {
    let fake = Fake::start();
    refused::<H>(&Lab::default(), format!("wss://{}", fake.address), Tls::default(), TlsFailure::NotTls).await;
    assert_eq!(fake.with(|gateway, _| gateway.counters().connects), 0);
}
