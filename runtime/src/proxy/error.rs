//! Why a proxy's URL cannot be used.

use portcullis::url::UrlError;

/// What is wrong with a proxy's URL. It never holds what was given, which may be a password.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProxyError {
    /// It does not begin with a scheme and `://`.
    #[error("the proxy's url must start with http:// or socks5://")]
    NoScheme,
    /// Its scheme is of a proxy that is not supported.
    #[error("proxies of {} are not supported, use one of http or socks5", .0.as_str())]
    Unsupported(UnsupportedScheme),
    /// Its scheme is of no proxy that is known.
    #[error("the scheme of the proxy's url is unknown, use http or socks5")]
    Scheme,
    /// Something follows the port: a path, a query or a fragment.
    #[error("the proxy's url must end after host and port, leave out what follows")]
    Path,
    /// A `%` in user or password is not followed by two hexadecimal digits.
    #[error("a % in the proxy's user or password must be followed by two hex digits; write %25 for itself")]
    Escape,
    /// The user is empty where SOCKS5 needs one, or holds a colon, which HTTP cannot send.
    #[error("the proxy's user must not be empty for socks5, nor hold a colon for http")]
    User,
    /// User or password has this many bytes; SOCKS5 sends 255 of each at most.
    #[error("the proxy's user or password has {len} bytes, socks5 takes at most 255")]
    TooLong {
        /// Its length, decoded.
        len: usize,
    },
    /// Its host or port is none.
    #[error("the proxy's address: {0}")]
    Address(#[source] UrlError),
    /// It came from an environment variable, and is not Unicode.
    #[error("the proxy's url must be unicode, write other bytes of a password as %XX")]
    NotUnicode,
}

/// Schemes of proxies that are known, and not supported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum UnsupportedScheme {
    /// A proxy that itself speaks TLS.
    Https,
    /// SOCKS4, which knows neither names nor IPv6.
    Socks4,
    /// SOCKS4 with names.
    Socks4a,
}

impl UnsupportedScheme {
    pub(super) const ALL: [Self; 3] = [Self::Https, Self::Socks4, Self::Socks4a];

    /// The word before `://`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Https => "https",
            Self::Socks4 => "socks4",
            Self::Socks4a => "socks4a",
        }
    }
}
