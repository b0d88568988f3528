//! As many shards as the application says.

use super::ShardSet;
use crate::build_error::BuildError;
use crate::builder::Builder;
use crate::driver::Driver;
use crate::identify::{Gates, SharedIdentify};
use crate::runtime::Runtime;
use portcullis::Discord;
use portcullis::dialect::ShardId;
use portcullis::identify::{QueueConfig, SessionStartLimit};

impl<R: Runtime> Builder<R> {
    /// Makes these shards of `count` with these settings, without asking the API. They connect when the set is polled.
    ///
    /// They share one identify queue: the queue of [`identify`](Self::identify), the gates of
    /// [`identify_by`](Self::identify_by), or a queue of the set's own ([`ShardSet::identify`]), which does not know
    /// the bot's limits and lets one shard identify in 5 s. A shard resumes the session that was given for it
    /// ([`resume`](Self::resume)).
    ///
    /// ```
    /// # use portcullis::Intents;
    /// # use portcullis_runtime::{BuildError, Builder, Runtime};
    /// # fn run<R: Runtime>(runtime: R) -> Result<(), BuildError> {
    /// let shards = Builder::new(runtime, "a.bot.token", Intents::GUILDS).build_shards(0..3, 3)?;
    /// assert_eq!(shards.len(), 3);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`BuildError`]: [`BuildError::Shard`] for an id that is not below `count`.
    pub fn build_shards(
        self,
        ids: impl IntoIterator<Item = u32>,
        count: u32,
    ) -> Result<ShardSet<Driver<Discord, R>>, BuildError> {
        self.build_fleet(ids, count, SessionStartLimit::default())
    }

    /// `limit` is for the set's own queue, where no other was set.
    pub(super) fn build_fleet(
        self,
        ids: impl IntoIterator<Item = u32>,
        count: u32,
        limit: SessionStartLimit,
    ) -> Result<ShardSet<Driver<Discord, R>>, BuildError> {
        let (identify, mut template) = match self.gates() {
            Some(Gates::Shared(identify)) => (Some(identify.clone()), self),
            Some(Gates::Own(_)) => (None, self),
            None => {
                let identify = SharedIdentify::new(self.runtime(), limit, QueueConfig::default());
                (Some(identify.clone()), self.identify(&identify))
            }
        };
        let mut sessions = template.take_sessions();
        let mut set = ShardSet::new();
        for id in ids {
            let shard = ShardId::new(id, count)?;
            set.add(template.clone().of_many(shard, sessions.remove(&Some(shard))).build()?);
        }
        set.identify = identify;
        Ok(set)
    }
}
