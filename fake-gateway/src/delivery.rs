//! From the gateway to its connections: frames, dispatches in their order, floods. A connection that a fault cuts here is
//! ended here.

use crate::broadcast::Broadcast;
use crate::connection::Connection;
use crate::context::Context;
use crate::faults::{Fate, Fault, FaultKind, SequenceFault};
use crate::frames;
use crate::gateway::FakeGateway;
use crate::input::{Action, ConnectionId};
use crate::outgoing::Sent;
use crate::script::Cue;
use crate::session::{Dispatch, SessionKey};
use core::time::Duration;
use portcullis::Message;
use std::sync::Arc;

/// When a Ready or Resumed leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Departure {
    Now,
    LaterOrNever,
}

/// Whether an event went to a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Passage {
    Through,
    Filtered,
}

impl FakeGateway {
    /// Sends a message now.
    pub(super) fn send(&mut self, connection: ConnectionId, message: Message) {
        self.sending(connection, |open, cx| open.send(cx, message));
    }

    /// Lets a connection send, and ends it if a fault cuts it.
    pub(super) fn sending(
        &mut self,
        connection: ConnectionId,
        send: impl FnOnce(&mut Connection, &mut Context) -> Sent,
    ) {
        let Some(open) = self.connections.get_mut(connection) else { return };
        match send(open, &mut self.context) {
            Sent::Whole => {}
            Sent::Cut => self.cut(connection),
        }
    }

    /// Sends a frame that is no dispatch, later if there is a delay.
    pub(super) fn send_after(&mut self, connection: ConnectionId, message: Message, delay: Duration) {
        if delay == Duration::ZERO {
            return self.send(connection, message);
        }
        self.late.hold(&mut self.context.clock, connection, message, delay);
    }

    /// Sends a dispatch, behind those that are held.
    pub(super) fn send_dispatch(&mut self, connection: ConnectionId, message: Message) {
        if self.connections.is_open(connection) {
            self.cue(Cue::Event, connection);
        }
        self.sending(connection, |open, cx| open.send_dispatch(cx, message));
    }

    /// Sends the dispatches that were held behind a delayed Ready or Resumed.
    pub(super) fn send_held(&mut self, connection: ConnectionId) {
        let Some(open) = self.connections.get_mut(connection) else { return };
        let who = open.who();
        let Some((cue, sent)) = open.outgoing.send_held(&mut self.context, who) else { return };
        match sent {
            Sent::Whole => {}
            Sent::Cut => self.cut(connection),
        }
        self.cue(cue, connection);
    }

    /// Sends what waits to leave together.
    pub(super) fn release(&mut self, connection: ConnectionId) {
        if let Some(open) = self.connections.get_mut(connection) {
            open.release(&mut self.context);
        }
    }

    /// Numbers a Ready or Resumed and sends it, unless a fault has another fate for it. It is a cue once it has left:
    /// now, as is said here, or when what is held is sent.
    pub(super) fn send_milestone(
        &mut self,
        key: SessionKey,
        connection: ConnectionId,
        kind: FaultKind,
        dispatch: &Arc<Dispatch>,
    ) -> Departure {
        let fate = self.context.fate(kind, self.connections.who(connection));
        let message = match fate {
            Some(Fate::Unnumbered) => frames::dispatch(dispatch, None),
            None | Some(Fate::Omit | Fate::Delay(_) | Fate::Instead(_)) => {
                self.sessions.number(&mut self.context, key, dispatch)
            }
        };
        match fate {
            None | Some(Fate::Unnumbered) => {
                self.send_dispatch(connection, message);
                return Departure::Now;
            }
            Some(Fate::Omit) => {}
            Some(Fate::Instead(other)) => self.send_dispatch(connection, other),
            Some(Fate::Delay(delay)) => {
                if let Some(open) = self.connections.get_mut(connection) {
                    let cue = if kind == FaultKind::Ready { Cue::Ready } else { Cue::Resumed };
                    open.outgoing.hold(&mut self.context, message, cue, delay);
                }
            }
        }
        Departure::LaterOrNever
    }

    /// Gives an event to a session if its intents let it through; whether they did.
    pub(super) fn deliver(&mut self, key: SessionKey, broadcast: &Broadcast) -> Passage {
        let Some(session) = self.sessions.get(key) else { return Passage::Filtered };
        if !session.allows(broadcast.need) {
            self.context.log.counters.filtered += 1;
            return Passage::Filtered;
        }
        let (dispatch, who) = (broadcast.seen_with(session.intents), session.who());
        let fault = self.context.strike(FaultKind::Sequence, who);
        if let (Some(Fault::Sequence(SequenceFault::Skip(numbers))), Some(session)) =
            (&fault, self.sessions.get_mut(key))
        {
            session.sequence = session.sequence.saturating_add(*numbers);
        }
        let message = self.sessions.number(&mut self.context, key, dispatch);
        if let Some(connection) = who.connection {
            if matches!(fault, Some(Fault::Sequence(SequenceFault::Repeat))) {
                self.send_dispatch(connection, message.clone());
            }
            self.send_dispatch(connection, message);
        }
        Passage::Through
    }

    /// Sends the next batch of a flood, in one write, and asks the driver when it has left.
    pub(super) fn pour(&mut self, connection: ConnectionId) {
        let Some(open) = self.connections.get_mut(connection) else { return };
        let (Some(key), Some(flood)) = (open.session(), open.flood.as_mut()) else { return };
        let batch = flood.next_batch();
        open.outgoing.join_all();
        for broadcast in batch.dispatches() {
            self.deliver(key, broadcast);
        }
        self.release(connection);
        let Some(open) = self.connections.get_mut(connection) else { return };
        if batch.is_last() {
            open.flood = None;
        } else {
            self.context.order(Action::Confirm { connection });
        }
    }
}
