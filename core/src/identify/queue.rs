//! The queue: who waits, who holds a permit, and which buckets are busy.
//!
//! # Invariants
//! * `one-a-bucket`: no two permits of a bucket are out, or were used within the spacing, at the same time.
//! * `within-budget`: no permit is granted that would touch the reserve.
//! * `never-leaked`: a permit that was granted is used, given back, or counted as used when its lease is over.

use super::budget::{Budget, DAY};
use super::limit::{QueueConfig, Returned, SessionStartLimit};
use super::permits::Permits;
use crate::time::Timestamp;
use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::time::Duration;
use serde::{Deserialize, Serialize};

/// Who asks, in whatever way the owner of the queue numbers them. Each question has its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PermitId(pub u64);

/// What the queue says to one that waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Its permit has come. Tell the queue when the Identify goes out, with [`IdentifyQueue::spent`], or that none will,
    /// with [`IdentifyQueue::give_back`].
    Granted(PermitId),
    /// The budget is used up. The permit request keeps its place, and its permit comes after the reset, or when an update says
    /// that there is more. It is told once.
    Exhausted {
        /// The permit request.
        id: PermitId,
        /// How long until there are more.
        resets_in: Duration,
    },
}

/// Rations identifies. See the [module](super).
#[derive(Clone, Debug)]
pub struct IdentifyQueue {
    config: QueueConfig,
    budget: Budget,
    /// The newest moment seen: a clock that steps back stands still here.
    now: Timestamp,
    /// In the order in which they asked.
    waiting: VecDeque<Asked>,
    permits: Permits,
}

#[derive(Clone, Copy, Debug)]
struct Asked {
    id: PermitId,
    shard: u32,
    told: Told,
}

/// Whether it knows that the budget is used up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Told {
    No,
    Exhausted,
}

/// A queue's budget and busy buckets, to be kept across restarts: a crash loop must not burn the token. It holds spans
/// and no moments, so whoever restores it says how much time has passed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueueSnapshot {
    limit: SessionStartLimit,
    /// Shards that identified, and for how long their buckets are busy, in milliseconds.
    busy: Vec<(u32, u64)>,
}

impl IdentifyQueue {
    /// A queue that nobody has asked yet.
    #[must_use]
    pub fn new(now: Timestamp, limit: SessionStartLimit, config: QueueConfig) -> Self {
        Self {
            config,
            budget: Budget::new(now, &limit, 0),
            now,
            waiting: VecDeque::new(),
            permits: Permits::new(limit.max_concurrency),
        }
    }

    /// The queue of an earlier run. `elapsed` is the time since its [`export`](Self::export); where that is not known,
    /// none has passed.
    #[must_use]
    pub fn restore(now: Timestamp, snapshot: &QueueSnapshot, elapsed: Option<Duration>, config: QueueConfig) -> Self {
        let elapsed = elapsed.unwrap_or_default();
        let SessionStartLimit { reset_after, total, .. } = snapshot.limit;
        let mut queue = match reset_after.saturating_sub(elapsed) {
            // Its day is over.
            Duration::ZERO if !reset_after.is_zero() => Self::new(
                now,
                SessionStartLimit { remaining: total, reset_after: Duration::ZERO, ..snapshot.limit },
                config,
            ),
            reset_after => Self::new(now, SessionStartLimit { reset_after, ..snapshot.limit }, config),
        };
        // A damaged store may not block a bucket for longer than a permit can.
        let longest = config.lease.max(config.spacing);
        for &(shard, millis) in &snapshot.busy {
            let left = Duration::from_millis(millis).saturating_sub(elapsed).min(longest);
            queue.permits.add_used(shard, now + left);
        }
        queue.advance(now);
        queue
    }

    /// Someone wants to identify. Who asks again with the same permit request keeps its place, and is told anew if the budget
    /// is used up.
    ///
    /// # Errors
    /// [`QueueFull`] when [`QueueConfig::waiting`] wait already; it was not queued then.
    pub fn ask(&mut self, now: Timestamp, id: PermitId, shard: u32) -> Result<(), QueueFull> {
        self.advance(now);
        if let Some(asked) = self.waiting.iter_mut().find(|asked| asked.id == id) {
            asked.told = Told::No;
            return Ok(());
        }
        if self.waiting.len() >= self.config.waiting {
            return Err(QueueFull { limit: self.config.waiting });
        }
        self.waiting.push_back(Asked { id, shard, told: Told::No });
        Ok(())
    }

    /// The Identify of a granted permit request goes out now: its bucket's next is counted from here.
    pub fn spent(&mut self, now: Timestamp, id: PermitId) {
        self.advance(now);
        self.permits.spend(id, self.now + self.config.spacing);
    }

    /// A permit request is not needed any more: it leaves the queue, or its permit comes back by [`QueueConfig::returned`]. One that
    /// was used stays used.
    pub fn give_back(&mut self, now: Timestamp, id: PermitId) {
        self.advance(now);
        self.waiting.retain(|asked| asked.id != id);
        match self.config.returned {
            Returned::Used => self.spent(now, id),
            Returned::Free => {
                if self.permits.give_back(id) {
                    self.budget.refund();
                }
            }
        }
    }

    /// The gateway was asked again what it allows. It does not know of identifies that are on their way, so those of
    /// the last few seconds are taken off. Who must go on waiting is told anew.
    pub fn update(&mut self, now: Timestamp, limit: SessionStartLimit) {
        self.advance(now);
        self.permits.set_max_concurrency(limit.max_concurrency);
        self.budget = Budget::new(self.now, &limit, self.permits.all());
        self.waiting.iter_mut().for_each(|asked| asked.told = Told::No);
    }

    /// What is to be said now, and to whom: permits first, each in the order in which they asked.
    pub fn answers(&mut self, now: Timestamp) -> Vec<Answer> {
        self.advance(now);
        let now = self.now;
        let mut answers = Vec::new();
        let Self { config, budget, waiting, permits, .. } = self;
        waiting.retain(|&Asked { id, shard, .. }| {
            if budget.left() <= config.reserve || permits.busy_until(shard).is_some() {
                return true;
            }
            permits.grant(id, shard, now + config.lease);
            budget.spend(now);
            answers.push(Answer::Granted(id));
            false
        });
        let resets_in = budget.resets_at().map_or(DAY, |at| at - now);
        let told = if budget.left() <= config.reserve { Told::Exhausted } else { Told::No };
        for asked in waiting {
            if told == Told::Exhausted && asked.told == Told::No {
                answers.push(Answer::Exhausted { id: asked.id, resets_in });
            }
            asked.told = told;
        }
        debug_assert!(
            answers.is_empty() || self.deadline().is_none_or(|at| at > now),
            "one-a-bucket: something is left to be said"
        );
        answers
    }

    /// When [`answers`](Self::answers) has something to say, if nothing else happens; `None` while nobody waits for
    /// more than word from outside. It may lie in the past.
    #[must_use]
    pub fn deadline(&self) -> Option<Timestamp> {
        if self.budget.left() <= self.config.reserve {
            let is_told = |asked: &Asked| asked.told == Told::Exhausted;
            return match self.waiting.iter().all(is_told) {
                false => Some(self.now),
                true if self.waiting.is_empty() => None,
                true => self.budget.resets_at(),
            };
        }
        let free_at = |asked: &Asked| self.permits.busy_until(asked.shard).unwrap_or(self.now);
        self.waiting.iter().map(free_at).min()
    }

    /// How many identifies can still be given out today, without the reserve.
    #[must_use]
    pub const fn left(&self) -> u32 {
        self.budget.left().saturating_sub(self.config.reserve)
    }

    /// How many wait.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// What another run of the process needs to know. Permits that are out count as used.
    #[must_use]
    pub fn export(&self, now: Timestamp) -> QueueSnapshot {
        let now = self.now.max(now);
        let limit = SessionStartLimit {
            max_concurrency: self.permits.max_concurrency(),
            total: self.budget.total(),
            remaining: self.budget.left(),
            reset_after: self.budget.resets_at().map_or(Duration::ZERO, |at| (at - now).max(Duration::from_millis(1))),
        };
        let busy = |(shard, until): (u32, Timestamp)| {
            let millis = (until - now).as_nanos().div_ceil(1_000_000);
            (shard, u64::try_from(millis).unwrap_or(u64::MAX))
        };
        QueueSnapshot { limit, busy: self.permits.iter().filter(|(_, until)| *until > now).map(busy).collect() }
    }

    /// Takes the clock on: permits that are over go, and a new day may begin.
    fn advance(&mut self, now: Timestamp) {
        self.now = self.now.max(now);
        let now = self.now;
        self.permits.advance(now);
        self.budget.begin_next_day(now, self.permits.out());
    }
}

/// Too many wait already. The question was not queued.
#[derive(Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{limit} shards wait to identify already; ask again later")]
pub struct QueueFull {
    /// The most that may wait.
    pub limit: usize,
}
