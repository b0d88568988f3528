//! Bytes from one read of a socket that are not decoded yet.
//!
//! They are in memory that all connections share ([`Piece`]). When all of it is in use, the connection allocates a
//! small buffer of its own for this read.

use crate::dial::Piece;
use core::ops::Range;
use core::pin::Pin;
use core::task::{Context, Poll, ready};
use futures_io::AsyncRead;
use portcullis_websocket::Input;
use std::io;

/// Bytes of a socket: never empty.
pub(super) struct Unread {
    memory: Memory,
    start: usize,
    end: usize,
}

enum Memory {
    Shared(Piece),
    Own(Box<[u8]>),
}

impl Unread {
    /// Unread bytes in the connection's own memory.
    pub(super) fn own(memory: Box<[u8]>, unread: Range<usize>) -> Option<Self> {
        let Range { start, end } = unread;
        (start < end).then_some(Self { memory: Memory::Own(memory), start, end })
    }

    /// Reads the available bytes; `None` at the end of the stream.
    pub(super) fn poll_read<S: AsyncRead + Unpin>(
        stream: &mut S,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<Option<Self>>> {
        let mut memory = Piece::take().map_or_else(|| Memory::Own(vec![0; OWN].into_boxed_slice()), Memory::Shared);
        let read = Pin::new(stream).poll_read(cx, memory.bytes());
        if let Poll::Ready(Ok(end @ 1..)) = read {
            return Poll::Ready(Ok(Some(Self { memory, start: 0, end })));
        }
        memory.give_back();
        ready!(read)?;
        Poll::Ready(Ok(None))
    }

    /// Lets `read` decode the bytes, and advances past those that it consumed.
    pub(super) fn with<T>(&mut self, read: impl FnOnce(&mut Input<'_>) -> T) -> T {
        let bytes = self.memory.bytes().get_mut(self.start..self.end).unwrap_or_default();
        let mut input = Input::new(bytes);
        let told = read(&mut input);
        self.start = self.end.saturating_sub(input.len());
        told
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.start >= self.end
    }

    pub(super) fn give_back(self) {
        self.memory.give_back();
    }
}

impl Memory {
    fn bytes(&mut self) -> &mut [u8] {
        match self {
            Self::Shared(piece) => piece.bytes(),
            Self::Own(bytes) => bytes,
        }
    }

    fn give_back(self) {
        match self {
            Self::Shared(piece) => piece.give_back(),
            Self::Own(_) => {}
        }
    }
}

/// The size of a read when all shared memory is in use.
const OWN: usize = 4 << 10;
