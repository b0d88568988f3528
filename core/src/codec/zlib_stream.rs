//! One zlib stream for the connection, with a sync flush at the end of each payload. *(source: Gateway, Transport Compression;
//! that payloads may be split over messages, or share one, is observed)*
//!
//! # Theory of operation
//! A sync flush is an empty stored block, whose last bytes are `00 00 FF FF` (RFC 1951 §3.2.4). The same bytes elsewhere are
//! data, so the codec asks the inflater whether an empty block ends with them. Flushes are found across messages too.
//!
//! A compressor may also flush in the middle of a payload. So a flush at the end of a message ends the payload if the inflated
//! bytes begin and end like one; any other flush does so only if the brackets match from the first byte to the last.
//!
//! A message that ends in `00 00 FF FF` must end an empty block, or stored data with these bytes; otherwise it is damaged. This
//! rule makes all inflaters report damage at the message that has it. Only for a message that lost its last bytes, or was split,
//! one inflater may report the damage before the next flush and another with it.

use super::extent::{Extent, Verdict};
use super::inflate::{Edge, Fed, Inflate};
use super::output::Output;
use super::{CodecError, Unpack};
use alloc::boxed::Box;
use bytes::Bytes;
use memchr::memmem;

pub(super) struct ZlibStream {
    inflate: Box<dyn Inflate>,
    /// Built once for the connection: building it takes longer than most searches.
    flush: memmem::Finder<'static>,
    head: Head,
    message: Bytes,
    /// How many bytes of the message were inflated.
    at: usize,
    /// The last four bytes before `at`, also of messages before: a flush may be split over two.
    tail: [u8; 4],
    /// How many pending bytes the last payload has.
    given: usize,
    step: Step,
    begun: Begun,
    extent: Extent,
}

/// How much of the zlib header has come. It stands once at the start of the stream (RFC 1950 §2.2). The codec reads it itself, so
/// that the inflater sees raw deflate and both libraries refuse the same headers.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Head {
    Missing,
    First(u8),
    Whole,
}

impl Head {
    fn take(self, byte: u8) -> Result<Self, CodecError> {
        let Self::First(first) = self else { return Ok(Self::First(byte)) };
        // RFC 1950 §2.2: CM is 8, CINFO at most 7 (a window of 32 KiB), FDICT 0, and the two bytes are a multiple of 31.
        let (is_deflate, window) = (first & 15 == 8, first >> 4);
        let has_dictionary = byte & 32 != 0;
        if is_deflate && window <= 7 && !has_dictionary && u16::from_be_bytes([first, byte]).is_multiple_of(31) {
            Ok(Self::Whole)
        } else {
            Err(CodecError::Damaged)
        }
    }
}

/// What comes next.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Step {
    /// Inflate up to the next flush.
    Within,
    /// Check whether the flush just found ends a payload.
    Flushed,
}

/// Where the current payload began.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Begun {
    /// At the start of this message.
    Here,
    /// In an earlier message, or behind another payload.
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

    /// Inflates up to the next flush, or to the end of the message.
    fn advance(&mut self, most: usize) -> Result<(), CodecError> {
        while self.head != Head::Whole {
            let Some(&byte) = self.message.get(self.at) else { return Ok(()) };
            self.head = self.head.take(byte)?;
            self.at += 1;
        }
        let rest = &self.message[self.at..];
        let marked = flush_in(&self.flush, self.tail, rest);
        let (part, behind) = rest.split_at(marked.unwrap_or(rest.len()));
        // The flush's last byte is kept for `edge`, which asks whether an empty block ends with it.
        let part_fed = if marked.is_some() { &part[..part.len() - 1] } else { part };
        if !part_fed.is_empty() && self.inflate.feed(part_fed, most)? != Fed::All {
            // The gateway never ends a connection's stream, so an end is damage, whether or not a correct checksum follows.
            return Err(CodecError::Damaged);
        }
        self.tail = last_of(self.tail, part);
        self.at += part.len();
        if marked.is_none() {
            return Ok(());
        }
        // At the end of a message the inflater gets an invented byte as `next`. If the inflater reads it, its state is useless;
        // the match makes that an error.
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

    /// The length of the payload that the flush ends; `None` if the flush is in the middle of one.
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

/// How many bytes of `bytes`, which follow `tail`, come before the end of the next flush.
fn flush_in(flush: &memmem::Finder<'_>, tail: [u8; 4], bytes: &[u8]) -> Option<usize> {
    let across = (1..FLUSH.len().min(bytes.len() + 1))
        .find(|&len| tail[len..] == FLUSH[..FLUSH.len() - len] && bytes[..len] == FLUSH[FLUSH.len() - len..]);
    across.or_else(|| flush.find(bytes).map(|at| at + FLUSH.len()))
}

/// The last four bytes of `tail` followed by `part`.
fn last_of(tail: [u8; 4], part: &[u8]) -> [u8; 4] {
    part.last_chunk().copied().unwrap_or_else(|| {
        let mut last = tail;
        last.rotate_left(part.len());
        last[4 - part.len()..].copy_from_slice(part);
        last
    })
}

/// The end of an empty stored block: length 0 and its complement (RFC 1951 §3.2.4).
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
