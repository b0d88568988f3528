//! Why a text is not a gateway URL.

/// Why a text is not a gateway URL.
#[derive(Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UrlError {
    /// The URL is longer than `max` bytes.
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
    /// The URL does not start with `wss://` or `ws://`.
    #[error("the url must start with wss:// or ws://")]
    Scheme,
    /// The URL has a fragment, which would not be sent to the server.
    #[error("the url has a fragment, leave out the # and what follows")]
    Fragment,
    /// The URL has a user name before the host.
    #[error("the url has a user name, leave out what is before the @")]
    Userinfo,
    /// The URL has no host.
    #[error("the url has no host, name one after ://")]
    NoHost,
    /// The host is neither a DNS name nor an IP address.
    #[error("the host of the url must be a dns name, an ipv4 or an [ipv6] address")]
    Host,
    /// The port is not a number from 1 to 65535.
    #[error("the port of the url must be a number from 1 to 65535")]
    Port,
}
