//! An authority made for the test, and what it signs.

use portcullis_tokio::Tls;
use portcullis_tokio::rustls::crypto::ring;
use portcullis_tokio::rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use portcullis_tokio::rustls::server::WebPkiClientVerifier;
use portcullis_tokio::rustls::{ClientConfig, RootCertStore, ServerConfig};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, ExtendedKeyUsagePurpose, IsCa, KeyPair, date_time_ymd,
};
use std::sync::Arc;

pub(crate) struct Authority(CertifiedIssuer<'static, KeyPair>);

/// A certificate and its key.
pub(crate) struct Signed {
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
}

impl Authority {
    pub(crate) fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    /// A server's, for these names.
    pub(crate) fn server(&self, names: &[&str]) -> Signed {
        self.sign(&params(names, ExtendedKeyUsagePurpose::ServerAuth))
    }

    /// One that was good until the end of the last century.
    pub(crate) fn expired(&self, names: &[&str]) -> Signed {
        let mut params = params(names, ExtendedKeyUsagePurpose::ServerAuth);
        params.not_after = date_time_ymd(2000, 1, 1);
        self.sign(&params)
    }

    pub(crate) fn client(&self) -> Signed {
        self.sign(&params(&["a.client"], ExtendedKeyUsagePurpose::ClientAuth))
    }

    fn sign(&self, params: &CertificateParams) -> Signed {
        let key = KeyPair::generate().unwrap();
        let leaf = params.signed_by(&key, &self.0).unwrap();
        Signed { chain: vec![leaf.der().clone()], key: PrivatePkcs8KeyDer::from(key.serialize_der()).into() }
    }

    pub(crate) fn pem(&self) -> String {
        self.0.pem()
    }

    fn roots(&self) -> RootCertStore {
        let mut roots = RootCertStore::empty();
        roots.add(self.0.der().clone()).unwrap();
        roots
    }

    /// A client that trusts no other authority.
    pub(crate) fn trusted(&self) -> Tls {
        let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
        let builder = builder.with_safe_default_protocol_versions().unwrap().with_root_certificates(self.roots());
        Tls::with_config(Arc::new(builder.with_no_client_auth()))
    }

    /// The same, and it shows a certificate of its own.
    pub(crate) fn trusted_by(&self, client: Signed) -> Tls {
        let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
        let builder = builder.with_safe_default_protocol_versions().unwrap().with_root_certificates(self.roots());
        Tls::with_config(Arc::new(builder.with_client_auth_cert(client.chain, client.key).unwrap()))
    }

    /// A server that wants a client's certificate of this authority.
    pub(crate) fn demanding(&self, server: Signed) -> ServerConfig {
        let provider = Arc::new(ring::default_provider());
        let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(self.roots()), Arc::clone(&provider));
        let builder = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
        let builder = builder.with_client_cert_verifier(verifier.build().unwrap());
        builder.with_single_cert(server.chain, server.key).unwrap()
    }
}

fn params(names: &[&str], purpose: ExtendedKeyUsagePurpose) -> CertificateParams {
    let mut params = CertificateParams::new(names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>()).unwrap();
    params.extended_key_usages = vec![purpose];
    params
}

pub(crate) fn serving(server: Signed) -> ServerConfig {
    let builder = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()));
    let builder = builder.with_safe_default_protocol_versions().unwrap().with_no_client_auth();
    builder.with_single_cert(server.chain, server.key).unwrap()
}
