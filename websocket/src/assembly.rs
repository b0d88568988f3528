//! A message that is not complete yet: the bytes that have arrived, in memory with an exact bound.
//!
//! # Invariants
//! * `bounded-by-the-message`: once the last frame has begun, the capacity is at most the size of the message; before
//!   that it is at most [`Limits::message`].

use crate::error::Violation;
use crate::event::{Message, MessageKind, Payload};
use crate::frame::FrameHeader;
use crate::limits::Limits;
use crate::utf8::Utf8;
use alloc::vec::Vec;

/// A message whose last byte has not arrived.
pub(crate) struct Assembly {
    kind: MessageKind,
    bytes: Vec<u8>,
    utf8: Utf8,
    fragments: u32,
    empty_fragments: u32,
    /// The sizes of the frames so far, including the one being read.
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

    /// Starts a frame of the message.
    pub(crate) fn begin(&mut self, header: &FrameHeader, limits: &Limits) -> Result<(), Violation> {
        let len = fits(header, self.announced, limits)?;
        self.announced += len;
        self.extent = if header.is_final() { Extent::Known } else { Extent::Open };
        let empty = u32::from(len == 0);
        self.fragments = count(self.fragments, 1, limits.fragments)?;
        self.empty_fragments = count(self.empty_fragments, empty, limits.empty_fragments)?;
        Ok(())
    }

    /// Appends the next bytes of the current frame, unmasked.
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

    /// How many bytes are stored.
    pub(crate) const fn len(&self) -> usize {
        self.bytes.len()
    }

    /// The complete message, in an allocation of exactly its size.
    pub(crate) fn finish(mut self) -> Result<Message<'static>, Violation> {
        if !self.utf8.is_whole() {
            return Err(Violation::Utf8);
        }
        self.bytes.shrink_to_fit();
        Ok(Message::new(self.kind, Payload::owned(self.bytes)))
    }

    /// Grows the memory as a vector does, so that the work stays linear, but never beyond the possible size of the
    /// message.
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
        // With limits above the available memory, allocate only what the received bytes need.
        if self.bytes.try_reserve_exact(wanted - len).is_err() {
            self.bytes.reserve_exact(more);
        }
    }
}

/// Checks whether a frame fits behind the `announced` bytes of its message, and returns its length.
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
