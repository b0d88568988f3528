//! A random walk: a driver and a gateway that keep the rules but fail in every way. They answer only open questions, at any time,
//! with any step of the clock. Half of the steps are in phase Active.

pub mod check;

use crate::frames;
use crate::rig::discord;
use check::{Checker, Violation};
use core::time::Duration;
use portcullis::dialect::discord::{Command, Presence, RequestGuildMembers, Status, UpdateVoiceState};
use portcullis::machine::{
    Action, Backoff, Cause, Config, ConnectFailure, Event, Input, Limits, Phase, ResumeFrom, Shutdown,
};
use portcullis::{CloseCode, CloseFrame, CloseReason, ConnectionId, GatewayMachine, Message, Seed, Timestamp};

/// What happened in a walk.
#[derive(Clone, Copy, Debug, Default)]
pub struct Walked {
    /// Steps taken.
    pub steps: u64,
    /// Steps that began in phase Active.
    pub online: u64,
    /// Machines that ended. A new one follows each.
    pub ended: u64,
    /// Sessions resumed.
    pub resumed: u64,
    /// Commands with an outcome.
    pub outcomes: u64,
}

/// A walk that broke an invariant.
#[derive(Clone, Debug)]
pub struct Broken {
    /// The invariant.
    pub violation: Violation,
    /// The step that broke it.
    pub step: u64,
    /// The last inputs and actions.
    pub trail: Vec<String>,
}

/// Walks `steps` steps from `seed`.
///
/// # Errors
/// The first step that broke an invariant.
pub fn walk(seed: u64, steps: u64) -> Result<Walked, Box<Broken>> {
    let mut dice = Dice(seed);
    let mut walked = Walked::default();
    while walked.steps < steps {
        Walk::new(&mut dice).run(&mut walked, steps)?;
    }
    Ok(walked)
}

struct Walk<'a> {
    dice: &'a mut Dice,
    machine: GatewayMachine,
    checker: Checker,
    now: Timestamp,
    sequence: u64,
    trail: Vec<String>,
}

impl<'a> Walk<'a> {
    fn new(dice: &'a mut Dice) -> Self {
        let limits = Limits { outbox: 4 + dice.below(200) as usize, ..Limits::default() };
        let backoff = if dice.one_in(4) { Backoff::TEN_ATTEMPTS } else { Backoff::STANDARD };
        let mut config = Config { limits, backoff, ..Config::default() };
        let mut checker = Checker::default();
        if dice.one_in(4) {
            let session = portcullis::machine::Session::new(
                "resume_from",
                portcullis::dialect::Dialect::shard(&discord()),
                portcullis::Sequence(9),
                None,
            );
            config.resume_from = Some(ResumeFrom { session, age: dice.one_in(2).then_some(Duration::from_secs(9)) });
            checker.resume_from(9);
        }
        let machine = GatewayMachine::new(discord(), config, Seed(dice.next())).unwrap();
        Self { dice, machine, checker, now: Timestamp::ZERO, sequence: 9, trail: Vec::new() }
    }

    fn run(mut self, walked: &mut Walked, steps: u64) -> Result<(), Box<Broken>> {
        while walked.steps < steps {
            walked.steps += 1;
            walked.online += u64::from(self.machine.phase() == Phase::Active);
            let before = self.checker.waiting();
            self.deed();
            let input = self.input();
            if let Err(violation) = self.give(input) {
                return Err(Box::new(Broken { violation, step: walked.steps, trail: self.trail }));
            }
            walked.outcomes += before.saturating_sub(self.checker.waiting()) as u64;
            // After the end every input must be ignored.
            if self.machine.phase() == Phase::Ended && self.dice.one_in(8) {
                break;
            }
        }
        walked.ended += 1;
        walked.resumed += self.machine.health().counts.resumes;
        Ok(())
    }

    fn give(&mut self, input: Input) -> Result<(), Violation> {
        self.trail.push(format!("{} {input:?}", self.now));
        let actions: Vec<Action> = self.machine.handle(self.now, input.clone()).collect();
        self.trail.extend(actions.iter().map(|action| format!("    {action:?}")));
        let excess = self.trail.len().saturating_sub(60);
        self.trail.drain(..excess);
        for action in &actions {
            if let Action::Event(Event::Ready(_)) = action {
                self.sequence = 1;
            }
            if let Action::Wait { until, .. } = action
                && self.machine.deadline() != Some(*until)
            {
                return Err(Violation::Spin);
            }
        }
        self.checker.after(self.now, &input, self.machine.phase(), &actions)
    }

    /// An occasional call of the application.
    fn deed(&mut self) {
        match self.dice.below(2000) {
            0..300 => {
                let command = match self.dice.below(4) {
                    0 => Command::UpdatePresence(Presence::new(Status::Idle)),
                    1 => Command::RequestGuildMembers(RequestGuildMembers::all(7)),
                    2 => Command::UpdateVoiceState(UpdateVoiceState::leave(7)),
                    _ => Command::RequestGuildMembers(RequestGuildMembers::by_user_ids(7, [1, 2])),
                };
                if let Ok(id) = self.machine.send(self.now, command) {
                    self.checker.accepted(id);
                }
            }
            300 => self.machine.shutdown(self.now, Shutdown::KeepSession),
            301 => self.machine.shutdown(self.now, Shutdown::EndSession),
            302..306 => self.machine.reconnect(self.now, Cause::Requested),
            _ => {}
        }
    }

    fn input(&mut self) -> Input {
        self.tick_clock();
        if self.dice.one_in(50) {
            return self.stale();
        }
        match self.machine.phase() {
            Phase::Idle => Input::Start,
            Phase::Ended | Phase::Backoff => self.idle(),
            _ if self.dice.one_in(6) => self.idle(),
            _ => self.lawful().unwrap_or(Input::Tick),
        }
    }

    fn tick_clock(&mut self) {
        let deadline = self.machine.deadline();
        self.now = match (self.dice.below(40), deadline) {
            (0..4, Some(deadline)) => self.now.max(deadline),
            (4, _) => self.now + Duration::from_secs(self.dice.below(700)),
            (5, _) => Timestamp::from_nanos(self.now.as_nanos().saturating_sub(self.dice.below(1 << 40))),
            (6..20, _) => self.now + Duration::from_millis(self.dice.below(3000)),
            (20..30, _) => self.now + Duration::from_micros(self.dice.below(3000)),
            _ => self.now,
        };
        if self.machine.phase() == Phase::Backoff
            && let Some(deadline) = deadline.filter(|_| !self.dice.one_in(3))
        {
            self.now = self.now.max(deadline);
        }
    }

    fn idle(&mut self) -> Input {
        match self.dice.below(20) {
            0 => Input::TickUnread,
            1 => Input::Suspended(Duration::from_secs(self.dice.below(60))),
            2 if self.dice.one_in(20) => Input::Start,
            _ => Input::Tick,
        }
    }

    /// An input of a connection that is gone, or that never was.
    fn stale(&mut self) -> Input {
        let connection = ConnectionId(u32::try_from(self.dice.below(3)).unwrap() + 1_000_000);
        match self.dice.below(6) {
            0 => Input::Opened(connection),
            1 => Input::Sent(connection),
            2 => Input::Closed(connection, CloseReason::Eof),
            3 => Input::IdentifyGranted(connection),
            4 => Input::ConnectFailed(connection, ConnectFailure::Name),
            _ => Input::Message(connection, frames::reconnect()),
        }
    }

    /// An answer to an open question.
    fn lawful(&mut self) -> Option<Input> {
        if let Some(connection) = self.checker.dialing() {
            return Some(match self.dice.below(12) {
                0 => Input::ConnectFailed(connection, ConnectFailure::Refused),
                1 => Input::ConnectFailed(connection, ConnectFailure::Http { status: 503, retry_after: None }),
                2 if self.dice.one_in(50) => {
                    Input::ConnectFailed(connection, ConnectFailure::Http { status: 401, retry_after: None })
                }
                _ => Input::Opened(connection),
            });
        }
        let connection = self.checker.open_connection()?;
        if self.checker.is_writing() && !self.dice.one_in(4) {
            return Some(Input::Sent(connection));
        }
        if self.checker.is_asked() && !self.dice.one_in(4) {
            return Some(match self.dice.below(5) {
                0 => Input::IdentifyDenied(connection, Duration::from_secs(self.dice.below(9))),
                1 => Input::BudgetExhausted(connection, Duration::from_secs(self.dice.below(9))),
                _ => Input::IdentifyGranted(connection),
            });
        }
        Some(match (self.machine.phase(), self.dice.below(600)) {
            (Phase::Closing, 0..300) | (_, 0) => Input::Closed(connection, self.reason()),
            (_, 1) => Input::Message(connection, frames::reconnect()),
            (_, 2) => Input::Message(connection, frames::invalid_session("true")),
            (_, 3) => Input::Message(connection, frames::invalid_session("false")),
            (Phase::AwaitingHello, 4..500) => Input::Message(connection, frames::hello(self.interval())),
            (Phase::Identifying, 4..400) => Input::Message(connection, frames::ready("5e55", 1)),
            (Phase::Resuming, 4..100) => Input::Message(connection, frames::resumed(self.sequence)),
            _ => Input::Message(connection, self.frame()),
        })
    }

    fn interval(&mut self) -> &'static str {
        ["41250", "41250", "1000", "60000", "0", "-3", "1e300", "\"x\""][self.dice.below(8) as usize]
    }

    fn reason(&mut self) -> CloseReason {
        let code = match self.dice.below(60) {
            0..30 => return CloseReason::Eof,
            30..40 => return CloseReason::Reset,
            40 => 4004,
            41 => 4014,
            42..50 => 4000,
            50 => 1000,
            51 => 1001,
            52 => 4007,
            53 => 4008,
            54 => 4009,
            _ => 4999,
        };
        CloseReason::Frame(CloseFrame { code: Some(CloseCode(code)), reason: String::new() })
    }

    fn frame(&mut self) -> Message {
        match self.dice.below(40) {
            0 => frames::text("garbage"),
            1 => frames::heartbeat_request(),
            2 => frames::hello(self.interval()),
            3 => frames::message_create(self.dice.below(self.sequence + 4)),
            4 => frames::text(r#"{"op":99,"d":null}"#),
            5 => frames::text(r#"{"t":null,"s":3,"op":0,"d":null}"#),
            6 if self.dice.one_in(30) => frames::ready("another", 1),
            7 if self.dice.one_in(10) => frames::resumed(self.sequence),
            8..20 => frames::ack(),
            _ => {
                self.sequence += 1 + u64::from(self.dice.one_in(100));
                frames::message_create(self.sequence)
            }
        }
    }
}

/// The walk's own generator, independent of the machine's.
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0xA076_1D64_78BD_642F);
        let wide = u128::from(self.0) * u128::from(self.0 ^ 0xE703_7ED1_A0B4_28DB);
        (wide >> 64) as u64 ^ wide as u64
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit.max(1)
    }

    fn one_in(&mut self, count: u64) -> bool {
        self.below(count) == 0
    }
}
