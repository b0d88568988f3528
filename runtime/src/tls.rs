//! TLS, once for all runtimes: rustls with the provider `ring`.

use crate::failure;
use crate::rustls::crypto::ring;
use crate::rustls::{ClientConfig, ConfigBuilder, RootCertStore, WantsVerifier};
use core::fmt;
use futures_io::{AsyncRead, AsyncWrite};
use futures_rustls::TlsConnector;
use futures_rustls::client::TlsStream;
use futures_rustls::pki_types::ServerName;
use portcullis::machine::{ConnectFailure, TlsFailure};
use std::sync::{Arc, OnceLock};

/// How a `wss` connection is secured. Clones share one configuration, and its session sent.
#[derive(Clone)]
pub struct Tls {
    config: Arc<ClientConfig>,
}

impl Tls {
    /// Trusts the certificate authorities that Mozilla's browsers trust, as of the build. All callers share one
    /// configuration.
    #[must_use]
    pub fn webpki() -> Self {
        static SHARED: OnceLock<Tls> = OnceLock::new();
        let make = || {
            let roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
            let config = builder().with_root_certificates(roots).with_no_client_auth();
            Self::with_config(Arc::new(config))
        };
        SHARED.get_or_init(make).clone()
    }

    /// Trusts what the operating system trusts.
    ///
    /// # Errors
    /// What reading the system's certificates gives.
    #[cfg(feature = "platform-roots")]
    pub fn platform() -> Result<Self, crate::rustls::Error> {
        use rustls_platform_verifier::BuilderVerifierExt as _;
        let config = builder().with_platform_verifier()?.with_no_client_auth();
        Ok(Self::with_config(Arc::new(config)))
    }

    /// The application's own configuration: other roots, a client certificate, another provider.
    #[must_use]
    pub const fn with_config(config: Arc<ClientConfig>) -> Self {
        Self { config }
    }

    pub(crate) async fn connect<S>(&self, host: &str, stream: S) -> Result<TlsStream<S>, ConnectFailure>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let name = ServerName::try_from(host.to_owned()).map_err(|_| ConnectFailure::Tls(TlsFailure::InvalidName))?;
        // A refused certificate or a lost stream: either way the handshake failed, and the kind tells which.
        let connected = TlsConnector::from(Arc::clone(&self.config)).connect(name, stream).await;
        connected.map_err(|error| ConnectFailure::Tls(failure::of_tls(&error)))
    }
}

impl Default for Tls {
    fn default() -> Self {
        Self::webpki()
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls").finish_non_exhaustive()
    }
}

pub(crate) fn builder() -> ConfigBuilder<ClientConfig, WantsVerifier> {
    // The provider is named here: rustls would otherwise take one that was installed for the process, and panic when
    // the features of other crates bring two.
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
    // `ring-speaks-tls`: ring has a cipher suite for each of the default versions.
    #[expect(clippy::expect_used, reason = "the provider is fixed, and a test makes this configuration")]
    builder.with_safe_default_protocol_versions().expect("ring-speaks-tls")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_configuration_is_made_once() {
        assert!(Arc::ptr_eq(&Tls::webpki().config, &Tls::default().config));
    }

    #[cfg(feature = "platform-roots")]
    #[test]
    fn what_the_system_trusts_is_a_configuration_of_its_own() {
        // A host without certificates gives an error, and no panic.
        if let Ok(tls) = Tls::platform() {
            assert!(!Arc::ptr_eq(&tls.config, &Tls::webpki().config));
        }
    }
}
