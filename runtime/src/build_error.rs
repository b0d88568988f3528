//! Why a shard could not be made.

use crate::network::HeaderError;
use crate::proxy::ProxyError;
use portcullis::dialect::ShardIdError;
use portcullis::dialect::discord::DiscordError;
use portcullis::machine::ConfigError;

/// Why a shard could not be made. Nothing was sent anywhere.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[error(transparent)]
#[non_exhaustive]
pub enum BuildError {
    /// The token, an intent, the presence or another setting of the bot.
    Discord(#[from] DiscordError),
    /// The config, or the session to resume.
    Config(#[from] ConfigError),
    /// The proxy's URL.
    Proxy(#[from] ProxyError),
    /// A header that the application adds, or the user agent.
    Header(#[from] HeaderError),
    /// The id or the count of a shard of [`build_shards`](crate::Builder::build_shards).
    Shard(#[from] ShardIdError),
}
