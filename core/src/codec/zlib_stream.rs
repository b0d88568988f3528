//! One zlib stream a connection, with a sync flush, `00 00 FF FF`, at the end of each payload. *(source: Gateway, Transport
//! Compression; that payloads may be split over messages, or share one, is observed)*
//!
//! The four bytes are one if an empty block ends with them; elsewhere they are data. A compressor may flush in the middle
//! of a payload, too: at the end of a message a flush ends a payload, if what was inflated can be one; elsewhere only if it
//! is one from its first byte to its last. Flushes are found across messages, however a payload was split.
//!
//! A message that ends in the four bytes where no empty block does, nor stored data with the same bytes, is damaged. So
//! damage is found with the message that it is in, whichever inflater looks for it. Where such a message has lost its
//! last bytes, or was split, one inflater may find it before the next flush, the other with it.

use super::extent::{Extent, Verdict};
use super::inflate::{Edge, Fed, Inflate};
use super::output::Output;
use super::{CodecError, Unpack};
use alloc::boxed::Box;
use bytes::Bytes;
use memchr::memmem;

pub(super) struct ZlibStream {
    inflate: Box<dyn Inflate>,
    /// Built once: that takes longer than most searches.
    flush: memmem::Finder<'static>,
    head: Head,
    message: Bytes,
    /// How much of the message was inflated.
    at: usize,
    /// The last bytes before that.
    tail: [u8; 4],
    /// How much of what is pending was given out.
    given: usize,
    step: Step,
    begun: Begun,
    extent: Extent,
}

/// How much of zlib's head has come, which stands before the stream once (RFC 1950 §2.2).
#[derive(Clone, Copy, PartialEq, Eq)]
enum Head {
    Missing,
    First(u8),
    Whole,
}

impl Head {
    fn take(self, byte: u8) -> Result<Self, CodecError> {
        let Self::First(first) = self else { return Ok(Self::First(byte)) };
        let (is_deflate, window) = (first & 15 == 8, first >> 4);
        let has_dictionary = byte & 32 != 0;
        if is_deflate && window <= 7 && !has_dictionary && u16::from_be_bytes([first, byte]).is_multiple_of(31) {
            Ok(Self::Whole)
        } else {
            Err(CodecError::Damaged)
        }
    }
}

/// What the inflated bytes have come to.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Step {
    /// No flush: more is to be inflated.
    Within,
    /// A flush that may end a payload.
    Flushed,
}

/// Where the payload at hand began.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Begun {
    /// At the start of this message.
    Here,
    /// Earlier, or behind another one.
    Elsewhere,
}

impl ZlibStream {
    pub(super) fn new(inflate: Box<dyn Inflate>, extent: Extent) -> Self {
        Self {
            inflate,
            flush: memmem::Finder::new(&FLUSH),
            head: Head::Missing,
            message: Bytes::new(),
            at: 0,
            tail: [0xFF; 4],
            given: 0,
            step: Step::Within,
            begun: Begun::Here,
            extent,
        }
    }

    /// Inflates up to the next flush, or all there is.
    fn advance(&mut self, most: usize) -> Result<(), CodecError> {
        while self.head != Head::Whole {
            let Some(&byte) = self.message.get(self.at) else { return Ok(()) };
            self.head = self.head.take(byte)?;
            self.at += 1;
        }
        let rest = &self.message[self.at..];
        let marked = flush_in(&self.flush, self.tail, rest);
        let (part, behind) = rest.split_at(marked.unwrap_or(rest.len()));
        let part_fed = if marked.is_some() { &part[..part.len() - 1] } else { part };
        if !part_fed.is_empty() && self.inflate.feed(part_fed, most)? != Fed::All {
            // The stream of a connection never ends. Whether a checksum follows that fits does not matter.
            return Err(CodecError::Damaged);
        }
        self.tail = last_of(self.tail, part);
        self.at += part.len();
        if marked.is_none() {
            return Ok(());
        }
        // Behind the message's last byte comes one that is made up. What reads it is lost.
        let [last, next] = [FLUSH[3], behind.first().copied().unwrap_or(0)];
        match (self.inflate.edge(last, next, most)?, behind.is_empty()) {
            (Edge::Block, _) => self.step = Step::Flushed,
            (Edge::Within { read: 2 }, false) => {
                self.tail = last_of(self.tail, &behind[..1]);
                self.at += 1;
            }
            (Edge::Within { .. }, false) => {}
            (Edge::Within { read: 1 }, true) if self.inflate.pending().ends_with(&FLUSH) => {}
            (Edge::Within { .. }, true) => return Err(CodecError::Damaged),
        }
        Ok(())
    }

    /// Whether what is pending at a flush is a payload, and how long.
    fn judge(&mut self) -> Result<Option<usize>, CodecError> {
        let (pending, is_end) = (self.inflate.pending(), self.at == self.message.len());
        if self.begun == Begun::Here && is_end && self.extent.is_likely_whole(pending) {
            return Ok(Some(pending.len()));
        }
        match self.extent.look(pending) {
            Verdict::Unclear if is_end => Ok(Some(pending.len())),
            Verdict::Partial | Verdict::Unclear => Ok(None),
            Verdict::Whole { len } => Ok(Some(len)),
            Verdict::Garbled => Err(CodecError::Garbled),
        }
    }
}

impl Unpack for ZlibStream {
    fn take(&mut self, message: Bytes) {
        debug_assert!(self.at == self.message.len(), "in-order: a message before the last one was used up");
        self.begun = if self.inflate.pending().is_empty() { Begun::Here } else { Begun::Elsewhere };
        self.message = message;
        self.at = 0;
    }

    fn next(&mut self, most: usize) -> Result<Option<&[u8]>, CodecError> {
        if self.given > 0 {
            self.inflate.settle(core::mem::take(&mut self.given));
            self.extent.restart();
            self.begun = Begun::Elsewhere;
        }
        loop {
            if self.step == Step::Flushed {
                if let Some(len) = self.judge()? {
                    self.given = len;
                    return Ok(Some(&self.inflate.pending()[..len]));
                }
                self.step = Step::Within;
            }
            if self.at == self.message.len() {
                self.message = Bytes::new();
                self.at = 0;
                return Ok(None);
            }
            self.advance(most)?;
        }
    }

    fn output(&mut self) -> Option<&mut Output> {
        Some(self.inflate.output_mut())
    }

    fn rest(&mut self) {
        self.inflate.rest();
    }
}

/// How many bytes of `bytes`, which follow on `tail`, there are up to the end of the next flush.
fn flush_in(flush: &memmem::Finder<'_>, tail: [u8; 4], bytes: &[u8]) -> Option<usize> {
    let across = (1..FLUSH.len().min(bytes.len() + 1))
        .find(|&len| tail[len..] == FLUSH[..FLUSH.len() - len] && bytes[..len] == FLUSH[FLUSH.len() - len..]);
    across.or_else(|| flush.find(bytes).map(|at| at + FLUSH.len()))
}

/// The last four bytes of `part` behind `tail`.
fn last_of(tail: [u8; 4], part: &[u8]) -> [u8; 4] {
    part.last_chunk().copied().unwrap_or_else(|| {
        let mut last = tail;
        last.rotate_left(part.len());
        last[4 - part.len()..].copy_from_slice(part);
        last
    })
}

const FLUSH: [u8; 4] = [0, 0, 0xFF, 0xFF];

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;
    use proptest::prelude::*;

    fn found_in(tail: [u8; 4], bytes: &[u8]) -> Option<usize> {
        flush_in(&memmem::Finder::new(&FLUSH), tail, bytes)
    }

    #[test]
    fn a_flush_is_found_across_messages() {
        let bytes = [7, 0, 0, 0xFF, 0xFF, 1, 0, 0, 0, 0xFF, 0xFF];
        for cut in 0..=4 {
            let tail = last_of([0xFF; 4], &bytes[..cut]);
            assert_eq!(found_in(tail, &bytes[cut..]), Some(5 - cut), "{cut}");
        }
        assert_eq!(found_in(last_of([0xFF; 4], &bytes[..5]), &bytes[5..]), Some(6));
        assert_eq!(found_in([0, 0, 0xFF, 0xFF], &[]), None);
    }

    proptest! {
        #[test]
        fn flushes_are_where_a_plain_search_finds_them(
            bytes in proptest::collection::vec(prop_oneof![Just(0_u8), Just(0xFF), Just(1)], 0..60),
            cuts in proptest::collection::vec(0_usize..8, 1..60),
        ) {
            let plain: Vec<usize> = (4..=bytes.len()).filter(|&end| bytes[end - 4..end] == FLUSH).collect();
            let (mut tail, mut at, mut found) = ([1; 4], 0, alloc::vec![]);
            for cut in cuts.iter().cycle().map(|cut| cut + 1) {
                let end = (at + cut).min(bytes.len());
                while let Some(len) = found_in(tail, &bytes[at..end]) {
                    tail = last_of(tail, &bytes[at..at + len]);
                    at += len;
                    found.push(at);
                }
                tail = last_of(tail, &bytes[at..end]);
                at = end;
                if at == bytes.len() {
                    break;
                }
            }
            prop_assert_eq!(found, plain);
        }
    }
}
