//! Two ends of a stream in memory. An end takes a number of bytes, then blocks until it is released.

use core::pin::Pin;
use core::task::{Context, Poll, Waker};
use futures_io::{AsyncRead, AsyncWrite};
use std::collections::VecDeque;
use std::io::{self, ErrorKind, Read, Write};
use std::sync::{Arc, Mutex};

/// Bytes one way.
struct Lane {
    bytes: VecDeque<u8>,
    allowance: usize,
    is_closed: bool,
    /// What is read over and over while there is nothing else.
    flood: Vec<u8>,
    reader: Option<Waker>,
    writer: Option<Waker>,
}

type Shared = Arc<Mutex<Lane>>;

/// One end. Dropped, it closes both lanes.
pub(crate) struct Pipe {
    incoming: Shared,
    outgoing: Shared,
}

fn lane(allowance: usize) -> Shared {
    let (bytes, reader, writer) = (VecDeque::new(), None, None);
    Arc::new(Mutex::new(Lane { bytes, allowance, is_closed: false, flood: Vec::new(), reader, writer }))
}

impl Pipe {
    /// The first end takes `allowance` bytes of what is written to it.
    pub(crate) fn pair(allowance: usize) -> (Self, Self) {
        let (there, back) = (lane(allowance), lane(usize::MAX));
        let ours = Self { incoming: Arc::clone(&back), outgoing: Arc::clone(&there) };
        (ours, Self { incoming: there, outgoing: back })
    }

    /// Lets the other end write on.
    pub(crate) fn release(&self) {
        let mut lane = self.incoming.lock().unwrap();
        lane.allowance = usize::MAX;
        wake(lane.writer.take());
    }

    /// Lets the other end read these bytes without end, whatever it has read: nothing stops it.
    pub(crate) fn flood(&self, bytes: &[u8]) {
        let mut lane = self.outgoing.lock().unwrap();
        lane.flood = bytes.to_vec();
        wake(lane.reader.take());
    }

    /// Takes no more of what the other end writes.
    pub(crate) fn block(&self) {
        self.incoming.lock().unwrap().allowance = 0;
    }

    /// Whether the other end waits to write.
    pub(crate) fn is_blocking(&self) -> bool {
        self.incoming.lock().unwrap().writer.is_some()
    }

    fn read_now(&self, buf: &mut [u8], waker: Option<&Waker>) -> io::Result<usize> {
        let mut lane = self.incoming.lock().unwrap();
        if lane.bytes.is_empty() && !lane.flood.is_empty() {
            let times = buf.len().div_ceil(lane.flood.len());
            let more = lane.flood.repeat(times);
            lane.bytes.extend(more);
        }
        if lane.bytes.is_empty() && !lane.is_closed {
            lane.reader = waker.cloned();
            return Err(ErrorKind::WouldBlock.into());
        }
        lane.bytes.read(buf)
    }

    fn write_now(&self, buf: &[u8], waker: Option<&Waker>) -> io::Result<usize> {
        let mut lane = self.outgoing.lock().unwrap();
        if lane.is_closed {
            return Err(ErrorKind::BrokenPipe.into());
        }
        let len = buf.len().min(lane.allowance);
        if len == 0 {
            lane.writer = waker.cloned();
            return Err(ErrorKind::WouldBlock.into());
        }
        lane.bytes.extend(&buf[..len]);
        lane.allowance -= len;
        wake(lane.reader.take());
        Ok(len)
    }
}

impl Drop for Pipe {
    fn drop(&mut self) {
        for lane in [&self.incoming, &self.outgoing] {
            let mut lane = lane.lock().unwrap();
            lane.is_closed = true;
            wake(lane.reader.take());
            wake(lane.writer.take());
        }
    }
}

fn wake(waker: Option<Waker>) {
    waker.into_iter().for_each(Waker::wake);
}

fn polled(result: io::Result<usize>) -> Poll<io::Result<usize>> {
    match result {
        Err(error) if error.kind() == ErrorKind::WouldBlock => Poll::Pending,
        result => Poll::Ready(result),
    }
}

impl AsyncRead for Pipe {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        polled(self.read_now(buf, Some(cx.waker())))
    }
}

impl AsyncWrite for Pipe {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        polled(self.write_now(buf, Some(cx.waker())))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// The other end does not wait: it is a test.
impl Read for Pipe {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.read_now(buf, None)
    }
}

impl Write for Pipe {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.write_now(buf, None)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
