//! Invariants by their numbers: those that no other file tests.

#![allow(clippy::unwrap_used)]

use core::time::Duration;
use portcullis::machine::{Action, Backoff, Cause, ConnectFailure, Limits, Phase, Shutdown};
use portcullis::token::Token;
use portcullis::{CloseCode, CloseFrame, CloseReason, Config, ConnectionId, Event, Input, Seed, Sequence, Timestamp};
use portcullis_fake::{FakeConfig, Fault, Rebuff, Span, Target};
use portcullis_tests::rig::{config, prompt};
use portcullis_tests::{Rig, World, frames, millis, seconds};

/// Every kind of input, for this connection.
fn inputs(connection: ConnectionId) -> Vec<Input> {
    let closed = |code| CloseReason::Frame(CloseFrame { code: Some(CloseCode(code)), reason: String::new() });
    let messages = [
        frames::hello("40000"),
        frames::hello("0"),
        frames::hello("\"\""),
        frames::ready("2", 1),
        frames::ready("5e551011", 9),
        frames::resumed(9),
        frames::message_create(9),
        frames::message_create(u64::MAX),
        frames::heartbeat_request(),
        frames::ack(),
        frames::reconnect(),
        frames::invalid_session("true"),
        frames::invalid_session("false"),
        frames::text("garbage"),
        frames::text("{\"op\":99}"),
    ];
    let mut inputs = vec![
        Input::Start,
        Input::Opened(connection),
        Input::ConnectFailed(connection, ConnectFailure::Refused),
        Input::Sent(connection),
        Input::Closed(connection, CloseReason::Eof),
        Input::Closed(connection, closed(1000)),
        Input::Closed(connection, closed(4004)),
        Input::Closed(connection, closed(4009)),
        Input::IdentifyGranted(connection),
        Input::IdentifyDenied(connection, Duration::ZERO),
        Input::IdentifyDenied(connection, Duration::MAX),
        Input::BudgetExhausted(connection, Duration::MAX),
        Input::Token(Token::new("another").unwrap(), Duration::ZERO),
        Input::TokenDenied(Some(Duration::ZERO)),
        Input::TokenDenied(None),
        Input::Suspended(Duration::ZERO),
        Input::Suspended(Duration::MAX),
        Input::Tick,
        Input::TickUnread,
    ];
    inputs.extend(messages.map(|message| Input::Message(connection, message)));
    inputs
}

/// The connection that a rig in this phase is on.
const fn connection(phase: Phase) -> ConnectionId {
    ConnectionId(if matches!(phase, Phase::Resuming) { 2 } else { 1 })
}

#[test]
fn invariant_1_dispatches_come_out_once_each_in_order_over_many_resumes() {
    // given: a shard whose connection is cut ten times while events come
    let mut world = World::online(Seed(5), seconds(40));
    for _ in 0..10 {
        for _ in 0..20 {
            world.serve(|gateway, now| gateway.dispatch(now, Target::All, "MESSAGE_CREATE", "{}"));
            world.advance(millis(3));
        }
        world.cut();
        world.until_online();
    }
    world.advance(seconds(1));

    // then: every number of the session came once, in order, and no gap was seen
    let number = |event: &Event| match event {
        Event::Ready(dispatch) | Event::Resumed(dispatch) | Event::Dispatch(dispatch) => dispatch.sequence(),
        _ => None,
    };
    let numbers: Vec<u64> = world.events.iter().filter_map(number).map(|Sequence(number)| number).collect();
    assert!(numbers.len() > 200, "{}", numbers.len());
    assert_eq!(numbers, (1..=numbers.len() as u64).collect::<Vec<_>>());
    assert_eq!(world.client.health().counts.gaps, 0);
}

#[test]
fn invariant_6_every_phase_between_start_and_the_end_has_a_deadline() {
    for phase in Phase::ALL {
        let rig = Rig::in_phase(phase, prompt());
        let has_one = !matches!(phase, Phase::Idle | Phase::Ended);
        assert_eq!(rig.machine.deadline().is_some(), has_one, "{phase}");
        assert_eq!(rig.machine.timers().first().map(|(until, _)| *until), rig.machine.deadline(), "{phase}");
    }
}

#[test]
fn invariant_6_a_shard_that_nobody_answers_tries_again_from_every_phase() {
    // given: a network that drops everything, from each phase on
    for phase in Phase::ALL.into_iter().filter(|phase| !matches!(phase, Phase::Idle | Phase::Ended)) {
        let mut rig = Rig::in_phase(phase, prompt());
        let before = rig.connection();

        // when: five minutes of silence pass; then: it has connected again
        rig.advance(seconds(300));
        assert!(rig.connection() > before, "{phase}: {}", rig.story.text());
    }
}

#[test]
fn invariant_6_a_refused_resume_falls_back_from_resume_url_to_base_url_to_identify() {
    // given: a gateway that closes on every Resume without a code
    let mut world = World::new(prompt(), FakeConfig::default(), Seed(7));
    world.start();
    world.until_online();
    world.gateway.fault(Target::All, Fault::Resume(Rebuff::Close(None)), Span::UntilLifted);

    // when: the connection is lost
    world.story.clear();
    world.cut();
    world.until_online();

    // then: it resumed at the resume URL once, then at the base URL, and then identified
    let hosts: Vec<&str> = world.story.of_kind('>').into_iter().filter(|deed| !deed.contains("heartbeat")).collect();
    let base = "wss://gateway.discord.gg/?v=10&encoding=json";
    assert_eq!(hosts[..2], ["connect 2 wss://gateway-fake.discord.gg/?v=10&encoding=json", "resume s#3"]);
    assert_eq!(hosts[2..4], [format!("connect 3 {base}"), "resume s#3".into()]);
    assert_eq!(hosts.last(), Some(&"identify"));
    assert_eq!(world.story.of_kind('*').iter().filter(|event| event.starts_with("session lost")).count(), 1);
}

#[test]
fn invariant_8_untaken_events_are_bounded_and_the_machine_takes_no_more() {
    // given: a caller that never takes an action
    let limits = Limits { undrained: 10_000, ..Limits::default() };
    let mut rig = Rig::online(Config { limits, ..prompt() });
    let connection = rig.connection();

    // when: a gateway floods it, on this connection and on all that might follow
    for sequence in 3..10_000 {
        let now = rig.now + millis(sequence * 100);
        let _untaken = rig.machine.handle(now, Input::Message(connection, frames::message_create(sequence)));
        let _untaken = rig.machine.handle(now, Input::Tick);
    }

    // then: the memory of waiting actions is bounded
    let waiting = rig.machine.actions().count();
    assert!(waiting < 100, "{waiting}");
}

#[test]
fn invariant_8_event_names_are_counted_up_to_their_bound() {
    let limits = Limits { event_names: 10, ..Limits::default() };
    let mut rig = Rig::online(Config { limits, ..config() });
    for sequence in 3..1003 {
        rig.message(frames::dispatch(&format!("NAME_{sequence}"), sequence, "{}"));
    }
    let events = rig.machine.health().events;
    assert_eq!((events.iter().len(), events.others()), (10, 992));
}

#[test]
fn invariant_13_every_input_in_every_phase_gives_a_few_actions_and_a_wait_that_lies_ahead() {
    for phase in Phase::ALL {
        for (index, input) in inputs(connection(phase)).into_iter().enumerate() {
            for late in [Duration::ZERO, seconds(41), seconds(100_000)] {
                let mut rig = Rig::in_phase(phase, config());
                rig.pass(late);
                let what = format!("{phase}, input {index}: {input:?}, {late:?} late");
                let actions: Vec<Action> = rig.machine.handle(rig.now, input.clone()).collect();
                assert!(actions.len() <= 9, "{what}: {actions:?}");
                let waits = actions.iter().filter(|action| matches!(action, Action::Wait { .. })).count();
                match rig.machine.phase() {
                    Phase::Idle | Phase::Ended => assert_eq!(waits, 0, "{what}"),
                    _ => {
                        assert_eq!(waits, 1, "{what}: {actions:?}");
                        let Some(Action::Wait { until, .. }) = actions.last() else { panic!("{what}: {actions:?}") };
                        assert!(*until > rig.now, "{what}: {actions:?}");
                        assert_eq!(Some(*until), rig.machine.deadline(), "{what}");
                    }
                }
            }
        }
    }
}

#[test]
fn invariant_10_every_pair_of_inputs_in_every_phase_panics_nowhere() {
    for phase in Phase::ALL {
        for first in inputs(connection(phase)) {
            for second in inputs(connection(phase)) {
                let mut rig = Rig::in_phase(phase, config());
                rig.give(first.clone()).pass(seconds(40)).give(second.clone());
                rig.shutdown(Shutdown::KeepSession).reconnect(Cause::Requested);
            }
        }
    }
}

#[test]
fn invariant_10_a_clock_that_leaps_to_the_end_of_time_breaks_nothing() {
    for phase in Phase::ALL {
        for input in inputs(connection(phase)) {
            let mut rig = Rig::in_phase(phase, config());
            rig.now = Timestamp::MAX;
            let actions: Vec<Action> = rig.machine.handle(rig.now, input).collect();
            assert!(actions.len() <= 9, "{phase}: {actions:?}");
            rig.machine.shutdown(rig.now, Shutdown::EndSession);
            assert!(rig.machine.handle(rig.now, Input::Tick).count() <= 9, "{phase}");
        }
    }
}

#[test]
fn invariant_5_a_backoff_never_ends_a_shard_that_has_no_bound() {
    let mut rig = Rig::in_phase(Phase::Connecting, Config { backoff: Backoff::STANDARD, ..config() });
    for _ in 0..1000 {
        rig.refuse(ConnectFailure::Refused).next();
    }
    assert_eq!((rig.machine.phase(), rig.machine.health().attempts), (Phase::Connecting, 1000));
}
