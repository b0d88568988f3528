//! Finds the end of a term without reading it: counts the terms that are still to come. Recursion would let a peer's nesting
//! choose our stack depth.

use super::{
    ATOM, ATOM_UTF8, BINARY, FLOAT, FLOAT_LEN, INTEGER, LARGE_BIG, LARGE_TUPLE, LIST, MAP, NEW_FLOAT, NIL, SMALL_ATOM,
    SMALL_ATOM_UTF8, SMALL_BIG, SMALL_INTEGER, SMALL_TUPLE, STRING, VERSION,
};
use crate::codec::extent::Verdict;

/// How far the search for the end of a payload has come. The next search continues there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub(in crate::codec) struct EtfExtent {
    /// The end of the last term whose head was complete; the term itself may be incomplete.
    at: usize,
    /// How many terms are still to come. A peer's counts are only added up, and nothing is reserved for them.
    owed: u64,
}

/// What the head of a term says.
enum Head {
    /// The term has `len` bytes, followed by `terms` elements.
    Of { len: usize, terms: u64 },
    /// The head is incomplete.
    Cut,
    /// The head does not say where the term ends (a compressed or unknown term).
    Open,
}

impl EtfExtent {
    /// Searches `pending`, which begins with the bytes of the last search.
    pub(in crate::codec) fn look(&mut self, pending: &[u8]) -> Verdict {
        match pending.first() {
            None => return Verdict::Partial,
            Some(&VERSION) => {}
            Some(_) => return Verdict::Garbled,
        }
        if self.at == 0 {
            (self.at, self.owed) = (1, 1);
        }
        while self.owed > 0 {
            match Head::read(pending.get(self.at..).unwrap_or_default()) {
                Head::Of { len, terms } => {
                    self.at = self.at.saturating_add(len);
                    self.owed = (self.owed - 1).saturating_add(terms);
                }
                Head::Cut => return Verdict::Partial,
                Head::Open => return Verdict::Unclear,
            }
        }
        if self.at <= pending.len() { Verdict::Whole { len: self.at } } else { Verdict::Partial }
    }
}

impl Head {
    fn read(bytes: &[u8]) -> Self {
        let Some((&tag, rest)) = bytes.split_first() else { return Self::Cut };
        let (size, part) = match tag {
            NIL => (0, Some(Part::Fixed(0))),
            SMALL_INTEGER => (0, Some(Part::Fixed(1))),
            INTEGER => (0, Some(Part::Fixed(4))),
            NEW_FLOAT => (0, Some(Part::Fixed(8))),
            FLOAT => (0, Some(Part::Fixed(FLOAT_LEN))),
            SMALL_ATOM | SMALL_ATOM_UTF8 => (1, Some(Part::Bytes(0))),
            // One byte more for the sign.
            SMALL_BIG => (1, Some(Part::Bytes(1))),
            LARGE_BIG => (4, Some(Part::Bytes(1))),
            ATOM | ATOM_UTF8 | STRING => (2, Some(Part::Bytes(0))),
            BINARY => (4, Some(Part::Bytes(0))),
            SMALL_TUPLE => (1, Some(Part::Terms { each: 1, more: 0 })),
            LARGE_TUPLE => (4, Some(Part::Terms { each: 1, more: 0 })),
            // One term more for the tail.
            LIST => (4, Some(Part::Terms { each: 1, more: 1 })),
            MAP => (4, Some(Part::Terms { each: 2, more: 0 })),
            _ => (0, None),
        };
        let Some(part) = part else { return Self::Open };
        let Some(size_bytes) = rest.get(..size) else { return Self::Cut };
        let count = size_bytes.iter().fold(0_u32, |count, &byte| count << 8 | u32::from(byte));
        let head = 1 + size;
        match part {
            Part::Fixed(len) => Self::Of { len: head + len, terms: 0 },
            Part::Bytes(more) => {
                let len = usize::try_from(count).unwrap_or(usize::MAX).saturating_add(head + more);
                Self::Of { len, terms: 0 }
            }
            Part::Terms { each, more } => Self::Of { len: head, terms: u64::from(count) * each + more },
        }
    }
}

/// What follows a tag and its count.
enum Part {
    Fixed(usize),
    Bytes(usize),
    Terms { each: u64, more: u64 },
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    /// A map of every kind of term that there is.
    const ALL: &[u8] = &[
        131, 116, 0, 0, 0, 2, 100, 0, 1, b'd', 108, 0, 0, 0, 7, 97, 1, 98, 0, 0, 0, 1, 70, 0, 0, 0, 0, 0, 0, 0, 0, 106,
        107, 0, 2, 7, 8, 104, 1, 119, 1, b'a', 105, 0, 0, 0, 1, 118, 0, 1, b'b', 106, 109, 0, 0, 0, 1, b'k', 110, 2, 0,
        7, 8,
    ];

    #[test]
    fn a_term_ends_when_nothing_is_owed() {
        let more: Vec<u8> = ALL.iter().copied().chain([131, 106]).collect();
        assert_eq!(EtfExtent::default().look(ALL), Verdict::Whole { len: ALL.len() });
        assert_eq!(EtfExtent::default().look(&more), Verdict::Whole { len: ALL.len() });
        let mut extent = EtfExtent::default();
        for len in 0..ALL.len() {
            assert_eq!(extent.look(&ALL[..len]), Verdict::Partial, "{len}");
        }
        assert_eq!(extent.look(ALL), Verdict::Whole { len: ALL.len() });
    }

    #[test]
    fn counts_beyond_all_bounds_are_only_counted() {
        let huge = [131, 116, 0xFF, 0xFF, 0xFF, 0xFF, 111, 0xFF, 0xFF, 0xFF, 0xFF, 0];
        assert_eq!(EtfExtent::default().look(&huge), Verdict::Partial);
    }

    #[test]
    fn what_is_no_term_is_garbled_and_a_compressed_one_has_no_end_of_its_own() {
        assert_eq!(EtfExtent::default().look(b"{}"), Verdict::Garbled);
        assert_eq!(EtfExtent::default().look(&[131, 80, 0, 0, 0, 1]), Verdict::Unclear);
        assert_eq!(EtfExtent::default().look(&[131, 103]), Verdict::Unclear);
    }
}
