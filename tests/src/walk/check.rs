//! The invariants that must hold after every step of a walk.
//!
//! The checker sees only inputs and actions, as a driver does. `walk_checks.rs` has a forged run for each check, which breaks it.

use core::time::Duration;
use portcullis::dialect::Plan;
use portcullis::machine::{Action, CommandId, Event, Input, Phase};
use portcullis::{ConnectionId, Timestamp};
use serde_json::Value;
use std::collections::{BTreeSet, VecDeque};

/// The invariant that a step broke.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Violation {
    /// The last action is not a `Wait`, or there are two, or there is one where none may be.
    Wait,
    /// A `Wait` that is not after now, or not the deadline.
    Spin,
    /// An action of a connection that is not open.
    DeadLink,
    /// A `Send` while another was outstanding.
    TwoSends,
    /// A `Close` under an outstanding `Send`, or a second one.
    Close,
    /// Something was sent before Hello or after Close.
    SentOutside,
    /// An identify permit that was used without a grant, or not given back.
    Turn,
    /// A command with two outcomes, or an unknown one.
    Outcome,
    /// A command without an outcome at the end.
    NoOutcome,
    /// An action after the end.
    AfterEnd,
    /// Dispatches out of order.
    Order,
    /// More frames than the gateway allows in a minute, or presences in 20 s.
    Pace,
    /// An Identify although there was a session to resume.
    Identify,
    /// More actions than one call may return.
    TooMany,
    /// A connect without a wait before it.
    Calm,
}

/// One connection, as its driver knows it.
#[derive(Clone, Debug)]
struct Seen {
    id: ConnectionId,
    stage: Stage,
    plan: Plan,
    is_writing: bool,
    is_greeted: bool,
    turn: Turn,
    sent: VecDeque<Timestamp>,
    /// The sequence in our Resume.
    resumed_from: Option<u64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Dialing,
    Open,
    Closing,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Turn {
    None,
    Asked,
    Granted,
}

/// What a driver knows of its machine.
#[derive(Clone, Debug, Default)]
pub struct Checker {
    connection: Option<Seen>,
    commands: BTreeSet<CommandId>,
    is_started: bool,
    is_ended: bool,
    sequence: Option<u64>,
    has_session: bool,
    announced: bool,
    now: Timestamp,
    /// When the last presences were sent, on any connection.
    presences: VecDeque<Timestamp>,
}

impl Checker {
    /// A command was accepted.
    pub fn accepted(&mut self, id: CommandId) {
        self.commands.insert(id);
    }

    /// The machine was given a session in `Config::resume_from`.
    pub fn resume_from(&mut self, sequence: u64) {
        self.has_session = true;
        self.sequence = Some(sequence);
    }

    /// The open connection, if there is one.
    #[must_use]
    pub fn open_connection(&self) -> Option<ConnectionId> {
        self.connection.as_ref().filter(|connection| connection.stage != Stage::Dialing).map(|connection| connection.id)
    }

    /// The connection that is being dialed, if there is one.
    #[must_use]
    pub fn dialing(&self) -> Option<ConnectionId> {
        self.connection.as_ref().filter(|connection| connection.stage == Stage::Dialing).map(|connection| connection.id)
    }

    /// Whether a `Sent` is due.
    #[must_use]
    pub fn is_writing(&self) -> bool {
        self.connection.as_ref().is_some_and(|connection| connection.is_writing)
    }

    /// Whether an answer to `RequestIdentify` is due.
    #[must_use]
    pub fn is_asked(&self) -> bool {
        self.connection.as_ref().is_some_and(|connection| connection.turn == Turn::Asked)
    }

    /// Commands whose outcome is due.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.commands.len()
    }

    /// Checks one call.
    ///
    /// # Errors
    /// The first invariant that does not hold.
    pub fn after(&mut self, now: Timestamp, input: &Input, phase: Phase, actions: &[Action]) -> Result<(), Violation> {
        self.now = self.now.max(now);
        let most = self.commands.len() + 1 + 8;
        self.note(input);
        self.check_wait(actions)?;
        for action in actions {
            if self.is_ended {
                return Err(Violation::AfterEnd);
            }
            self.check(action)?;
        }
        if actions.len() > most + 1 {
            return Err(Violation::TooMany);
        }
        if (phase == Phase::Ended) == self.is_ended { Ok(()) } else { Err(Violation::AfterEnd) }
    }

    fn note(&mut self, input: &Input) {
        if matches!(input, Input::Start) {
            // The first connect needs no wait before it.
            self.announced |= !self.is_started;
            self.is_started = true;
        }
        let Some(connection) = &mut self.connection else { return };
        match input {
            Input::Opened(id) if *id == connection.id && connection.stage == Stage::Dialing => {
                connection.stage = Stage::Open;
            }
            Input::Sent(id) if *id == connection.id => connection.is_writing = false,
            Input::IdentifyGranted(id) if *id == connection.id && connection.turn == Turn::Asked => {
                connection.turn = Turn::Granted;
            }
            Input::IdentifyDenied(id, _) if *id == connection.id && connection.turn == Turn::Asked => {
                connection.turn = Turn::None;
            }
            Input::Message(id, message) if *id == connection.id => {
                connection.is_greeted |= op(message.bytes()) == Some(10);
            }
            _ => {}
        }
        let (Input::ConnectFailed(id, _) | Input::Closed(id, _)) = input else { return };
        if *id == connection.id && (connection.stage == Stage::Dialing || matches!(input, Input::Closed(..))) {
            // A permit that is still out must be given back in this call.
            if connection.turn == Turn::None {
                self.connection = None;
            } else {
                connection.stage = Stage::Closing;
                connection.is_writing = false;
            }
        }
    }

    fn check_wait(&self, actions: &[Action]) -> Result<(), Violation> {
        let waits = actions.iter().filter(|action| matches!(action, Action::Wait { .. })).count();
        let ends = actions.iter().any(|action| matches!(action, Action::Event(Event::Ended(_))));
        match actions.last() {
            Some(Action::Wait { until, .. }) if waits == 1 => {
                if *until > self.now {
                    Ok(())
                } else {
                    Err(Violation::Spin)
                }
            }
            _ if waits == 0 && (ends || self.is_ended || !self.is_started) => Ok(()),
            _ => Err(Violation::Wait),
        }
    }

    fn check(&mut self, action: &Action) -> Result<(), Violation> {
        match action {
            Action::Connect { connection, .. } => self.connect(*connection),
            Action::Send { connection, message } => self.send(*connection, message.bytes()),
            Action::Close { connection, .. } => {
                let seen = self.open(*connection)?;
                if seen.is_writing || seen.stage == Stage::Closing {
                    return Err(Violation::Close);
                }
                seen.stage = Stage::Closing;
                Ok(())
            }
            Action::Abort { connection } => {
                let seen = self.connection.as_mut().filter(|seen| seen.id == *connection).ok_or(Violation::DeadLink)?;
                // Permit and write of the connection are settled behind the abort, in this call.
                seen.is_writing = false;
                if seen.turn == Turn::None {
                    self.connection = None;
                }
                Ok(())
            }
            Action::RequestIdentify { connection } => {
                let seen = self.open(*connection)?;
                if seen.turn != Turn::None {
                    return Err(Violation::Turn);
                }
                seen.turn = Turn::Asked;
                Ok(())
            }
            Action::ReleaseIdentify { connection } => {
                match self.connection.as_mut().filter(|seen| seen.id == *connection) {
                    Some(seen) if seen.turn != Turn::None => {
                        seen.turn = Turn::None;
                        Ok(())
                    }
                    _ => Err(Violation::Turn),
                }
            }
            Action::RequestToken { .. } => Err(Violation::DeadLink),
            Action::Event(event) => self.event(event),
            Action::Wait { .. } => Ok(()),
        }
    }

    fn connect(&mut self, connection: ConnectionId) -> Result<(), Violation> {
        if self.connection.as_ref().is_some_and(|seen| seen.turn != Turn::None) {
            return Err(Violation::Turn);
        }
        if !self.announced {
            return Err(Violation::Calm);
        }
        self.announced = false;
        let plan = if self.has_session { Plan::Resume } else { Plan::Identify };
        let (stage, turn, sent) = (Stage::Dialing, Turn::None, VecDeque::new());
        let (is_writing, is_greeted) = (false, false);
        self.connection =
            Some(Seen { id: connection, stage, plan, is_writing, is_greeted, turn, sent, resumed_from: None });
        Ok(())
    }

    fn send(&mut self, connection: ConnectionId, frame: &[u8]) -> Result<(), Violation> {
        let (now, has_session) = (self.now, self.has_session);
        let seen = self.open(connection)?;
        if seen.is_writing {
            return Err(Violation::TwoSends);
        }
        if seen.stage == Stage::Closing || !seen.is_greeted {
            return Err(Violation::SentOutside);
        }
        seen.is_writing = true;
        while seen.sent.front().is_some_and(|first| now - *first >= Duration::from_secs(60)) {
            seen.sent.pop_front();
        }
        seen.sent.push_back(now);
        if seen.sent.len() > 120 {
            return Err(Violation::Pace);
        }
        match op(frame) {
            Some(3) => {
                self.presences.push_back(now);
                let sixth_last = self.presences.len().checked_sub(6).and_then(|index| self.presences.get(index));
                if sixth_last.is_some_and(|sixth| now - *sixth < Duration::from_secs(20)) {
                    return Err(Violation::Pace);
                }
                Ok(())
            }
            Some(6) => {
                seen.resumed_from = resumed_from(frame);
                Ok(())
            }
            Some(2) if has_session || seen.plan == Plan::Resume => Err(Violation::Identify),
            Some(2) if seen.turn != Turn::Granted => Err(Violation::Turn),
            Some(2) => {
                seen.turn = Turn::None;
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn event(&mut self, event: &Event) -> Result<(), Violation> {
        match event {
            Event::Ready(dispatch) => {
                self.has_session = true;
                self.sequence = dispatch.sequence().map(|sequence| sequence.0);
                Ok(())
            }
            Event::Dispatch(dispatch) => {
                let Some(sequence) = dispatch.sequence() else { return Ok(()) };
                let in_order = self.sequence.is_none_or(|last| sequence.0 > last);
                self.sequence = Some(sequence.0);
                if in_order { Ok(()) } else { Err(Violation::Order) }
            }
            Event::Resumed(dispatch) => {
                let (got, last) = (dispatch.sequence().map(|sequence| sequence.0), self.sequence);
                let from = self.connection.as_ref().and_then(|connection| connection.resumed_from);
                // Below the sequence in our Resume: the gateway has started a new count.
                let is_anew = got.zip(from).is_some_and(|(got, from)| got < from);
                self.sequence = if is_anew { got } else { last.max(got) };
                Ok(())
            }
            Event::SessionLost { .. } => {
                self.has_session = false;
                Ok(())
            }
            Event::Command(id, _) => {
                if self.commands.remove(id) {
                    Ok(())
                } else {
                    Err(Violation::Outcome)
                }
            }
            Event::Reconnecting { .. } => {
                self.announced = true;
                Ok(())
            }
            Event::Ended(_) => {
                self.is_ended = true;
                if !self.commands.is_empty() {
                    return Err(Violation::NoOutcome);
                }
                if self.connection.take().is_some_and(|seen| seen.turn != Turn::None) {
                    return Err(Violation::Turn);
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn open(&mut self, connection: ConnectionId) -> Result<&mut Seen, Violation> {
        self.connection
            .as_mut()
            .filter(|seen| seen.id == connection && seen.stage != Stage::Dialing)
            .ok_or(Violation::DeadLink)
    }
}

fn resumed_from(frame: &[u8]) -> Option<u64> {
    serde_json::from_slice::<Value>(frame).ok()?["d"]["seq"].as_u64()
}

fn op(frame: &[u8]) -> Option<u64> {
    serde_json::from_slice::<Value>(frame).ok()?["op"].as_u64()
}
