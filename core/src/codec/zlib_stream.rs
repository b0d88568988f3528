//! One zlib stream a link, with a sync flush, `00 00 FF FF`, at the end of each payload. *(source: Gateway, Transport
//! Compression; that payloads may be split over messages, or share one, is observed)*
//!
//! The four bytes may also stand in the middle of a payload. At the end of a message they end a payload, if what was
//! inflated can be one; elsewhere only if it is one from its first byte to its last. They are found across messages,
//! however a payload was split.

use super::extent::{Extent, Verdict};
use super::inflate::{Fed, Inflate};
use super::{CodecError, Unpack};
use alloc::boxed::Box;
use bytes::Bytes;
use memchr::memmem;

pub(super) struct ZlibStream {
    inflate: Box<dyn Inflate>,
    /// Built once: that takes longer than most searches.
    flush: memmem::Finder<'static>,
    /// What was not inflated yet of the message.
    rest: Bytes,
    /// The last bytes before `rest`.
    tail: [u8; 4],
    /// How much of what is pending was given out.
    given: usize,
    step: Step,
    begun: Begun,
    extent: Extent,
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
        let (rest, tail, flush) = (Bytes::new(), [0xFF; 4], memmem::Finder::new(&FLUSH));
        Self { inflate, flush, rest, tail, given: 0, step: Step::Within, begun: Begun::Here, extent }
    }

    /// Inflates up to the next flush, or all there is.
    fn advance(&mut self, most: usize) -> Result<(), CodecError> {
        let flush = flush_in(&self.flush, self.tail, &self.rest);
        let part = self.rest.split_to(flush.unwrap_or(self.rest.len()));
        self.tail = last_of(self.tail, &part);
        self.step = if flush.is_some() { Step::Flushed } else { Step::Within };
        match self.inflate.feed(&part, most)? {
            Fed::All => Ok(()),
            // The stream of a link never ends. Whether a checksum follows that fits does not matter.
            Fed::Ended { .. } => Err(CodecError::Damaged),
        }
    }

    /// Whether what is pending at a flush is a payload, and how long.
    fn judge(&mut self) -> Result<Option<usize>, CodecError> {
        let pending = self.inflate.pending();
        if self.begun == Begun::Here && self.rest.is_empty() && self.extent.is_likely_whole(pending) {
            return Ok(Some(pending.len()));
        }
        match self.extent.look(pending) {
            Verdict::Unclear if self.rest.is_empty() => Ok(Some(pending.len())),
            Verdict::Partial | Verdict::Unclear => Ok(None),
            Verdict::Whole { len } => Ok(Some(len)),
            Verdict::Garbled => Err(CodecError::Garbled),
        }
    }
}

impl Unpack for ZlibStream {
    fn take(&mut self, message: Bytes) {
        debug_assert!(self.rest.is_empty(), "in-order: a message before the last one was used up");
        self.begun = if self.inflate.pending().is_empty() { Begun::Here } else { Begun::Elsewhere };
        self.rest = message;
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
            if self.rest.is_empty() {
                return Ok(None);
            }
            self.advance(most)?;
        }
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
