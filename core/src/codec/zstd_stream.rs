//! One zstd frame a connection, with a flush at the end of each payload, which is the end of its message. *(source: Gateway,
//! Transport Compression)* A stream may as well have a frame a payload, or end one anywhere: where frames end means
//! nothing here (RFC 8878 §3).
//!
//! A flush leaves no mark. So what a message inflates to is a payload if it can be one, a part of one if its end is to
//! come, and several where one begins right behind another: gateways were not seen to split or join payloads, proxies
//! may.

use super::extent::{Extent, Verdict};
use super::output::Output;
use super::zstd::Zstd;
use super::{CodecError, Encoding, Unpack};
use bytes::Bytes;
use memchr::memmem;

pub(super) struct ZstdStream {
    zstd: Zstd,
    /// Built once: that takes longer than most searches.
    between: memmem::Finder<'static>,
    message: Bytes,
    /// How much of what is pending was given out.
    given: usize,
    step: Step,
    extent: Extent,
}

/// What the message at hand has come to.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Step {
    /// It is to be inflated, behind nothing.
    Fresh,
    /// It is to be inflated, behind the first part of its payload.
    Behind,
    /// It was inflated: what is pending alone can be whole at a glance.
    Alone,
    /// It was inflated: what is pending is to be looked at.
    Mixed,
    /// Nothing is left in it.
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

    /// Whether what is pending is a payload, and how long.
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

/// What stands in JSON between two payloads, and otherwise in a string only.
const BETWEEN: &[u8] = b"}{";
