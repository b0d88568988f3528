//! Permits to identify: the gate that a driver asks, and a queue that the shards of one process share.

mod gates;
mod shared;

use core::task::{Context, Poll};
use core::time::Duration;
use portcullis::dialect::ShardId;
use portcullis::{ConnectionId, Input};

pub(crate) use gates::Gates;
pub use shared::{SharedGate, SharedIdentify};

/// One shard's access to the identify queue. Each driver has a gate of its own, with at most one request open.
///
/// [`SharedIdentify`] gives gates to all shards of a process. Where an application runs in several processes, its gates
/// ask a service that has an [`IdentifyQueue`](portcullis::identify::IdentifyQueue), as the example `identify_service`
/// does. Set a gate with [`Driver::with_identify`](crate::Driver::with_identify).
///
/// It may be called at any time, and no call may block.
pub trait IdentifyGate: Send + 'static {
    /// A connection wants to identify. `shard` is the dialect's; `None` where a gateway has none.
    fn ask(&mut self, connection: ConnectionId, shard: Option<ShardId>);

    /// Withdraws the request, or gives the permit back: the connection died before its Identify went out.
    fn give_back(&mut self, connection: ConnectionId);

    /// The Identify of a connection whose permit was granted goes out now: the 5 s of its bucket count from here, not
    /// from the grant.
    fn spent(&mut self, connection: ConnectionId);

    /// The answer to the open request. It is polled only while a request is open, and wakes the task when there is an
    /// answer.
    fn poll_answer(&mut self, cx: &mut Context<'_>) -> Poll<GateAnswer>;

    /// How long until the driver polls [`poll_answer`](Self::poll_answer) again, if nothing wakes the task before. Zero
    /// means at once: a gate that returns it must have an answer. `None` if the gate wakes the task itself.
    fn wait(&self) -> Option<Duration>;
}

/// A gate's answer to a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GateAnswer {
    /// The connection may identify.
    Granted(ConnectionId),
    /// Not now: the request is closed, and the machine asks again after this time.
    Later(ConnectionId, Duration),
    /// The day's budget is used up for this long. The request stays open.
    Exhausted(ConnectionId, Duration),
}

impl From<GateAnswer> for Input {
    fn from(answer: GateAnswer) -> Self {
        match answer {
            GateAnswer::Granted(connection) => Self::IdentifyGranted(connection),
            GateAnswer::Later(connection, after) => Self::IdentifyDenied(connection, after),
            GateAnswer::Exhausted(connection, resets_in) => Self::BudgetExhausted(connection, resets_in),
        }
    }
}
