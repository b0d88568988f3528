//! A proxy, as its URL names it.

use super::bypass::Bypass;
use super::credentials::Credentials;
use super::error::{ProxyError, UnsupportedScheme};
use core::fmt;
use portcullis::url::GatewayUrl;
use std::sync::Arc;

/// A proxy, as its URL says: `http://user:password@host:port` for CONNECT, or `socks5://…`.
///
/// Host names are resolved at the proxy, never here. User and password are percent-encoded in the URL. The connection
/// to the proxy itself is in the clear; what goes through it to a `wss` gateway has TLS from end to end.
///
/// ```
/// use portcullis_runtime::{Proxy, ProxyError};
///
/// let proxy = Proxy::parse("http://bot:p%40ss@proxy.example:3128")?;
/// assert_eq!(proxy.to_string(), "http://proxy.example:3128");
/// # Ok::<(), ProxyError>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Proxy {
    pub(super) kind: Kind,
    host: Arc<str>,
    port: u16,
    pub(super) credentials: Option<Arc<Credentials>>,
    bypass: Bypass,
}

/// What it speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Http,
    Socks5,
}

impl Proxy {
    /// Reads a proxy's URL. Without a port it is 80 for `http` and 1080 for `socks5`; `socks5h` is the same as
    /// `socks5`.
    ///
    /// # Errors
    /// A [`ProxyError`] that names the first thing wrong.
    pub fn parse(url: &str) -> Result<Self, ProxyError> {
        let (scheme, rest) = url.split_once("://").ok_or(ProxyError::NoScheme)?;
        let kind = Kind::parse(scheme)?;
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        // The last @: some passwords have one that was not encoded.
        let (userinfo, address) = match rest.rsplit_once('@') {
            Some((userinfo, address)) => (Some(userinfo), address),
            None => (None, rest),
        };
        if address.contains(['/', '?', '#']) {
            return Err(ProxyError::Path);
        }
        let credentials = userinfo.map(|userinfo| kind.credentials(userinfo)).transpose()?;
        // Host and port are those of any other URL, but for the port of one that names none.
        let checked = GatewayUrl::parse(&format!("ws://{address}")).map_err(ProxyError::Address)?;
        let has_port = address.rsplit(']').next().is_some_and(|tail| tail.contains(':'));
        Ok(Self {
            kind,
            host: checked.host().into(),
            port: if has_port { checked.port() } else { kind.port() },
            credentials: credentials.map(Arc::new),
            bypass: Bypass::default(),
        })
    }

    pub(super) fn with_bypass(self, bypass: Bypass) -> Self {
        Self { bypass, ..self }
    }

    /// Whether a host is reached through it: every host, unless the environment that named the proxy lists exceptions.
    pub(crate) fn serves(&self, host: &str, port: u16) -> bool {
        !self.bypass.covers(host, port)
    }

    pub(crate) fn host(&self) -> &str {
        &self.host
    }

    pub(crate) const fn port(&self) -> u16 {
        self.port
    }
}

/// Scheme, host and port: no user, no password.
impl fmt::Display for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = match self.kind {
            Kind::Http => "http",
            Kind::Socks5 => "socks5",
        };
        if self.host.contains(':') {
            write!(f, "{scheme}://[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{scheme}://{}:{}", self.host, self.port)
        }
    }
}

impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Proxy({self})")
    }
}

impl Kind {
    fn parse(scheme: &str) -> Result<Self, ProxyError> {
        let is = |known: &str| scheme.eq_ignore_ascii_case(known);
        if is("http") {
            return Ok(Self::Http);
        }
        if is("socks5") || is("socks5h") {
            return Ok(Self::Socks5);
        }
        let unsupported = UnsupportedScheme::ALL.into_iter().find(|known| is(known.as_str()));
        Err(unsupported.map_or(ProxyError::Scheme, ProxyError::Unsupported))
    }

    fn credentials(self, userinfo: &str) -> Result<Credentials, ProxyError> {
        let credentials = Credentials::parse(userinfo)?;
        match self {
            Self::Http => credentials.checked_for_http(),
            Self::Socks5 => credentials.checked_for_socks5(),
        }
    }

    const fn port(self) -> u16 {
        match self {
            Self::Http => 80,
            Self::Socks5 => 1080,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use portcullis::url::UrlError;

    #[test]
    fn a_proxys_url_names_its_parts() {
        let with = |user: &[u8], password: &[u8]| Some((user.to_vec(), password.to_vec()));
        for (url, told, credentials) in [
            ("http://proxy", "http://proxy:80", None),
            ("HTTP://Proxy:3128/", "http://proxy:3128", None),
            ("http://h:80", "http://h:80", None),
            ("socks5://127.0.0.1", "socks5://127.0.0.1:1080", None),
            ("socks5h://[0::1]", "socks5://[::1]:1080", None),
            ("socks5://[::1]:80", "socks5://[::1]:80", None),
            ("socks5://u:p@h:9", "socks5://h:9", with(b"u", b"p")),
            ("socks5://u@h:9", "socks5://h:9", with(b"u", b"")),
            ("http://u:p:q%2F%40%25@h", "http://h:80", with(b"u", b"p:q/@%")),
            ("http://u:p@ss@h", "http://h:80", with(b"u", b"p@ss")),
            ("http://:p@h", "http://h:80", with(b"", b"p")),
            ("http://u%C3%A9:%ff@h", "http://h:80", with("u\u{e9}".as_bytes(), b"\xff")),
        ] {
            let proxy = Proxy::parse(url).unwrap();
            let known = proxy.credentials.as_ref().map(|known| (known.user.clone(), known.password.clone()));
            assert_eq!((proxy.to_string(), known), (told.to_owned(), credentials), "{url}");
        }
    }

    #[test]
    fn what_is_no_proxys_url_is_refused_with_its_fault_and_no_secret() {
        let long = format!("socks5://u:{}@h", "p".repeat(256));
        for (url, error) in [
            ("", ProxyError::NoScheme),
            ("hush:hush@h:1", ProxyError::NoScheme),
            ("ftp://hush@h", ProxyError::Scheme),
            ("https://u:hush@h", ProxyError::Unsupported(UnsupportedScheme::Https)),
            ("SOCKS4://h", ProxyError::Unsupported(UnsupportedScheme::Socks4)),
            ("socks4a://h", ProxyError::Unsupported(UnsupportedScheme::Socks4a)),
            ("http://u:hush@h/path", ProxyError::Path),
            ("http://h?x", ProxyError::Path),
            ("http://h#x", ProxyError::Path),
            ("http://u:hush%@h", ProxyError::Escape),
            ("http://u:hush%2@h", ProxyError::Escape),
            ("http://u:hush%zz@h", ProxyError::Escape),
            ("socks5://:hush@h", ProxyError::User),
            ("http://hush%3Ahush:c@h", ProxyError::User),
            (long.as_str(), ProxyError::TooLong { len: 256 }),
            ("http://", ProxyError::Address(UrlError::NoHost)),
            ("http://u:hush@", ProxyError::Address(UrlError::NoHost)),
            ("http://u:hush@h:0", ProxyError::Address(UrlError::Port)),
            ("socks5://h:port", ProxyError::Address(UrlError::Port)),
            ("socks5://[::1", ProxyError::Address(UrlError::Host)),
        ] {
            let refused = Proxy::parse(url).unwrap_err();
            assert_eq!(refused, error, "{url}");
            assert!(!format!("{refused} {refused:?}").contains("hush"), "{url}");
        }
        let told = ProxyError::Unsupported(UnsupportedScheme::Https).to_string();
        assert_eq!(told, "proxies of https are not supported, use one of http or socks5");
    }

    #[test]
    fn neither_user_nor_password_is_printed() {
        let proxy = Proxy::parse("socks5://hush:hush@h:9").unwrap();
        assert_eq!(format!("{proxy} {proxy:?}"), "socks5://h:9 Proxy(socks5://h:9)");
    }
}
