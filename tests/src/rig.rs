//! A machine driven by hand on a virtual clock: a test gives the inputs, and reads the actions.

use crate::frames;
use crate::story::{Story, told_frame};
use core::time::Duration;
use portcullis::codec::Scratch;
use portcullis::dialect::Dialect;
use portcullis::dialect::discord::{Discord, Intents};
use portcullis::machine::{
    Action, Backoff, Cause, CommandId, Config, ConnectFailure, Event, FirstBeat, HeartbeatPolicy, Input, Phase,
};
use portcullis::machine::{SendError, Shutdown};
use portcullis::{
    CloseCode, CloseFrame, CloseReason, ConnectionId, Dispatch, GatewayMachine, Message, Seed, Timestamp,
};
use std::collections::VecDeque;

/// A machine, its clock, and the story so far.
///
/// Writes are answered at once, unless [`hold_writes`](Self::hold_writes) was called; identifies are granted at once,
/// unless [`hold_identify`](Self::hold_identify) was.
pub struct Rig<D: Dialect = Discord> {
    /// The machine.
    pub machine: GatewayMachine<D>,
    /// What happened since the last [`assert`](Self::assert).
    pub story: Story,
    /// The clock.
    pub now: Timestamp,
    /// Every message that the machine sent, and when.
    pub sends: Vec<(Timestamp, Message)>,
    /// Every dispatch that came out, Ready and Resumed among them.
    pub dispatches: Vec<Dispatch>,
    /// Every event that came out, and when.
    pub events: Vec<(Timestamp, Event)>,
    /// The memory that is lent to the machine, if any.
    pub scratch: Option<Scratch>,
    connection: Option<ConnectionId>,
    writes: Held,
    identifies: Held,
    acks: Held,
}

/// Whether the rig or the test answers something.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Held {
    No,
    Yes,
}

/// The token of the rigs. Tests search for it where it must not be.
pub const TOKEN: &str = "MTk4NjIyNDgzNDcxOTI1MjQ4.Cl2FMQ.ZnCjm1XVW7vRze4b7Cq4se7kKWs";

/// The Discord of the rigs.
#[must_use]
pub fn discord() -> Discord {
    Discord::new(TOKEN, Intents::UNPRIVILEGED).unwrap()
}

/// The default config, but with the first heartbeat at once, so that a test's times are round.
#[must_use]
pub fn config() -> Config {
    Config {
        heartbeat: HeartbeatPolicy { first: FirstBeat::Immediate, ..HeartbeatPolicy::default() },
        ..Config::default()
    }
}

/// The same, with a reconnect at once after a connection that lived: its wait is below a millisecond.
#[must_use]
pub fn prompt() -> Config {
    Config { backoff: Backoff { spread: Duration::from_millis(1), ..Backoff::STANDARD }, ..config() }
}

impl Rig {
    /// A rig that has not started.
    #[must_use]
    pub fn new(config: Config) -> Self {
        Self::of(discord(), config)
    }

    /// A rig in this phase, at t+0 if the config is [`prompt`]. The story is empty.
    #[must_use]
    pub fn in_phase(phase: Phase, config: Config) -> Self {
        Self::of(discord(), config).to_phase(phase)
    }

    /// The same of a rig that has not started.
    #[must_use]
    pub fn to_phase(mut self, phase: Phase) -> Self {
        match phase {
            Phase::Resuming => self.begin_session().resume(),
            Phase::Backoff => self.begin_session().lose(),
            Phase::Connecting => self.start(),
            Phase::AwaitingHello => self.start().open(),
            Phase::AwaitingIdentify => {
                self.hold_identify().start().open().message(frames::hello("40000")).message(frames::ack())
            }
            Phase::Identifying => self.start().open().message(frames::hello("40000")).message(frames::ack()),
            Phase::Active => self.begin_session(),
            Phase::Closing => self.begin_session().message(frames::reconnect()),
            Phase::Ended => self.begin_session().shutdown(Shutdown::EndSession).close(1000),
            _ => &mut self,
        };
        assert_eq!(self.machine.phase(), phase);
        self.story.clear();
        self
    }

    /// A rig in a session of two dispatches, on a heartbeat of 40 s whose first heartbeat was acknowledged. The clock is
    /// at 0 and the story is empty.
    #[must_use]
    pub fn online(config: Config) -> Self {
        let mut rig = Self::new(config);
        rig.begin_session();
        rig
    }

    /// A rig whose session of two dispatches lost its connection, and that has sent its Resume. The story is empty.
    #[must_use]
    pub fn resuming(config: Config) -> Self {
        let mut rig = Self::online(config);
        rig.resume();
        rig
    }

    /// From the start to a session of two dispatches.
    fn begin_session(&mut self) -> &mut Self {
        self.start().open().message(frames::hello("40000")).message(frames::ack());
        self.message(frames::ready("5e551011", 1)).message(frames::message_create(2));
        assert_eq!(self.machine.phase(), Phase::Active);
        self.story.clear();
        self
    }

    /// Loses the connection of a session, and sends a Resume on the next.
    fn resume(&mut self) -> &mut Self {
        self.lose().next();
        self.open().message(frames::hello("40000"));
        assert_eq!(self.machine.phase(), Phase::Resuming);
        self.story.clear();
        self
    }
}

impl<D: Dialect> Rig<D> {
    /// A rig of any dialect.
    #[must_use]
    pub fn of(dialect: D, config: Config) -> Self {
        Self::seeded(dialect, config, Seed(7))
    }

    /// A rig of any dialect and any seed.
    #[must_use]
    pub fn seeded(dialect: D, config: Config, seed: Seed) -> Self {
        let machine = GatewayMachine::new(dialect, config, seed).unwrap();
        Self {
            machine,
            story: Story::default(),
            now: Timestamp::ZERO,
            sends: Vec::new(),
            dispatches: Vec::new(),
            events: Vec::new(),
            scratch: None,
            connection: None,
            writes: Held::No,
            identifies: Held::No,
            acks: Held::Yes,
        }
    }

    /// From now on the test answers writes, by [`sent`](Self::sent).
    pub fn hold_writes(&mut self) -> &mut Self {
        self.writes = Held::Yes;
        self
    }

    /// From now on the rig answers writes at once again.
    pub fn free_writes(&mut self) -> &mut Self {
        self.writes = Held::No;
        self
    }

    /// From now on the rig acknowledges every heartbeat at once.
    pub fn ack_beats(&mut self) -> &mut Self {
        self.acks = Held::No;
        self
    }

    /// From now on the test answers permit requests.
    pub fn hold_identify(&mut self) -> &mut Self {
        self.identifies = Held::Yes;
        self
    }

    /// Gives an input now, and carries out the actions: writes and permit requests are answered at once.
    pub fn give(&mut self, input: Input) -> &mut Self {
        self.story.input(self.now, &input);
        let mut inputs = VecDeque::from([input]);
        while let Some(input) = inputs.pop_front() {
            let actions = match &mut self.scratch {
                Some(scratch) => self.machine.handle_with(self.now, input, scratch),
                None => self.machine.handle(self.now, input),
            };
            for action in actions {
                if let Action::Event(event) = &action {
                    self.events.push((self.now, event.clone()));
                }
                match &action {
                    Action::Connect { connection, .. } => self.connection = Some(*connection),
                    Action::Send { connection, message } => {
                        self.sends.push((self.now, message.clone()));
                        if self.writes == Held::No {
                            inputs.push_back(Input::Sent(*connection));
                        }
                        if self.acks == Held::No && told_frame(message).starts_with("heartbeat") {
                            inputs.push_back(Input::Message(*connection, frames::ack()));
                        }
                    }
                    Action::Event(Event::Dispatch(dispatch) | Event::Ready(dispatch) | Event::Resumed(dispatch)) => {
                        self.dispatches.push(dispatch.clone());
                    }
                    Action::RequestIdentify { connection } if self.identifies == Held::No => {
                        inputs.push_back(Input::IdentifyGranted(*connection));
                    }
                    _ => {}
                }
                if !matches!(action, Action::Wait { .. }) {
                    self.story.action(self.now, &action);
                }
            }
        }
        self
    }

    /// `Start`.
    pub fn start(&mut self) -> &mut Self {
        self.give(Input::Start)
    }

    /// The connection's socket is open.
    pub fn open(&mut self) -> &mut Self {
        self.give(Input::Opened(self.connection()))
    }

    /// The connection's socket could not be opened.
    pub fn refuse(&mut self, failure: ConnectFailure) -> &mut Self {
        self.give(Input::ConnectFailed(self.connection(), failure))
    }

    /// A message came.
    pub fn message(&mut self, message: Message) -> &mut Self {
        self.give(Input::Message(self.connection(), message))
    }

    /// The socket took the outstanding write.
    pub fn sent(&mut self) -> &mut Self {
        self.give(Input::Sent(self.connection()))
    }

    /// The connection was lost without a close frame.
    pub fn lose(&mut self) -> &mut Self {
        self.give(Input::Closed(self.connection(), CloseReason::Eof))
    }

    /// The peer closed with this code.
    pub fn close(&mut self, code: u16) -> &mut Self {
        let frame = CloseFrame { code: Some(CloseCode(code)), reason: String::new() };
        self.give(Input::Closed(self.connection(), CloseReason::Frame(frame)))
    }

    /// A tick now.
    pub fn tick(&mut self) -> &mut Self {
        self.give(Input::Tick)
    }

    /// Lets time pass without a tick.
    pub fn pass(&mut self, span: Duration) -> &mut Self {
        self.now = self.now + span;
        self
    }

    /// Lets time pass, and gives a tick at each deadline in it.
    pub fn advance(&mut self, span: Duration) -> &mut Self {
        let end = self.now + span;
        while let Some(deadline) = self.machine.deadline().filter(|deadline| *deadline <= end) {
            self.now = self.now.max(deadline);
            self.tick();
        }
        self.now = end;
        self
    }

    /// Jumps to the next deadline and gives a tick there.
    #[allow(clippy::should_implement_trait, reason = "a rig is no iterator, and a story reads best so")]
    pub fn next(&mut self) -> &mut Self {
        self.now = self.now.max(self.machine.deadline().unwrap());
        self.tick()
    }

    /// Sends a command, and ticks.
    pub fn send(&mut self, command: D::Command) -> Result<CommandId, SendError> {
        let id = self.machine.send(self.now, command)?;
        self.tick();
        Ok(id)
    }

    /// Asks for another connection, and ticks.
    pub fn reconnect(&mut self, cause: Cause) -> &mut Self {
        self.machine.reconnect(self.now, cause);
        self.tick()
    }

    /// Shuts down, and ticks.
    pub fn shutdown(&mut self, shutdown: Shutdown) -> &mut Self {
        self.machine.shutdown(self.now, shutdown);
        self.tick()
    }

    /// Compares the story with `expected` (see [`Story::assert_kinds`]) and forgets it.
    #[track_caller]
    pub fn assert_kinds(&mut self, expected: &str) -> &mut Self {
        self.story.assert_kinds(expected);
        self.story.clear();
        self
    }

    /// Compares all that the machine did with `expected` (see [`Story::assert`]) and forgets the story.
    #[track_caller]
    pub fn assert(&mut self, expected: &str) -> &mut Self {
        self.story.assert(expected);
        self.story.clear();
        self
    }

    /// The current connection's id, or the last one's.
    #[must_use]
    pub fn connection(&self) -> ConnectionId {
        self.connection.expect("a machine that connected")
    }
}
