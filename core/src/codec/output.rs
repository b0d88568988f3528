//! The memory that a payload is inflated into, before its size is known.
//!
//! # Theory of operation
//! The memory holds, in this order: output that was used already, as far back as an inflater may refer (the history); output that
//! is pending; room. When the room runs out, used output is dropped and the rest moves to the front, or the memory doubles. It
//! moves only when much was dropped, so that work stays linear in the bytes received.
//!
//! A machine whose driver lends memory keeps only history and pending output between calls, so a thousand idle shards need one
//! large memory and not a thousand.
//!
//! # Invariants
//! * `ordered`: `start <= end <= bytes.len()`.

use super::copies::Copies;
use alloc::vec;
use alloc::vec::Vec;
use core::ops::Range;

/// Used output (the history), pending output, and room. See the [module](self).
pub(super) struct Output {
    bytes: Vec<u8>,
    start: usize,
    end: usize,
    history: usize,
    /// Its own memory, while `bytes` is lent memory.
    own: Option<Vec<u8>>,
    copies: Copies,
}

impl Output {
    /// An output that keeps `history` bytes of used output for the inflater to refer back to. Zero where the inflater has a
    /// window of its own.
    pub(super) const fn with_history(history: usize) -> Self {
        Self { bytes: Vec::new(), start: 0, end: 0, history, own: None, copies: Copies::new() }
    }

    pub(super) fn pending(&self) -> &[u8] {
        &self.bytes[self.start..self.end]
    }

    /// The whole memory, and the offset where the room begins. The room has at least one byte, and `wish` bytes if that costs
    /// little, unless more than `most` bytes are pending.
    ///
    /// The memory never exceeds history + `most` + 1 byte. The one byte lets an inflater write more than `most`, which is how
    /// callers find a payload that is too large.
    pub(super) fn room(&mut self, wish: usize, most: usize) -> (&mut [u8], usize) {
        let end_max = self.history.saturating_add(most).saturating_add(1);
        if self.bytes.len() - self.end < wish.clamp(1, ROOM_MAX) {
            let kept = self.start.saturating_sub(self.history);
            // Moving pays only when it frees much: with less than two histories, small payloads would move the history each time.
            if kept > 0 && (kept >= 2 * self.history || self.bytes.len() >= end_max) {
                self.bytes.copy_within(kept..self.end, 0);
                self.copies.note(self.end - kept);
            } else if self.bytes.len() < end_max {
                let live = self.end - kept;
                let size = self.bytes.len().max(wish.min(ROOM_MAX)).saturating_mul(2).max(SIZE_MIN);
                // Above a quarter of the limit the memory grows to the limit at once: doubling would hold old and new memory
                // of almost the limit each.
                let size = if size > end_max / 4 { end_max } else { size };
                let mut grown = vec![0; size];
                grown[..live].copy_from_slice(&self.bytes[kept..self.end]);
                self.copies.note(live);
                self.bytes = grown;
            } else {
                return (&mut self.bytes, self.end);
            }
            self.start -= kept;
            self.end -= kept;
        }
        (&mut self.bytes, self.end)
    }

    /// The inflater has written `len` bytes of the room.
    pub(super) fn wrote(&mut self, len: usize) {
        self.end = (self.end + len).min(self.bytes.len());
    }

    /// The caller has used the first `len` pending bytes.
    pub(super) fn settle(&mut self, len: usize) {
        self.start = (self.start + len).min(self.end);
        if self.start == self.end && self.history == 0 {
            self.clear();
        }
        debug_assert!(self.end <= self.bytes.len(), "ordered: output beyond its memory");
        if self.bytes.len() > KEPT_MAX {
            self.rest();
        }
    }

    /// Continues in `lent` until [`give_back`](Self::give_back). With pending output it stays in its own memory: a payload in
    /// many messages would otherwise be copied to and fro with each of them, a cost that grows with the square of its size.
    pub(super) fn lend(&mut self, lent: &mut Vec<u8>) {
        if self.start < self.end {
            return;
        }
        let live = self.live();
        if lent.len() < live.len() {
            lent.resize(live.len(), 0);
        }
        lent[..live.len()].copy_from_slice(&self.bytes[live.clone()]);
        self.copies.note(live.len());
        core::mem::swap(&mut self.bytes, lent);
        self.own = Some(core::mem::take(lent));
        (self.start, self.end) = (self.start - live.start, live.len());
    }

    /// Continues in its own memory, which holds the history and the pending output only. If nothing was lent, it frees what it
    /// does not need.
    pub(super) fn give_back(&mut self, lent: &mut Vec<u8>) {
        let Some(mut own) = self.own.take() else { return self.rest() };
        let live = self.live();
        own.clear();
        own.extend_from_slice(&self.bytes[live.clone()]);
        own.shrink_to(live.len());
        self.copies.note(live.len());
        *lent = core::mem::replace(&mut self.bytes, own);
        (self.start, self.end) = (self.start - live.start, live.len());
    }

    /// How many bytes were copied so far.
    #[cfg(test)]
    pub(super) const fn copied(&self) -> usize {
        self.copies.bytes()
    }

    /// Where history and pending output are.
    fn live(&self) -> Range<usize> {
        let is_empty = self.start == self.end && self.history == 0;
        if is_empty { self.start..self.end } else { self.start.saturating_sub(self.history)..self.end }
    }

    /// Forgets all output.
    pub(super) const fn clear(&mut self) {
        self.start = 0;
        self.end = 0;
    }

    /// Frees all but the history. Does nothing while output is pending: the rest of its payload will need the room.
    pub(super) fn rest(&mut self) {
        if self.start < self.end {
            return;
        }
        let kept = self.start.saturating_sub(self.history);
        if kept > 0 || self.bytes.len() > self.end {
            let len = if self.history == 0 { 0 } else { self.end - kept };
            self.bytes = self.bytes[self.end - len..self.end].to_vec();
            self.copies.note(len);
            self.start = len;
            self.end = len;
        }
    }
}

/// The smallest memory: one page. Most payloads fit, so they need one allocation.
const SIZE_MIN: usize = 4 << 10;
/// The most room that is reserved ahead: a peer's few compressed bytes must not reserve much before they inflate to anything.
const ROOM_MAX: usize = 32 << 10;
/// Memory above this size is freed as soon as its payload is used. Smaller memory waits for the next heartbeat, because the next
/// payload will likely need it.
pub(super) const KEPT_MAX: usize = 1 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    fn write(output: &mut Output, bytes: &[u8], most: usize) {
        for part in bytes.chunks(1000) {
            let mut part = part;
            while !part.is_empty() {
                let (memory, end) = output.room(part.len(), most);
                let len = part.len().min(memory.len() - end);
                assert!(len > 0, "no room");
                memory[end..end + len].copy_from_slice(&part[..len]);
                output.wrote(len);
                part = &part[len..];
            }
        }
    }

    #[test]
    fn history_stays_before_what_is_pending() {
        let mut output = Output::with_history(100);
        let all: Vec<u8> = (0..100_000_u32).map(|count| count.to_le_bytes()[0] ^ count.to_le_bytes()[1]).collect();
        for (index, part) in all.chunks(777).enumerate() {
            write(&mut output, part, 5000);
            assert_eq!(output.pending(), part);
            let so_far = &all[..index * 777];
            let history = &so_far[so_far.len().saturating_sub(100)..];
            let (memory, end) = output.room(1, 5000);
            let start = end - part.len();
            assert_eq!(&memory[start - history.len()..start], history);
            output.settle(part.len());
            if index % 5 == 0 {
                let mut lent = alloc::vec![1; 300];
                output.lend(&mut lent);
                output.give_back(&mut lent);
                assert_eq!(lent.len(), 300);
            }
            if index % 7 == 0 {
                output.rest();
                assert_eq!(output.bytes.len(), 100.min(so_far.len() + part.len()));
            }
        }
    }

    #[test]
    fn memory_is_bounded_by_what_may_be_pending() {
        let mut output = Output::with_history(10);
        write(&mut output, &vec![1; 20_000], 20_000);
        assert!(output.bytes.len() <= 20_011, "{}", output.bytes.len());
        output.settle(20_000);
        for _ in 0..100 {
            write(&mut output, &vec![2; 19_999], 20_000);
            output.settle(19_999);
        }
        assert!(output.bytes.len() <= 20_011, "{}", output.bytes.len());
    }

    #[test]
    fn what_is_pending_goes_on_in_memory_of_its_own() {
        for history in [0, 100] {
            let (mut output, mut lent) = (Output::with_history(history), Vec::new());
            output.lend(&mut lent);
            write(&mut output, &[1; 1000], 5000);
            output.settle(700);
            output.give_back(&mut lent);
            assert_eq!(output.pending(), [1; 300]);
            assert!(output.bytes.capacity() <= 300 + history, "{} bytes kept", output.bytes.capacity());
            assert!(lent.len() >= 1000);

            output.lend(&mut lent);
            assert!(lent.len() >= 1000, "it was not lent");
            write(&mut output, &[2; 1000], 5000);
            output.settle(1300);
            output.give_back(&mut lent);
            assert_eq!(output.pending(), [0; 0]);
            assert!(output.bytes.capacity() <= history, "{} bytes kept", output.bytes.capacity());

            output.lend(&mut lent);
            assert!(lent.len() <= history, "it is lent again");
            output.give_back(&mut lent);
        }
    }

    #[test]
    fn large_memory_is_given_back_at_once_and_pending_output_never() {
        let mut output = Output::with_history(0);
        write(&mut output, &vec![1; 2 << 20], 4 << 20);
        output.rest();
        assert_eq!(output.pending().len(), 2 << 20);
        output.settle(2 << 20);
        assert_eq!(output.bytes.capacity(), 0);
    }
}
