//! Commands that wait for a live session, and those that stand.
//!
//! # Invariants
//! * `one-outcome`: a command that was accepted comes to exactly one [`Outcome`].
//! * `bounded`: never more than the limit wait, never more than the limit stand.

use super::config::SessionLostPolicy;
use super::pace::Pace;
use crate::dialect::{CommandError, Encoded, OnNewSession, PaceLimit, Repeat, Standing, StandingKey};
use crate::time::Timestamp;
use alloc::collections::VecDeque;
use alloc::vec::Vec;
use bytes::Bytes;
use core::fmt;

/// Which command: every accepted one has its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CommandId(pub u64);

impl fmt::Display for CommandId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "command {}", self.0)
    }
}

/// How a command ended. Each accepted one ends once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The socket took it whole.
    Sent,
    /// No byte of it left.
    Returned(ReturnReason),
    /// Its link died during the write.
    Unknown,
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sent => f.write_str("was sent"),
            Self::Returned(reason) => write!(f, "was not sent: {reason}"),
            Self::Unknown => f.write_str("may have been sent: its connection died during the write"),
        }
    }
}

/// Why a command was handed back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ReturnReason {
    /// Its session was lost, and its kind makes no sense on another.
    SessionLost,
    /// A later one of the same standing key took its place.
    Superseded,
    /// The machine ended.
    Ended,
}

impl fmt::Display for ReturnReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::SessionLost => "its session was lost",
            Self::Superseded => "a later one took its place",
            Self::Ended => "the shard has ended",
        })
    }
}

/// Why a command was not accepted. Nothing was queued and nothing was sent.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum SendError {
    /// The outbox holds `limit` commands already; wait for an `Event::OutboxDrained`.
    QueueFull {
        /// The most commands that may wait.
        limit: usize,
    },
    /// More than `limit` commands would stand; take one back first.
    TooManyStanding {
        /// The most that may stand.
        limit: usize,
    },
    /// The encoded command is `len` bytes; the gateway closes the link above `max`.
    TooLong {
        /// Its length in bytes.
        len: usize,
        /// The most bytes a frame may have.
        max: usize,
    },
    /// The command breaks a limit of the gateway.
    Command(CommandError),
    /// The machine is over.
    Ended,
}

impl fmt::Display for SendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::QueueFull { limit } => write!(f, "{limit} commands wait already; send again when the outbox drained"),
            Self::TooManyStanding { limit } => write!(f, "{limit} commands stand already; take one back first"),
            Self::TooLong { len, max } => write!(f, "the command is {len} bytes, the gateway takes {max}; shorten it"),
            Self::Command(error) => error.fmt(f),
            Self::Ended => f.write_str("the shard is over; start another"),
        }
    }
}

impl core::error::Error for SendError {}

impl From<CommandError> for SendError {
    fn from(error: CommandError) -> Self {
        Self::Command(error)
    }
}

/// A command that waits or is being written.
#[derive(Clone, Debug)]
pub(super) struct Pending {
    pub(super) id: CommandId,
    pub(super) payload: Bytes,
    pub(super) repeat: Repeat,
    pub(super) held_since: Option<Timestamp>,
    pub(super) key: Option<StandingKey>,
    on_new_session: OnNewSession,
}

/// Whether a caller was turned away and is to be told of room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Turned {
    NoOne,
    Someone,
}

#[derive(Clone, Debug)]
pub(super) struct Outbox {
    limit: usize,
    standing_limit: usize,
    next: u64,
    waiting: VecDeque<Pending>,
    standing: Vec<(StandingKey, Bytes)>,
    /// Standing commands that a new session has not heard of yet.
    resend: VecDeque<StandingKey>,
    /// Keys with a send limit of their own, and what was sent of them.
    paces: Vec<(StandingKey, Pace)>,
    turned: Turned,
}

impl Outbox {
    pub(super) const fn new(limit: usize, standing_limit: usize) -> Self {
        Self {
            limit,
            standing_limit,
            next: 0,
            waiting: VecDeque::new(),
            standing: Vec::new(),
            resend: VecDeque::new(),
            paces: Vec::new(),
            turned: Turned::NoOne,
        }
    }

    /// Takes a command in. The second is an older one of its key that it takes the place of.
    pub(super) fn accept(&mut self, encoded: Encoded) -> Result<(CommandId, Option<CommandId>), SendError> {
        let key = match &encoded.standing {
            Standing::No => None,
            Standing::Set(key) | Standing::Clear(key) => Some(key.clone()),
        };
        let older = key.as_ref().and_then(|_| self.waiting.iter().position(|pending| pending.key == key));
        if older.is_none() && self.waiting.len() >= self.limit {
            self.turned = Turned::Someone;
            return Err(SendError::QueueFull { limit: self.limit });
        }
        self.stand(&encoded)?;
        if let (Some(key), Some(limit)) = (&key, encoded.pace) {
            self.keep_pace(key, limit);
        }
        let superseded = older.and_then(|index| self.waiting.remove(index)).map(|pending| pending.id);
        let id = CommandId(self.next);
        self.next += 1;
        let Encoded { payload, repeat, on_new_session, .. } = encoded;
        self.waiting.push_back(Pending { id, payload, repeat, held_since: None, key, on_new_session });
        // More than the limit only by what came back from a dead link meanwhile: one, or what an Identify carried.
        debug_assert!(
            self.waiting.len() <= self.limit + self.standing_limit.max(1),
            "bounded: {} wait",
            self.waiting.len()
        );
        Ok((id, superseded))
    }

    fn stand(&mut self, encoded: &Encoded) -> Result<(), SendError> {
        match &encoded.standing {
            Standing::No => {}
            Standing::Clear(key) => {
                self.standing.retain(|(standing, _)| standing != key);
                self.resend.retain(|standing| standing != key);
            }
            Standing::Set(key) => {
                let stands = self.standing.len();
                match self.standing.iter_mut().find(|(standing, _)| standing == key) {
                    Some((_, payload)) => payload.clone_from(&encoded.payload),
                    None if stands >= self.standing_limit => {
                        return Err(SendError::TooManyStanding { limit: self.standing_limit });
                    }
                    None => self.standing.push((key.clone(), encoded.payload.clone())),
                }
            }
        }
        Ok(())
    }

    /// The next that goes out now: what a new session must hear again, then the oldest that waits; without those whose
    /// key must wait.
    pub(super) fn next(&mut self, now: Timestamp) -> Option<Outgoing> {
        let mut place = 0;
        while let Some(key) = self.resend.get(place) {
            let is_waiting = self.waiting.iter().any(|pending| pending.key.as_ref() == Some(key));
            let standing = self.standing.iter().find(|(standing, _)| standing == key);
            match standing {
                Some((key, payload)) if !is_waiting => {
                    if self.key_free_at(Some(key), now) <= now {
                        let outgoing = Outgoing::Standing(key.clone(), payload.clone());
                        return self.resend.remove(place).map(|key| {
                            self.stamp(&key, now);
                            outgoing
                        });
                    }
                    place += 1;
                }
                Some(_) | None => _ = self.resend.remove(place),
            }
        }
        let is_free = |pending: &Pending| self.key_free_at(pending.key.as_ref(), now) <= now;
        let place = self.waiting.iter().position(is_free)?;
        let pending = self.waiting.remove(place)?;
        if let Some(key) = &pending.key {
            self.stamp(key, now);
        }
        Some(Outgoing::Command(pending))
    }

    /// When something of what waits may go out, as far as it depends on its key; `None` if nothing waits.
    pub(super) fn free_at(&self, now: Timestamp) -> Option<Timestamp> {
        if !self.has_outgoing() {
            return None;
        }
        let keys = self.resend.iter().map(Some).chain(self.waiting.iter().map(|pending| pending.key.as_ref()));
        let mut soonest: Option<Timestamp> = None;
        for key in keys {
            let at = self.key_free_at(key, now);
            if at <= now {
                return Some(now);
            }
            soonest = Some(soonest.map_or(at, |soonest| soonest.min(at)));
        }
        soonest
    }

    /// Notes that the next one is held back by the send limit.
    pub(super) fn hold(&mut self, now: Timestamp) {
        if let Some(pending) = self.waiting.front_mut() {
            pending.held_since.get_or_insert(now);
        }
    }

    /// Notes those that are held back by the limit of their key.
    pub(super) fn hold_keys(&mut self, now: Timestamp) {
        let Self { waiting, paces, .. } = self;
        if paces.is_empty() {
            return;
        }
        for pending in waiting {
            if key_free_at(paces, pending.key.as_ref(), now) > now {
                pending.held_since.get_or_insert(now);
            }
        }
    }

    /// The socket has a command of this key only now: the gateway counts it when it comes.
    pub(super) fn restamp(&mut self, key: &StandingKey, now: Timestamp) {
        if let Some((_, pace)) = self.paces.iter_mut().find(|(paced, _)| paced == key) {
            pace.restamp(now);
        }
    }

    fn stamp(&mut self, key: &StandingKey, now: Timestamp) {
        if let Some((_, pace)) = self.paces.iter_mut().find(|(paced, _)| paced == key) {
            pace.stamp(now);
        }
    }

    fn key_free_at(&self, key: Option<&StandingKey>, now: Timestamp) -> Timestamp {
        key_free_at(&self.paces, key, now)
    }

    /// Keeps count of what is sent of a key, from now on.
    fn keep_pace(&mut self, key: &StandingKey, limit: PaceLimit) {
        if self.paces.iter().any(|(paced, _)| paced == key) {
            return;
        }
        let Self { paces, standing, waiting, .. } = self;
        if paces.len() >= self.standing_limit.saturating_add(self.limit) {
            // A gateway with more keys than may stand: those that are over go.
            paces.retain(|(paced, _)| {
                standing.iter().any(|(key, _)| key == paced)
                    || waiting.iter().any(|pending| pending.key.as_ref() == Some(paced))
            });
        }
        paces.push((key.clone(), Pace::new(Some(limit))));
    }

    /// A repeatable command whose link died goes first again. It comes back if a later one of its key waits: that one
    /// has taken its place.
    pub(super) fn put_back(&mut self, pending: Pending) -> Option<CommandId> {
        if pending.key.is_some() && self.waiting.iter().any(|later| later.key == pending.key) {
            return Some(pending.id);
        }
        self.waiting.push_front(pending);
        None
    }

    /// A standing command whose link died goes first again.
    pub(super) fn put_back_standing(&mut self, key: StandingKey) {
        self.resend.push_front(key);
    }

    /// A new session has heard of `carried` only.
    pub(super) fn begin_session(&mut self, carried: &[StandingKey]) {
        self.resend = self.standing.iter().map(|(key, _)| key.clone()).filter(|key| !carried.contains(key)).collect();
    }

    /// Takes out those that an Identify carries: they go out in it, and so do those that were sent before.
    pub(super) fn take_carried(&mut self, carried: &[StandingKey], now: Timestamp) -> Vec<Pending> {
        if carried.is_empty() {
            return Vec::new();
        }
        for (key, pace) in &mut self.paces {
            if carried.contains(key) && pace.beat_at(now) <= now {
                pace.stamp(now);
            }
        }
        let is_carried = |pending: &Pending| pending.key.as_ref().is_some_and(|key| carried.contains(key));
        let (taken, left): (VecDeque<_>, VecDeque<_>) =
            core::mem::take(&mut self.waiting).into_iter().partition(is_carried);
        self.waiting = left;
        taken.into()
    }

    /// Takes out those that make no sense on another session.
    pub(super) fn take_lost(&mut self, policy: SessionLostPolicy) -> Vec<CommandId> {
        self.take(|pending| match policy {
            SessionLostPolicy::ByKind => pending.on_new_session == OnNewSession::Return,
            SessionLostPolicy::KeepAll => false,
            SessionLostPolicy::ReturnAll => true,
        })
    }

    /// Takes out all.
    pub(super) fn take_all(&mut self) -> Vec<CommandId> {
        self.resend.clear();
        self.take(|_| true)
    }

    fn take(&mut self, chosen: impl Fn(&Pending) -> bool) -> Vec<CommandId> {
        let taken = self.waiting.iter().filter(|pending| chosen(pending)).map(|pending| pending.id).collect();
        self.waiting.retain(|pending| !chosen(pending));
        taken
    }

    /// Whether someone who was turned away can be told of room: half of it, so that it is worth coming back.
    pub(super) fn has_drained(&mut self) -> bool {
        let drained = self.turned == Turned::Someone && self.waiting.len() <= self.limit / 2;
        if drained {
            self.turned = Turned::NoOne;
        }
        drained
    }

    /// How many more commands are accepted.
    pub(super) fn room(&self) -> usize {
        self.limit.saturating_sub(self.waiting.len())
    }

    pub(super) fn has_outgoing(&self) -> bool {
        !(self.waiting.is_empty() && self.resend.is_empty())
    }

    pub(super) fn standing(&self) -> &[(StandingKey, Bytes)] {
        &self.standing
    }
}

/// When a command of this key may go out.
fn key_free_at(paces: &[(StandingKey, Pace)], key: Option<&StandingKey>, now: Timestamp) -> Timestamp {
    let pace = key.and_then(|key| paces.iter().find(|(paced, _)| paced == key));
    pace.map_or(now, |(_, pace)| pace.beat_at(now))
}

/// What goes out next.
#[derive(Clone, Debug)]
pub(super) enum Outgoing {
    Standing(StandingKey, Bytes),
    Command(Pending),
}
