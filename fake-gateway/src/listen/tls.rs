//! A certificate made on the spot: an authority that clients can be told to trust, and a leaf for this machine.

use core::fmt;
use futures_rustls::TlsAcceptor;
use futures_rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use futures_rustls::rustls::crypto::ring::default_provider;
use futures_rustls::rustls::{self, ServerConfig};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, KeyUsagePurpose};
use std::io;
use std::sync::Arc;

/// A certificate and its key, new each time: for `localhost`, `127.0.0.1` and `::1`.
#[derive(Clone)]
pub struct Identity {
    authority: String,
    pub(super) acceptor: TlsAcceptor,
}

impl Identity {
    /// Makes one.
    ///
    /// # Errors
    /// When no key can be made, which is the operating system's fault.
    pub fn new() -> io::Result<Self> {
        let mut params = CertificateParams::new(Vec::new()).map_err(io::Error::other)?;
        params.distinguished_name.push(DnType::CommonName, "portcullis-fake, for tests only");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let key = KeyPair::generate().map_err(io::Error::other)?;
        let authority = CertifiedIssuer::self_signed(params, key).map_err(io::Error::other)?;

        let names = ["localhost", "127.0.0.1", "::1"].map(str::to_owned);
        let mut params = CertificateParams::new(names).map_err(io::Error::other)?;
        params.distinguished_name.push(DnType::CommonName, "localhost");
        params.use_authority_key_identifier_extension = true;
        let key = KeyPair::generate().map_err(io::Error::other)?;
        let leaf = params.signed_by(&key, &authority).map_err(io::Error::other)?;
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let config = config(leaf.der().clone(), key).map_err(io::Error::other)?;
        Ok(Self { authority: authority.pem(), acceptor: TlsAcceptor::from(Arc::new(config)) })
    }

    /// The authority's certificate as PEM text: what a client is to trust.
    #[must_use]
    pub fn pem(&self) -> &str {
        &self.authority
    }
}

/// Prints no key.
impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Identity(…)")
    }
}

fn config(leaf: CertificateDer<'static>, key: PrivateKeyDer<'static>) -> Result<ServerConfig, rustls::Error> {
    ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(vec![leaf], key)
}
