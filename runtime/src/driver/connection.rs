//! The one connection a driver has, on its way or open.

use crate::dial::{Dial, ReadBudget, Route};
use crate::websocket::WebSocket;
use core::mem;
use core::task::{Context, Poll};
use portcullis::{CloseCode, ConnectionId, Input, Message};
use std::sync::Arc;

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
        budget: Arc<ReadBudget>,
        /// There until the first message comes: an address that accepts the upgrade and then sends nothing has failed.
        unproven: Option<Arc<Route>>,
    },
}

/// Whether a message is being sent.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Write {
    Idle,
    Underway,
}

/// What came of reading.
pub(super) enum Read {
    Input(Input),
    /// A ping or a pong.
    Control,
    /// There is nothing to read.
    Dry,
    /// The read budget is used up: there may be more to read, after other tasks.
    Unread,
}

impl Connection {
    pub(super) fn start_dial(&mut self, connection: ConnectionId, dial: Dial) {
        *self = Self::Dialing { connection, dial };
    }

    pub(super) fn start_send(&mut self, connection: ConnectionId, message: Message) {
        if let Self::Open { connection: open, socket, write, .. } = self
            && *open == connection
        {
            debug_assert!(*write == Write::Idle, "one-send: a message is being sent on {connection} already");
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
            self.give_up();
        }
    }

    /// The connection is lost, or has taken too long: its address failed, unless a message has come from it.
    fn give_up(&mut self) {
        match mem::take(self) {
            Self::Dialing { dial, .. } => dial.route().failed(),
            Self::Open { unproven: Some(route), .. } => route.failed(),
            Self::None | Self::Open { unproven: None, .. } => {}
        }
    }

    pub(super) fn poll_write(&mut self, cx: &mut Context<'_>) -> Option<Input> {
        let Self::Open { connection, socket, write, .. } = self else { return None };
        if *write == Write::Idle || socket.poll_sent(cx).is_pending() {
            return None;
        }
        *write = Write::Idle;
        Some(Input::Sent(*connection))
    }

    pub(super) fn poll_dial(&mut self, cx: &mut Context<'_>) -> Option<Input> {
        let Self::Dialing { connection, dial } = self else { return None };
        let Poll::Ready(result) = dial.poll(cx) else { return None };
        let (connection, budget, unproven) = (*connection, Arc::clone(dial.budget()), Some(Arc::clone(dial.route())));
        Some(match result {
            Ok(socket) => {
                *self = Self::Open { connection, socket, write: Write::Idle, budget, unproven };
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
        let Self::Open { connection, socket, budget, unproven, .. } = self else { return Read::Dry };
        let Poll::Ready(read) = socket.poll_message(cx) else {
            return if budget.is_used_up() { Read::Unread } else { Read::Dry };
        };
        let connection = *connection;
        match read {
            Ok(Some(message)) => {
                if let Some(route) = unproven.take() {
                    route.proven();
                }
                Read::Input(Input::Message(connection, message))
            }
            Ok(None) => Read::Control,
            Err(reason) => {
                self.give_up();
                Read::Input(Input::Closed(connection, reason))
            }
        }
    }

    /// The task runs again after others: the connection may be read again.
    pub(super) fn renew_budget(&self) {
        if let Some(budget) = self.budget() {
            budget.renew();
        }
    }

    /// How many bytes of this connection were read.
    pub(super) fn bytes_read(&self) -> u64 {
        self.budget().map_or(0, ReadBudget::total)
    }

    fn budget(&self) -> Option<&ReadBudget> {
        match self {
            Self::None => None,
            Self::Dialing { dial, .. } => Some(dial.budget()),
            Self::Open { budget, .. } => Some(budget),
        }
    }

    pub(super) const fn connection(&self) -> Option<ConnectionId> {
        match self {
            Self::None => None,
            Self::Dialing { connection, .. } | Self::Open { connection, .. } => Some(*connection),
        }
    }
}
