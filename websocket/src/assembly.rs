//! A message that is not whole yet: what has come of it, in memory with an exact bound.
//!
//! # Invariants
//! * `bounded-by-the-message`: the memory is at most what the frames announced so far when no more follow, and never above
//!   [`Limits::message`].

use crate::error::Violation;
use crate::event::{Message, MessageKind, Payload};
use crate::frame::FrameHeader;
use crate::limits::Limits;
use crate::utf8::Utf8;
use alloc::vec::Vec;

/// A message whose last byte has not come.
pub(crate) struct Assembly {
    kind: MessageKind,
    bytes: Vec<u8>,
    utf8: Utf8,
    fragments: u32,
    empty_fragments: u32,
    /// How many bytes the frames so far have, the one that is being read included.
    announced: usize,
    extent: Extent,
}

/// Whether the size of the message is known.
#[derive(Clone, Copy, Debug)]
enum Extent {
    /// Its last frame has begun: it has `announced` bytes.
    Known,
    /// More frames follow.
    Open,
}

impl Assembly {
    pub(crate) fn new(kind: MessageKind) -> Self {
        Self {
            kind,
            bytes: Vec::new(),
            utf8: Utf8::default(),
            fragments: 0,
            empty_fragments: 0,
            announced: 0,
            extent: Extent::Open,
        }
    }

    /// Begins a frame of the message.
    pub(crate) fn begin(&mut self, header: &FrameHeader, limits: &Limits) -> Result<(), Violation> {
        let len = fits(header, self.announced, limits)?;
        self.announced += len;
        self.extent = if header.is_final() { Extent::Known } else { Extent::Open };
        let empty = u32::from(len == 0);
        self.fragments = count(self.fragments, 1, limits.fragments)?;
        self.empty_fragments = count(self.empty_fragments, empty, limits.empty_fragments)?;
        Ok(())
    }

    /// Takes the next bytes of the frame that was begun, unmasked.
    pub(crate) fn push(&mut self, bytes: &[u8], limits: &Limits) -> Result<(), Violation> {
        match self.kind {
            MessageKind::Text => self.utf8.check(bytes).map_err(|_| Violation::Utf8)?,
            MessageKind::Binary => {}
        }
        self.make_room(bytes.len(), limits);
        self.bytes.extend_from_slice(bytes);
        debug_assert!(
            self.bytes.capacity() <= limits.message,
            "bounded-by-the-message: {} bytes",
            self.bytes.capacity()
        );
        Ok(())
    }

    /// How many bytes are held.
    pub(crate) const fn len(&self) -> usize {
        self.bytes.len()
    }

    /// The whole message, in an allocation of its size.
    pub(crate) fn finish(mut self) -> Result<Message<'static>, Violation> {
        if !self.utf8.is_whole() {
            return Err(Violation::Utf8);
        }
        self.bytes.shrink_to_fit();
        Ok(Message::new(self.kind, Payload::owned(self.bytes)))
    }

    /// Grows as a vector does, so that the work is linear, but never beyond what the message can have.
    fn make_room(&mut self, more: usize, limits: &Limits) {
        let (len, capacity) = (self.bytes.len(), self.bytes.capacity());
        if capacity - len >= more {
            return;
        }
        let most = match self.extent {
            Extent::Known => self.announced,
            Extent::Open => limits.message,
        };
        let wanted = capacity.saturating_mul(2).max(self.announced.min(limits.reserve)).min(most).max(len + more);
        // Where a caller's limits allow what no memory has, there is what the bytes that came need.
        if self.bytes.try_reserve_exact(wanted - len).is_err() {
            self.bytes.reserve_exact(more);
        }
    }
}

/// Whether a frame may follow what was `announced` of its message, and its length.
pub(crate) fn fits(header: &FrameHeader, announced: usize, limits: &Limits) -> Result<usize, Violation> {
    let too_large = Violation::FrameTooLarge { len: header.payload_len(), limit: limits.frame };
    let len = usize::try_from(header.payload_len()).map_err(|_| too_large)?;
    if len > limits.frame {
        return Err(too_large);
    }
    if len > limits.message.saturating_sub(announced) {
        return Err(Violation::MessageTooLarge { limit: limits.message });
    }
    Ok(len)
}

fn count(so_far: u32, more: u32, limit: u32) -> Result<u32, Violation> {
    let count = so_far.saturating_add(more);
    if count > limit { Err(Violation::TooManyFragments { limit }) } else { Ok(count) }
}
