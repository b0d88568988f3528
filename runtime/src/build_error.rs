//! Why a shard could not be made.

use crate::network::HeaderError;
use crate::proxy::ProxyError;
use core::fmt;
use portcullis::dialect::ShardIdError;
use portcullis::dialect::discord::DiscordError;
use portcullis::machine::ConfigError;

/// Why a shard could not be made.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum BuildError {
    /// Something about the bot.
    Discord(DiscordError),
    /// Something about the config, or the session to resume.
    Config(ConfigError),
    /// The proxy's URL.
    Proxy(ProxyError),
    /// A header of one's own, or the user agent.
    Header(HeaderError),
    /// A shard of [`build_shards`](crate::Builder::build_shards) that cannot be.
    Shard(ShardIdError),
}

impl fmt::Display for BuildError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Discord(error) => error.fmt(f),
            Self::Config(error) => error.fmt(f),
            Self::Proxy(error) => error.fmt(f),
            Self::Header(error) => error.fmt(f),
            Self::Shard(error) => error.fmt(f),
        }
    }
}

impl core::error::Error for BuildError {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Discord(error) => error.source(),
            Self::Config(error) => error.source(),
            Self::Proxy(error) => error.source(),
            Self::Header(error) => error.source(),
            Self::Shard(error) => error.source(),
        }
    }
}

impl From<DiscordError> for BuildError {
    fn from(error: DiscordError) -> Self {
        Self::Discord(error)
    }
}

impl From<ProxyError> for BuildError {
    fn from(error: ProxyError) -> Self {
        Self::Proxy(error)
    }
}

impl From<HeaderError> for BuildError {
    fn from(error: HeaderError) -> Self {
        Self::Header(error)
    }
}

impl From<ConfigError> for BuildError {
    fn from(error: ConfigError) -> Self {
        Self::Config(error)
    }
}

impl From<ShardIdError> for BuildError {
    fn from(error: ShardIdError) -> Self {
        Self::Shard(error)
    }
}
