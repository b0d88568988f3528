//! Commands that wait for a live session, and those that stand.
//!
//! # Invariants
//! * `one-outcome`: a command that was accepted comes to exactly one [`Outcome`](super::Outcome).
//! * `bounded`: never more than the limit wait, never more than the limit stand.

use super::config::SessionLostPolicy;
use super::outcome::{CommandId, Outcome, ReturnReason};
use super::pace::Pace;
use super::send_error::SendError;
use crate::dialect::{Encoded, OnNewSession, PaceLimit, Repeat, Standing, StandingKey};
use crate::time::Timestamp;
use alloc::collections::VecDeque;
use alloc::vec::Vec;
use bytes::Bytes;

/// A command that waits or is being written.
#[derive(Clone, Debug)]
pub(super) struct Pending {
    pub(super) id: CommandId,
    pub(super) payload: Bytes,
    pub(super) repeat: Repeat,
    pub(super) held_since: Option<Timestamp>,
    pub(super) key: Option<StandingKey>,
    /// The session on which its write began last.
    pub(super) epoch: u32,
    on_new_session: OnNewSession,
    left: Left,
}

/// Whether bytes of a command that waits may have left: its connection died during the write, and it is to go out again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Left {
    Nothing,
    Perhaps,
}

impl Pending {
    /// How it ends when it will not go out any more.
    fn given_up(&self, reason: ReturnReason) -> (CommandId, Outcome) {
        let outcome = match self.left {
            Left::Nothing => Outcome::Returned(reason),
            Left::Perhaps => Outcome::Unknown,
        };
        (self.id, outcome)
    }
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

    /// Takes a command in while `untaken` outcomes of others wait for the caller. The second is the outcome of an older
    /// one of its key, of which it takes the place.
    pub(super) fn accept(
        &mut self,
        encoded: Encoded,
        untaken: usize,
    ) -> Result<(CommandId, Option<(CommandId, Outcome)>), SendError> {
        let key = match &encoded.standing {
            Standing::No => None,
            Standing::Set(key) | Standing::Clear(key) => Some(key.clone()),
        };
        let older = key.as_ref().and_then(|_| self.waiting.iter().position(|pending| pending.key == key));
        // Each of a key takes the place of one that waits, and makes an outcome: a caller that sends and sends, and takes
        // nothing, would fill the memory with those.
        let is_full = if older.is_some() { untaken >= self.limit } else { self.room(untaken) == 0 };
        if is_full {
            self.turned = Turned::Someone;
            return Err(SendError::QueueFull { limit: self.limit });
        }
        self.stand(&encoded)?;
        if let (Some(key), Some(limit)) = (&key, encoded.pace) {
            self.keep_pace(key, limit);
        }
        let superseded = older.and_then(|index| self.waiting.remove(index));
        let superseded = superseded.map(|pending| pending.given_up(ReturnReason::Superseded));
        let id = CommandId(self.next);
        self.next += 1;
        let Encoded { payload, repeat, on_new_session, .. } = encoded;
        self.waiting.push_back(Pending {
            id,
            payload,
            repeat,
            held_since: None,
            key,
            epoch: 0,
            on_new_session,
            left: Left::Nothing,
        });
        // More than the limit only by what came back from a dead connection meanwhile: one, or what an Identify carried.
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

    /// A repeatable command whose connection died during its write goes first again. It comes back if a later one of its key
    /// waits: that one has taken its place.
    pub(super) fn put_back(&mut self, mut pending: Pending) -> Option<CommandId> {
        if pending.key.is_some() && self.waiting.iter().any(|later| later.key == pending.key) {
            return Some(pending.id);
        }
        pending.left = Left::Perhaps;
        self.waiting.push_front(pending);
        None
    }

    /// A standing command whose connection died goes first again.
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

    /// Takes out those that make no sense on another session, and gives the outcome of each. What stands is none of them:
    /// the next session hears of it, so to hand it back would be to say what is not so.
    pub(super) fn take_lost(&mut self, policy: SessionLostPolicy) -> Vec<(CommandId, Outcome)> {
        let Self { waiting, standing, .. } = self;
        take(waiting, ReturnReason::SessionLost, |pending| ends_with_session(pending, standing, policy))
    }

    /// Whether a command goes out on no other session than the one that its write began on.
    pub(super) fn ends_with_session(&self, pending: &Pending, policy: SessionLostPolicy) -> bool {
        ends_with_session(pending, &self.standing, policy)
    }

    /// Takes out all, since the machine ends, and gives the outcome of each.
    pub(super) fn take_all(&mut self) -> Vec<(CommandId, Outcome)> {
        self.resend.clear();
        self.turned = Turned::NoOne;
        take(&mut self.waiting, ReturnReason::Ended, |_| true)
    }

    /// The connection that held commands back is gone, and the next has a whole window: how long they wait in between is not
    /// the send limit's doing.
    pub(super) fn end_hold(&mut self) {
        self.waiting.iter_mut().for_each(|pending| pending.held_since = None);
    }

    /// Whether someone who was turned away is to be told of room, once: half of the outbox, so that it is worth coming back.
    pub(super) fn take_drained(&mut self) -> bool {
        let drained = self.turned == Turned::Someone && self.waiting.len() <= self.limit / 2;
        if drained {
            self.turned = Turned::NoOne;
        }
        drained
    }

    /// How many more commands are accepted while `untaken` outcomes of others wait for the caller.
    pub(super) fn room(&self, untaken: usize) -> usize {
        self.limit.saturating_sub(self.waiting.len() + untaken)
    }

    pub(super) fn has_outgoing(&self) -> bool {
        !(self.waiting.is_empty() && self.resend.is_empty())
    }

    pub(super) fn standing(&self) -> &[(StandingKey, Bytes)] {
        &self.standing
    }
}

/// What stands goes into the next Identify, whatever the policy.
fn ends_with_session<T>(pending: &Pending, standing: &[(StandingKey, T)], policy: SessionLostPolicy) -> bool {
    let stands = || standing.iter().any(|(key, _)| pending.key.as_ref() == Some(key));
    match policy {
        SessionLostPolicy::ByKind => pending.on_new_session == OnNewSession::Return && !stands(),
        SessionLostPolicy::KeepAll => false,
        SessionLostPolicy::ReturnAll => !stands(),
    }
}

/// Takes out the chosen ones, and gives the outcome of each.
fn take(
    waiting: &mut VecDeque<Pending>,
    reason: ReturnReason,
    chosen: impl Fn(&Pending) -> bool,
) -> Vec<(CommandId, Outcome)> {
    let taken = waiting.iter().filter(|pending| chosen(pending)).map(|pending| pending.given_up(reason)).collect();
    waiting.retain(|pending| !chosen(pending));
    taken
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
