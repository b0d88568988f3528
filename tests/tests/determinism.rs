//! Invariant 11: the same config, seed and calls give the same actions, byte for byte.

#![allow(clippy::unwrap_used)]

use core::time::Duration;
use portcullis::dialect::discord::{Command, Presence, Status, UpdateVoiceState};
use portcullis::machine::{Action, Cause, Config, ConnectFailure, Shutdown};
use portcullis::{CloseCode, CloseFrame, CloseReason, ConnectionId, GatewayMachine, Input, Message, Seed, Timestamp};
use portcullis_fake::{FakeConfig, Target};
use portcullis_tests::rig::discord;
use portcullis_tests::{World, frames, millis, seconds};

/// A machine and all its actions, as values and as text.
struct Run {
    machine: GatewayMachine,
    now: Timestamp,
    connection: ConnectionId,
    actions: Vec<Action>,
    texts: Vec<String>,
    bytes: Vec<Vec<u8>>,
}

impl Run {
    fn new(seed: u64) -> Self {
        let machine = GatewayMachine::new(discord(), Config::default(), Seed(seed)).unwrap();
        let (now, connection) = (Timestamp::ZERO, ConnectionId(0));
        Self { machine, now, connection, actions: Vec::new(), texts: Vec::new(), bytes: Vec::new() }
    }

    fn give(&mut self, input: Input) {
        let actions: Vec<Action> = self.machine.handle(self.now, input).collect();
        for action in actions {
            match &action {
                Action::Connect { connection, .. } => self.connection = *connection,
                Action::Send { message, .. } => self.bytes.push(message.bytes().to_vec()),
                _ => {}
            }
            self.texts.push(format!("{action:?}"));
            self.actions.push(action);
        }
        self.texts.push(format!("{:?} {:?}", self.machine, self.machine.timers()));
    }

    fn message(&mut self, message: Message) {
        self.give(Input::Message(self.connection, message));
        self.give(Input::Sent(self.connection));
    }

    fn advance(&mut self, span: Duration) {
        self.now = self.now + span;
        self.give(Input::Tick);
    }

    fn next(&mut self) {
        self.now = self.now.max(self.machine.deadline().unwrap());
        self.give(Input::Tick);
    }

    fn open(&mut self) {
        self.give(Input::Opened(self.connection));
        self.message(frames::hello("41250"));
    }

    /// A run with every kind of randomness: first heartbeats, backoffs, waits after an Invalid Session.
    fn live(seed: u64) -> Self {
        let mut run = Self::new(seed);
        run.give(Input::Start);
        for _ in 0..5 {
            run.give(Input::ConnectFailed(run.connection, ConnectFailure::Refused));
            run.next();
        }
        run.open();
        run.give(Input::IdentifyDenied(run.connection, seconds(5)));
        run.advance(seconds(5));
        run.give(Input::IdentifyGranted(run.connection));
        run.give(Input::Sent(run.connection));
        run.message(frames::ready("5e551011", 1));
        let _ = run.machine.send(run.now, Command::UpdatePresence(Presence::new(Status::Idle))).unwrap();
        let _ = run.machine.send(run.now, Command::UpdateVoiceState(UpdateVoiceState::leave(1))).unwrap();
        run.advance(millis(1));
        run.message(frames::invalid_session("true"));
        run.give(Input::Closed(
            run.connection,
            CloseReason::Frame(CloseFrame { code: Some(CloseCode(4000)), ..Default::default() }),
        ));
        run.next();
        run.open();
        run.message(frames::invalid_session("false"));
        run.give(Input::Closed(run.connection, CloseReason::Eof));
        run.next();
        run.open();
        run.machine.reconnect(run.now, Cause::Requested);
        run.advance(millis(1));
        run.give(Input::Closed(run.connection, CloseReason::Reset));
        run.next();
        run.machine.shutdown(run.now, Shutdown::KeepSession);
        run.next();
        run
    }
}

#[test]
fn invariant_11_the_same_calls_twice_give_the_same_actions_and_the_same_text() {
    let (one, two) = (Run::live(7), Run::live(7));
    assert!(one.actions.len() > 50, "{:?}", one.texts);
    assert_eq!(one.actions, two.actions);
    assert_eq!(one.bytes, two.bytes);
    assert_eq!(one.texts, two.texts);
    assert_eq!(format!("{:?}", one.machine.health()), format!("{:?}", two.machine.health()));
    assert!(one.machine.explain().eq(two.machine.explain()));
}

#[test]
fn invariant_11_another_seed_changes_when_and_never_what() {
    // given: two runs of the same calls under two seeds
    let (one, two) = (Run::live(7), Run::live(8));

    // then: the times differ, and the actions do not
    assert_ne!(one.texts, two.texts);
    let deeds = |run: &Run| -> Vec<String> {
        let deeds = run.actions.iter().filter(|action| !matches!(action, Action::Wait { .. }));
        deeds.map(|deed| format!("{deed:?}")).filter(|deed| !deed.contains("Reconnecting")).collect()
    };
    assert_eq!(deeds(&one), deeds(&two));
    assert_eq!(one.bytes, two.bytes);
}

#[test]
fn invariant_11_actions_left_untaken_change_nothing_but_when_they_are_taken() {
    // given: the same calls; one machine's actions are taken after each call, the other's all together
    let mut at_once = GatewayMachine::new(discord(), Config::default(), Seed(7)).unwrap();
    let mut late = GatewayMachine::new(discord(), Config::default(), Seed(7)).unwrap();
    let (now, connection) = (Timestamp::ZERO, ConnectionId(1));
    let inputs = || {
        let greeting = [Input::Start, Input::Opened(connection), Input::Message(connection, frames::hello("40000"))];
        let identify = [Input::IdentifyGranted(connection), Input::Sent(connection)];
        let events = [frames::ready("5e551011", 1), frames::message_create(2), frames::message_create(3)];
        greeting.into_iter().chain(identify).chain(events.map(|event| Input::Message(connection, event)))
    };

    // when: they are given
    let mut taken = Vec::new();
    for input in inputs() {
        taken.extend(at_once.handle(now, input).filter(|action| !matches!(action, Action::Wait { .. })));
    }
    for input in inputs() {
        let _untaken = late.handle(now, input);
    }

    // then: the actions are the same
    assert_eq!(late.actions().collect::<Vec<_>>(), taken);
    assert_eq!(late.deadline(), at_once.deadline());
}

#[test]
fn invariant_11_two_worlds_of_one_seed_tell_the_same_story() {
    let story = |seed| {
        let mut world = World::new(Config::default(), FakeConfig::default(), Seed(seed));
        world.start();
        world.until_online();
        for _ in 0..5 {
            world.advance(seconds(100));
            world.cut();
            world.serve(|gateway, now| gateway.dispatch(now, Target::All, "MESSAGE_CREATE", "{}"));
            world.until_online();
        }
        world.story.text()
    };
    assert_eq!(story(3), story(3));
    assert_ne!(story(3), story(4));
}
