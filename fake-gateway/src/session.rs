//! What survives a connection: the session's number line and its ring of dispatches for a resume.

use crate::config::bare;
use crate::faults::Who;
use crate::input::ConnectionId;
use bytes::Bytes;
use core::fmt;
use std::collections::VecDeque;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::Arc;

/// The fake's own number of a session, in the order they began.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct SessionKey(pub(super) u64);

/// A session's id. On the wire it is 32 hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SessionId(pub u128);

impl fmt::Display for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

/// A slice of the guilds: `[id, count]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Shard {
    /// Which one, below the count.
    pub id: u32,
    /// Of how many.
    pub count: u32,
}

impl Shard {
    /// The only shard.
    pub const WHOLE: Self = Self { id: 0, count: 1 };

    /// Whether the guild is on this shard: its id without the low 22 bits, modulo the count.
    #[must_use]
    pub const fn holds(self, guild: u64) -> bool {
        self.count != 0 && (guild >> 22) % self.count as u64 == self.id as u64
    }
}

/// An event for dispatch, shared by all sessions it goes to.
#[derive(Debug)]
pub(super) struct Dispatch {
    pub(super) name: Box<str>,
    pub(super) data: Bytes,
}

/// Tells tokens apart without keeping them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TokenPrint(u64);

impl TokenPrint {
    pub(super) fn of(token: &str) -> Self {
        let mut hasher = DefaultHasher::new();
        bare(token).hash(&mut hasher);
        Self(hasher.finish())
    }
}

#[derive(Clone, Debug)]
pub(super) struct Session {
    pub(super) id: SessionId,
    pub(super) token: TokenPrint,
    pub(super) intents: u64,
    pub(super) shard: Option<Shard>,
    pub(super) connection: Option<ConnectionId>,
    /// The last number given.
    pub(super) sequence: u64,
    /// The last dispatches with their numbers.
    ring: VecDeque<(u64, Arc<Dispatch>)>,
    /// How many bytes of data the ring has.
    ring_bytes: usize,
    /// The highest number that has left the ring.
    lost: u64,
}

impl Session {
    pub(super) fn new(id: SessionId, token: TokenPrint, intents: u64, shard: Option<Shard>) -> Self {
        Self { id, token, intents, shard, connection: None, sequence: 0, ring: VecDeque::new(), ring_bytes: 0, lost: 0 }
    }

    /// Numbers a dispatch and keeps it for a resume. Above either maximum the oldest are forgotten.
    pub(super) fn number(&mut self, event: Arc<Dispatch>, ring_max: usize, bytes_max: usize) -> u64 {
        self.sequence += 1;
        self.ring_bytes += event.data.len();
        self.ring.push_back((self.sequence, event));
        while self.ring.len() > ring_max || self.ring_bytes > bytes_max {
            let Some((sequence, event)) = self.ring.pop_front() else { break };
            self.ring_bytes -= event.data.len();
            self.lost = sequence;
        }
        self.sequence
    }

    /// Whether all that came after `sequence` is still in the ring.
    pub(super) const fn reaches(&self, sequence: u64) -> bool {
        sequence >= self.lost
    }

    pub(super) fn after(&self, sequence: u64) -> Vec<(u64, Arc<Dispatch>)> {
        let from = self.ring.partition_point(|&(number, _)| number <= sequence);
        self.ring.range(from..).map(|(number, event)| (*number, Arc::clone(event))).collect()
    }

    /// Whether its intents let an event through that needs any one of these bits.
    pub(super) const fn allows(&self, need: Option<u64>) -> bool {
        match need {
            None => true,
            Some(bits) => self.intents & bits != 0,
        }
    }

    /// The shard, the whole if it did not name one.
    /// Who it is, for faults and targets.
    pub(super) fn who(&self) -> Who {
        Who { connection: self.connection, session: Some((self.id, self.slice())) }
    }

    pub(super) fn slice(&self) -> Shard {
        self.shard.unwrap_or(Shard::WHOLE)
    }
}

/// Where a session stands, for a test to look at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionStatus {
    /// Its id.
    pub id: SessionId,
    /// The shard its Identify named.
    pub shard: Option<Shard>,
    /// The intents its Identify named.
    pub intents: u64,
    /// The last sequence number given.
    pub sequence: u64,
    /// The connection it is on; `None` while it waits to be resumed.
    pub connection: Option<ConnectionId>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn guilds_fall_on_the_shards_of_the_protocol_page() {
        for (guild, count, id) in [
            (41_771_983_423_143_937, 5, 4),
            (81_384_788_765_712_384, 16, 2),
            (613_425_648_685_547_541, 3, 2),
            (175_928_847_299_117_063, 16, 4),
        ] {
            assert!(Shard { id, count }.holds(guild), "{guild} of {count}");
        }
    }

    #[test]
    fn a_ring_forgets_its_oldest_and_knows_it() {
        let mut session = Session::new(SessionId(1), TokenPrint::of("t"), 0, None);
        for _ in 0..5 {
            session.number(Arc::new(Dispatch { name: "X".into(), data: Bytes::new() }), 3, 9);
        }
        assert!(!session.reaches(1) && session.reaches(2));
        let big = Dispatch { name: "X".into(), data: Bytes::from_static(b"123456789") };
        let mut other = session.clone();
        other.number(Arc::new(big), 3, 9);
        assert!(other.reaches(4) && !other.reaches(2) && other.after(4).len() == 2);
        other.number(Arc::new(Dispatch { name: "X".into(), data: Bytes::from_static(b"1") }), 3, 9);
        assert!(!other.reaches(5) && other.reaches(6));
        assert_eq!(session.after(3).iter().map(|&(number, _)| number).collect::<Vec<_>>(), [4, 5]);
    }
}
