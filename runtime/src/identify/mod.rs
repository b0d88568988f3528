//! Who rations identifies: the gate that a driver asks, and a queue that the shards of one process share.

mod gates;
mod shared;

use core::task::{Context, Poll};
use core::time::Duration;
use portcullis::dialect::ShardId;
use portcullis::{ConnectionId, Input};

pub(crate) use gates::Gates;
pub use shared::{SharedGate, SharedIdentify};

/// What rations identifies, as one shard asks it. A driver has a gate of its own, and at most one question open.
///
/// [`SharedIdentify`] gives gates to all shards of a process. Where an application runs in several processes, one gate
/// asks a service that has an [`IdentifyQueue`](portcullis::identify::IdentifyQueue): the example `identify_service` is
/// one. Set it with [`Driver::with_identify`](crate::Driver::with_identify).
///
/// It may be called at any time, and no call may block.
pub trait IdentifyGate: Send + 'static {
    /// A connection wants to identify. `shard` is the dialect's; `None` where a gateway has none.
    fn ask(&mut self, connection: ConnectionId, shard: Option<ShardId>);

    /// The question is withdrawn, or the permit given back: the connection died before its Identify went out.
    fn give_back(&mut self, connection: ConnectionId);

    /// The Identify of a connection whose permit was granted goes out now.
    fn spent(&mut self, connection: ConnectionId);

    /// What is said to the question that is open. It is asked only while one is, and wakes the task when there is more.
    fn poll_answer(&mut self, cx: &mut Context<'_>) -> Poll<GateAnswer>;

    /// How long until [`poll_answer`](Self::poll_answer) has something to say, if nothing wakes the task before: the
    /// driver polls it then. Zero means at once, so a gate that says so must be ready. `None` if it wakes the task
    /// itself.
    fn wait(&self) -> Option<Duration>;
}

/// What a gate says to a question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GateAnswer {
    /// The permit has come.
    Granted(ConnectionId),
    /// Not now: the question is closed, and asked again after this time.
    Later(ConnectionId, Duration),
    /// The budget is used up for this long. The question stays open.
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
