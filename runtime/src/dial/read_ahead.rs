//! Reading ahead: one large read of a socket in place of many small ones, into memory that the connections share.
//!
//! A WebSocket layer with a small buffer keeps little for each connection, and pays for it with a system call for each
//! few messages of a busy one. So the socket is read into a large piece of memory, and the layer from that. A
//! connection has a piece only while there is something in it; when all are in use it reads as if there were none.

use core::cell::RefCell;
use core::pin::Pin;
use core::task::{Context, Poll};
use futures_io::{AsyncRead, AsyncWrite};
use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A stream that is read in large pieces.
pub(crate) struct ReadAhead<S> {
    stream: S,
    /// What was read and not asked for yet: never empty.
    rest: Option<Rest>,
}

struct Rest {
    piece: Piece,
    start: usize,
    end: usize,
}

impl<S> ReadAhead<S> {
    pub(crate) const fn new(stream: S) -> Self {
        Self { stream, rest: None }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for ReadAhead<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        let this = &mut *self;
        let rest = match this.rest.take() {
            Some(rest) => rest,
            // A reader with that much room needs no piece.
            None if buffer.len() >= PIECE => return Pin::new(&mut this.stream).poll_read(cx, buffer),
            None => {
                let Some(mut piece) = Piece::take() else { return Pin::new(&mut this.stream).poll_read(cx, buffer) };
                match Pin::new(&mut this.stream).poll_read(cx, &mut piece.bytes) {
                    Poll::Ready(Ok(end @ 1..)) => Rest { piece, start: 0, end },
                    nothing => {
                        piece.give_back();
                        return nothing;
                    }
                }
            }
        };
        Poll::Ready(Ok(this.hand_out(rest, buffer)))
    }
}

impl<S> ReadAhead<S> {
    fn hand_out(&mut self, mut rest: Rest, buffer: &mut [u8]) -> usize {
        let unread = &rest.piece.bytes[rest.start..rest.end];
        let len = unread.len().min(buffer.len());
        buffer[..len].copy_from_slice(&unread[..len]);
        rest.start += len;
        if rest.start < rest.end {
            self.rest = Some(rest);
        } else {
            rest.piece.give_back();
        }
        len
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for ReadAhead<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, slices)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_close(cx)
    }
}

/// The size of a piece: what a socket usually has for a reader that was busy.
const PIECE: usize = 64 << 10;
/// The most pieces in a process, 2 MiB together. Only a connection in the middle of a piece holds one; further
/// connections read without.
const PIECES_MAX: usize = 32;
/// The most pieces that a thread keeps for its next reads.
const SPARE_MAX: usize = 4;

static PIECES: AtomicUsize = AtomicUsize::new(0);

thread_local! {
    static SPARE: RefCell<Vec<Piece>> = const { RefCell::new(Vec::new()) };
}

/// Memory to read into. It is zeroed once, not before each read.
pub(crate) struct Piece {
    bytes: Box<[u8]>,
}

impl Piece {
    /// One that is not in use, if there is one.
    pub(crate) fn take() -> Option<Self> {
        // A thread that is ending has no spare ones.
        let spare = SPARE.try_with(|spare| spare.borrow_mut().pop()).ok().flatten();
        spare.or_else(|| Self::make(PIECES_MAX))
    }

    fn make(max: usize) -> Option<Self> {
        let one_more = |pieces| (pieces < max).then_some(pieces + 1);
        PIECES.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_more).ok()?;
        Some(Self { bytes: vec![0; PIECE].into_boxed_slice() })
    }

    /// All of it.
    pub(crate) fn bytes(&mut self) -> &mut [u8] {
        &mut self.bytes
    }

    /// Keeps it for the next read of this thread's.
    pub(crate) fn give_back(self) {
        let _ = SPARE.try_with(|spare| {
            let mut spare = spare.borrow_mut();
            if spare.len() < SPARE_MAX {
                spare.push(self);
            }
        });
    }
}

impl Drop for Piece {
    fn drop(&mut self) {
        PIECES.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::task::Waker;

    /// Gives the next number of bytes with each read, then nothing for now, and notes its reads.
    struct Socket {
        reads: Vec<usize>,
        asked: Vec<usize>,
        next: u8,
    }

    impl AsyncRead for Socket {
        fn poll_read(mut self: Pin<&mut Self>, _: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
            self.asked.push(buffer.len());
            if self.reads.is_empty() {
                return Poll::Pending;
            }
            let len = self.reads.remove(0).min(buffer.len());
            for byte in &mut buffer[..len] {
                self.next = self.next.wrapping_add(1);
                *byte = self.next;
            }
            Poll::Ready(Ok(len))
        }
    }

    fn socket(reads: &[usize]) -> ReadAhead<Socket> {
        ReadAhead::new(Socket { reads: reads.to_vec(), asked: Vec::new(), next: 0 })
    }

    fn read(stream: &mut ReadAhead<Socket>, room: usize) -> Poll<io::Result<Vec<u8>>> {
        let mut buffer = vec![0; room];
        let polled = Pin::new(stream).poll_read(&mut Context::from_waker(Waker::noop()), &mut buffer);
        polled.map_ok(|len| buffer[..len].to_vec())
    }

    fn bytes(polled: Poll<io::Result<Vec<u8>>>) -> Vec<u8> {
        match polled {
            Poll::Ready(Ok(bytes)) => bytes,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_large_read_serves_many_small_ones_in_order() {
        let mut stream = socket(&[10, 3]);
        let mut all = Vec::new();
        for _ in 0..4 {
            all.extend(bytes(read(&mut stream, 4)));
        }
        assert_eq!(all, (1..=13).collect::<Vec<u8>>());
        assert!(read(&mut stream, 4).is_pending());
        assert_eq!(stream.stream.asked, [PIECE; 3]);
    }

    #[test]
    fn the_end_and_nothing_for_now_are_told_and_keep_no_piece() {
        let mut stream = socket(&[5, 0]);
        assert_eq!(bytes(read(&mut stream, 8)).len(), 5);
        assert!(stream.rest.is_none());
        assert!(bytes(read(&mut stream, 8)).is_empty());
        assert!(read(&mut stream, 8).is_pending());
        assert!(stream.rest.is_none());
    }

    #[test]
    fn who_has_as_much_room_reads_by_itself() {
        let mut stream = socket(&[2 * PIECE, 9]);
        assert_eq!(bytes(read(&mut stream, 2 * PIECE)).len(), 2 * PIECE);
        assert_eq!(stream.stream.asked, [2 * PIECE]);
        // Not before what was read ahead.
        assert_eq!(bytes(read(&mut stream, 4)).len(), 4);
        assert_eq!(bytes(read(&mut stream, 2 * PIECE)).len(), 5);
    }

    #[test]
    fn there_are_so_many_pieces_and_no_more() {
        let all: Vec<_> = core::iter::from_fn(|| Piece::make(PIECES_MAX)).collect();
        assert!(all.len() <= PIECES_MAX && PIECES.load(Ordering::Relaxed) <= PIECES_MAX);
        // Whether there is one to be had, it reads the same.
        assert_eq!(bytes(read(&mut socket(&[10]), 4)), [1, 2, 3, 4]);
        drop(all);
        assert!(Piece::make(PIECES_MAX).is_some());
    }

    #[test]
    fn a_thread_keeps_a_few_spare_ones() {
        for _ in 0..2 * SPARE_MAX {
            let pieces: Vec<_> = (0..2 * SPARE_MAX).filter_map(|_| Piece::take()).collect();
            pieces.into_iter().for_each(Piece::give_back);
        }
        SPARE.with_borrow(|spare| assert!(spare.len() <= SPARE_MAX));
    }
}
