//! The ways out: every frame, close and drop leaves through here.

use crate::broadcast::Broadcast;
use crate::config::{SessionFate, Tolerance};
use crate::connection::{Gather, Lane, Outgoing, Together};
use crate::damage::scattered;
use crate::event::EventKind;
use crate::faults::{Fate, Fault, FaultKind, SequenceFault, Who};
use crate::frames;
use crate::gateway::FakeGateway;
use crate::input::{Action, ConnectionId, Delivery, Piece};
use crate::record::Breach;
use crate::rules::Rule;
use crate::script::Cue;
use crate::session::{Dispatch, SessionKey};
use crate::timers::Timer;
use core::time::Duration;
use portcullis::{CloseCode, Message};
use std::sync::Arc;

/// How many delayed frames may wait; more are left out.
const LATE_MAX: usize = 65_536;

/// How long a message waits for others that are to leave with it.
const GATHER: Duration = Duration::from_secs(1);

impl FakeGateway {
    /// Writes a rule down as broken and ends the connection if that is the price.
    pub(super) fn breach(&mut self, connection: ConnectionId, rule: Rule) {
        self.record.breach(Breach { at: self.now, connection, rule });
        self.tell(connection, || EventKind::Broke(rule));
        let Some(code) = rule.close_code() else { return };
        let fate = match rule {
            Rule::SessionTimedOut => self.config.after_timeout,
            _ => session_fate(Some(code)),
        };
        self.end(connection, Some(code), rule.reason(), fate);
    }

    /// Closes a connection with a frame.
    pub(super) fn end(&mut self, connection: ConnectionId, code: Option<CloseCode>, reason: &str, fate: SessionFate) {
        if self.connections.contains_key(&connection) {
            self.release(connection);
            self.record.counters.ended += 1;
            self.tell(connection, || EventKind::Closed { code, reason: reason.into() });
            self.actions.push_back(Action::Close { connection, code, reason: reason.into() });
            self.forget(connection, fate);
        }
    }

    /// Cuts a connection; its session is kept.
    pub(super) fn cut(&mut self, connection: ConnectionId) {
        if self.connections.contains_key(&connection) {
            self.release(connection);
            self.record.counters.ended += 1;
            self.tell(connection, || EventKind::Dropped);
            self.actions.push_back(Action::Drop { connection });
            self.forget(connection, SessionFate::Kept);
        }
    }

    /// Sends a message now, in one piece unless a fault splits it.
    pub(super) fn send(&mut self, connection: ConnectionId, message: Message) {
        let Some(open) = self.connections.get_mut(&connection) else { return };
        let wire = open.packer.pack(&message);
        self.send_packed(connection, Outgoing { plain: message, wire });
    }

    /// Sends a message whose bytes are made, unless a fault makes something else of them.
    pub(super) fn send_packed(&mut self, connection: ConnectionId, outgoing: Outgoing) {
        let who = self.who(connection);
        let outgoing = self.damaged(who, outgoing);
        if let Some(Fault::Cut { bytes }) = self.strike(FaultKind::Cut, who) {
            let bytes = bytes.min(outgoing.wire.bytes().len().saturating_sub(1));
            self.emit(connection, outgoing, Delivery::Cut { bytes });
            return self.cut(connection);
        }
        if let Some(outgoing) = self.gather(connection, outgoing) {
            self.send_gathered(connection, outgoing);
        }
    }

    /// Sends what leaves by itself, or what was merged.
    fn send_gathered(&mut self, connection: ConnectionId, outgoing: Outgoing) {
        let who = self.who(connection);
        let Outgoing { plain, wire } = self.scatter(connection, outgoing);
        let delivery = self.delivery(who, &wire);
        self.emit(connection, Outgoing { plain, wire }, delivery);
    }

    fn damaged(&mut self, who: Who, Outgoing { plain, wire }: Outgoing) -> Outgoing {
        let fits =
            |fault: &Fault| match (fault, who.connection.and_then(|connection| self.connections.get(&connection))) {
                (Fault::Damage(damage), Some(open)) => damage.fits(&open.packer, &wire),
                _ => false,
            };
        if !self.faults.armed(FaultKind::Damage, who).is_some_and(fits) {
            return Outgoing { plain, wire };
        }
        let wire = match self.strike(FaultKind::Damage, who) {
            Some(Fault::Damage(damage)) => damage.done_to(&wire),
            Some(_) | None => wire,
        };
        Outgoing { plain, wire }
    }

    /// Sends all but the last message of a payload that comes in several, and gives that.
    fn scatter(&mut self, connection: ConnectionId, Outgoing { plain, wire }: Outgoing) -> Outgoing {
        let is_stream = self.connections.get(&connection).is_some_and(|open| open.packer.is_stream());
        let (true, Message::Binary(bytes)) = (is_stream, &wire) else { return Outgoing { plain, wire } };
        let Some(Fault::Scatter { messages, last }) = self.strike(FaultKind::Scatter, self.who(connection)) else {
            return Outgoing { plain, wire };
        };
        let mut pieces = scattered(bytes, messages, last);
        let last = pieces.pop().unwrap_or_default();
        for piece in pieces {
            let message = Message::Binary(piece);
            self.actions.push_back(Action::Send { connection, message, delivery: Delivery::Whole });
        }
        Outgoing { plain, wire: Message::Binary(last) }
    }

    fn delivery(&mut self, who: Who, message: &Message) -> Delivery {
        if let Some(Fault::Stall { bytes, pause }) = self.strike(FaultKind::Stall, who) {
            return Delivery::Stalled { bytes, pause };
        }
        if let Some(Fault::Lag(after)) = self.strike(FaultKind::Lag, who) {
            return Delivery::Pieces(vec![Piece { after, bytes: message.bytes().clone() }]);
        }
        match self.strike(FaultKind::Split, who) {
            Some(Fault::Split { pieces, gap }) => split(message, pieces, gap),
            Some(_) | None => Delivery::Whole,
        }
    }

    /// Keeps a message that is to leave with others; gives back one that is not.
    fn gather(&mut self, connection: ConnectionId, outgoing: Outgoing) -> Option<Outgoing> {
        if self.connections.get(&connection)?.gather.is_none() {
            let Some((together, more)) = self.begin_gathering(connection, &outgoing) else { return Some(outgoing) };
            self.timers.set(Timer::Gather(connection), self.now + GATHER);
            let open = self.connections.get_mut(&connection)?;
            open.gather = Some(Gather { together, held: Vec::new(), more });
        }
        let gather = self.connections.get_mut(&connection)?.gather.as_mut()?;
        gather.held.push(outgoing);
        gather.more = gather.more.saturating_sub(1);
        let more = gather.more;
        if more == 0 {
            self.release(connection);
        }
        None
    }

    /// Whether a fault wants this message to leave with others: how, and with how many in all.
    fn begin_gathering(&mut self, connection: ConnectionId, first: &Outgoing) -> Option<(Together, u32)> {
        let who = self.who(connection);
        if let Some(Fault::Coalesce { frames }) = self.strike(FaultKind::Coalesce, who) {
            return Some((Together::Written, frames));
        }
        let is_stream = self.connections.get(&connection)?.packer.is_stream();
        if is_stream
            && matches!(first.wire, Message::Binary(_))
            && let Some(Fault::Merge { payloads }) = self.strike(FaultKind::Merge, who)
        {
            return Some((Together::Merged, payloads));
        }
        None
    }

    /// Lets go what was gathered.
    pub(super) fn release(&mut self, connection: ConnectionId) {
        self.timers.cancel(Timer::Gather(connection));
        let Some(gather) = self.connections.get_mut(&connection).and_then(|open| open.gather.take()) else { return };
        let mut held = gather.held;
        if gather.together == Together::Merged {
            return self.merge(connection, held);
        }
        let last = held.pop();
        for outgoing in held {
            self.emit(connection, outgoing, Delivery::Joined);
        }
        if let Some(outgoing) = last {
            self.emit(connection, outgoing, Delivery::Whole);
        }
    }

    /// Sends several payloads in one message.
    fn merge(&mut self, connection: ConnectionId, mut held: Vec<Outgoing>) {
        let Some(Outgoing { plain, wire }) = held.pop() else { return };
        let mut merged = Vec::new();
        for Outgoing { plain, wire } in held {
            merged.extend_from_slice(wire.bytes());
            self.tell(connection, || EventKind::Sent { message: plain, delivery: Delivery::Joined });
        }
        merged.extend_from_slice(wire.bytes());
        self.send_gathered(connection, Outgoing { plain, wire: Message::Binary(merged.into()) });
    }

    fn emit(&mut self, connection: ConnectionId, Outgoing { plain, wire }: Outgoing, delivery: Delivery) {
        self.tell(connection, || EventKind::Sent { message: plain, delivery: delivery.clone() });
        self.actions.push_back(Action::Send { connection, message: wire, delivery });
    }

    /// Sends a frame that is no dispatch, later if there is a delay.
    pub(super) fn send_after(&mut self, connection: ConnectionId, message: Message, delay: Duration) {
        if delay == Duration::ZERO {
            return self.send(connection, message);
        }
        if self.late.len() < LATE_MAX {
            self.lates += 1;
            self.late.insert(self.lates, (connection, message));
            self.timers.set(Timer::Late(self.lates), self.now + delay);
        }
    }

    /// Sends a dispatch, behind those that are held. A lane that holds more than a ring's worth is a lost client.
    pub(super) fn send_in_lane(&mut self, connection: ConnectionId, message: Message) {
        if self.connections.contains_key(&connection) {
            self.cue(Cue::Event, connection);
        }
        let Some(open) = self.connections.get_mut(&connection) else { return };
        match &mut open.lane {
            Lane::Open => self.send(connection, message),
            Lane::Held { waiting, .. } if waiting.len() > self.config.ring => self.cut(connection),
            Lane::Held { waiting, .. } => waiting.push_back(message),
        }
    }

    /// Numbers a Ready or Resumed and sends it, unless a fault has another fate for it. It is a cue once it has left:
    /// now, as is said here, or when its lane opens.
    pub(super) fn send_milestone(
        &mut self,
        key: SessionKey,
        connection: ConnectionId,
        kind: FaultKind,
        event: &Arc<Dispatch>,
    ) -> Departure {
        let fate = self.fate(kind, connection);
        let unnumbered = matches!(fate, Some(Fate::Unnumbered)).then(|| frames::dispatch(event, None));
        let message = match unnumbered {
            Some(message) => message,
            None => self.number(key, event),
        };
        match fate {
            None | Some(Fate::Unnumbered) => {
                self.send_in_lane(connection, message);
                return Departure::Now;
            }
            Some(Fate::Omit) => {}
            Some(Fate::Instead(other)) => self.send_in_lane(connection, other),
            Some(Fate::Delay(delay)) => {
                if let Some(open) = self.connections.get_mut(&connection) {
                    let cue = if kind == FaultKind::Ready { Cue::Ready } else { Cue::Resumed };
                    open.lane = Lane::Held { waiting: [message].into(), cue };
                    self.timers.set(Timer::Lane(connection), self.now + delay);
                }
            }
        }
        Departure::LaterOrNever
    }

    pub(super) fn open_lane(&mut self, connection: ConnectionId) {
        let Some(open) = self.connections.get_mut(&connection) else { return };
        if let Lane::Held { waiting, cue } = core::mem::replace(&mut open.lane, Lane::Open) {
            for message in waiting {
                self.send(connection, message);
            }
            self.cue(cue, connection);
        }
    }

    /// Gives an event to a session if its intents let it through; whether they did.
    pub(super) fn deliver(&mut self, key: SessionKey, broadcast: &Broadcast) -> Passage {
        let Some(session) = self.sessions.get(key) else { return Passage::Filtered };
        if !session.allows(broadcast.need) {
            self.record.counters.filtered += 1;
            return Passage::Filtered;
        }
        let event = broadcast.seen_with(session.intents);
        let who = Who { connection: session.connection, session: Some((session.id, session.slice())) };
        let connection = session.connection;
        let fault = self.strike(FaultKind::Sequence, who);
        if let (Some(Fault::Sequence(SequenceFault::Skip(numbers))), Some(session)) =
            (&fault, self.sessions.get_mut(key))
        {
            session.sequence = session.sequence.saturating_add(*numbers);
        }
        let message = self.number(key, event);
        if let Some(connection) = connection {
            if matches!(fault, Some(Fault::Sequence(SequenceFault::Repeat))) {
                self.send_in_lane(connection, message.clone());
            }
            self.send_in_lane(connection, message);
        }
        Passage::Through
    }

    fn number(&mut self, key: SessionKey, event: &Arc<Dispatch>) -> Message {
        self.record.counters.dispatches += 1;
        let sequence = self
            .sessions
            .get_mut(key)
            .map(|session| session.number(Arc::clone(event), self.config.ring, self.config.ring_bytes));
        frames::dispatch(event, sequence)
    }

    /// The fate that a fault has for a frame on this connection.
    pub(super) fn fate(&mut self, kind: FaultKind, connection: ConnectionId) -> Option<Fate> {
        match self.strike(kind, self.who(connection))? {
            Fault::Hello(fate) | Fault::HeartbeatAck(fate) | Fault::Ready(fate) | Fault::Resumed(fate) => Some(fate),
            _ => None,
        }
    }

    /// The fault of this kind that now strikes, if one does.
    pub(super) fn strike(&mut self, kind: FaultKind, who: Who) -> Option<Fault> {
        let fault = self.faults.strike(kind, who)?;
        if let Some(connection) = who.connection {
            self.tell(connection, || EventKind::Struck(kind));
        }
        Some(fault)
    }

    pub(super) fn who(&self, connection: ConnectionId) -> Who {
        let key = self.connections.get(&connection).and_then(crate::connection::Connection::session);
        let session = key.and_then(|key| self.sessions.get(key)).map(|session| (session.id, session.slice()));
        Who { connection: Some(connection), session }
    }

    /// How long a client may be silent.
    pub(super) fn silence(&self) -> Option<Duration> {
        match self.config.tolerance {
            Tolerance::Percent(percent) => Some(self.config.heartbeat_interval.saturating_mul(percent) / 100),
            Tolerance::Unlimited => None,
        }
    }
}

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

/// What becomes of the session when the gateway closes with this code: the protocol page's table of what destroys one.
pub(super) fn session_fate(code: Option<CloseCode>) -> SessionFate {
    match code.map(|code| code.0) {
        Some(1000 | 4003 | 4004 | 4006 | 4007 | 4009..=4014) => SessionFate::Ended,
        Some(_) | None => SessionFate::Kept,
    }
}

fn split(message: &Message, pieces: u32, gap: Duration) -> Delivery {
    let bytes = message.bytes();
    let count = usize::try_from(pieces).unwrap_or(usize::MAX).clamp(1, bytes.len().max(1));
    let (size, longer) = (bytes.len() / count, bytes.len() % count);
    let mut rest = bytes.clone();
    let pieces = (0..count)
        .map(|index| Piece {
            after: if index == 0 { Duration::ZERO } else { gap },
            bytes: rest.split_to(size + usize::from(index < longer)),
        })
        .collect();
    Delivery::Pieces(pieces)
}
