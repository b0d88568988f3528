//! What can be wrong with the configuration of a dialect.

use super::Discord;
use crate::dialect::CommandError;
use crate::token::TokenError;
use crate::url::UrlError;

/// What is wrong with the configuration of a [`Discord`]. Nothing was sent.
#[derive(Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DiscordError {
    /// The token cannot be valid.
    #[error("token: {0}")]
    Token(#[from] TokenError),
    /// The URL is not a WebSocket URL.
    #[error("gateway url: {0}")]
    Url(#[from] UrlError),
    /// The URL asks Discord's own gateway for an API version other than [`Discord::VERSION`].
    #[error("gateway url: Discord's own gateway is spoken to in v{} only, leave `v` out", Discord::VERSION)]
    Version,
    /// The URL's query asks for something that a method of [`Discord`] sets.
    #[error("gateway url: leave `{key}` out of the query, {method} asks for it")]
    Query {
        /// The key of the query.
        key: &'static str,
        /// The method to call instead.
        method: &'static str,
    },
    /// `large_threshold` is not 50 to 250.
    #[error("large_threshold is {asked}; it must be 50 to 250")]
    LargeThreshold {
        /// The value that was given.
        asked: u8,
    },
    /// The gateway is known to refuse the presence, and would refuse every Identify with it.
    #[error("presence: {0}")]
    Presence(#[source] CommandError),
    /// ETF was combined with [`ZlibPayload`](crate::codec::Compression::ZlibPayload), in which the gateway sends JSON only.
    #[error("etf does not go with compressed payloads; compress the stream, or none")]
    PayloadCompression,
    /// The Identify would be longer than `max` bytes, the most the gateway takes.
    #[error("the identify would be above {max} bytes; shorten the presence or the properties")]
    TooLong {
        /// The most bytes it may have.
        max: usize,
    },
}
