//! How a connection begins and how it ends: upgrades, broken rules, closes, cuts, and what its session has of it.
//!
//! # Invariants
//! * `silent-outside`: nothing is sent on a connection before its Accept, nor after its Close or Drop.

use crate::clock::Timer;
use crate::config::SessionFate;
use crate::connection::Connection;
use crate::event::EventKind;
use crate::faults::{Fate, Fault, FaultKind, Who};
use crate::gateway::FakeGateway;
use crate::input::{Action, ConnectionId, Malformed};
use crate::pack::{Compression, Encoding, Packer};
use crate::perform::Part;
use crate::query::Asked;
use crate::rules::Rule;
use crate::script::Cue;
use crate::{frames, query};
use core::time::Duration;
use portcullis::{CloseCode, Message};

impl FakeGateway {
    pub(super) fn upgrade(&mut self, connection: ConnectionId, path_and_query: &str) {
        if self.connections.is_open(connection) {
            self.context.log.counters.strays += 1;
            return;
        }
        self.context.log.arrive(self.context.now(), connection, path_and_query);
        let cued = self.script.cue(self.context.now(), Cue::Connect, connection);
        for &due in &cued {
            self.perform(due, Part::Faults);
        }
        let who = Who { connection: Some(connection), session: None };
        if let Some(Fault::RefuseUpgrade { status, retry_after }) = self.context.strike(FaultKind::RefuseUpgrade, who) {
            self.context.faults.forget(connection);
            return self.refuse(connection, status, retry_after);
        }
        if self.connections.len() >= self.context.config.connections_max {
            return self.refuse(connection, 503, None);
        }
        self.context.order(Action::Accept { connection });
        let asked = query::read(path_and_query);
        let unspoken = Asked { version: 0, encoding: Encoding::Json, compression: Compression::None };
        let Asked { version, encoding, compression } = asked.unwrap_or(unspoken);
        let packer = Packer::new(encoding, compression, self.context.config.blocks);
        let mut open = Connection::new(connection, version, packer);
        open.outgoing.begin(&mut self.context, who);
        self.connections.insert(connection, open);
        if let Err(rule) = asked {
            return self.breach(connection, rule);
        }
        for &due in &cued {
            self.perform(due, Part::Rest);
        }
        if self.connections.is_open(connection) {
            self.greet(connection);
        }
    }

    fn refuse(&mut self, connection: ConnectionId, status: u16, retry_after: Option<Duration>) {
        self.context.log.counters.refused += 1;
        self.context.tell(connection, || EventKind::Refused { status });
        self.context.order(Action::Refuse { connection, status, retry_after });
    }

    fn greet(&mut self, connection: ConnectionId) {
        let hello = frames::hello(self.context.config.heartbeat_interval);
        match self.context.fate(FaultKind::Hello, self.connections.who(connection)) {
            None | Some(Fate::Unnumbered) => self.send_hello(connection, hello, Duration::ZERO),
            Some(Fate::Delay(delay)) => self.send_hello(connection, hello, delay),
            Some(Fate::Instead(message)) => self.send(connection, message),
            Some(Fate::Omit) => {}
        }
    }

    fn send_hello(&mut self, connection: ConnectionId, hello: Message, delay: Duration) {
        if let Some(silence) = self.context.silence() {
            self.context.clock.after(Timer::Heartbeat(connection), delay + silence);
        }
        self.send_after(connection, hello, delay);
    }

    /// The WebSocket layer cannot read on.
    pub(super) fn malformed(&mut self, connection: ConnectionId, why: Malformed) {
        if !self.connections.is_open(connection) {
            self.context.log.counters.strays += 1;
            return;
        }
        let rule = match why {
            Malformed::Frame => Rule::WebsocketProtocol,
            Malformed::Text => Rule::NotUtf8,
            Malformed::Size => Rule::MessageTooLarge,
        };
        self.breach(connection, rule);
    }

    /// The client closed its connection, or lost it.
    pub(super) fn closed(&mut self, connection: ConnectionId, code: Option<CloseCode>) {
        if !self.connections.is_open(connection) {
            self.context.log.counters.strays += 1;
            return;
        }
        self.context.log.counters.left += 1;
        self.context.tell(connection, || EventKind::Left { code });
        if let Some(CloseCode(code)) = code.filter(|&code| !may_be_sent(code)) {
            self.breach(connection, Rule::IllegalCloseCode { code });
        }
        self.cue(Cue::Leave, connection);
        let fate = match code {
            Some(CloseCode::NORMAL | CloseCode::GOING_AWAY) => SessionFate::Ended,
            Some(_) | None => SessionFate::Kept,
        };
        self.forget(connection, fate);
    }

    /// Writes a rule down as broken and ends the connection if that is the price.
    pub(super) fn breach(&mut self, connection: ConnectionId, rule: Rule) {
        self.context.log.breach(self.context.now(), connection, rule);
        let Some(code) = rule.close_code() else { return };
        let fate =
            if rule == Rule::SessionTimedOut { self.context.config.after_timeout } else { session_fate(Some(code)) };
        self.end(connection, Some(code), rule.reason(), fate);
    }

    /// Closes a connection with a frame.
    pub(super) fn end(&mut self, connection: ConnectionId, code: Option<CloseCode>, reason: &str, fate: SessionFate) {
        if self.connections.is_open(connection) {
            self.release(connection);
            self.context.log.counters.ended += 1;
            self.context.tell(connection, || EventKind::Closed { code, reason: reason.into() });
            self.context.order(Action::Close { connection, code, reason: reason.into() });
            self.forget(connection, fate);
        }
    }

    /// Cuts a connection; its session is kept.
    pub(super) fn cut(&mut self, connection: ConnectionId) {
        if self.connections.is_open(connection) {
            self.release(connection);
            self.context.log.counters.ended += 1;
            self.context.tell(connection, || EventKind::Dropped);
            self.context.order(Action::Drop { connection });
            self.forget(connection, SessionFate::Kept);
        }
    }

    /// Forgets a connection, and takes its session off it.
    fn forget(&mut self, connection: ConnectionId, fate: SessionFate) {
        self.script.forget(connection);
        self.context.clock.forget(connection);
        self.context.faults.forget(connection);
        if let Some(key) = self.connections.remove(connection).and_then(|gone| gone.session()) {
            self.sessions.detach(&mut self.context, key, fate);
        }
    }
}

/// Whether the session lives on when the gateway closes with this code: the protocol page's table of what ends one.
pub(super) fn session_fate(code: Option<CloseCode>) -> SessionFate {
    match code.map(|code| code.0) {
        Some(1000 | 4003 | 4004 | 4006 | 4007 | 4009..=4014) => SessionFate::Ended,
        Some(_) | None => SessionFate::Kept,
    }
}

/// Whether RFC 6455 lets an endpoint put this code into a close frame.
const fn may_be_sent(CloseCode(code): CloseCode) -> bool {
    matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999)
}
