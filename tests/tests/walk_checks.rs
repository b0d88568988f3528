//! Each check of the random walk can fail: a forged run breaks it and no other check.

use core::time::Duration;
use portcullis::dialect::Plan;
use portcullis::dialect::discord::Discord;
use portcullis::machine::{Action, Cause, CommandId, ConnectLimits, EndReason, Event, Input, Outcome, Phase, Timer};
use portcullis::{CloseCode, CloseReason, ConnectionId, GatewayMachine, Message, Timestamp};
use portcullis_tests::walk::check::{Checker, Violation};
use portcullis_tests::{frames, rig};

const ONE: ConnectionId = ConnectionId(1);

/// A run that a machine never made.
struct Forged {
    checker: Checker,
    now: Timestamp,
    last: Result<(), Violation>,
}

impl Forged {
    fn started() -> Self {
        let mut forged = Self { checker: Checker::default(), now: Timestamp::ZERO, last: Ok(()) };
        forged.call(Input::Start, vec![connect(ONE)]);
        forged
    }

    fn greeted() -> Self {
        let mut forged = Self::started();
        forged.call(Input::Opened(ONE), vec![]);
        forged.call(Input::Message(ONE, frames::hello("41250")), vec![]);
        forged
    }

    /// One call, with a correct `Wait` behind its actions.
    fn call(&mut self, input: Input, mut actions: Vec<Action>) {
        actions.push(Action::Wait { until: self.now + Duration::from_secs(1), timer: Timer::Heartbeat });
        self.bare(input, Phase::Active, &actions);
    }

    fn bare(&mut self, input: Input, phase: Phase, actions: &[Action]) {
        self.last = self.last.and_then(|()| self.checker.after(self.now, &input, phase, actions));
    }

    #[track_caller]
    fn breaks(&self, violation: Violation) {
        assert_eq!(self.last, Err(violation));
    }
}

fn connect(connection: ConnectionId) -> Action {
    use portcullis::dialect::Dialect as _;
    let limits = ConnectLimits { message: 1 };
    Action::Connect { connection, url: rig::discord().base_url().clone(), limits }
}

fn send(frame: &'static str) -> Action {
    Action::Send { connection: ONE, message: frames::text(frame) }
}

fn close() -> Action {
    Action::Close { connection: ONE, code: CloseCode(4000), reason: "" }
}

/// Events of a real machine, because only a machine can make one.
fn dispatches(messages: Vec<Message>) -> Vec<Action> {
    let mut machine: GatewayMachine<Discord> =
        GatewayMachine::new(rig::discord(), rig::config(), portcullis::Seed(1)).unwrap();
    let mut inputs = vec![Input::Start, Input::Opened(ONE), Input::Message(ONE, frames::hello("41250"))];
    inputs.extend([Input::Sent(ONE), Input::IdentifyGranted(ONE), Input::Sent(ONE)]);
    inputs.extend(messages.into_iter().map(|message| Input::Message(ONE, message)));
    let actions = inputs.into_iter().flat_map(|input| machine.handle(Timestamp::ZERO, input).collect::<Vec<_>>());
    actions.filter(|action| matches!(action, Action::Event(Event::Ready(_) | Event::Dispatch(_)))).collect()
}

#[test]
fn a_lawful_run_breaks_nothing() {
    let mut forged = Forged::greeted();
    forged.call(Input::Tick, vec![Action::RequestIdentify { connection: ONE }]);
    forged.call(Input::IdentifyGranted(ONE), vec![send(r#"{"op":2}"#)]);
    forged.call(Input::Sent(ONE), dispatches(vec![frames::ready("5e55", 1), frames::message_create(2)]));
    assert_eq!(forged.last, Ok(()));
}

#[test]
fn a_wait_that_is_missing_or_not_last_is_seen() {
    let mut missing = Forged::started();
    missing.bare(Input::Tick, Phase::Connecting, &[]);
    missing.breaks(Violation::Wait);

    let mut first = Forged::started();
    let wait = Action::Wait { until: Timestamp::MAX, timer: Timer::Connect };
    first.bare(Input::Opened(ONE), Phase::AwaitingHello, &[wait, close()]);
    first.breaks(Violation::Wait);
}

#[test]
fn a_wait_that_is_not_after_now_is_seen() {
    let mut forged = Forged::started();
    let wait = Action::Wait { until: Timestamp::ZERO, timer: Timer::Connect };
    forged.bare(Input::Tick, Phase::Connecting, &[wait]);
    forged.breaks(Violation::Spin);
}

#[test]
fn an_action_of_a_dead_link_is_seen() {
    let mut forged = Forged::greeted();
    forged.call(Input::Closed(ONE, CloseReason::Eof), vec![send(r#"{"op":1}"#)]);
    forged.breaks(Violation::DeadLink);
}

#[test]
fn a_second_send_is_seen() {
    let mut forged = Forged::greeted();
    forged.call(Input::Tick, vec![send(r#"{"op":1}"#), send(r#"{"op":1}"#)]);
    forged.breaks(Violation::TwoSends);
}

#[test]
fn a_close_under_a_send_and_a_second_close_are_seen() {
    let mut under = Forged::greeted();
    under.call(Input::Tick, vec![send(r#"{"op":1}"#), close()]);
    under.breaks(Violation::Close);

    let mut twice = Forged::greeted();
    twice.call(Input::Tick, vec![close(), close()]);
    twice.breaks(Violation::Close);
}

#[test]
fn a_send_before_hello_or_after_close_is_seen() {
    let mut before = Forged::started();
    before.call(Input::Opened(ONE), vec![send(r#"{"op":1}"#)]);
    before.breaks(Violation::SentOutside);

    let mut after = Forged::greeted();
    after.call(Input::Tick, vec![close(), send(r#"{"op":1}"#)]);
    after.breaks(Violation::SentOutside);
}

#[test]
fn a_turn_that_is_taken_kept_or_returned_twice_is_seen() {
    let ask = || Action::RequestIdentify { connection: ONE };
    let give_back = || Action::ReleaseIdentify { connection: ONE };

    let mut ungranted = Forged::greeted();
    ungranted.call(Input::Tick, vec![ask(), send(r#"{"op":2}"#)]);
    ungranted.breaks(Violation::Turn);

    let mut kept = Forged::greeted();
    kept.call(Input::Tick, vec![ask()]);
    kept.call(Input::Closed(ONE, CloseReason::Eof), vec![Action::Event(reconnecting())]);
    kept.call(Input::Tick, vec![connect(ConnectionId(2))]);
    kept.breaks(Violation::Turn);

    let mut twice = Forged::greeted();
    twice.call(Input::Tick, vec![ask(), give_back(), give_back()]);
    twice.breaks(Violation::Turn);
}

#[test]
fn a_second_outcome_and_a_missing_one_are_seen() {
    let outcome = || Action::Event(Event::Command(CommandId(0), Outcome::Sent));
    let mut twice = Forged::greeted();
    twice.checker.accepted(CommandId(0));
    twice.call(Input::Tick, vec![outcome(), outcome()]);
    twice.breaks(Violation::Outcome);

    let mut missing = Forged::greeted();
    missing.checker.accepted(CommandId(0));
    missing.bare(Input::Tick, Phase::Ended, &[Action::Event(Event::Ended(EndReason::Shutdown))]);
    missing.breaks(Violation::NoOutcome);
}

#[test]
fn an_action_after_the_end_is_seen() {
    let ended = || Action::Event(Event::Ended(EndReason::Shutdown));
    let mut forged = Forged::greeted();
    forged.bare(Input::Tick, Phase::Ended, &[ended(), ended()]);
    forged.breaks(Violation::AfterEnd);
}

#[test]
fn a_dispatch_out_of_order_is_seen() {
    let mut forged = Forged::greeted();
    let mut events = dispatches(vec![frames::ready("5e55", 1), frames::message_create(2), frames::message_create(3)]);
    events.swap(1, 2);
    forged.call(Input::Tick, events);
    forged.breaks(Violation::Order);
}

#[test]
fn a_presence_beyond_its_limit_is_seen() {
    let mut forged = Forged::greeted();
    for _ in 0..6 {
        forged.now = forged.now + Duration::from_millis(3999);
        forged.call(Input::Tick, vec![send(r#"{"op":3}"#)]);
        forged.call(Input::Sent(ONE), vec![]);
    }
    forged.breaks(Violation::Pace);
}

#[test]
fn a_frame_beyond_the_limit_is_seen() {
    let mut forged = Forged::greeted();
    for _ in 0..121 {
        forged.now = forged.now + Duration::from_millis(400);
        forged.call(Input::Tick, vec![send(r#"{"op":1}"#)]);
        forged.call(Input::Sent(ONE), vec![]);
    }
    forged.breaks(Violation::Pace);
}

#[test]
fn an_identify_with_a_session_in_hand_is_seen() {
    let mut forged = Forged::greeted();
    forged.call(Input::Tick, dispatches(vec![frames::ready("5e55", 1)]));
    forged.call(Input::Tick, vec![send(r#"{"op":2}"#)]);
    forged.breaks(Violation::Identify);
}

#[test]
fn a_flood_of_actions_is_seen() {
    let mut forged = Forged::greeted();
    forged.call(Input::Tick, (0..10).map(|_| Action::Event(Event::OutboxDrained)).collect());
    forged.breaks(Violation::TooMany);
}

#[test]
fn a_connect_without_a_wait_before_it_is_seen() {
    let mut forged = Forged::greeted();
    forged.call(Input::Closed(ONE, CloseReason::Eof), vec![connect(ConnectionId(2))]);
    forged.breaks(Violation::Calm);
}

fn reconnecting() -> Event {
    Event::Reconnecting { after: Duration::ZERO, plan: Plan::Identify, cause: Cause::ConnectionLost }
}
