//! Moves the keys of a frame to its front, in the order of the dialect's fast scan: `t`, `s`, `op`, `d`.
//!
//! The gateway's terms have another order, `d` first *(observed)*. The entries move in place, so a frame that the event filter
//! drops costs no allocation.

use alloc::vec::Vec;
use core::ops::Range;

/// A key of every frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Head {
    Name,
    Sequence,
    Opcode,
    Data,
}

impl Head {
    /// The key for this text, which includes the quotes and the colon.
    pub(super) fn of(key: &[u8]) -> Option<Self> {
        match key {
            b"\"t\":" => Some(Self::Name),
            b"\"s\":" => Some(Self::Sequence),
            b"\"op\":" => Some(Self::Opcode),
            b"\"d\":" => Some(Self::Data),
            _ => None,
        }
    }
}

/// Where the entries of these keys are, each with the comma behind it.
#[derive(Debug, Default)]
pub(super) struct Heads {
    entries: [Option<Range<usize>>; 4],
}

impl Heads {
    /// Notes an entry that was written to the end of `out`. If a key occurs twice, the last one counts, as in `serde_json`.
    pub(super) fn note(&mut self, head: Head, start: usize, out: &mut Vec<u8>) {
        let mut entry = start..out.len();
        if let Some(older) = self.entries[head as usize].take() {
            out.drain(older.clone());
            for behind in self.entries.iter_mut().flatten().chain([&mut entry]).filter(|it| it.start >= older.end) {
                *behind = behind.start - older.len()..behind.end - older.len();
            }
        }
        self.entries[head as usize] = Some(entry);
    }

    /// Moves the entries to the front of `out`, which has all entries of a frame.
    pub(super) fn sort(mut self, start: usize, out: &mut [u8]) {
        // The data is long and usually first. Moved to the end at once, it is not moved again for each shorter entry.
        if let Some(data) = self.entries[Head::Data as usize].clone() {
            out[data.start..].rotate_left(data.len());
            for behind in self.entries.iter_mut().flatten().filter(|it| it.start >= data.end) {
                *behind = behind.start - data.len()..behind.end - data.len();
            }
            self.entries[Head::Data as usize] = Some(out.len() - data.len()..out.len());
        }
        let mut front = start;
        for index in 0..self.entries.len() {
            let Some(entry) = self.entries[index].clone() else { continue };
            out[front..entry.end].rotate_right(entry.len());
            for before in self.entries[index + 1..].iter_mut().flatten().filter(|it| it.start < entry.start) {
                *before = before.start + entry.len()..before.end + entry.len();
            }
            front += entry.len();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::String;
    use proptest::prelude::*;

    /// The entries in these places, sorted.
    fn sorted(entries: &[&str]) -> String {
        let (mut heads, mut out) = (Heads::default(), b"{".to_vec());
        for entry in entries {
            let start = out.len();
            out.extend_from_slice(entry.as_bytes());
            let key = entry.find(':').map_or(*entry, |colon| &entry[..=colon]);
            if let Some(head) = Head::of(key.as_bytes()) {
                heads.note(head, start, &mut out);
            }
        }
        heads.sort(1, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn the_data_comes_last_but_for_unknown_keys() {
        assert_eq!(sorted(&["\"d\":{},", "\"op\":0,", "\"s\":1,", "\"t\":2,"]), "{\"t\":2,\"s\":1,\"op\":0,\"d\":{},");
        assert_eq!(sorted(&["\"a\":1,", "\"d\":2,", "\"b\":3,", "\"s\":4,"]), "{\"s\":4,\"d\":2,\"a\":1,\"b\":3,");
        assert_eq!(sorted(&["\"s\":1,", "\"d\":2,", "\"s\":3333,", "\"s\":4,", "\"d\":5,"]), "{\"s\":4,\"d\":5,");
        assert_eq!(sorted(&[]), "{");
    }

    proptest! {
        #[test]
        fn any_order_is_sorted(entries in proptest::collection::vec((0_usize..6, 0_usize..40), 0..12)) {
            const KEYS: [&str; 6] = ["\"t\":", "\"s\":", "\"op\":", "\"d\":", "\"a\":", "\"b\":"];
            let texts: Vec<String> = entries
                .iter()
                .enumerate()
                .map(|(index, &(key, len))| alloc::format!("{}{index}{},", KEYS[key], "x".repeat(len)))
                .collect();
            let mut expected = String::from("{");
            for key in 0..4 {
                expected.extend(texts.iter().zip(&entries).rev().find(|(_, entry)| entry.0 == key).map(|(text, _)| &**text));
            }
            expected.extend(texts.iter().zip(&entries).filter(|(_, entry)| entry.0 > 3).map(|(text, _)| &**text));
            let texts: Vec<&str> = texts.iter().map(|text| &**text).collect();
            prop_assert_eq!(sorted(&texts), expected);
        }
    }
}
