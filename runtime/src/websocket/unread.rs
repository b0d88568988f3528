//! What was read from a socket in one go and not yet looked at.
//!
//! Most of it is memory that the connections share ([`Piece`]); when all of that is in use, a connection has a little of its
//! own for a moment.

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
    /// What there is in memory of one's own.
    pub(super) fn own(memory: Box<[u8]>, unread: Range<usize>) -> Option<Self> {
        let Range { start, end } = unread;
        (start < end).then_some(Self { memory: Memory::Own(memory), start, end })
    }

    /// Reads what the stream has; `None` at its end.
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

    /// Lets them be read, and moves on behind what was.
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

/// As much as a connection reads at once when there is no shared memory left.
const OWN: usize = 4 << 10;
