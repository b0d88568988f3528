//! The queue: who waits, who holds a turn, and which buckets are busy.
//!
//! # Invariants
//! * `one-a-bucket`: no two turns of a bucket are out, or were used within the spacing, at the same time.
//! * `within-budget`: no turn is granted that would touch the reserve.
//! * `never-leaked`: a turn that was granted is used, given back, or counted as used when its lease is over.

use super::budget::{Budget, DAY};
use super::limit::{Returned, Rules, StartLimit};
use crate::time::Timestamp;
use alloc::collections::{BTreeMap, VecDeque};
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
    max_concurrency: u32,
    budget: Budget,
    /// The newest moment seen: a clock that steps back stands still here.
    now: Timestamp,
    /// In the order in which they asked.
    waiting: VecDeque<Asked>,
    /// What keeps buckets busy.
    turns: Vec<Turn>,
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
            max_concurrency: limit.max_concurrency.max(1),
            budget: Budget::new(now, &limit, 0),
            now,
            waiting: VecDeque::new(),
            turns: Vec::new(),
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
        queue.turns = stored
            .busy
            .iter()
            .map(|&(shard, millis)| {
                let left = Duration::from_millis(millis).saturating_sub(elapsed).min(longest);
                Turn { shard, state: TurnState::Used, until: now + left }
            })
            .collect();
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
        let (now, spacing) = (self.now, self.rules.spacing);
        if let Some(turn) = self.turn_of(ticket) {
            *turn = Turn { state: TurnState::Used, until: now + spacing, ..*turn };
        }
    }

    /// A ticket is not needed any more: it leaves the queue, or its turn comes back by [`Rules::returned`]. One that
    /// was used stays used.
    pub fn give_back(&mut self, now: Timestamp, ticket: TicketId) {
        self.advance(now);
        self.waiting.retain(|asked| asked.ticket != ticket);
        match (self.turns.iter().position(|turn| turn.state == TurnState::Out(ticket)), self.rules.returned) {
            (None, _) => {}
            (Some(_), Returned::Used) => self.spent(now, ticket),
            (Some(index), Returned::Free) => {
                self.turns.swap_remove(index);
                self.budget.refund();
            }
        }
    }

    /// The gateway was asked again what it allows. It does not know of identifies that are on their way, so those of
    /// the last few seconds are taken off. Who must go on waiting is told anew.
    pub fn update(&mut self, now: Timestamp, limit: StartLimit) {
        self.advance(now);
        self.max_concurrency = limit.max_concurrency.max(1);
        let out = u32::try_from(self.turns.len()).unwrap_or(u32::MAX);
        self.budget = Budget::new(self.now, &limit, out);
        self.waiting.iter_mut().for_each(|asked| asked.told = Told::No);
    }

    /// What is to be said now, and to whom: turns first, each in the order in which they asked.
    pub fn answers(&mut self, now: Timestamp) -> Vec<Answer> {
        self.advance(now);
        let now = self.now;
        let mut answers = Vec::new();
        let mut busy = self.busy();
        let Self { rules, max_concurrency, budget, waiting, turns, .. } = self;
        waiting.retain(|&Asked { ticket, shard, .. }| {
            let bucket = shard % *max_concurrency;
            if budget.left() <= rules.reserve || busy.contains_key(&bucket) {
                return true;
            }
            let until = now + rules.lease;
            busy.insert(bucket, until);
            turns.push(Turn { shard, state: TurnState::Out(ticket), until });
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
        let busy = self.busy();
        let free_at = |asked: &Asked| busy.get(&(asked.shard % self.max_concurrency)).copied().unwrap_or(self.now);
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
            max_concurrency: self.max_concurrency,
            total: self.budget.total(),
            remaining: self.budget.left(),
            reset_after: self.budget.resets_at().map_or(Duration::ZERO, |at| (at - now).max(Duration::from_millis(1))),
        };
        let busy = |turn: &Turn| {
            let millis = (turn.until - now).as_nanos().div_ceil(1_000_000);
            (turn.shard, u64::try_from(millis).unwrap_or(u64::MAX))
        };
        Stored { limit, busy: self.turns.iter().filter(|turn| turn.until > now).map(busy).collect() }
    }

    /// Takes the clock on: turns that are over go, and a new day may begin.
    fn advance(&mut self, now: Timestamp) {
        self.now = self.now.max(now);
        let now = self.now;
        self.turns.retain(|turn| turn.until > now);
        let is_out = |turn: &&Turn| matches!(turn.state, TurnState::Out(_));
        let out = u32::try_from(self.turns.iter().filter(is_out).count()).unwrap_or(u32::MAX);
        self.budget.turn_over(now, out);
    }

    fn turn_of(&mut self, ticket: TicketId) -> Option<&mut Turn> {
        self.turns.iter_mut().find(|turn| turn.state == TurnState::Out(ticket))
    }

    /// The buckets that are busy, and until when. What was busy before an update of `max_concurrency` is so after it.
    fn busy(&self) -> BTreeMap<u32, Timestamp> {
        let mut busy = BTreeMap::new();
        for turn in &self.turns {
            let until = busy.entry(turn.shard % self.max_concurrency).or_insert(turn.until);
            *until = turn.until.max(*until);
        }
        busy
    }
}

/// Too many wait already. The question was not queued.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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
