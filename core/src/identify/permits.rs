//! The permits that keep buckets busy: those granted and not used yet ("out"), and those used within the spacing.
//!
//! # Invariants
//! * `out-is-held`: an id is in `out` exactly while its permit is in the bucket of its shard.

use super::queue::PermitId;
use crate::time::Timestamp;
use alloc::collections::BTreeMap;
use alloc::vec::Vec;

#[derive(Clone, Debug)]
pub(super) struct Permits {
    max_concurrency: u32,
    /// By bucket: one permit each, unless `max_concurrency` changed while permits were out.
    by_bucket: BTreeMap<u32, Vec<Permit>>,
    /// The permits that were granted and not used yet, with their shards.
    out: BTreeMap<PermitId, u32>,
    /// No permit ends before this time. It spares a walk through all buckets in each call.
    first_over: Timestamp,
}

#[derive(Clone, Copy, Debug)]
struct Permit {
    shard: u32,
    state: PermitState,
    /// When its bucket is free again.
    until: Timestamp,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum PermitState {
    Out(PermitId),
    Used,
}

impl Permits {
    pub(super) fn new(max_concurrency: u32) -> Self {
        let max_concurrency = max_concurrency.max(1);
        Self { max_concurrency, by_bucket: BTreeMap::new(), out: BTreeMap::new(), first_over: Timestamp::MAX }
    }

    pub(super) const fn max_concurrency(&self) -> u32 {
        self.max_concurrency
    }

    pub(super) fn set_max_concurrency(&mut self, max_concurrency: u32) {
        self.max_concurrency = max_concurrency.max(1);
        for permit in core::mem::take(&mut self.by_bucket).into_values().flatten() {
            self.bucket_of(permit.shard).push(permit);
        }
    }

    /// Drops the permits that have ended. A permit that was out counts as used.
    pub(super) fn advance(&mut self, now: Timestamp) {
        if now < self.first_over {
            return;
        }
        let Self { by_bucket, out, first_over, .. } = self;
        *first_over = Timestamp::MAX;
        by_bucket.retain(|_, permits| {
            permits.retain(|permit| {
                if permit.until > now {
                    *first_over = permit.until.min(*first_over);
                } else if let PermitState::Out(id) = permit.state {
                    out.remove(&id);
                }
                permit.until > now
            });
            !permits.is_empty()
        });
    }

    /// Until when a shard's bucket is busy; `None` if it is free.
    pub(super) fn busy_until(&self, shard: u32) -> Option<Timestamp> {
        self.by_bucket.get(&(shard % self.max_concurrency))?.iter().map(|permit| permit.until).max()
    }

    pub(super) fn grant(&mut self, id: PermitId, shard: u32, until: Timestamp) {
        self.out.insert(id, shard);
        self.add(Permit { shard, state: PermitState::Out(id), until });
    }

    /// Adds a used permit of an earlier run, whose id is unknown.
    pub(super) fn add_used(&mut self, shard: u32, until: Timestamp) {
        self.add(Permit { shard, state: PermitState::Used, until });
    }

    /// The permit was used, and keeps its bucket busy until `until`.
    pub(super) fn spend(&mut self, id: PermitId, until: Timestamp) {
        if let Some(permit) = self.take(id) {
            self.add(Permit { state: PermitState::Used, until, ..permit });
        }
    }

    /// Removes a permit that was not used. `false` if it was not out.
    pub(super) fn give_back(&mut self, id: PermitId) -> bool {
        self.take(id).is_some()
    }

    /// How many permits are granted and not used yet.
    pub(super) fn out(&self) -> u32 {
        u32::try_from(self.out.len()).unwrap_or(u32::MAX)
    }

    /// How many permits keep a bucket busy.
    pub(super) fn all(&self) -> u32 {
        u32::try_from(self.by_bucket.values().map(Vec::len).sum::<usize>()).unwrap_or(u32::MAX)
    }

    /// The shard of each permit, and when the permit ends.
    pub(super) fn iter(&self) -> impl Iterator<Item = (u32, Timestamp)> {
        self.by_bucket.values().flatten().map(|permit| (permit.shard, permit.until))
    }

    fn add(&mut self, permit: Permit) {
        self.first_over = permit.until.min(self.first_over);
        self.bucket_of(permit.shard).push(permit);
    }

    fn take(&mut self, id: PermitId) -> Option<Permit> {
        let shard = self.out.remove(&id)?;
        let bucket = self.bucket_of(shard);
        let index = bucket.iter().position(|permit| permit.state == PermitState::Out(id));
        debug_assert!(index.is_some(), "out-is-held: {id:?} of shard {shard}");
        Some(bucket.swap_remove(index?))
    }

    fn bucket_of(&mut self, shard: u32) -> &mut Vec<Permit> {
        self.by_bucket.entry(shard % self.max_concurrency).or_default()
    }
}
