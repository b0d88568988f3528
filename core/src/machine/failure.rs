//! Why a connection could not be opened, in words that can be acted on: by kind, bounded, and without what a peer could
//! put into a log.

use alloc::boxed::Box;
use alloc::string::String;
use core::fmt;

/// Why a TLS handshake failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum TlsFailure {
    /// No trusted authority has signed the certificate.
    #[error("the certificate's issuer is not trusted")]
    UnknownIssuer,
    /// The certificate is another host's.
    #[error("the certificate is for another name")]
    NameMismatch,
    /// The certificate is no longer valid, by this host's clock.
    #[error("the certificate has expired")]
    Expired,
    /// The certificate is not valid yet, by this host's clock.
    #[error("the certificate is not valid yet")]
    NotYetValid,
    /// The certificate was revoked.
    #[error("the certificate was revoked")]
    Revoked,
    /// The certificate cannot be accepted for another reason: it is malformed, wrongly signed, of an unknown kind.
    #[error("the certificate cannot be accepted")]
    BadCertificate,
    /// The server does not speak TLS: the port is one for connections in the clear.
    #[error("the server does not speak tls")]
    NotTls,
    /// Server and client have no protocol version, cipher suite or the like in common.
    #[error("no version or cipher suite in common with the server")]
    Incompatible,
    /// The server refused the handshake with this alert. *(source: RFC 8446 §6.2)*
    #[error("the server refused it with alert {0}")]
    Alert(u8),
    /// The server closed or reset the connection.
    #[error("the server closed the connection")]
    HungUp,
    /// The host's name is one that no certificate can have.
    #[error("no certificate can have the host's name")]
    InvalidName,
    /// Anything else.
    #[error("reason unknown")]
    Other,
}

impl TlsFailure {
    /// The name, which does not change between versions: `unknown_issuer`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::UnknownIssuer => "unknown_issuer",
            Self::NameMismatch => "name_mismatch",
            Self::Expired => "expired",
            Self::NotYetValid => "not_yet_valid",
            Self::Revoked => "revoked",
            Self::BadCertificate => "bad_certificate",
            Self::NotTls => "not_tls",
            Self::Incompatible => "incompatible",
            Self::Alert(_) => "alert",
            Self::HungUp => "hung_up",
            Self::InvalidName => "invalid_name",
            Self::Other => "other",
        }
    }

    pub(super) const fn advice(self) -> &'static str {
        match self {
            Self::UnknownIssuer => {
                "the certificate's issuer is not trusted: check for a proxy that inspects TLS, and trust its authority if \
                 you mean to"
            }
            Self::NameMismatch => "check the host in the gateway's URL: the server has a certificate for another name",
            Self::Expired | Self::NotYetValid => "check the host's clock; if that is right, the server's certificate",
            Self::NotTls => "the port does not speak TLS: check it, or use a ws:// URL on a network that you trust",
            Self::InvalidName => "check the host in the gateway's URL: no certificate can have this name",
            Self::Alert(_) => "the server refused the handshake: check whether it wants a client certificate",
            Self::Revoked | Self::BadCertificate | Self::Incompatible | Self::HungUp | Self::Other => {
                "check the host's clock, its root certificates, and any proxy in between"
            }
        }
    }
}

/// Why reading, writing or opening a socket failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum IoFailure {
    /// The process, or the system, has no more files to open: `EMFILE`, `ENFILE`.
    #[error("too many open files")]
    TooManyFiles,
    /// The system forbids it, a firewall of its own for example.
    #[error("permission denied")]
    PermissionDenied,
    /// The system has no memory for it.
    #[error("out of memory")]
    OutOfMemory,
    /// The peer closed or reset the connection.
    #[error("the peer closed the connection")]
    HungUp,
    /// Anything else.
    #[error("reason unknown")]
    Other,
}

impl IoFailure {
    /// The name, which does not change between versions: `too_many_files`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::TooManyFiles => "too_many_files",
            Self::PermissionDenied => "permission_denied",
            Self::OutOfMemory => "out_of_memory",
            Self::HungUp => "hung_up",
            Self::Other => "other",
        }
    }

    pub(super) const fn advice(self) -> Option<&'static str> {
        match self {
            Self::TooManyFiles => Some(
                "the process or system has no more files to open: raise the limit (ulimit -n), or close what leaks",
            ),
            Self::PermissionDenied => Some("the system forbids the connection: check its firewall and sandbox"),
            Self::OutOfMemory | Self::HungUp | Self::Other => None,
        }
    }
}

/// Where a server says that the gateway is: its `Location` header, in visible ASCII, at most [`LEN_MAX`](Self::LEN_MAX)
/// bytes of it, without user, query and fragment, in which secrets go.
///
/// It is told and never followed: a token goes to the host that it was given for.
///
/// ```
/// use portcullis::machine::Location;
///
/// let location = Location::new(b"wss://bot:secret@gateway.example/new?token=secret#top").unwrap();
/// assert_eq!(location.as_str(), "wss://gateway.example/new");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Location {
    text: Box<str>,
}

impl Location {
    /// The most bytes that are kept.
    pub const LEN_MAX: usize = 256;

    /// What a header says; `None` if nothing is left of it, or it is no visible ASCII.
    #[must_use]
    pub fn new(header: &[u8]) -> Option<Self> {
        let text = str::from_utf8(header).ok()?.trim();
        if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return None;
        }
        let (text, _) = text.split_once(['?', '#']).unwrap_or((text, ""));
        let mut kept: String = match text.split_once("//") {
            None => text.into(),
            Some((scheme, rest)) => {
                let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
                let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
                [scheme, "//", host, path].concat()
            }
        };
        kept.truncate(Self::LEN_MAX);
        (!kept.is_empty()).then(|| Self { text: kept.into_boxed_str() })
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_location_is_told_without_what_may_be_secret_and_not_at_any_length() {
        for (header, told) in [
            ("https://discord.gg/x", Some("https://discord.gg/x")),
            (" //user:pass@host:1/p?q ", Some("//host:1/p")),
            ("/elsewhere?token=x", Some("/elsewhere")),
            ("mail@host", Some("mail@host")),
            ("wss://a@b@host", Some("wss://host")),
            ("?token=x", None),
            ("", None),
            ("a\nb", None),
            ("wss://h\u{e9}", None),
        ] {
            let location = Location::new(header.as_bytes());
            assert_eq!(location.as_ref().map(Location::as_str), told, "{header:?}");
        }
        let long = ["wss://host/", &"x".repeat(10_000)].concat();
        assert_eq!(Location::new(long.as_bytes()).map(|location| location.as_str().len()), Some(Location::LEN_MAX));
        assert_eq!(Location::new(b"wss://\xff"), None);
    }
}
