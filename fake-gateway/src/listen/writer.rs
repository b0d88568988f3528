//! What a client is sent: orders and replies → frames, whole, in pieces, several in one write, or stopped in the middle.

use super::replies::{CloseFrame, Replies, Reply};
use super::shared::{Order, Orders, Shared};
use crate::input::{ConnectionId, Delivery, Input};
use crate::record::head;
use core::future::pending;
use core::pin::pin;
use core::time::Duration;
use futures_util::future::{Either, select};
use futures_util::io::{AsyncWrite, AsyncWriteExt as _};
use portcullis::{CloseCode, Message};
use tokio::time::{sleep, timeout};

/// How long one write may take before its client counts as dead.
pub(super) const WRITE: Duration = Duration::from_secs(10);
/// How long the other side may take to answer a close frame.
const CLOSE_WAIT: Duration = Duration::from_secs(5);
/// A close frame has no room for more.
const REASON_MAX: usize = 123;
/// How many bytes are gathered for one write; a larger payload is not copied.
const GATHERED_MAX: usize = 64 << 10;
/// How much room is kept for what is written next: there may be thousands of connections.
const KEPT_MAX: usize = 4 << 10;

/// Why nothing more can be written.
enum Broken {
    Failed,
    Stuck,
}

/// The writing end of a connection.
pub(super) struct Writer<W> {
    stream: W,
    /// What waits to leave with the next frame.
    gathered: Vec<u8>,
}

impl<W: AsyncWrite + Unpin> Writer<W> {
    pub(super) const fn new(stream: W) -> Self {
        Self { stream, gathered: Vec::new() }
    }

    /// Writes what is ordered and what is owed, and returns when the connection is to be dropped.
    pub(super) async fn write(
        mut self,
        mut orders: Orders,
        connection: ConnectionId,
        shared: &Shared,
        replies: &Replies,
    ) {
        loop {
            let written = match self.next(&mut orders, replies).await {
                Either::Left(Reply::Pong(payload)) => self.frame(Opcode::Pong, Fin::Last, &payload).await,
                Either::Left(Reply::Close(code)) => return self.answer_close(code).await,
                Either::Right(Some(Order::Send(message, delivery))) => self.deliver(message, delivery, replies).await,
                Either::Right(Some(Order::Confirm)) => {
                    shared.feed(Input::Confirmed(connection));
                    Ok(())
                }
                Either::Right(Some(Order::Close(code, reason))) => return self.close(code, &reason, replies).await,
                Either::Right(Some(Order::Drop) | None) => return,
            };
            match written {
                Ok(()) => {}
                // The reader may have a close frame yet to report.
                Err(Broken::Failed) => return sleep(CLOSE_WAIT).await,
                Err(Broken::Stuck) => return,
            }
        }
    }

    /// What is to be written next. Replies go first: a flood of orders must not keep a close frame waiting. Only frames
    /// that are to leave in one write are not parted by a reply.
    async fn next(&self, orders: &mut Orders, replies: &Replies) -> Either<Reply, Option<Order>> {
        if !self.gathered.is_empty() {
            return Either::Right(orders.next().await);
        }
        match select(pin!(replies.next()), pin!(orders.next())).await {
            Either::Left((reply, _)) => Either::Left(reply),
            Either::Right((order, _)) => Either::Right(order),
        }
    }

    /// Closes the connection: a frame, and time for the client to answer it.
    async fn close(&mut self, code: Option<CloseCode>, reason: &str, replies: &Replies) {
        if replies.begin_close() == CloseFrame::Owed {
            let _ = self.frame(Opcode::Close, Fin::Last, &close_payload(code, reason)).await;
        }
        sleep(CLOSE_WAIT).await;
    }

    /// Answers the client's close frame with its code, and ends the stream, as the server is to do first *(RFC 6455
    /// §5.5.1, §7.1.1)*. The client ends its side then, which the reader sees.
    async fn answer_close(&mut self, code: Option<CloseCode>) {
        if self.frame(Opcode::Close, Fin::Last, &close_payload(code, "")).await.is_ok() {
            let _ = timeout(WRITE, self.stream.close()).await;
        }
        sleep(CLOSE_WAIT).await;
    }

    async fn deliver(&mut self, message: Message, delivery: Delivery, replies: &Replies) -> Result<(), Broken> {
        let mut opcode = match &message {
            Message::Text(_) => Opcode::Text,
            Message::Binary(_) => Opcode::Binary,
        };
        match delivery {
            Delivery::Whole => self.frame(opcode, Fin::Last, message.bytes()).await,
            Delivery::Joined => self.gather(opcode, message.bytes()).await,
            Delivery::Stalled { bytes, pause } => self.stall(opcode, message.bytes(), bytes, pause).await,
            Delivery::Cut { bytes } => self.frame(opcode, Fin::More, &message.bytes()[..bytes]).await,
            Delivery::Pieces(pieces) => {
                let mut left = pieces.len();
                for piece in pieces {
                    // A client that closes the connection meanwhile is answered at once.
                    if let Either::Right(_) = select(pin!(sleep(piece.after)), pin!(replies.closing())).await {
                        return Ok(());
                    }
                    left -= 1;
                    let fin = if left == 0 { Fin::Last } else { Fin::More };
                    self.frame(opcode, fin, &piece.bytes).await?;
                    opcode = Opcode::Continuation;
                }
                Ok(())
            }
        }
    }

    /// Writes a frame behind what was gathered.
    async fn frame(&mut self, opcode: Opcode, fin: Fin, payload: &[u8]) -> Result<(), Broken> {
        self.gathered.extend(frame_head(opcode, fin, payload.len()));
        if self.gathered.len() + payload.len() > GATHERED_MAX {
            return self.send(payload).await;
        }
        self.gathered.extend(payload);
        self.send(&[]).await
    }

    /// Keeps a frame for one write with the next.
    async fn gather(&mut self, opcode: Opcode, payload: &[u8]) -> Result<(), Broken> {
        if self.gathered.len() + payload.len() > GATHERED_MAX {
            return self.frame(opcode, Fin::Last, payload).await;
        }
        self.gathered.extend(frame_head(opcode, Fin::Last, payload.len()));
        self.gathered.extend(payload);
        Ok(())
    }

    /// Writes the head of a frame and the first bytes of its payload, and the rest after the pause.
    async fn stall(
        &mut self,
        opcode: Opcode,
        payload: &[u8],
        bytes: usize,
        pause: Option<Duration>,
    ) -> Result<(), Broken> {
        let (now, later) = payload.split_at(bytes.min(payload.len()));
        self.gathered.extend(frame_head(opcode, Fin::Last, payload.len()));
        self.send(now).await?;
        match pause {
            Some(pause) => sleep(pause).await,
            None => pending().await,
        }
        self.send(later).await
    }

    /// Writes what was gathered, and these bytes behind it.
    async fn send(&mut self, behind: &[u8]) -> Result<(), Broken> {
        let written = async {
            self.stream.write_all(&self.gathered).await?;
            self.stream.write_all(behind).await?;
            self.stream.flush().await
        };
        let written = timeout(WRITE, written).await;
        self.gathered.clear();
        // The room of a large frame is not kept for the connection's life.
        self.gathered.shrink_to(KEPT_MAX);
        match written {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(Broken::Failed),
            Err(_) => Err(Broken::Stuck),
        }
    }
}

/// What a frame is *(RFC 6455 §5.2)*.
#[derive(Clone, Copy)]
enum Opcode {
    Continuation = 0,
    Text = 1,
    Binary = 2,
    Close = 8,
    Pong = 10,
}

/// Whether a message ends with a frame.
#[derive(Clone, Copy)]
enum Fin {
    More = 0,
    Last = 0x80,
}

/// The head of a frame from a server, which masks nothing.
fn frame_head(opcode: Opcode, fin: Fin, length: usize) -> Vec<u8> {
    let first = fin as u8 | opcode as u8;
    match (u8::try_from(length), u16::try_from(length)) {
        (Ok(length @ ..126), _) => vec![first, length],
        (_, Ok(length)) => [&[first, 126][..], &length.to_be_bytes()].concat(),
        // A usize has no more bits than a u64.
        (_, Err(_)) => [&[first, 127][..], &u64::try_from(length).unwrap_or(u64::MAX).to_be_bytes()].concat(),
    }
}

/// A close frame's payload.
fn close_payload(code: Option<CloseCode>, reason: &str) -> Vec<u8> {
    let Some(CloseCode(code)) = code else { return Vec::new() };
    [&code.to_be_bytes()[..], head(reason, REASON_MAX).as_bytes()].concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::task::{Context, Poll, Waker};
    use futures_util::io::Cursor;

    fn written(stream: &Writer<Cursor<Vec<u8>>>) -> &[u8] {
        stream.stream.get_ref()
    }

    fn done(future: impl Future<Output = Result<(), Broken>>) {
        let poll = pin!(future).poll(&mut Context::from_waker(Waker::noop()));
        assert!(matches!(poll, Poll::Ready(Ok(()))));
    }

    #[tokio::test]
    async fn gathered_frames_leave_with_the_next_one() {
        let mut writer = Writer::new(Cursor::new(Vec::new()));
        done(writer.gather(Opcode::Text, b"one"));
        done(writer.gather(Opcode::Text, b"two"));
        assert_eq!(written(&writer), b"");
        done(writer.frame(Opcode::Binary, Fin::More, b"last"));
        assert_eq!(written(&writer), b"\x81\x03one\x81\x03two\x02\x04last");
    }

    #[tokio::test]
    async fn more_than_can_be_gathered_leaves() {
        let mut writer = Writer::new(Cursor::new(Vec::new()));
        done(writer.gather(Opcode::Text, b"one"));
        done(writer.gather(Opcode::Text, &vec![b'x'; GATHERED_MAX]));
        assert_eq!(written(&writer).len(), 5 + 10 + GATHERED_MAX);
        assert!(writer.gathered.capacity() <= KEPT_MAX);
    }

    #[test]
    fn lengths_are_written_in_the_shortest_form() {
        for (length, head) in [
            (0, &b"\x81\x00"[..]),
            (125, b"\x81\x7d"),
            (126, b"\x81\x7e\x00\x7e"),
            (65_535, b"\x81\x7e\xff\xff"),
            (65_536, b"\x81\x7f\x00\x00\x00\x00\x00\x01\x00\x00"),
        ] {
            assert_eq!(frame_head(Opcode::Text, Fin::Last, length), head);
        }
    }
}
