//! Bytes as a list of timed inputs, valid or not, and calls of the application among them.

use super::give;
use crate::frames;
use crate::rig::discord;
use crate::walk::check::Checker;
use core::time::Duration;
use portcullis::dialect::discord::{Command, Presence, RequestGuildMembers, Status, UpdateVoiceState};
use portcullis::machine::{
    Action, Backoff, Cause, Config, ConnectFailure, Event, FirstBeat, HeartbeatPolicy, Input, IoFailure, Life, Limits,
    Location, MalformedPolicy, OutOfBounds, ProxyStatus, ResumeFrom, Session, SessionLostPolicy, Shutdown, TlsFailure,
};
use portcullis::{
    CloseCode, CloseFrame, CloseReason, ConnectionId, GatewayMachine, Message, Seed, Sequence, Timestamp,
};

/// Gives the bytes as inputs to a machine, and checks each step.
///
/// The first two bytes choose the config. Then each step is two bytes: when, and which input.
///
/// # Panics
/// If an invariant does not hold.
pub fn machine(bytes: &[u8]) {
    let (&[options, seed], steps) = bytes.split_first_chunk().unwrap_or((&[0, 0], &[]));
    let config = config(options);
    let mut checker = Checker::default();
    if config.resume_from.is_some() {
        checker.resume_from(IMPORTED);
    }
    let machine = GatewayMachine::new(discord(), config, Seed(u64::from(seed))).expect("a config that can be");
    let mut life = Played { machine, checker, now: Timestamp::ZERO, connection: ConnectionId(0), sequence: IMPORTED };
    for step in steps.chunks_exact(2).take(STEPS) {
        life.pass(step[0]);
        life.step(step[1]);
    }
    life.end();
}

struct Played {
    machine: GatewayMachine,
    checker: Checker,
    now: Timestamp,
    /// The last connection that was dialed.
    connection: ConnectionId,
    sequence: u64,
}

impl Played {
    /// The time of the next step: unchanged, a little later, at the deadline, far ahead, or back.
    fn pass(&mut self, when: u8) {
        let count = u64::from(when & 0x1f);
        let passed = match when >> 5 {
            0 | 1 => self.now,
            2 => self.now + Duration::from_millis(count),
            3 => self.now + Duration::from_millis(count * 100),
            4 => self.now + Duration::from_secs(count * 3),
            5 => self.machine.deadline().map_or(self.now, |deadline| self.now.max(deadline)),
            6 if count == 31 => self.now + Duration::from_secs(u64::from(u32::MAX)),
            6 => self.now + Duration::from_secs(count * 600),
            _ => Timestamp::ZERO + (self.now - Timestamp::ZERO).saturating_sub(Duration::from_secs(count)),
        };
        // Near `Timestamp::MAX` the machine's clock stands still.
        self.now = passed.min(Timestamp::ZERO + Duration::from_secs(u64::from(u32::MAX) * 3));
    }

    fn step(&mut self, what: u8) {
        let connection = if what == 0xff { ConnectionId(self.connection.0.wrapping_sub(1)) } else { self.connection };
        let low = what & 0x0f;
        let input = match what >> 4 {
            0 => Input::Tick,
            1 => [Input::Start, Input::Opened(connection), Input::Sent(connection), Input::TickUnread]
                [usize::from(low & 3)]
            .clone(),
            2 => [
                Input::IdentifyGranted(connection),
                Input::IdentifyDenied(connection, seconds_of(low)),
                Input::IdentifyGranted(connection),
                Input::BudgetExhausted(connection, seconds_of(low)),
            ][usize::from(low & 3)]
            .clone(),
            3 => Input::ConnectFailed(connection, failure(low)),
            4 => Input::Closed(connection, reason(low)),
            5 => Input::Suspended(Duration::from_secs(1 << low)),
            6 => Input::TokenDenied((low > 0).then(|| seconds_of(low))),
            7 => return self.deed(low),
            8 | 9 => Input::Message(connection, self.dispatch(low)),
            10 => Input::Message(connection, frames::hello(INTERVALS[usize::from(low)])),
            11 => Input::Message(connection, Self::ready(low)),
            12 => Input::Message(connection, frames::resumed(self.sequence.saturating_sub(u64::from(low & 1)))),
            13 => Input::Message(connection, frames::ack()),
            _ => Input::Message(connection, control(low)),
        };
        self.give(input);
    }

    fn give(&mut self, input: Input) {
        let actions = give(&mut self.machine, self.now, input.clone());
        for action in &actions {
            match action {
                Action::Connect { connection, .. } => self.connection = *connection,
                Action::Event(Event::Ready(dispatch)) => self.sequence = dispatch.sequence().map_or(0, |s| s.0),
                _ => {}
            }
        }
        let checked = self.checker.after(self.now, &input, self.machine.phase(), &actions);
        assert_eq!(checked, Ok(()), "{} {input:?}: {actions:?}", self.now);
        let _ = (format!("{:?}", self.machine), self.machine.session(), self.machine.explain().len());
    }

    /// A call of the application, and the tick that must follow it.
    fn deed(&mut self, low: u8) {
        let sent = match low {
            0..3 => self.machine.send(self.now, Command::UpdatePresence(Presence::new(Status::Idle))),
            3..6 => self.machine.send(self.now, Command::RequestGuildMembers(RequestGuildMembers::all(7))),
            6..8 => self.machine.send(self.now, Command::UpdateVoiceState(UpdateVoiceState::leave(7))),
            8..11 => {
                self.machine.reconnect(self.now, Cause::Requested);
                return self.give(Input::Tick);
            }
            11..14 => {
                // Enough commands to reach the send limit.
                for _ in 0..150 {
                    let request = Command::RequestGuildMembers(RequestGuildMembers::all(7));
                    if let Ok(id) = self.machine.send(self.now, request) {
                        self.checker.accepted(id);
                    }
                }
                return self.give(Input::Tick);
            }
            14 => {
                self.machine.shutdown(self.now, Shutdown::KeepSession);
                return self.give(Input::Tick);
            }
            _ => {
                self.machine.shutdown(self.now, Shutdown::EndSession);
                return self.give(Input::Tick);
            }
        };
        if let Ok(id) = sent {
            self.checker.accepted(id);
        }
        self.give(Input::Tick);
    }

    fn dispatch(&mut self, low: u8) -> Message {
        self.sequence = match low {
            0..10 => self.sequence.saturating_add(1),
            10 => self.sequence.saturating_add(7),
            11 => self.sequence.saturating_sub(3),
            12 => u64::MAX,
            _ => self.sequence,
        };
        match low {
            13 => frames::text(r#"{"t":"NO_SEQUENCE","s":null,"op":0,"d":{}}"#),
            14 => frames::text(format!(r#"{{"t":null,"s":{},"op":0,"d":null}}"#, self.sequence)),
            15 => frames::text(format!(r#"{{"d":[{{}}],"op":0,"t":"\u0041","s":{}}}"#, self.sequence)),
            _ => frames::message_create(self.sequence),
        }
    }

    fn ready(low: u8) -> Message {
        match low {
            0..10 => frames::ready("5e55", 1),
            10 | 11 => frames::ready("0ther", 1),
            12 => {
                frames::text(r#"{"t":"READY","s":1,"op":0,"d":{"session_id":"f0","resume_gateway_url":"wss://evil/"}}"#)
            }
            13 => frames::text(r#"{"t":"READY","s":null,"op":0,"d":{"session_id":"f1"}}"#),
            14 => frames::text(r#"{"t":"READY","s":9,"op":0,"d":{}}"#),
            _ => frames::ready("5e55", u64::MAX),
        }
    }

    /// Asserts that a shutdown ends the machine within the time that a close may take, and that every command has its outcome.
    fn end(&mut self) {
        self.machine.shutdown(self.now, Shutdown::EndSession);
        self.give(Input::Tick);
        for _ in 0..4 {
            if let Some(deadline) = self.machine.deadline() {
                self.now = self.now.max(deadline);
                self.give(Input::Tick);
            }
        }
        assert_eq!(self.machine.phase(), portcullis::machine::Phase::Ended, "{:?}", self.machine);
        assert_eq!(self.checker.waiting(), 0, "commands without an outcome");
        self.give(Input::Start);
    }
}

/// The config: each bit is an option.
fn config(options: u8) -> Config {
    let has = |bit: u8| options & (1 << bit) != 0;
    let session = || Session::new("5e55", Some(portcullis::dialect::ShardId::ONE), Sequence(IMPORTED), None);
    Config {
        heartbeat: HeartbeatPolicy {
            first: if has(0) { FirstBeat::Immediate } else { FirstBeat::Jittered },
            out_of_bounds: if has(1) { OutOfBounds::Refuse } else { OutOfBounds::Clamp },
            life: if has(2) { Life::AnyFrame } else { Life::AckOnly },
            ..HeartbeatPolicy::default()
        },
        backoff: if has(3) { Backoff { attempts: Some(3), ..Backoff::STANDARD } } else { Backoff::STANDARD },
        malformed: if has(4) { MalformedPolicy::Reconnect } else { MalformedPolicy::Report },
        on_session_lost: if has(5) { SessionLostPolicy::ReturnAll } else { SessionLostPolicy::ByKind },
        limits: Limits { outbox: if has(6) { 2 } else { 256 }, message: 4096, ..Limits::default() },
        resume_from: has(7).then(|| ResumeFrom { session: session(), age: None }),
        ..Config::default()
    }
}

fn seconds_of(low: u8) -> Duration {
    if low == 0x0f { Duration::MAX } else { Duration::from_secs(u64::from(low)) }
}

fn failure(low: u8) -> ConnectFailure {
    let http = |status, retry_after| ConnectFailure::Http { status, retry_after };
    match low {
        0 => ConnectFailure::Name,
        1 => ConnectFailure::Tls(TlsFailure::Expired),
        2 => ConnectFailure::Proxy { status: Some(ProxyStatus::Socks(5)) },
        3 => ConnectFailure::TimedOut,
        4 => ConnectFailure::Protocol,
        5 => http(401, None),
        6 => http(403, None),
        7 => http(429, Some(Duration::from_secs(30))),
        8 => http(429, Some(Duration::MAX)),
        9 => http(502, Some(Duration::ZERO)),
        10 => Location::new(b"wss://elsewhere.example/")
            .map_or(ConnectFailure::Protocol, |location| ConnectFailure::Redirect { status: 301, location }),
        11 => ConnectFailure::Io(IoFailure::TooManyFiles),
        _ => ConnectFailure::Refused,
    }
}

fn reason(low: u8) -> CloseReason {
    let codes = [1000, 1001, 1006, 4000, 4003, 4004, 4007, 4008, 4009, 4014, 4999, 0];
    match codes.get(usize::from(low)) {
        Some(code) => CloseReason::Frame(CloseFrame { code: Some(CloseCode(*code)), reason: "r\u{e9}".into() }),
        None if low == 12 => CloseReason::Frame(CloseFrame::default()),
        None if low == 13 => CloseReason::TooLarge { limit: 9 },
        None => CloseReason::Eof,
    }
}

fn control(low: u8) -> Message {
    match low {
        0..3 => frames::heartbeat_request(),
        3 | 4 => frames::reconnect(),
        5 | 6 => frames::invalid_session("true"),
        7 | 8 => frames::invalid_session("false"),
        9 => frames::invalid_session("[]"),
        10 => frames::text(r#"{"op":99}"#),
        11 => frames::text("garbage"),
        12 => frames::text([b' '; 5000]),
        13 => Message::Binary(bytes::Bytes::from_static(b"\x78\x9c\x00\x00\xff\xff")),
        14 => frames::text(r#"{"t":"X","s":1,"op":0,"d":"#),
        _ => frames::text(""),
    }
}

/// Heartbeat intervals in a Hello, as JSON.
const INTERVALS: [&str; 16] = [
    "41250",
    "41250",
    "41250",
    "41250",
    "5000",
    "1000",
    "999",
    "0",
    "-1",
    "0.5",
    "600000",
    "600001",
    "1e300",
    "-1e300",
    "null",
    "\"41250\"",
];
/// The sequence of the session in `Config::resume_from`.
const IMPORTED: u64 = 9;
/// The maximum number of steps. More were not seen to find more.
const STEPS: usize = 2000;
