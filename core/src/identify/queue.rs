//! The queue of permit requests. See the [module](super).
//!
//! # Invariants
//! * `one-a-bucket`: of each bucket at most one permit is out or was used within the spacing.
//! * `within-budget`: no grant takes from the reserve.
//! * `never-leaked`: each granted permit is used, given back, or counted as used when its lease ends.

use super::budget::{Budget, DAY};
use super::limit::{QueueConfig, Returned, SessionStartLimit};
use super::permits::Permits;
use crate::time::Timestamp;
use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::time::Duration;
use serde::{Deserialize, Serialize};

/// The id of one permit request, chosen by the owner of the queue. Each request has its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PermitId(pub u64);

/// The queue's answer to a permit request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The shard may identify. Call [`IdentifyQueue::spent`] when the Identify goes out, or [`IdentifyQueue::give_back`] if none will.
    Granted(PermitId),
    /// The budget is used up. The request keeps its place, and is granted after the reset, or when an update reports more. The queue
    /// says this once for each request.
    Exhausted {
        /// The permit request.
        id: PermitId,
        /// How long it is until the budget resets.
        resets_in: Duration,
    },
}

/// Grants permits to identify, within the gateway's limits. See the [module](super).
#[derive(Clone, Debug)]
pub struct IdentifyQueue {
    config: QueueConfig,
    budget: Budget,
    /// The latest time seen: if a caller's clock goes back, the queue's clock stands still.
    now: Timestamp,
    /// The permit requests, oldest first.
    waiting: VecDeque<Asked>,
    permits: Permits,
}

#[derive(Clone, Copy, Debug)]
struct Asked {
    id: PermitId,
    shard: u32,
    told: Told,
}

/// Whether the request was answered with [`Answer::Exhausted`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Told {
    No,
    Exhausted,
}

/// A queue's budget and busy buckets, to be stored across restarts: without them, a crash loop would exceed the budget, and the
/// gateway would reset the token. It holds durations, since the next run has another clock; its owner says how much time has
/// passed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueueSnapshot {
    limit: SessionStartLimit,
    /// Shards whose buckets are busy, and for how many milliseconds.
    busy: Vec<(u32, u64)>,
}

impl IdentifyQueue {
    /// A queue without permit requests.
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

    /// The queue of an earlier run. `elapsed` is the time since its [`export`](Self::export); `None`, an unknown time, counts as
    /// zero, which may wait too long but never exceeds a limit.
    #[must_use]
    pub fn restore(now: Timestamp, snapshot: &QueueSnapshot, elapsed: Option<Duration>, config: QueueConfig) -> Self {
        let elapsed = elapsed.unwrap_or_default();
        let SessionStartLimit { reset_after, total, .. } = snapshot.limit;
        let mut queue = match reset_after.saturating_sub(elapsed) {
            // The day of the earlier run is over: all identifies are available.
            Duration::ZERO if !reset_after.is_zero() => Self::new(
                now,
                SessionStartLimit { remaining: total, reset_after: Duration::ZERO, ..snapshot.limit },
                config,
            ),
            reset_after => Self::new(now, SessionStartLimit { reset_after, ..snapshot.limit }, config),
        };
        // A damaged snapshot must not block a bucket for longer than a permit could.
        let longest = config.lease.max(config.spacing);
        for &(shard, millis) in &snapshot.busy {
            let left = Duration::from_millis(millis).saturating_sub(elapsed).min(longest);
            queue.permits.add_used(shard, now + left);
        }
        queue.advance(now);
        queue
    }

    /// Adds a permit request of a shard. A second call with the same id keeps the request's place; if the budget is used up, the
    /// queue says so again.
    ///
    /// # Errors
    /// [`QueueFull`] when [`QueueConfig::waiting`] requests wait already; this one was not queued.
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

    /// The Identify of a granted request goes out now: the bucket's spacing starts here, because the gateway counts from the
    /// Identify, and a permit may be used long after its grant.
    pub fn spent(&mut self, now: Timestamp, id: PermitId) {
        self.advance(now);
        self.permits.spend(id, self.now + self.config.spacing);
    }

    /// Withdraws a permit request, or gives its permit back as [`QueueConfig::returned`] says. A permit that was used stays used.
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

    /// Takes the gateway's latest limit. The gateway may not have counted the identifies of the last seconds yet, so the queue
    /// subtracts them. Requests that must still wait are told so again.
    pub fn update(&mut self, now: Timestamp, limit: SessionStartLimit) {
        self.advance(now);
        self.permits.set_max_concurrency(limit.max_concurrency);
        self.budget = Budget::new(self.now, &limit, self.permits.all());
        self.waiting.iter_mut().for_each(|asked| asked.told = Told::No);
    }

    /// The answers that are due now: grants first, then exhausted ones, both in the order of the requests.
    ///
    /// A request whose bucket is busy does not hold up requests of other buckets.
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

    /// When to call [`answers`](Self::answers) next, if no other call comes before; `None` if no answer will become due by time
    /// alone. The result may be in the past.
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

    /// How many identifies the queue can still grant today, without the reserve.
    #[must_use]
    pub const fn left(&self) -> u32 {
        self.budget.left().saturating_sub(self.config.reserve)
    }

    /// How many permit requests wait.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// The state that the next run of the process needs. Permits that are out count as used.
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

    /// Moves the queue's clock forward, removes permits that have ended, and begins a new day if the old one is over. The
    /// permits go first, so that one whose lease ended with the day does not count for the new day.
    fn advance(&mut self, now: Timestamp) {
        self.now = self.now.max(now);
        let now = self.now;
        self.permits.advance(now);
        self.budget.begin_next_day(now, self.permits.out());
    }
}

/// Too many permit requests wait already. This one was not queued.
#[derive(Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{limit} shards wait to identify already; ask again later")]
pub struct QueueFull {
    /// The most requests that may wait.
    pub limit: usize,
}
