//! Dispatches as fast as a client reads them, and then a last one: what a measurement needs.

use crate::broadcast::Broadcast;
use crate::generate::Generator;
use crate::payloads;
use crate::session::Dispatch;
use core::fmt;
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

/// How many different messages come in turn.
const MESSAGES: usize = 16;
/// How many bytes are sent before the driver is asked whether they have left. Two such batches are on their way: one
/// waits while the other leaves.
const BATCH: usize = 128 << 10;
/// The most dispatches of a batch.
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

impl Flooding {
    /// A flood whose messages are generated, the same for all connections.
    pub(super) fn new(flood: &Flood, seed: u64) -> Self {
        let guild = payloads::guild_id(0);
        let mut generator = Generator::new(seed);
        let broadcast =
            |name: &str, data: String| Broadcast::new(Arc::new(Dispatch { name: name.into(), data: data.into() }));
        let message =
            |generator: &mut Generator| broadcast("MESSAGE_CREATE", generator.message_of_size(guild, flood.size));
        let messages: Arc<[Broadcast]> = (0..MESSAGES).map(|_| message(&mut generator)).collect();
        let last = Arc::new(broadcast(&flood.until, generator.event(&flood.until, guild)));
        let batch = u64::try_from(BATCH / flood.size.max(1)).unwrap_or(1).clamp(1, BATCH_EVENTS as u64);
        Self { messages, last, sent: 0, events: flood.events, batch }
    }

    /// Takes the next batch; the last one has the last event.
    pub(super) fn next_batch(&mut self) -> Batch {
        let (from, to) = (self.sent, self.events.min(self.sent + self.batch));
        self.sent = to;
        let last = (to == self.events).then(|| Arc::clone(&self.last));
        Batch { messages: Arc::clone(&self.messages), from, to, last }
    }
}

/// Dispatches that leave in one write.
pub(super) struct Batch {
    messages: Arc<[Broadcast]>,
    from: u64,
    to: u64,
    last: Option<Arc<Broadcast>>,
}

impl Batch {
    pub(super) fn dispatches(&self) -> impl Iterator<Item = &Broadcast> {
        let index = |number| usize::try_from(number).unwrap_or_default() % self.messages.len();
        (self.from..self.to).map(move |number| &self.messages[index(number)]).chain(self.last.as_deref())
    }

    pub(super) const fn is_last(&self) -> bool {
        self.last.is_some()
    }
}

impl Default for Flood {
    /// 100,000 dispatches of 2,000 bytes, and a `MESSAGE_DELETE`.
    fn default() -> Self {
        Self { events: 100_000, size: 2000, until: "MESSAGE_DELETE".into() }
    }
}
