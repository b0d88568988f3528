//! One zstd stream for the connection, with a flush at the end of each payload, which is also the end of its message. *(source:
//! Gateway, Transport Compression)*
//!
//! # Theory of operation
//! The gateway sends one endless frame. Others may end a frame with each payload or anywhere else (RFC 8878 §3 allows it), so the
//! end of a frame means nothing here.
//!
//! A zstd flush leaves no mark in the stream, so the codec searches the output of each message for the end of a payload. A
//! message may hold a whole payload, a part of one, or several. Gateways were not seen to split or join payloads; proxies may.

use super::extent::{Extent, Verdict};
use super::output::Output;
use super::zstd::Zstd;
use super::{CodecError, Encoding, Unpack};
use bytes::Bytes;
use memchr::memmem;

pub(super) struct ZstdStream {
    zstd: Zstd,
    /// Built once for the connection: building it takes longer than most searches.
    between: memmem::Finder<'static>,
    message: Bytes,
    /// How many pending bytes the last payload has.
    given: usize,
    step: Step,
    extent: Extent,
}

/// What is known of the current message.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Step {
    /// Not decompressed yet; it begins a payload.
    Fresh,
    /// Not decompressed yet; it continues a payload.
    Behind,
    /// Decompressed, and pending alone: first and last byte may show that it is one payload.
    Alone,
    /// Decompressed, and pending with other bytes: the end of the payload must be searched.
    Mixed,
    /// Used up.
    Used,
}

impl ZstdStream {
    pub(super) fn new(encoding: Encoding) -> Self {
        let extent = Extent::of(encoding);
        Self {
            zstd: Zstd::new(),
            between: memmem::Finder::new(BETWEEN),
            message: Bytes::new(),
            given: 0,
            step: Step::Used,
            extent,
        }
    }

    /// The length of the payload at the front of the pending bytes; `None` if it is incomplete.
    fn judge(&mut self) -> Result<Option<usize>, CodecError> {
        let pending = self.zstd.pending();
        let is_one = || self.extent.is_likely_whole(pending) && self.between.find(pending).is_none();
        if self.step == Step::Alone && is_one() {
            return Ok(Some(pending.len()));
        }
        match self.extent.look(pending) {
            Verdict::Unclear => Ok(Some(pending.len())),
            Verdict::Partial => Ok(None),
            Verdict::Whole { len } => Ok(Some(len)),
            Verdict::Garbled => Err(CodecError::Garbled),
        }
    }
}

impl Unpack for ZstdStream {
    fn take(&mut self, message: Bytes) {
        debug_assert!(self.step == Step::Used, "in-order: a message before the last one was used up");
        self.step = if self.zstd.pending().is_empty() { Step::Fresh } else { Step::Behind };
        self.message = message;
    }

    fn next(&mut self, most: usize) -> Result<Option<&[u8]>, CodecError> {
        if self.given > 0 {
            self.zstd.settle(core::mem::take(&mut self.given));
            self.extent.restart();
            self.step = Step::Mixed;
        }
        if matches!(self.step, Step::Fresh | Step::Behind) {
            self.zstd.feed(&core::mem::take(&mut self.message), most)?;
            self.step = if self.step == Step::Fresh { Step::Alone } else { Step::Mixed };
        }
        if self.step == Step::Used || self.zstd.pending().is_empty() {
            self.step = Step::Used;
            return Ok(None);
        }
        let Some(len) = self.judge()? else {
            self.step = Step::Used;
            return Ok(None);
        };
        self.given = len;
        Ok(Some(&self.zstd.pending()[..len]))
    }

    fn output(&mut self) -> Option<&mut Output> {
        Some(self.zstd.output())
    }

    fn rest(&mut self) {
        self.zstd.rest();
    }
}

/// The bytes between two payloads. Valid JSON has them only there and within strings, so their absence proves that there is one.
const BETWEEN: &[u8] = b"}{";
