//! Why a proxy's URL cannot be used.

use core::fmt;
use portcullis::url::UrlError;

/// What is wrong with a proxy's URL. It never holds what was given, which may be a password.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ProxyError {
    /// It does not begin with a scheme and `://`.
    NoScheme,
    /// Its scheme is of a proxy that is not supported.
    Unsupported(UnsupportedScheme),
    /// Its scheme is of no proxy that is known.
    Scheme,
    /// Something follows the port: a path, a query or a fragment.
    Path,
    /// A `%` in user or password is not followed by two hexadecimal digits.
    Escape,
    /// The user is empty where SOCKS5 needs one, or holds a colon, which HTTP cannot send.
    User,
    /// User or password has this many bytes; SOCKS5 sends 255 of each at most.
    TooLong {
        /// Its length, decoded.
        len: usize,
    },
    /// Its host or port is none.
    Address(UrlError),
    /// It came from an environment variable, and is not Unicode.
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

impl fmt::Display for ProxyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoScheme => f.write_str("the proxy's url must start with http:// or socks5://"),
            Self::Unsupported(scheme) => {
                write!(f, "proxies of {} are not supported, use one of http or socks5", scheme.as_str())
            }
            Self::Scheme => f.write_str("the scheme of the proxy's url is unknown, use http or socks5"),
            Self::Path => f.write_str("the proxy's url must end after host and port, leave out what follows"),
            Self::Escape => f.write_str(
                "a % in the proxy's user or password must be followed by two hex digits; write %25 for itself",
            ),
            Self::User => f.write_str("the proxy's user must not be empty for socks5, nor hold a colon for http"),
            Self::TooLong { len } => {
                write!(f, "the proxy's user or password has {len} bytes, socks5 takes at most 255")
            }
            Self::Address(error) => write!(f, "the proxy's address: {error}"),
            Self::NotUnicode => f.write_str("the proxy's url must be unicode, write other bytes of a password as %XX"),
        }
    }
}

impl core::error::Error for ProxyError {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Address(error) => Some(error),
            Self::NoScheme
            | Self::Unsupported(_)
            | Self::Scheme
            | Self::Path
            | Self::Escape
            | Self::User
            | Self::TooLong { .. }
            | Self::NotUnicode => None,
        }
    }
}
