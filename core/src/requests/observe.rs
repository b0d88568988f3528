//! How the machine's events move requests on.

use super::collector::Taken;
use super::error::RequestError;
use super::part::{Part, RateLimited};
use super::pending::{Patience, Pending, Stage};
use super::{Life, RequestId, Requests};
use crate::dialect::discord::opcode;
use crate::dispatch::Dispatch;
use crate::machine::{CommandId, Event, Outcome, ReturnReason};
use crate::time::Timestamp;
use alloc::vec::Vec;

impl Requests {
    /// Takes an event of the machine. Pass every event, in order.
    pub fn observe(&mut self, now: Timestamp, event: &Event) {
        self.now = self.now.max(now);
        if let Event::Ended(_) = event {
            self.life = Life::Over;
        } else if let Event::Command(command, outcome) = event {
            self.cooldowns.on_outcome(self.now, *command, *outcome);
        }
        // The hot path: most shards have no open request most of the time.
        if self.open() == 0 {
            return;
        }
        match event {
            Event::Dispatch(dispatch) => match Part::read(dispatch) {
                None => return,
                Some(Part::RateLimited(limited)) => self.rate_limited(&limited),
                Some(part) => self.collect(&part, dispatch),
            },
            Event::Command(command, outcome) => self.on_outcome(*command, *outcome),
            Event::Connecting { .. } | Event::Closed { .. } | Event::Reconnecting { .. } => self.connection_lost(),
            Event::Resumed(_) => self.resumed(),
            Event::SessionLost { .. } => self.session_lost(),
            Event::Ready(_) => self.end_where(&RequestError::SessionLost, Pending::is_sent),
            Event::OutboxDrained => self.outbox_drained(),
            Event::Ended(_) => self.end_all(),
            Event::Gap { .. }
            | Event::Faulted(_)
            | Event::BudgetExhausted { .. }
            | Event::Paced { .. }
            | Event::Unknown(_)
            | Event::Lagged(_) => return,
        }
        self.update_due();
    }

    fn on_outcome(&mut self, command: CommandId, outcome: Outcome) {
        let is_its = |(id, pending): (&RequestId, &Pending)| pending.is_queued_as(command).then_some(*id);
        let Some(id) = self.pending.iter().find_map(is_its) else { return };
        match outcome {
            Outcome::Sent => {
                let until = self.now + self.policy.silent;
                if let Some(pending) = self.pending.get_mut(&id) {
                    pending.stage = Stage::Sent(Patience::Until(until));
                }
            }
            // Requesting twice does no harm. `Superseded` cannot happen: requests have no standing key.
            Outcome::Unknown | Outcome::Returned(ReturnReason::Superseded) => self.hold(id, self.now),
            Outcome::Returned(ReturnReason::SessionLost) => self.finish(id, Err(RequestError::SessionLost)),
            Outcome::Returned(ReturnReason::Ended) => self.finish(id, Err(RequestError::Ended)),
        }
    }

    fn collect(&mut self, part: &Part, dispatch: &Dispatch) {
        // An answer without a nonce answers every request that it fits.
        let is_its = |pending: &Pending| {
            pending.collector.is_answered_by(part) && (pending.is_sent() || matches!(part, Part::Chunk { .. }))
        };
        let its: Vec<RequestId> =
            self.pending.iter().filter(|(_, pending)| is_its(pending)).map(|(id, _)| *id).collect();
        let weight = dispatch.frame().len() + PART_WEIGHT;
        for id in its {
            let Some(pending) = self.pending.get_mut(&id) else { continue };
            match pending.collector.take(part, dispatch) {
                Taken::Duplicate => {}
                Taken::Fault(error) => self.finish(id, Err(error)),
                Taken::More | Taken::Whole(_) if self.bytes + weight > self.policy.bytes => {
                    self.finish(id, Err(RequestError::TooLarge { limit: self.policy.bytes }));
                }
                Taken::More => {
                    self.bytes += weight;
                    pending.bytes += weight;
                    pending.hear(self.now + self.policy.silent);
                }
                Taken::Whole(answer) => {
                    self.bytes += weight;
                    pending.bytes += weight;
                    self.finish(id, Ok(answer));
                }
            }
        }
    }

    fn rate_limited(&mut self, limited: &RateLimited) {
        let until = self.now + limited.retry_after;
        let is_its = |pending: &Pending| match &limited.nonce {
            Some(nonce) => pending.collector.has_nonce(nonce) && !matches!(pending.stage, Stage::Held { .. }),
            None => pending.is_sent() && !pending.collector.has_begun() && pending.collector.is_refused_by(limited),
        };
        // Without a nonce it may mean any of them. The gateway limits requests for all members, and refuses the later one.
        let its = self.pending.iter().filter(|(_, pending)| is_its(pending));
        let likely = its.max_by_key(|(id, pending)| (pending.collector.cooldown_guild().is_some(), **id));
        let likely = likely.map(|(id, _)| *id);
        if let (opcode::REQUEST_GUILD_MEMBERS, Some(guild_id)) = (limited.opcode, limited.guild_id)
            && (likely.is_some() || self.cooldowns.knows(guild_id))
        {
            self.cooldowns.hold(self.now, guild_id, until);
        }
        if let Some(id) = likely {
            self.hold(id, until);
        }
    }

    fn connection_lost(&mut self) {
        let give_up = self.now + self.policy.unsent;
        for pending in self.pending.values_mut() {
            if let Stage::Sent(patience @ Patience::Until(_)) = &mut pending.stage {
                *patience = Patience::Suspended { give_up };
            }
        }
    }

    /// The session has resumed, and the gateway has replayed what the lost connection missed.
    fn resumed(&mut self) {
        let sent: Vec<RequestId> =
            self.pending.iter().filter(|(_, pending)| pending.is_sent()).map(|(id, _)| *id).collect();
        for id in sent {
            let Some(pending) = self.pending.get_mut(&id) else { continue };
            if pending.collector.has_begun() {
                pending.stage = Stage::Sent(Patience::Until(self.now + self.policy.silent));
            } else {
                self.hold(id, self.now);
            }
        }
    }

    /// Ends all requests but those in the outbox: their outcome follows, since the config may keep them for the next session.
    fn session_lost(&mut self) {
        self.end_where(&RequestError::SessionLost, |pending| !matches!(pending.stage, Stage::Queued(_)));
    }

    fn outbox_drained(&mut self) {
        for pending in self.pending.values_mut() {
            if let Stage::OutboxFull = pending.stage {
                pending.stage = Stage::Held { until: self.now };
            }
        }
    }

    fn end_all(&mut self) {
        self.end_where(&RequestError::Ended, |_| true);
        while let Some((id, _)) = self.accepted.pop_front() {
            self.done.push_back((id, Err(RequestError::Ended), 0));
        }
    }

    fn end_where(&mut self, error: &RequestError, chosen: impl Fn(&Pending) -> bool) {
        let ended: Vec<RequestId> =
            self.pending.iter().filter(|(_, pending)| chosen(pending)).map(|(id, _)| *id).collect();
        for id in ended {
            self.finish(id, Err(error.clone()));
        }
    }
}

/// The bytes that a kept part counts beyond its frame: the `Dispatch` and its place in a map.
const PART_WEIGHT: usize = 128;
