//! Why a text is no gateway URL.

/// Why a text is no gateway URL.
#[derive(Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UrlError {
    /// It is `len` bytes long.
    #[error("the url has {len} bytes, give one of at most {max}")]
    TooLong {
        /// Bytes it has.
        len: usize,
        /// Bytes it may have.
        max: usize,
    },
    /// The byte at `at` may not stand in a URL: a control character, a space, a quote, or not ASCII.
    #[error("the character at byte {at} of the url must be percent-encoded")]
    Character {
        /// Offset of the byte.
        at: usize,
    },
    /// It does not start with `wss://` or `ws://`.
    #[error("the url must start with wss:// or ws://")]
    Scheme,
    /// It has a fragment, which no server would see.
    #[error("the url has a fragment, leave out the # and what follows")]
    Fragment,
    /// It has a user name before the host.
    #[error("the url has a user name, leave out what is before the @")]
    Userinfo,
    /// It has no host.
    #[error("the url has no host, name one after ://")]
    NoHost,
    /// Its host is neither a DNS name nor an IP address.
    #[error("the host of the url must be a dns name, an ipv4 or an [ipv6] address")]
    Host,
    /// Its port is no number from 1 to 65535.
    #[error("the port of the url must be a number from 1 to 65535")]
    Port,
}
