//! The stage of an open request.

use super::RequestPolicy;
use super::collector::Collector;
use crate::machine::CommandId;
use crate::time::Timestamp;

#[derive(Clone, Debug)]
pub(super) struct Pending {
    pub(super) collector: Collector,
    pub(super) stage: Stage,
    /// When its time limits started.
    pub(super) since: Timestamp,
    /// The bytes of its kept parts.
    pub(super) bytes: usize,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Stage {
    /// It is sent at `until`.
    Held { until: Timestamp },
    /// The outbox was full: it is sent after `OutboxDrained`.
    OutboxFull,
    /// The command is in the machine's outbox.
    Queued(CommandId),
    /// The command was sent: the answer is due.
    Sent(Patience),
}

/// How long the answer is waited for.
#[derive(Clone, Copy, Debug)]
pub(super) enum Patience {
    /// A part of the answer must come by then.
    Until(Timestamp),
    /// The connection is down and nothing can come. The session may never come back: the request is then given up.
    Suspended { give_up: Timestamp },
}

impl Pending {
    pub(super) const fn new(collector: Collector, now: Timestamp) -> Self {
        Self { collector, stage: Stage::Held { until: now }, since: now, bytes: 0 }
    }

    /// A part of the answer came: a request that waits to be sent again need not be. Parts that come while the connection
    /// counts as down are replayed ones; the time limit for the others starts with `Resumed`.
    pub(super) const fn hear(&mut self, silent_at: Timestamp) {
        match &mut self.stage {
            Stage::Sent(Patience::Until(until)) => *until = silent_at,
            Stage::Held { .. } => self.stage = Stage::Sent(Patience::Until(silent_at)),
            Stage::Sent(Patience::Suspended { .. }) | Stage::OutboxFull | Stage::Queued(_) => {}
        }
    }

    /// When the request must be sent or given up.
    pub(super) fn deadline(&self, policy: &RequestPolicy) -> Timestamp {
        match self.stage {
            Stage::OutboxFull | Stage::Queued(_) => self.give_up(policy),
            Stage::Held { until } | Stage::Sent(Patience::Until(until) | Patience::Suspended { give_up: until }) => {
                until
            }
        }
    }

    /// When it is given up if it is not sent until then.
    pub(super) fn give_up(&self, policy: &RequestPolicy) -> Timestamp {
        self.since + policy.unsent
    }

    pub(super) const fn is_sent(&self) -> bool {
        matches!(self.stage, Stage::Sent(_))
    }

    pub(super) fn is_queued_as(&self, command: CommandId) -> bool {
        matches!(self.stage, Stage::Queued(queued) if queued == command)
    }
}
