//! Certificate authorities of one's own, from a PEM file.

use crate::rustls::RootCertStore;
use crate::tls::{self, Tls};
use core::fmt;
use futures_rustls::pki_types::CertificateDer;
use futures_rustls::pki_types::pem::PemObject as _;
use std::sync::Arc;

impl Tls {
    /// Trusts the certificate authorities of a PEM file, and no others: those of a company's own proxy, of a test. What
    /// else is in the file, as a key, is passed over.
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

/// Why a PEM file is no list of certificate authorities.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum PemError {
    /// There is no certificate in it.
    NoCertificate,
    /// A certificate has no end, or is not base64.
    Damaged {
        /// Which, counted from 0.
        index: usize,
    },
    /// A certificate is none of an authority: its content cannot be read.
    Certificate {
        /// Which, counted from 0.
        index: usize,
    },
}

impl fmt::Display for PemError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoCertificate => {
                f.write_str("the pem file has no certificate; it should have a line -----BEGIN CERTIFICATE-----")
            }
            Self::Damaged { index } => {
                write!(f, "certificate {} of the pem file has no end or is not base64; copy it again", index + 1)
            }
            Self::Certificate { index } => {
                write!(f, "certificate {} of the pem file is not an X.509 certificate; leave it out", index + 1)
            }
        }
    }
}

impl core::error::Error for PemError {}
