//! Dispatches as fast as a client reads them, and then a last one: what a measurement needs.

use crate::broadcast::Broadcast;
use crate::connection::{Gather, Together};
use crate::faults::Target;
use crate::gateway::FakeGateway;
use crate::generate::Generator;
use crate::input::{Action, ConnectionId};
use crate::payloads;
use crate::session::Dispatch;
use core::fmt;
use portcullis::Timestamp;
use std::sync::Arc;

/// Dispatches for a client, as fast as it reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flood {
    /// How many `MESSAGE_CREATE`s. A session without the Guild Messages intent gets none of them.
    pub events: u64,
    /// How many bytes the `d` of each has. Without the Message Content intent it is shorter.
    pub size: usize,
    /// The name of the one dispatch behind them all.
    pub until: String,
}

/// So many different messages come in turn.
const MESSAGES: usize = 16;
/// So many bytes are sent before the driver is asked whether they have left. Two such batches are on their way.
const BATCH: usize = 128 << 10;
/// A batch has so many dispatches at most.
const BATCH_EVENTS: usize = 256;

/// A flood that goes on, on its connection.
#[derive(Clone)]
pub(super) struct Flooding {
    messages: Arc<[Broadcast]>,
    last: Arc<Broadcast>,
    sent: u64,
    events: u64,
    batch: u64,
}

impl fmt::Debug for Flooding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Flooding({} of {})", self.sent, self.events)
    }
}

impl FakeGateway {
    /// Floods sessions that are on a connection; gives how many. A flood ends with its connection: what was sent of it is
    /// replayed to a resume as ever, the rest is not sent. The driver must answer [`Action::Confirm`].
    pub fn flood(&mut self, now: Timestamp, target: Target, flood: &Flood) -> usize {
        self.see(now);
        let guild = payloads::guild_id(0);
        let mut generator = Generator::new(self.config.seed);
        let broadcast =
            |name: &str, data: String| Broadcast::new(Arc::new(Dispatch { name: name.into(), data: data.into() }));
        let message =
            |generator: &mut Generator| broadcast("MESSAGE_CREATE", generator.message_of_size(guild, flood.size));
        let messages: Arc<[Broadcast]> = (0..MESSAGES).map(|_| message(&mut generator)).collect();
        let last = Arc::new(broadcast(&flood.until, generator.event(&flood.until, guild)));
        let fits = u64::try_from(BATCH / flood.size.max(1)).unwrap_or(1).clamp(1, BATCH_EVENTS as u64);
        let mut flooded = 0;
        for connection in self.connections_with_session(target) {
            let Some(open) = self.connections.get_mut(&connection) else { continue };
            let (messages, last) = (Arc::clone(&messages), Arc::clone(&last));
            open.flood = Some(Flooding { messages, last, sent: 0, events: flood.events, batch: fits });
            flooded += 1;
            // One batch waits while the other leaves.
            self.pour(connection);
            self.pour(connection);
        }
        flooded
    }

    /// Sends the next dispatches of a flood, if one goes on.
    pub(super) fn pour(&mut self, connection: ConnectionId) {
        let Some(open) = self.connections.get_mut(&connection) else { return };
        let (Some(key), Some(flooding)) = (open.session(), open.flood.as_mut()) else { return };
        let (from, to) = (flooding.sent, flooding.events.min(flooding.sent + flooding.batch));
        flooding.sent = to;
        let Flooding { messages, last, events, .. } = flooding.clone();
        if open.gather.is_none() {
            open.gather = Some(Gather { together: Together::Written, held: Vec::new(), more: u32::MAX });
        }
        for number in from..to {
            let index = usize::try_from(number).unwrap_or_default() % messages.len();
            self.deliver(key, &messages[index]);
        }
        if to == events {
            self.deliver(key, &last);
        }
        self.release(connection);
        let Some(open) = self.connections.get_mut(&connection) else { return };
        if to == events {
            open.flood = None;
        } else {
            self.actions.push_back(Action::Confirm { connection });
        }
    }

    fn connections_with_session(&self, target: Target) -> Vec<ConnectionId> {
        let is_online = |&connection: &ConnectionId| self.who(connection).session.is_some();
        let met = self.connections.keys().copied().filter(is_online);
        met.filter(|&connection| target.meets(self.who(connection))).collect()
    }
}

impl Default for Flood {
    /// 100,000 dispatches of 2,000 bytes, and a `MESSAGE_DELETE`.
    fn default() -> Self {
        Self { events: 100_000, size: 2000, until: "MESSAGE_DELETE".into() }
    }
}
