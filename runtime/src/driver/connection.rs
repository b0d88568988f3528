//! The one connection a driver has, on its way or open.

use crate::dial::Dial;
use crate::websocket::WebSocket;
use core::task::{Context, Poll};
use portcullis::{CloseCode, ConnectionId, Input, Message};

/// Dropped, it drops the socket.
#[derive(Default)]
pub(super) enum Connection {
    #[default]
    None,
    Dialing {
        connection: ConnectionId,
        dial: Dial,
    },
    Open {
        connection: ConnectionId,
        socket: Box<dyn WebSocket>,
        write: Write,
    },
}

/// Whether a message is being sent.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Write {
    Settled,
    Underway,
}

/// What came of reading.
pub(super) enum Read {
    Input(Input),
    /// A ping or a pong.
    Control,
    /// There is nothing to read.
    Dry,
}

impl Connection {
    pub(super) fn start_dial(&mut self, connection: ConnectionId, dial: Dial) {
        *self = Self::Dialing { connection, dial };
    }

    pub(super) fn start_send(&mut self, connection: ConnectionId, message: Message) {
        if let Self::Open { connection: open, socket, write } = self
            && *open == connection
        {
            debug_assert!(*write == Write::Settled, "one-send: a message is being sent on {connection} already");
            socket.start_send(message);
            *write = Write::Underway;
        }
    }

    pub(super) fn start_close(&mut self, connection: ConnectionId, code: CloseCode, reason: &'static str) {
        if let Self::Open { connection: open, socket, .. } = self
            && *open == connection
        {
            socket.start_close(code, reason);
        }
    }

    pub(super) fn drop_connection(&mut self, connection: ConnectionId) {
        if self.connection() == Some(connection) {
            *self = Self::None;
        }
    }

    pub(super) fn poll_write(&mut self, cx: &mut Context<'_>) -> Option<Input> {
        let Self::Open { connection, socket, write } = self else { return None };
        if *write == Write::Settled || socket.poll_sent(cx).is_pending() {
            return None;
        }
        *write = Write::Settled;
        Some(Input::Sent(*connection))
    }

    pub(super) fn poll_dial(&mut self, cx: &mut Context<'_>) -> Option<Input> {
        let Self::Dialing { connection, dial } = self else { return None };
        let Poll::Ready(result) = dial.as_mut().poll(cx) else { return None };
        let connection = *connection;
        Some(match result {
            Ok(socket) => {
                *self = Self::Open { connection, socket, write: Write::Settled };
                Input::Opened(connection)
            }
            Err(failure) => {
                *self = Self::None;
                Input::ConnectFailed(connection, failure)
            }
        })
    }

    /// The next message, or the end, which drops the socket.
    pub(super) fn poll_message(&mut self, cx: &mut Context<'_>) -> Read {
        let Self::Open { connection, socket, .. } = self else { return Read::Dry };
        let Poll::Ready(read) = socket.poll_message(cx) else { return Read::Dry };
        let connection = *connection;
        match read {
            Ok(Some(message)) => Read::Input(Input::Message(connection, message)),
            Ok(None) => Read::Control,
            Err(reason) => {
                *self = Self::None;
                Read::Input(Input::Closed(connection, reason))
            }
        }
    }

    pub(super) const fn connection(&self) -> Option<ConnectionId> {
        match self {
            Self::None => None,
            Self::Dialing { connection, .. } | Self::Open { connection, .. } => Some(*connection),
        }
    }
}
