//! The turns that keep buckets busy.
//!
//! # Invariants
//! * `out-is-held`: a ticket is out exactly while its turn is among those of its shard's bucket.

use super::queue::TicketId;
use crate::time::Timestamp;
use alloc::collections::BTreeMap;
use alloc::vec::Vec;

#[derive(Clone, Debug)]
pub(super) struct Turns {
    max_concurrency: u32,
    /// By bucket: one each, unless the number of buckets has changed.
    by_bucket: BTreeMap<u32, Vec<Turn>>,
    /// Those that were granted and not used, and for which shard.
    out: BTreeMap<TicketId, u32>,
    /// No turn is over before.
    first_over: Timestamp,
}

#[derive(Clone, Copy, Debug)]
struct Turn {
    shard: u32,
    state: TurnState,
    /// When it keeps its bucket busy no longer.
    until: Timestamp,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum TurnState {
    Out(TicketId),
    Used,
}

impl Turns {
    pub(super) fn new(max_concurrency: u32) -> Self {
        let max_concurrency = max_concurrency.max(1);
        Self { max_concurrency, by_bucket: BTreeMap::new(), out: BTreeMap::new(), first_over: Timestamp::MAX }
    }

    pub(super) const fn max_concurrency(&self) -> u32 {
        self.max_concurrency
    }

    pub(super) fn set_max_concurrency(&mut self, max_concurrency: u32) {
        self.max_concurrency = max_concurrency.max(1);
        for turn in core::mem::take(&mut self.by_bucket).into_values().flatten() {
            self.bucket_of(turn.shard).push(turn);
        }
    }

    /// Drops those that are over. One that was out counts as used.
    pub(super) fn advance(&mut self, now: Timestamp) {
        if now < self.first_over {
            return;
        }
        let Self { by_bucket, out, first_over, .. } = self;
        *first_over = Timestamp::MAX;
        by_bucket.retain(|_, turns| {
            turns.retain(|turn| {
                if turn.until > now {
                    *first_over = turn.until.min(*first_over);
                } else if let TurnState::Out(ticket) = turn.state {
                    out.remove(&ticket);
                }
                turn.until > now
            });
            !turns.is_empty()
        });
    }

    /// Until when a shard's bucket is busy, if it is.
    pub(super) fn busy_until(&self, shard: u32) -> Option<Timestamp> {
        self.by_bucket.get(&(shard % self.max_concurrency))?.iter().map(|turn| turn.until).max()
    }

    pub(super) fn grant(&mut self, ticket: TicketId, shard: u32, until: Timestamp) {
        self.out.insert(ticket, shard);
        self.add(Turn { shard, state: TurnState::Out(ticket), until });
    }

    /// A turn of which only its shard is known.
    pub(super) fn add_used(&mut self, shard: u32, until: Timestamp) {
        self.add(Turn { shard, state: TurnState::Used, until });
    }

    /// The turn was used, and keeps its bucket busy until then.
    pub(super) fn spend(&mut self, ticket: TicketId, until: Timestamp) {
        if let Some(turn) = self.take(ticket) {
            self.add(Turn { state: TurnState::Used, until, ..turn });
        }
    }

    /// The turn was never there. `false` if it was not out.
    pub(super) fn give_back(&mut self, ticket: TicketId) -> bool {
        self.take(ticket).is_some()
    }

    /// How many were granted and not used.
    pub(super) fn out(&self) -> u32 {
        u32::try_from(self.out.len()).unwrap_or(u32::MAX)
    }

    /// How many keep a bucket busy.
    pub(super) fn all(&self) -> u32 {
        u32::try_from(self.by_bucket.values().map(Vec::len).sum::<usize>()).unwrap_or(u32::MAX)
    }

    /// The shard of each, and until when.
    pub(super) fn iter(&self) -> impl Iterator<Item = (u32, Timestamp)> {
        self.by_bucket.values().flatten().map(|turn| (turn.shard, turn.until))
    }

    fn add(&mut self, turn: Turn) {
        self.first_over = turn.until.min(self.first_over);
        self.bucket_of(turn.shard).push(turn);
    }

    fn take(&mut self, ticket: TicketId) -> Option<Turn> {
        let shard = self.out.remove(&ticket)?;
        let bucket = self.bucket_of(shard);
        let index = bucket.iter().position(|turn| turn.state == TurnState::Out(ticket));
        debug_assert!(index.is_some(), "out-is-held: {ticket:?} of shard {shard}");
        Some(bucket.swap_remove(index?))
    }

    fn bucket_of(&mut self, shard: u32) -> &mut Vec<Turn> {
        self.by_bucket.entry(shard % self.max_concurrency).or_default()
    }
}
