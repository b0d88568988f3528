//! The queue: who waits, who holds a turn, and which buckets are busy.
//!
//! # Invariants
//! * `one-a-bucket`: no two turns of a bucket are out, or were used within the spacing, at the same time.
//! * `within-budget`: no turn is granted that would touch the reserve.
//! * `never-leaked`: a turn that was granted is used, given back, or counted as used when its lease is over.

use super::budget::{Budget, DAY};
use super::limit::{Returned, Rules, StartLimit};
use super::turns::Turns;
use crate::time::Timestamp;
use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::fmt;
use core::time::Duration;
use serde::{Deserialize, Serialize};

/// Who asks, in whatever way the owner of the queue numbers them. Each question has its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TicketId(pub u64);

/// What the queue says to one that waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Its turn has come. Tell the queue when the Identify goes out, with [`IdentifyQueue::spent`], or that none will,
    /// with [`IdentifyQueue::give_back`].
    Granted(TicketId),
    /// The budget is used up. The ticket keeps its place, and its turn comes after the reset, or when an update says
    /// that there is more. It is told once.
    Exhausted {
        /// The ticket.
        ticket: TicketId,
        /// How long until there are more.
        resets_in: Duration,
    },
}

/// Rations identifies. See the [module](super).
#[derive(Clone, Debug)]
pub struct IdentifyQueue {
    rules: Rules,
    budget: Budget,
    /// The newest moment seen: a clock that steps back stands still here.
    now: Timestamp,
    /// In the order in which they asked.
    waiting: VecDeque<Asked>,
    turns: Turns,
}

#[derive(Clone, Copy, Debug)]
struct Asked {
    ticket: TicketId,
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
pub struct Stored {
    limit: StartLimit,
    /// Shards that identified, and for how long their buckets are busy, in milliseconds.
    busy: Vec<(u32, u64)>,
}

impl IdentifyQueue {
    /// A queue that nobody has asked yet.
    #[must_use]
    pub fn new(now: Timestamp, limit: StartLimit, rules: Rules) -> Self {
        Self {
            rules,
            budget: Budget::new(now, &limit, 0),
            now,
            waiting: VecDeque::new(),
            turns: Turns::new(limit.max_concurrency),
        }
    }

    /// The queue of an earlier run. `elapsed` is the time since its [`export`](Self::export); where that is not known,
    /// none has passed.
    #[must_use]
    pub fn restore(now: Timestamp, stored: &Stored, elapsed: Option<Duration>, rules: Rules) -> Self {
        let elapsed = elapsed.unwrap_or_default();
        let StartLimit { reset_after, total, .. } = stored.limit;
        let mut queue = match reset_after.saturating_sub(elapsed) {
            // Its day is over.
            Duration::ZERO if !reset_after.is_zero() => {
                Self::new(now, StartLimit { remaining: total, reset_after: Duration::ZERO, ..stored.limit }, rules)
            }
            reset_after => Self::new(now, StartLimit { reset_after, ..stored.limit }, rules),
        };
        // A damaged store may not block a bucket for longer than a turn can.
        let longest = rules.lease.max(rules.spacing);
        for &(shard, millis) in &stored.busy {
            let left = Duration::from_millis(millis).saturating_sub(elapsed).min(longest);
            queue.turns.add_used(shard, now + left);
        }
        queue.advance(now);
        queue
    }

    /// Someone wants to identify. Who asks again with the same ticket keeps its place, and is told anew if the budget
    /// is used up.
    ///
    /// # Errors
    /// [`QueueFull`] when [`Rules::waiting`] wait already; it was not queued then.
    pub fn ask(&mut self, now: Timestamp, ticket: TicketId, shard: u32) -> Result<(), QueueFull> {
        self.advance(now);
        if let Some(asked) = self.waiting.iter_mut().find(|asked| asked.ticket == ticket) {
            asked.told = Told::No;
            return Ok(());
        }
        if self.waiting.len() >= self.rules.waiting {
            return Err(QueueFull { limit: self.rules.waiting });
        }
        self.waiting.push_back(Asked { ticket, shard, told: Told::No });
        Ok(())
    }

    /// The Identify of a granted ticket goes out now: its bucket's next is counted from here.
    pub fn spent(&mut self, now: Timestamp, ticket: TicketId) {
        self.advance(now);
        self.turns.spend(ticket, self.now + self.rules.spacing);
    }

    /// A ticket is not needed any more: it leaves the queue, or its turn comes back by [`Rules::returned`]. One that
    /// was used stays used.
    pub fn give_back(&mut self, now: Timestamp, ticket: TicketId) {
        self.advance(now);
        self.waiting.retain(|asked| asked.ticket != ticket);
        match self.rules.returned {
            Returned::Used => self.spent(now, ticket),
            Returned::Free => {
                if self.turns.give_back(ticket) {
                    self.budget.refund();
                }
            }
        }
    }

    /// The gateway was asked again what it allows. It does not know of identifies that are on their way, so those of
    /// the last few seconds are taken off. Who must go on waiting is told anew.
    pub fn update(&mut self, now: Timestamp, limit: StartLimit) {
        self.advance(now);
        self.turns.set_max_concurrency(limit.max_concurrency);
        self.budget = Budget::new(self.now, &limit, self.turns.all());
        self.waiting.iter_mut().for_each(|asked| asked.told = Told::No);
    }

    /// What is to be said now, and to whom: turns first, each in the order in which they asked.
    pub fn answers(&mut self, now: Timestamp) -> Vec<Answer> {
        self.advance(now);
        let now = self.now;
        let mut answers = Vec::new();
        let Self { rules, budget, waiting, turns, .. } = self;
        waiting.retain(|&Asked { ticket, shard, .. }| {
            if budget.left() <= rules.reserve || turns.busy_until(shard).is_some() {
                return true;
            }
            turns.grant(ticket, shard, now + rules.lease);
            budget.spend(now);
            answers.push(Answer::Granted(ticket));
            false
        });
        let resets_in = budget.resets_at().map_or(DAY, |at| at - now);
        let told = if budget.left() <= rules.reserve { Told::Exhausted } else { Told::No };
        for asked in waiting {
            if told == Told::Exhausted && asked.told == Told::No {
                answers.push(Answer::Exhausted { ticket: asked.ticket, resets_in });
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
        if self.budget.left() <= self.rules.reserve {
            let is_told = |asked: &Asked| asked.told == Told::Exhausted;
            return match self.waiting.iter().all(is_told) {
                false => Some(self.now),
                true if self.waiting.is_empty() => None,
                true => self.budget.resets_at(),
            };
        }
        let free_at = |asked: &Asked| self.turns.busy_until(asked.shard).unwrap_or(self.now);
        self.waiting.iter().map(free_at).min()
    }

    /// How many identifies can still be given out today, without the reserve.
    #[must_use]
    pub const fn left(&self) -> u32 {
        self.budget.left().saturating_sub(self.rules.reserve)
    }

    /// How many wait.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// What another run of the process needs to know. Turns that are out count as used.
    #[must_use]
    pub fn export(&self, now: Timestamp) -> Stored {
        let now = self.now.max(now);
        let limit = StartLimit {
            max_concurrency: self.turns.max_concurrency(),
            total: self.budget.total(),
            remaining: self.budget.left(),
            reset_after: self.budget.resets_at().map_or(Duration::ZERO, |at| (at - now).max(Duration::from_millis(1))),
        };
        let busy = |(shard, until): (u32, Timestamp)| {
            let millis = (until - now).as_nanos().div_ceil(1_000_000);
            (shard, u64::try_from(millis).unwrap_or(u64::MAX))
        };
        Stored { limit, busy: self.turns.iter().filter(|(_, until)| *until > now).map(busy).collect() }
    }

    /// Takes the clock on: turns that are over go, and a new day may begin.
    fn advance(&mut self, now: Timestamp) {
        self.now = self.now.max(now);
        let now = self.now;
        self.turns.advance(now);
        self.budget.turn_over(now, self.turns.out());
    }
}

/// Too many wait already. The question was not queued.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct QueueFull {
    /// The most that may wait.
    pub limit: usize,
}

impl fmt::Display for QueueFull {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} wait to identify already; ask again later", self.limit)
    }
}

impl core::error::Error for QueueFull {}
