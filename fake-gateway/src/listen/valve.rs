//! A stream whose writes can be gathered and stopped: what several frames in one write, and a frame that stops in its
//! middle, need. Everything written is kept until it is flushed.

use core::pin::Pin;
use core::task::{Context, Poll, Waker, ready};
use futures_util::io::{AsyncRead, AsyncWrite};
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// So much is gathered at most; beyond it, it leaves.
const GATHERED_MAX: usize = 64 << 10;
/// So much room is kept for what is written next.
const KEPT_MAX: usize = 4 << 10;

/// What the other end of a [`Valved`] stream lets through.
#[derive(Clone, Debug, Default)]
pub(super) struct Valve(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    mode: Mode,
    waker: Option<Waker>,
}

#[derive(Clone, Copy, Debug, Default)]
enum Mode {
    #[default]
    Open,
    /// Nothing leaves before the gathered bytes are too many.
    Gathering,
    /// So many bytes leave and no more.
    Limited(usize),
}

impl Valve {
    /// Lets everything through.
    pub(super) fn open(&self) {
        self.set(Mode::Open);
    }

    /// Keeps what is written for one write later.
    pub(super) fn gather(&self) {
        self.set(Mode::Gathering);
    }

    /// Lets so many bytes through, then none.
    pub(super) fn limit(&self, bytes: usize) {
        self.set(Mode::Limited(bytes));
    }

    fn set(&self, mode: Mode) {
        let mut state = self.lock();
        state.mode = mode;
        if let Some(waker) = state.waker.take() {
            waker.wake();
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A stream behind a valve.
#[derive(Debug)]
pub(super) struct Valved<S> {
    stream: S,
    valve: Valve,
    gathered: Vec<u8>,
    /// How many of the gathered bytes have left.
    left: usize,
}

impl<S: AsyncWrite + Unpin> Valved<S> {
    pub(super) fn new(stream: S, valve: Valve) -> Self {
        Self { stream, valve, gathered: Vec::new(), left: 0 }
    }

    /// Writes what is gathered, as far as the valve lets it.
    fn poll_drain(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.left < self.gathered.len() {
            let waiting = &self.gathered[self.left..];
            let most = {
                let mut state = self.valve.lock();
                match state.mode {
                    Mode::Gathering if self.gathered.len() < GATHERED_MAX => return Poll::Ready(Ok(())),
                    Mode::Open | Mode::Gathering => waiting.len(),
                    Mode::Limited(0) => {
                        state.waker = Some(cx.waker().clone());
                        return Poll::Pending;
                    }
                    Mode::Limited(bytes) => bytes.min(waiting.len()),
                }
            };
            let written = ready!(Pin::new(&mut self.stream).poll_write(cx, &waiting[..most]))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.left += written;
            let mut state = self.valve.lock();
            if let Mode::Limited(bytes) = state.mode {
                state.mode = Mode::Limited(bytes.saturating_sub(written));
            }
        }
        self.left = 0;
        self.gathered.clear();
        // A large frame's room is not kept for the connection's life.
        self.gathered.shrink_to(KEPT_MAX);
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Valved<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut [u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_read(cx, into)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Valved<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        if self.gathered.len() >= GATHERED_MAX {
            ready!(self.poll_drain(cx))?;
        }
        let room = GATHERED_MAX.saturating_sub(self.gathered.len()).max(1);
        let taken = &bytes[..bytes.len().min(room)];
        self.gathered.extend_from_slice(taken);
        Poll::Ready(Ok(taken.len()))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_drain(cx))?;
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_drain(cx))?;
        Pin::new(&mut self.stream).poll_close(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::task::Waker;
    use futures_util::io::Cursor;

    fn poll<T>(of: impl FnOnce(&mut Context<'_>) -> Poll<T>) -> Poll<T> {
        of(&mut Context::from_waker(Waker::noop()))
    }

    fn written(stream: &Valved<Cursor<Vec<u8>>>) -> &[u8] {
        stream.stream.get_ref()
    }

    #[test]
    fn gathered_frames_leave_together_and_a_limited_one_stops_in_its_middle() {
        let valve = Valve::default();
        let mut stream = Valved::new(Cursor::new(Vec::new()), valve.clone());
        valve.gather();
        for frame in [b"one", b"two"] {
            assert!(poll(|cx| Pin::new(&mut stream).poll_write(cx, frame)).is_ready());
            assert!(poll(|cx| Pin::new(&mut stream).poll_flush(cx)).is_ready());
        }
        assert_eq!(written(&stream), b"");
        valve.limit(4);
        assert!(poll(|cx| Pin::new(&mut stream).poll_flush(cx)).is_pending());
        assert_eq!(written(&stream), b"onet");
        valve.open();
        assert!(poll(|cx| Pin::new(&mut stream).poll_flush(cx)).is_ready());
        assert_eq!(written(&stream), b"onetwo");
    }

    #[test]
    fn more_than_can_be_gathered_leaves() {
        let valve = Valve::default();
        let mut stream = Valved::new(Cursor::new(Vec::new()), valve.clone());
        valve.gather();
        let big = vec![b'x'; GATHERED_MAX];
        assert!(matches!(poll(|cx| Pin::new(&mut stream).poll_write(cx, &big)), Poll::Ready(Ok(GATHERED_MAX))));
        assert!(matches!(poll(|cx| Pin::new(&mut stream).poll_write(cx, &big)), Poll::Ready(Ok(GATHERED_MAX))));
        assert_eq!(written(&stream).len(), GATHERED_MAX);
    }
}
