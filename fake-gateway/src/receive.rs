//! A client's frame, from its bytes to its answer.

use crate::answer;
use crate::clock::Timer;
use crate::config::Limits;
use crate::connection::{Answered, Attached, MembersAsked, Pace, Phase};
use crate::faults::{Fate, FaultKind, Target};
use crate::frames;
use crate::gateway::FakeGateway;
use crate::habit::Habit;
use crate::input::ConnectionId;
use crate::record::{ClientFrame, Json, Received};
use crate::request::{Envelope, NONCE_MAX, Opcode, Request, envelope};
use crate::rules::Rule;
use crate::script::Cue;
use core::time::Duration;
use portcullis::Message;

/// No frame of a client may be longer.
const FRAME_MAX: usize = 4096;

impl FakeGateway {
    pub(super) fn message(&mut self, connection: ConnectionId, message: &Message) {
        let now = self.context.now();
        let Some(open) = self.connections.get_mut(connection) else {
            self.context.log.counters.strays += 1;
            return;
        };
        let (pace, phase) = (open.count(now), open.phase);
        let bytes = message.bytes();
        let json = open.outgoing.unpack(message);
        let envelope = json.as_deref().map_err(|&rule| rule).and_then(envelope);
        let mut habits = Vec::new();
        let (frame, request) = match envelope {
            Ok(envelope) => read(phase, &envelope, &mut habits),
            Err(rule @ Rule::UnknownOpcode { op }) => (ClientFrame::Invalid { op }, Err(rule)),
            Err(rule) => (ClientFrame::Garbage, Err(rule)),
        };
        self.context.log.receive(Received { at: now, connection, size: bytes.len(), frame });
        let real = self.context.config.limits == Limits::Real;
        if real && pace == Pace::Exceeded {
            return self.breach(connection, Rule::RateLimited);
        }
        if real && bytes.len() > FRAME_MAX {
            return self.breach(connection, Rule::TooLong { bytes: bytes.len() });
        }
        // What a rule refuses shows no habit: only what is let in is worth noting.
        if request.is_ok() {
            for habit in habits {
                self.context.log.notice(now, connection, habit);
            }
        }
        self.cue_frame(connection, &request);
        if !self.connections.is_open(connection) {
            return;
        }
        match request {
            Ok(request) => self.grant(connection, phase, request),
            Err(rule) => self.breach(connection, rule),
        }
    }

    /// Lets the script know of a frame that breaks no rule, before it is answered.
    fn cue_frame(&mut self, connection: ConnectionId, request: &Result<Request, Rule>) {
        match request {
            Ok(Request::Heartbeat(_)) => self.cue(Cue::Heartbeat, connection),
            Ok(Request::Identify { .. }) => self.cue(Cue::Identify, connection),
            Ok(Request::Resume { .. }) => self.cue(Cue::Resume, connection),
            Ok(Request::Command { op, data }) => {
                if self.connections.get(connection).is_some_and(|open| open.phase == Phase::Revoked) {
                    return;
                }
                if *op == Opcode::RequestGuildMembers {
                    self.note_members_request(connection, data);
                }
                self.cue(Cue::Command, connection);
                self.cue(Cue::Op(op.number()), connection);
            }
            Err(_) => {}
        }
    }

    /// Keeps what was asked for, for the script, which may answer it before the gateway does.
    fn note_members_request(&mut self, connection: ConnectionId, data: &Json) {
        let Some(mut asked) = data.members_asked() else { return };
        let cues = [Cue::Command, Cue::Op(Opcode::RequestGuildMembers.number())];
        let answered = cues.iter().map(|&cue| self.script.answered(cue, connection)).max();
        asked.answered = answered.unwrap_or(Answered::ByGateway);
        let is_limited = asked.all && self.context.config.limits == Limits::Real;
        asked.too_soon = if is_limited { self.members_limit.wait(self.context.now(), &asked.guild) } else { None };
        if let Some(open) = self.connections.get_mut(connection) {
            open.members_asked = Some(asked);
        }
    }

    fn grant(&mut self, connection: ConnectionId, phase: Phase, request: Request) {
        match request {
            Request::Heartbeat(sequence) => self.heartbeat(connection, phase, sequence),
            Request::Identify { token, identify } => self.identify(connection, &token, &identify),
            Request::Resume { token, session_id, sequence } => self.resume(connection, &token, &session_id, sequence),
            Request::Command { .. } if phase == Phase::Revoked => self.context.log.counters.strays += 1,
            Request::Command { op, data } => self.command(connection, op, &data),
        }
    }

    /// Commands are taken and answered; what is too much of them is written down.
    fn command(&mut self, connection: ConnectionId, op: Opcode, data: &Json) {
        self.context.log.counters.commands += 1;
        let now = self.context.now();
        let Some(open) = self.connections.get_mut(connection) else { return };
        let real = self.context.config.limits == Limits::Real;
        match op {
            Opcode::PresenceUpdate => {
                if open.count_presence(now) == Pace::Exceeded && real {
                    self.breach(connection, Rule::PresenceTooOften);
                }
            }
            Opcode::RequestGuildMembers => {
                let Some(asked) = open.members_asked.clone() else { return };
                if asked.nonce_bytes > NONCE_MAX {
                    self.breach(connection, Rule::NonceTooLong { bytes: asked.nonce_bytes });
                }
                if let Some(retry_after) = asked.too_soon {
                    self.breach(connection, Rule::MembersTooOften { retry_after });
                }
                match (asked.answered, asked.too_soon) {
                    (Answered::ByGateway, Some(retry_after)) => {
                        return self.rate_limit_members(connection, retry_after);
                    }
                    // The script says how long the client waits: what it refuses opens no window.
                    (Answered::RefusedByScript, _) | (Answered::ByScript, Some(_)) => return,
                    (Answered::ByScript, None) => return self.grant_members(&asked),
                    (Answered::ByGateway, None) => self.grant_members(&asked),
                }
            }
            Opcode::Heartbeat
            | Opcode::Identify
            | Opcode::VoiceStateUpdate
            | Opcode::Resume
            | Opcode::RequestSoundboardSounds
            | Opcode::RequestChannelInfo => {}
        }
        self.answer(connection, op, data);
    }

    /// Members are given: the next request for all of this guild's has to wait.
    fn grant_members(&mut self, asked: &MembersAsked) {
        if asked.all {
            self.members_limit.open(self.context.now(), &asked.guild);
        }
    }

    /// Says that the last Request Guild Members came too soon; nothing if there was none.
    pub(super) fn rate_limit_members(&mut self, connection: ConnectionId, retry_after: Duration) {
        let Some(asked) = self.connections.get(connection).and_then(|open| open.members_asked.as_ref()) else { return };
        let json = answer::rate_limited(asked, retry_after);
        self.dispatch(self.context.now(), Target::Connection(connection), "RATE_LIMITED", &json);
    }

    /// Answers a command whose shape is right.
    fn answer(&mut self, connection: ConnectionId, op: Opcode, data: &Json) {
        let Some(open) = self.connections.get(connection) else { return };
        let Some(session) = open.session().and_then(|key| self.sessions.get(key)) else { return };
        for (name, json) in answer::answers(&self.context.config, session, open.members_asked.as_ref(), op, data) {
            self.dispatch(self.context.now(), Target::Connection(connection), name, &json);
        }
    }

    fn heartbeat(&mut self, connection: ConnectionId, phase: Phase, sequence: Option<u64>) {
        self.context.log.counters.heartbeats += 1;
        if let Phase::Active(Attached { key, .. }) = phase
            && let Some(session) = self.sessions.get(key)
            && sequence.is_some_and(|sequence| sequence > session.sequence)
        {
            self.breach(connection, Rule::HeartbeatAhead);
        }
        if let Some(silence) = self.context.silence() {
            self.context.clock.after(Timer::Heartbeat(connection), silence);
        }
        let ack = frames::heartbeat_ack();
        let (message, delay) = match self.context.fate(FaultKind::HeartbeatAck, self.connections.who(connection)) {
            None | Some(Fate::Unnumbered) => (ack, Duration::ZERO),
            Some(Fate::Delay(delay)) => (ack, delay),
            Some(Fate::Instead(message)) => (message, Duration::ZERO),
            Some(Fate::Omit) => return,
        };
        self.context.log.counters.acks += 1;
        self.send_after(connection, message, delay);
    }
}

/// Looks into a frame: what the record keeps of it, and what is to be done or was broken.
fn read(phase: Phase, envelope: &Envelope<'_>, habits: &mut Vec<Habit>) -> (ClientFrame, Result<Request, Rule>) {
    let op = envelope.op.number();
    let request = envelope.request(habits);
    let frame = request.as_ref().map_or(ClientFrame::Invalid { op }, |request| request.frame(envelope.op));
    let early = match (phase, envelope.op) {
        (Phase::AwaitAuth | Phase::Revoked, Opcode::Heartbeat | Opcode::Identify | Opcode::Resume)
        | (Phase::Revoked, _) => None,
        (Phase::AwaitAuth, _) => Some(Rule::NotAuthenticated { op }),
        (Phase::Active(_), Opcode::Identify | Opcode::Resume) => Some(Rule::AlreadyAuthenticated),
        (Phase::Active(_), _) => None,
    };
    (frame, early.map_or(request, Err))
}
