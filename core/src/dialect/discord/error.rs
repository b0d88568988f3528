//! Why a dialect cannot be made.

use super::Discord;
use crate::dialect::CommandError;
use crate::token::TokenError;
use crate::url::UrlError;
use core::fmt;

/// Why a [`Discord`] cannot be. Nothing was sent.
#[derive(Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum DiscordError {
    /// The token cannot be one.
    Token(TokenError),
    /// The URL is no WebSocket URL.
    Url(UrlError),
    /// The URL asks Discord's own gateway for another API version than the one that is spoken.
    Version,
    /// The URL asks for something that a method is there for.
    Query {
        /// The key of the query.
        key: &'static str,
        /// The method.
        method: &'static str,
    },
    /// `large_threshold` is not 50 to 250.
    LargeThreshold {
        /// What it is.
        asked: u8,
    },
    /// The gateway would refuse the presence, and every Identify with it.
    Presence(CommandError),
    /// Payloads that are compressed each for itself are JSON; terms take a compressed stream.
    PayloadCompression,
    /// The Identify would have more than `max` bytes.
    TooLong {
        /// The most bytes it may have.
        max: usize,
    },
}

impl fmt::Display for DiscordError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Token(error) => write!(f, "token: {error}"),
            Self::Url(error) => write!(f, "gateway url: {error}"),
            Self::Version => {
                let version = Discord::VERSION;
                write!(f, "gateway url: Discord's own gateway is spoken to in v{version} only, leave `v` out")
            }
            Self::Query { key, method } => {
                write!(f, "gateway url: leave `{key}` out of the query, {method} asks for it")
            }
            Self::LargeThreshold { asked } => write!(f, "large_threshold is {asked}; it must be 50 to 250"),
            Self::Presence(error) => write!(f, "presence: {error}"),
            Self::PayloadCompression => {
                f.write_str("etf does not go with compressed payloads; compress the stream, or none")
            }
            Self::TooLong { max } => {
                write!(f, "the identify would be above {max} bytes; shorten the presence or the properties")
            }
        }
    }
}

impl core::error::Error for DiscordError {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Token(error) => Some(error),
            Self::Url(error) => Some(error),
            Self::Presence(error) => Some(error),
            Self::Version
            | Self::Query { .. }
            | Self::LargeThreshold { .. }
            | Self::PayloadCompression
            | Self::TooLong { .. } => None,
        }
    }
}

impl From<TokenError> for DiscordError {
    fn from(error: TokenError) -> Self {
        Self::Token(error)
    }
}

impl From<UrlError> for DiscordError {
    fn from(error: UrlError) -> Self {
        Self::Url(error)
    }
}
