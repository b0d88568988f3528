//! Events counted by name, up to a bound.

use alloc::boxed::Box;
use alloc::vec;
use alloc::vec::Vec;

/// How often each event came, by name. Names beyond the bound, or longer than 128 bytes, are counted as one.
///
/// A small hash table of its own, since each dispatch passes here: a tree of the standard library costs a third of
/// the machine's time a frame.
#[derive(Clone, Debug)]
pub struct EventCounts {
    limit: usize,
    slots: Vec<u16>,
    names: Vec<(Box<str>, u64)>,
    others: u64,
}

const EMPTY: u16 = u16::MAX;
/// The longest name that is counted by itself: what a peer writes is kept within bounds. Real ones have up to 40 bytes.
const NAME_LEN_MAX: usize = 128;

impl EventCounts {
    pub(super) fn new(limit: usize) -> Self {
        Self { limit: limit.min(usize::from(EMPTY)), slots: Vec::new(), names: Vec::new(), others: 0 }
    }

    /// Every name with its count, in the order in which they first came.
    #[must_use]
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, u64)> {
        self.names.iter().map(|(name, count)| (&**name, *count))
    }

    /// How often `name` came; 0 also for a name beyond the bounds.
    #[must_use]
    pub fn of(&self, name: &str) -> u64 {
        self.iter().find(|(known, _)| *known == name).map_or(0, |(_, count)| count)
    }

    /// How many events had a name beyond the bounds.
    #[must_use]
    pub const fn others(&self) -> u64 {
        self.others
    }

    /// Counts one.
    pub(super) fn count(&mut self, name: &[u8]) {
        let mut place = if self.slots.is_empty() { 0 } else { self.place(name) };
        if let Some((_, count)) = self.slots.get(place).and_then(|&slot| self.names.get_mut(usize::from(slot))) {
            *count += 1;
            return;
        }
        let Ok(text) = core::str::from_utf8(name) else { return };
        if self.names.len() >= self.limit || name.len() > NAME_LEN_MAX {
            self.others += 1;
            return;
        }
        if self.slots.len() < (self.names.len() + 1) * 2 {
            self.grow();
            place = self.place(name);
        }
        if let (Some(slot), Ok(index)) = (self.slots.get_mut(place), u16::try_from(self.names.len())) {
            *slot = index;
            self.names.push((text.into(), 1));
        }
    }

    /// Where `name` is, or would be. At least half of the slots are empty, so the search ends.
    fn place(&self, name: &[u8]) -> usize {
        let mask = self.slots.len() - 1;
        let mut place = hash(name) & mask;
        while let Some((known, _)) = self.slots.get(place).and_then(|&slot| self.names.get(usize::from(slot))) {
            if known.as_bytes() == name {
                break;
            }
            place = (place + 1) & mask;
        }
        place
    }

    fn grow(&mut self) {
        self.slots = vec![EMPTY; (self.slots.len() * 2).max(32)];
        for index in 0..self.names.len() {
            let place = self.place(self.names[index].0.as_bytes());
            self.slots[place] = u16::try_from(index).unwrap_or(EMPTY);
        }
    }
}

/// The first 8 and the last 8 bytes and the length in one word, spread by a multiplication with 2^64 divided by the golden ratio
/// (Fibonacci hashing): the names of events differ there, and whole names would take longer to hash than to compare. A peer that
/// makes its names collide costs us no more than `limit` comparisons a dispatch.
fn hash(name: &[u8]) -> usize {
    let short = || name.iter().fold(0_u64, |word, &byte| (word << 8) | u64::from(byte));
    let head = name.first_chunk().map_or_else(short, |head| u64::from_be_bytes(*head));
    let tail = name.last_chunk().map_or_else(short, |tail| u64::from_be_bytes(*tail));
    let mixed = (head ^ tail.rotate_left(29) ^ name.len() as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    usize::try_from(mixed >> 40).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;

    #[test]
    fn names_are_counted_each_by_itself() {
        let mut tally = EventCounts::new(1000);
        for round in 0..3 {
            for name in 0..300 {
                tally.count(format!("EVENT_{name}").as_bytes());
            }
            assert_eq!(tally.of("EVENT_299"), round + 1);
        }
        assert_eq!(tally.iter().len(), 300);
        assert!(tally.iter().all(|(_, count)| count == 3));
    }

    #[test]
    fn names_beyond_the_bound_are_counted_as_one() {
        let mut tally = EventCounts::new(2);
        for name in ["A", "B", "C", "D", "A"] {
            tally.count(name.as_bytes());
        }
        assert_eq!((tally.of("A"), tally.of("B"), tally.of("C"), tally.others()), (2, 1, 0, 2));
    }

    #[test]
    fn a_bound_of_nothing_counts_all_as_one() {
        let mut tally = EventCounts::new(0);
        tally.count(b"A");
        assert_eq!((tally.others(), tally.iter().len()), (1, 0));
    }
}
