//! Received bytes, borrowed from the caller.

use core::fmt;
use core::mem;

/// A piece of the stream in the caller's read buffer, and how much of it is still unread.
///
/// Payloads are lent from it for as long as the buffer is borrowed. The buffer is mutable because masked payloads are
/// unmasked in place.
pub struct Input<'b> {
    bytes: &'b mut [u8],
}

impl<'b> Input<'b> {
    /// Wraps received bytes.
    #[must_use]
    pub const fn new(bytes: &'b mut [u8]) -> Self {
        Self { bytes }
    }

    /// How many bytes are unread.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Whether all bytes were read.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    pub(crate) const fn bytes(&self) -> &[u8] {
        self.bytes
    }

    /// The next bytes, at most `len`.
    pub(crate) fn take(&mut self, len: usize) -> &'b mut [u8] {
        let len = len.min(self.bytes.len());
        let (taken, rest) = mem::take(&mut self.bytes).split_at_mut(len);
        self.bytes = rest;
        taken
    }

    pub(crate) fn drop_all(&mut self) {
        self.bytes = &mut [];
    }
}

impl<'b> From<&'b mut [u8]> for Input<'b> {
    fn from(bytes: &'b mut [u8]) -> Self {
        Self::new(bytes)
    }
}

/// Prints the size, never the bytes.
impl fmt::Debug for Input<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes", self.len())
    }
}
