//! What crosses the border between the fake gateway and its driver: inputs in, actions out.

use bytes::Bytes;
use core::fmt;
use core::time::Duration;
use portcullis::{CloseCode, Message, Timestamp};
use std::collections::VecDeque;

/// Which connection: the driver numbers them, and never uses a number twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnectionId(pub u64);

impl fmt::Display for ConnectionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "connection {}", self.0)
    }
}

/// What happened on the wire or the clock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// A client asks for a WebSocket. Answered by [`Action::Accept`] or [`Action::Refuse`].
    Upgrade {
        /// The number of the new connection.
        connection: ConnectionId,
        /// The request's target as it stood in its first line: `/?v=10&encoding=json`.
        path_and_query: String,
    },
    /// A whole message came from a client.
    Message(ConnectionId, Message),
    /// The WebSocket layer cannot read on.
    Malformed(ConnectionId, Malformed),
    /// The connection is gone: the client's close frame with its code, or `None` when it had none or the stream
    /// just ended.
    Closed(ConnectionId, Option<CloseCode>),
    /// All that was sent before an [`Action::Confirm`] has been written.
    Confirmed(ConnectionId),
    /// Time passed.
    Tick,
}

/// Why the WebSocket layer cannot read on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Malformed {
    /// What came is no WebSocket frame: unmasked, a reserved bit, an unknown opcode.
    Frame,
    /// A text is not UTF-8.
    Text,
    /// A message is larger than the driver reads.
    Size,
}

/// What the driver is to do, in the order given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Finish the WebSocket handshake.
    Accept {
        /// The connection that asked.
        connection: ConnectionId,
    },
    /// Answer the handshake with an HTTP status instead.
    Refuse {
        /// The connection that asked.
        connection: ConnectionId,
        /// The HTTP status code.
        status: u16,
        /// The `Retry-After` header, in whole seconds on the wire, if there is to be one.
        retry_after: Option<Duration>,
    },
    /// Write this message.
    Send {
        /// Where to.
        connection: ConnectionId,
        /// The whole message, however it is delivered.
        message: Message,
        /// In one piece or in several.
        delivery: Delivery,
    },
    /// Say by [`Input::Confirmed`] when all that was sent so far has been written. Nothing to do if the connection ends
    /// before.
    Confirm {
        /// Which one.
        connection: ConnectionId,
    },
    /// Send a close frame behind all that was sent; no input of this connection counts any more.
    Close {
        /// Which one.
        connection: ConnectionId,
        /// The code of the frame; `None` for a frame without a code.
        code: Option<CloseCode>,
        /// The reason, for people.
        reason: String,
    },
    /// Cut the stream behind all that was sent, without a close frame; no input of this connection counts any more.
    Drop {
        /// Which one.
        connection: ConnectionId,
    },
    /// Always last, absent only when no timer is pending: call with [`Input::Tick`] by then.
    Wait {
        /// The earliest moment at which something is due.
        until: Timestamp,
    },
}

/// How a message goes onto the wire.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// In one frame, at once.
    Whole,
    /// Together with the next message, in one write.
    Joined,
    /// It stops within its WebSocket frame. What is sent later waits behind it.
    Stalled {
        /// How many bytes of the payload leave first; all of them stop nothing.
        bytes: usize,
        /// After what time the rest leaves; `None`: never.
        pause: Option<Duration>,
    },
    /// As WebSocket fragments, in this order; together they are the message. What is sent later waits behind them.
    Pieces(Vec<Piece>),
    /// Only the first bytes of it, as a fragment that is not the last; an [`Action::Drop`] follows.
    Cut {
        /// How many.
        bytes: usize,
    },
}

impl Delivery {
    /// How long it takes by itself, from its first byte to its last.
    #[must_use]
    pub fn takes(&self) -> Duration {
        match self {
            Self::Whole | Self::Joined | Self::Cut { .. } => Duration::ZERO,
            Self::Stalled { pause, .. } => pause.unwrap_or(Duration::MAX),
            Self::Pieces(pieces) => pieces.iter().fold(Duration::ZERO, |sum, piece| sum.saturating_add(piece.after)),
        }
    }
}

/// A part of a message.
#[derive(Clone, PartialEq, Eq)]
pub struct Piece {
    /// How long to wait before it is written, counted from the piece before it.
    pub after: Duration,
    /// Its bytes.
    pub bytes: Bytes,
}

/// Prints the size, not the payload.
impl fmt::Debug for Piece {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Piece({} bytes after {:?})", self.bytes.len(), self.after)
    }
}

/// The actions of one call, in order, the [`Action::Wait`] last.
///
/// What is not taken stays queued and comes first next time.
#[derive(Debug)]
#[must_use = "actions that are not carried out are lost"]
pub struct Actions<'a> {
    pub(super) queue: &'a mut VecDeque<Action>,
    pub(super) wait: Option<Timestamp>,
}

impl Iterator for Actions<'_> {
    type Item = Action;

    fn next(&mut self) -> Option<Action> {
        self.queue.pop_front().or_else(|| self.wait.take().map(|until| Action::Wait { until }))
    }
}
