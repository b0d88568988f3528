//! What a test does to its clients: dispatches, drops, closes, op 1, 7 and 9, raw bytes, and faults.
//!
//! Each deed queues its actions; the next call of [`FakeGateway::handle`] hands them out, and
//! [`FakeGateway::deadline`] says that one is due. Each says how many it reached.

use crate::broadcast::Broadcast;
use crate::clock::Timer;
use crate::config::{AcceptedToken, SessionFate};
use crate::connection::Phase;
use crate::delivery::Passage;
use crate::faults::{Fate, Fault, FaultKind, Span, Target};
use crate::flood::{Flood, Flooding};
use crate::frames::{self, Resumable};
use crate::gateway::FakeGateway;
use crate::input::ConnectionId;
use crate::lifecycle::session_fate;
use crate::rest::{HttpAnswer, failure};
use crate::script::Deeds;
use crate::session::{Dispatch, SessionKey};
use core::fmt;
use portcullis::{CloseCode, Message, Timestamp};
use serde::Serialize;
use std::sync::Arc;

/// A value that JSON cannot express, such as a map whose keys are not strings. Nothing was dispatched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EncodeError {
    name: String,
}

impl fmt::Display for EncodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the payload of {} cannot be written as json", self.name)
    }
}

impl core::error::Error for EncodeError {}

impl FakeGateway {
    /// Dispatches an event to sessions, attached or not: those whose intents let it through number it and keep it for
    /// a resume, those on a connection get it. Gives how many those are.
    ///
    /// `json` goes out as it is: text that is not JSON makes a broken frame.
    pub fn dispatch(&mut self, now: Timestamp, target: Target, name: &str, json: &str) -> usize {
        self.context.clock.see(now);
        let broadcast = Broadcast::new(Arc::new(Dispatch { name: name.into(), data: json.as_bytes().to_vec().into() }));
        let sessions = self.sessions_of(target);
        sessions.into_iter().filter(|&key| self.deliver(key, &broadcast) == Passage::Through).count()
    }

    /// Dispatches an event whose data is any value that serde can write.
    ///
    /// # Errors
    /// [`EncodeError`] when JSON cannot express the value.
    pub fn dispatch_value<T: Serialize + ?Sized>(
        &mut self,
        now: Timestamp,
        target: Target,
        name: &str,
        value: &T,
    ) -> Result<usize, EncodeError> {
        let json = serde_json::to_string(value).map_err(|_| EncodeError { name: name.into() })?;
        Ok(self.dispatch(now, target, name, &json))
    }

    /// Cuts connections without a close frame. Their sessions are kept.
    pub fn drop_connections(&mut self, now: Timestamp, target: Target) -> usize {
        self.each(now, target, Self::cut)
    }

    /// Closes connections with a code, or with a frame that has none. Their sessions are kept, unless the code is one
    /// of those that end a session: 1000, 4003, 4004, 4006, 4007, 4009 and 4010 to 4014.
    pub fn close(&mut self, now: Timestamp, target: Target, code: Option<CloseCode>, reason: &str) -> usize {
        self.each(now, target, |gateway, connection| gateway.end(connection, code, reason, session_fate(code)))
    }

    /// Sends op 7. A client that is still there after [`FakeConfig::reconnect_patience`] is closed with 4000.
    ///
    /// [`FakeConfig::reconnect_patience`]: crate::FakeConfig::reconnect_patience
    pub fn reconnect(&mut self, now: Timestamp, target: Target) -> usize {
        self.each(now, target, |gateway, connection| {
            gateway.send(connection, frames::reconnect());
            let context = &mut gateway.context;
            context.clock.after(Timer::Reconnect(connection), context.config.reconnect_patience);
        })
    }

    /// Sends op 9. The connection stays open and may Identify or Resume again; its session is kept for a resume or
    /// ended, as the op says.
    pub fn invalid_session(&mut self, now: Timestamp, target: Target, resumable: Resumable) -> usize {
        self.each(now, target, |gateway, connection| {
            gateway.send_invalid(connection, resumable);
            let Some(open) = gateway.connections.get_mut(connection) else { return };
            if let Some(key) = open.session() {
                open.phase = Phase::Revoked;
                let fate = match resumable {
                    Resumable::Yes => SessionFate::Kept,
                    Resumable::No => SessionFate::Ended,
                };
                // What waited behind a delayed Ready was the old session's.
                open.outgoing.drop_held(&mut gateway.context);
                gateway.sessions.detach(&mut gateway.context, key, fate);
            }
        })
    }

    /// Sends op 1: the client is to heartbeat now.
    pub fn request_heartbeat(&mut self, now: Timestamp, target: Target) -> usize {
        self.each(now, target, |gateway, connection| gateway.send(connection, frames::heartbeat_request()))
    }

    /// Sends any message, whatever is in it.
    pub fn send_raw(&mut self, now: Timestamp, target: Target, message: &Message) -> usize {
        self.each(now, target, |gateway, connection| gateway.send(connection, message.clone()))
    }

    /// Sends a dispatch whose data is blanks, compressed to a thousandth by zlib and a thirty-thousandth by zstd; it has no
    /// sequence. It is made without ever being there whole. Gives how many it reached: those whose connection is
    /// compressed, or speaks ETF.
    pub fn bomb(&mut self, now: Timestamp, target: Target, blanks: u32) -> usize {
        let before = self.context.log.counters.bombs;
        self.each(now, target, |gateway, connection| {
            gateway.sending(connection, |open, cx| open.outgoing.send_bomb(cx, open.who(), blanks));
        });
        usize::try_from(self.context.log.counters.bombs - before).unwrap_or(usize::MAX)
    }

    /// Floods sessions that are on a connection; gives how many. A flood ends with its connection: what was sent of it is
    /// replayed to a resume as ever, the rest is not sent. The driver must answer [`Action::Confirm`].
    ///
    /// [`Action::Confirm`]: crate::Action::Confirm
    pub fn flood(&mut self, now: Timestamp, target: Target, flood: &Flood) -> usize {
        self.context.clock.see(now);
        let flooding = Flooding::new(flood, self.context.config.seed);
        let mut flooded = 0;
        let mut met = self.connections.met_by(target);
        met.retain(|&connection| self.connections.session(connection).is_some());
        for connection in met {
            let Some(open) = self.connections.get_mut(connection) else { continue };
            open.flood = Some(flooding.clone());
            flooded += 1;
            // One batch waits while the other leaves.
            self.pour(connection);
            self.pour(connection);
        }
        flooded
    }

    /// Resets the token: sessions end, their connections are closed with 4003, and no token is right until
    /// [`FakeGateway::accept_token`].
    pub fn reset_token(&mut self, now: Timestamp) {
        self.context.clock.see(now);
        self.reset();
    }

    /// Answers `POST /_fake/do`, whose body has deeds, a line each. All of it is read before any is done.
    #[must_use]
    pub fn http_do(&mut self, now: Timestamp, body: &[u8]) -> HttpAnswer {
        let Ok(text) = core::str::from_utf8(body) else { return failure(400, "the deeds are not UTF-8") };
        let deeds = match Deeds::parse(text) {
            Ok(deeds) => deeds,
            Err(error) => return failure(400, &error.to_string()),
        };
        match self.carry_out(now, &deeds) {
            Ok(()) => HttpAnswer { status: 200, body: format!(r#"{{"done":{}}}"#, deeds.len()) },
            Err(error) => failure(409, &error.to_string()),
        }
    }

    /// Acks no heartbeat any more, until [`FakeGateway::ack_again`].
    pub fn stop_acking(&mut self, target: Target) {
        self.fault(target, Fault::HeartbeatAck(Fate::Omit), Span::UntilLifted);
    }

    /// Acks heartbeats again.
    pub fn ack_again(&mut self, target: Target) {
        self.lift(target, FaultKind::HeartbeatAck);
    }

    /// Arms a fault. It takes the place of one of the same kind for the same target; of several that would strike at
    /// one moment, the one armed first does.
    ///
    /// Before a connection has a session only [`Target::All`] and [`Target::Connection`] meet it.
    pub fn fault(&mut self, target: Target, fault: Fault, span: Span) {
        self.context.faults.arm(target, fault, span);
    }

    /// Disarms the faults of a kind for this target; [`Target::All`] disarms them for every target.
    pub fn lift(&mut self, target: Target, kind: FaultKind) {
        self.context.faults.lift(target, kind);
    }

    /// Disarms all faults.
    pub fn lift_all(&mut self) {
        self.context.faults.lift_all();
    }

    pub(super) fn reset(&mut self) {
        self.context.config.token = AcceptedToken::Nothing;
        for key in self.sessions_of(Target::All) {
            if let Some(connection) = self.sessions.get(key).and_then(|session| session.connection) {
                self.end(connection, Some(CloseCode(4003)), "Not authenticated.", SessionFate::Ended);
            }
            self.sessions.end(&mut self.context, key);
        }
    }

    fn each(&mut self, now: Timestamp, target: Target, deed: impl Fn(&mut Self, ConnectionId)) -> usize {
        self.context.clock.see(now);
        let met = match target {
            Target::All | Target::Connection(_) => self.connections.met_by(target),
            Target::Session(_) | Target::Shard(_) | Target::Guild(_) => {
                let sessions = self.sessions_of(target);
                sessions.into_iter().filter_map(|key| self.sessions.get(key)?.connection).collect()
            }
        };
        for &connection in &met {
            deed(self, connection);
        }
        met.len()
    }

    /// The sessions that a target means. One that names its session is found without a look at the others.
    fn sessions_of(&self, target: Target) -> Vec<SessionKey> {
        match target {
            Target::Connection(connection) => self.connections.session(connection).into_iter().collect(),
            Target::Session(id) => self.sessions.key(id).into_iter().collect(),
            Target::All | Target::Shard(_) | Target::Guild(_) => self.sessions.met_by(target),
        }
    }
}
