//! Where a request stands.

use super::RequestPolicy;
use super::collector::Collector;
use crate::machine::CommandId;
use crate::time::Timestamp;

#[derive(Clone, Debug)]
pub(super) struct Pending {
    pub(super) collector: Collector,
    pub(super) stage: Stage,
    /// When its time began.
    pub(super) since: Timestamp,
    /// What the parts weigh that have come.
    pub(super) bytes: usize,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Stage {
    /// It goes out then.
    Held { until: Timestamp },
    /// The outbox was full.
    OutboxFull,
    /// The machine has it.
    Queued(CommandId),
    /// The socket took it; the answer is on its way.
    Sent(Patience),
}

/// How long the answer is waited for.
#[derive(Clone, Copy, Debug)]
pub(super) enum Patience {
    /// Something must have come by then.
    Until(Timestamp),
    /// The connection is down: nothing can come, but a session does not live for ever.
    Suspended { give_up: Timestamp },
}

impl Pending {
    pub(super) const fn new(collector: Collector, now: Timestamp) -> Self {
        Self { collector, stage: Stage::Held { until: now }, since: now, bytes: 0 }
    }

    /// Something of the answer came: there is no need to ask again. While the connection is down that is a replay.
    pub(super) const fn hear(&mut self, silent_at: Timestamp) {
        match &mut self.stage {
            Stage::Sent(Patience::Until(until)) => *until = silent_at,
            Stage::Held { .. } => self.stage = Stage::Sent(Patience::Until(silent_at)),
            Stage::Sent(Patience::Suspended { .. }) | Stage::OutboxFull | Stage::Queued(_) => {}
        }
    }

    /// When something is to be done about it.
    pub(super) fn deadline(&self, policy: &RequestPolicy) -> Timestamp {
        match self.stage {
            Stage::OutboxFull | Stage::Queued(_) => self.give_up(policy),
            Stage::Held { until } | Stage::Sent(Patience::Until(until) | Patience::Suspended { give_up: until }) => {
                until
            }
        }
    }

    /// When it is given up if it was not sent.
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
