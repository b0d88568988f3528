//! Why a text is no gateway URL.

use core::fmt;

/// Why a text is no gateway URL.
#[derive(Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum UrlError {
    /// It is `len` bytes long.
    TooLong {
        /// Bytes it has.
        len: usize,
        /// Bytes it may have.
        max: usize,
    },
    /// The byte at `at` may not stand in a URL: a control character, a space, a quote, or not ASCII.
    Character {
        /// Offset of the byte.
        at: usize,
    },
    /// It does not start with `wss://` or `ws://`.
    Scheme,
    /// It has a fragment, which no server would see.
    Fragment,
    /// It has a user name before the host.
    Userinfo,
    /// It has no host.
    NoHost,
    /// Its host is neither a DNS name nor an IP address.
    Host,
    /// Its port is no number from 1 to 65535.
    Port,
}

impl fmt::Display for UrlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong { len, max } => write!(f, "the url has {len} bytes, give one of at most {max}"),
            Self::Character { at } => write!(f, "the character at byte {at} of the url must be percent-encoded"),
            Self::Scheme => f.write_str("the url must start with wss:// or ws://"),
            Self::Fragment => f.write_str("the url has a fragment, leave out the # and what follows"),
            Self::Userinfo => f.write_str("the url has a user name, leave out what is before the @"),
            Self::NoHost => f.write_str("the url has no host, name one after ://"),
            Self::Host => f.write_str("the host of the url must be a dns name, an ipv4 or an [ipv6] address"),
            Self::Port => f.write_str("the port of the url must be a number from 1 to 65535"),
        }
    }
}

impl core::error::Error for UrlError {}
