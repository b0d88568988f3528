//! The Discord gateway, API v10.

mod command;
mod envelope;
mod intents;
mod payload;
mod presence;
mod shard;

pub use command::{Command, RequestGuildMembers, UpdateVoiceState};
pub use intents::{Intents, IntentsError};
pub use payload::IdentifyProperties;
pub use presence::{Activity, ActivityKind, Presence, Status};
pub use shard::{ShardId, ShardIdError};
