//! A stream that counts the bytes of frames that were read from it: those behind the answer to the upgrade.

use core::pin::Pin;
use core::task::{Context, Poll, ready};
use futures_io::{AsyncRead, AsyncWrite};
use std::io;

pub(super) struct Counted<S> {
    stream: S,
    head: Head,
    frames: u64,
}

/// Where in the answer to the upgrade it is, which an empty line ends.
#[derive(Clone, Copy)]
enum Head {
    InLine,
    AtStartOfLine,
    Over,
}

impl<S> Counted<S> {
    /// A stream on which the upgrade has not been answered.
    pub(super) const fn new(stream: S) -> Self {
        Self { stream, head: Head::InLine, frames: 0 }
    }

    /// How many bytes of frames were read.
    pub(super) const fn frames(&self) -> u64 {
        self.frames
    }

    fn note(&mut self, mut bytes: &[u8]) {
        while let (Head::InLine | Head::AtStartOfLine, [byte, rest @ ..]) = (self.head, bytes) {
            self.head = match (self.head, byte) {
                (Head::AtStartOfLine, b'\n') => Head::Over,
                (Head::AtStartOfLine, b'\r') | (_, b'\n') => Head::AtStartOfLine,
                _ => Head::InLine,
            };
            bytes = rest;
        }
        self.frames += u64::try_from(bytes.len()).unwrap_or(u64::MAX);
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Counted<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        let len = ready!(Pin::new(&mut self.stream).poll_read(cx, buf))?;
        self.note(&buf[..len.min(buf.len())]);
        Poll::Ready(Ok(len))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Counted<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
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

    #[test]
    fn what_comes_behind_the_empty_line_is_counted() {
        for (answer, behind) in [
            ("HTTP/1.1 101 X\r\nA: b\r\n\r\nabc\r\n\r\nd", 8),
            ("HTTP/1.1 101 X\nA: b\n\nabc", 3),
            ("HTTP/1.1 101 X\r\n\r\n", 0),
            ("HTTP/1.1 101 X\r\nA: b\r\n", 0),
        ] {
            for size in 1..=answer.len() {
                let mut counted = Counted::new(());
                answer.as_bytes().chunks(size).for_each(|piece| counted.note(piece));
                assert_eq!(counted.frames(), behind, "{answer:?} by {size}");
            }
        }
    }
}
