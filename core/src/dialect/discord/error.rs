//! Why a dialect cannot be made.

use super::Discord;
use crate::dialect::CommandError;
use crate::token::TokenError;
use crate::url::UrlError;

/// Why a [`Discord`] cannot be. Nothing was sent.
#[derive(Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DiscordError {
    /// The token cannot be one.
    #[error("token: {0}")]
    Token(#[from] TokenError),
    /// The URL is no WebSocket URL.
    #[error("gateway url: {0}")]
    Url(#[from] UrlError),
    /// The URL asks Discord's own gateway for another API version than the one that is spoken.
    #[error("gateway url: Discord's own gateway is spoken to in v{} only, leave `v` out", Discord::VERSION)]
    Version,
    /// The URL asks for something that a method is there for.
    #[error("gateway url: leave `{key}` out of the query, {method} asks for it")]
    Query {
        /// The key of the query.
        key: &'static str,
        /// The method.
        method: &'static str,
    },
    /// `large_threshold` is not 50 to 250.
    #[error("large_threshold is {asked}; it must be 50 to 250")]
    LargeThreshold {
        /// What it is.
        asked: u8,
    },
    /// The gateway would refuse the presence, and every Identify with it.
    #[error("presence: {0}")]
    Presence(#[source] CommandError),
    /// Payloads that are compressed each for itself are JSON; terms take a compressed stream.
    #[error("etf does not go with compressed payloads; compress the stream, or none")]
    PayloadCompression,
    /// The Identify would have more than `max` bytes.
    #[error("the identify would be above {max} bytes; shorten the presence or the properties")]
    TooLong {
        /// The most bytes it may have.
        max: usize,
    },
}
