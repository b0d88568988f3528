//! What gives each of the shards that are made together its gate.

use super::{IdentifyGate, SharedIdentify};
use portcullis::dialect::ShardId;
use std::sync::Arc;

#[derive(Clone)]
pub(crate) enum Gates {
    /// One queue of this process.
    Shared(SharedIdentify),
    /// The application's own.
    Own(Arc<dyn Fn(ShardId) -> Box<dyn IdentifyGate> + Send + Sync>),
}

impl Gates {
    pub(crate) fn gate(&self, shard: ShardId) -> Box<dyn IdentifyGate> {
        match self {
            Self::Shared(queue) => Box::new(queue.gate()),
            Self::Own(gate) => gate(shard),
        }
    }
}
