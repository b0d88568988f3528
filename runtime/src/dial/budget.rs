//! How much is read from a socket before the driver looks at its clock and yields to other tasks.
//!
//! A WebSocket layer reads until it has a message to give. A peer that sends fragments without end, or one frame of
//! many megabytes as fast as it is read, would keep the layer and its thread reading in one poll. So the stream below
//! the layer says "nothing to read" after some bytes, until the driver renews the budget. That bounds the frames of a
//! poll as well: each has at least two bytes (RFC 6455 §5.2).

use core::pin::Pin;
use core::task::{Context, Poll, ready};
use futures_io::{AsyncRead, AsyncWrite};
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

/// How many bytes a connection may read in one run of its task: 64 KiB, which is what one large read of the socket
/// gives. As empty fragments these are 32,768 frames, about a millisecond's work; as events of 1.3 KB they are fifty.
const BYTES_A_RUN: usize = 64 << 10;

/// What a driver and the stream of its connection share. Both are of one task.
#[derive(Debug)]
pub(crate) struct ReadBudget {
    left: AtomicUsize,
    total: AtomicU64,
}

/// The bytes of one run.
impl Default for ReadBudget {
    fn default() -> Self {
        Self { left: AtomicUsize::new(BYTES_A_RUN), total: AtomicU64::new(0) }
    }
}

impl ReadBudget {
    /// Allows the bytes of one run from now on, whatever is left of the last one's.
    pub(crate) fn renew(&self) {
        self.left.store(BYTES_A_RUN, Ordering::Relaxed);
    }

    /// Whether the stream gave nothing because it must not, so that the socket may hold more.
    pub(crate) fn is_used_up(&self) -> bool {
        self.left.load(Ordering::Relaxed) == 0
    }

    /// How many bytes were read, ever.
    pub(crate) fn total(&self) -> u64 {
        self.total.load(Ordering::Relaxed)
    }

    fn spend(&self, bytes: usize) {
        let left = self.left.load(Ordering::Relaxed).saturating_sub(bytes);
        self.left.store(left, Ordering::Relaxed);
        self.total.store(self.total().saturating_add(u64::try_from(bytes).unwrap_or(u64::MAX)), Ordering::Relaxed);
    }
}

/// A stream that is read within a budget.
pub(crate) struct Budgeted<S> {
    stream: S,
    budget: Arc<ReadBudget>,
}

impl<S> Budgeted<S> {
    pub(crate) const fn new(stream: S, budget: Arc<ReadBudget>) -> Self {
        Self { stream, budget }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Budgeted<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        let left = self.budget.left.load(Ordering::Relaxed);
        if left == 0 {
            // The task goes on at once, after those that are ready.
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        let room = left.min(buffer.len());
        let bytes = ready!(Pin::new(&mut self.stream).poll_read(cx, &mut buffer[..room]))?;
        self.budget.spend(bytes);
        Poll::Ready(Ok(bytes))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Budgeted<S> {
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

#[cfg(test)]
mod tests {
    use super::*;
    use core::task::Waker;
    use futures_util::io::repeat;
    use std::sync::atomic::AtomicBool;
    use std::task::Wake;

    #[derive(Default)]
    struct Woken(AtomicBool);

    impl Wake for Woken {
        fn wake(self: Arc<Self>) {
            self.0.store(true, Ordering::Relaxed);
        }
    }

    #[test]
    fn found_32_a_stream_without_end_ends_for_a_turn_and_its_task_is_woken() {
        let (budget, woken) = (Arc::new(ReadBudget::default()), Arc::new(Woken::default()));
        let mut stream = Budgeted::new(repeat(7), Arc::clone(&budget));
        let waker = Waker::from(Arc::clone(&woken));
        let mut read = |room: usize| {
            let mut buffer = vec![0; room];
            Pin::new(&mut stream).poll_read(&mut Context::from_waker(&waker), &mut buffer).map(Result::unwrap)
        };
        for turn in 1..=3 {
            let mut bytes = 0;
            woken.0.store(false, Ordering::Relaxed);
            while let Poll::Ready(more) = read(1000) {
                bytes += more;
            }
            assert!(bytes == BYTES_A_RUN && budget.is_used_up() && woken.0.load(Ordering::Relaxed));
            assert_eq!(budget.total(), turn * BYTES_A_RUN as u64);
            budget.renew();
        }
        assert_eq!((read(2 * BYTES_A_RUN), budget.is_used_up()), (Poll::Ready(BYTES_A_RUN), true));
    }
}
