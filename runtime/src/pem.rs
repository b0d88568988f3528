//! The application's own certificate authorities, from a PEM file.

use crate::rustls::RootCertStore;
use crate::tls::{self, Tls};
use futures_rustls::pki_types::CertificateDer;
use futures_rustls::pki_types::pem::PemObject as _;
use std::sync::Arc;

impl Tls {
    /// Trusts the certificate authorities of a PEM file, and no others: those of a company's proxy, or of a test. Other
    /// entries of the file, such as keys, are skipped.
    ///
    /// ```no_run
    /// # use portcullis::Intents;
    /// # use portcullis_runtime::{Builder, Runtime, Tls};
    /// # fn run<R: Runtime>(runtime: R) -> Result<(), Box<dyn std::error::Error>> {
    /// let tls = Tls::from_pem(&std::fs::read("authorities.pem")?)?;
    /// let shard = Builder::new(runtime, "a.bot.token", Intents::GUILDS).tls(tls).build()?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`PemError`], when a certificate cannot be read, or there is none.
    pub fn from_pem(pem: &[u8]) -> Result<Self, PemError> {
        let mut roots = RootCertStore::empty();
        for (index, certificate) in CertificateDer::pem_slice_iter(pem).enumerate() {
            let certificate = certificate.map_err(|_| PemError::Damaged { index })?;
            roots.add(certificate).map_err(|_| PemError::Certificate { index })?;
        }
        if roots.is_empty() {
            return Err(PemError::NoCertificate);
        }
        Ok(Self::with_config(Arc::new(tls::builder().with_root_certificates(roots).with_no_client_auth())))
    }
}

/// Why a PEM file gives no certificate authorities.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PemError {
    /// The file has no certificate.
    #[error("the pem file has no certificate; it should have a line -----BEGIN CERTIFICATE-----")]
    NoCertificate,
    /// A certificate has no end, or is not base64.
    #[error("certificate {} of the pem file has no end or is not base64; copy it again", index + 1)]
    Damaged {
        /// Which, counted from 0.
        index: usize,
    },
    /// The content of a certificate cannot be read as one of an authority.
    #[error("certificate {} of the pem file is not an X.509 certificate; leave it out", index + 1)]
    Certificate {
        /// Which, counted from 0.
        index: usize,
    },
}
