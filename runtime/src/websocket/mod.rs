//! The WebSocket as a driver sees it: one small trait, so that another layer can take the place of the one here.

mod counted;
mod tungstenite;

use core::task::{Context, Poll};
use portcullis::{CloseCode, CloseReason, Message};

pub(crate) use tungstenite::{SocketLimits, open};

/// One open WebSocket connection, polled by one task.
///
/// Nothing here waits by itself: what cannot be done at once is kept inside and goes on with the next poll, so that
/// no future has to be held.
pub trait WebSocket: Send {
    /// Begins to send a message. The last one must have been sent whole, and no close begun.
    fn start_send(&mut self, message: Message);

    /// Ready when the socket has the message whole. When it failed this is never ready: the reason comes from
    /// [`poll_message`](Self::poll_message), behind what there is left to read.
    fn poll_sent(&mut self, cx: &mut Context<'_>) -> Poll<()>;

    /// Begins to send a close frame, once. [`poll_message`](Self::poll_message) carries it out.
    fn start_close(&mut self, code: CloseCode, reason: &'static str);

    /// The next message, or how the connection ended, which is last. It answers pings, and the peer's close frame
    /// by one flush before it tells of it. `None` stands for a ping or a pong, so that a flood of them is seen by the
    /// driver. Pending says truly that there is nothing to read.
    ///
    /// # Errors
    /// The [`CloseReason`], after the last message. It is not to be polled again then.
    fn poll_message(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Message>, CloseReason>>;
}
