//! The Discord gateway, API v10.

mod envelope;
mod intents;
mod shard;

pub use intents::{Intents, IntentsError};
pub use shard::{ShardId, ShardIdError};
