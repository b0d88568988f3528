//! A frame on its way to the phase that takes it.

use bytes::Bytes;
use core::ops::Deref;

/// A frame, wherever its bytes are. It is copied only when it is kept, so a frame that no consumer wants costs no copy.
pub(super) enum Frame<'a> {
    /// As it came from the socket.
    Own(Bytes),
    /// Lent by a codec, out of its scratch.
    Lent(&'a [u8]),
}

impl Frame<'_> {
    /// The frame in memory of its own, of exactly its size where it was lent.
    pub(super) fn into_bytes(self) -> Bytes {
        match self {
            Self::Own(bytes) => bytes,
            Self::Lent(bytes) => Bytes::copy_from_slice(bytes),
        }
    }
}

impl Deref for Frame<'_> {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Self::Own(bytes) => bytes,
            Self::Lent(bytes) => bytes,
        }
    }
}
