//! 38: mutations of the code that no test noticed; one test each.

use core::time::Duration;
use portcullis::machine::{
    Config, ConnectFailure, ConnectPolicy, HeartbeatPolicy, Input, Limits, OutOfBounds, Phase, ResumePolicy, SendError,
    Timeouts,
};
use portcullis::{Message, Timestamp};
use portcullis_tests::rig::{config, prompt};
use portcullis_tests::toy::{Sessions, Toy, ToyCommand};
use portcullis_tests::{Rig, frames, millis, seconds};

/// The longest duration below `span`.
fn just_below(span: Duration) -> Duration {
    span.saturating_sub(Duration::from_nanos(1))
}

fn faults(rig: &Rig) -> usize {
    rig.story.of_kind('!').len()
}

#[test]
fn found_38_as_many_commands_stand_as_may_and_no_more() {
    let limits = Limits { standing: 2, ..Limits::default() };
    let mut rig = Rig::of(Toy::new(Sessions::Kept), Config { limits, ..config() });
    let refused = Err(SendError::TooManyStanding { limit: 2 });
    rig.send(ToyCommand::Subscribe("cats")).unwrap();
    rig.send(ToyCommand::Subscribe("news")).unwrap();
    assert_eq!(rig.send(ToyCommand::Subscribe("dogs")), refused);
    assert_eq!(SendError::TooManyStanding { limit: 2 }.to_string(), "2 commands stand already; take one back first");

    // Another command with a standing key takes no place, and the refused one changed nothing.
    rig.send(ToyCommand::Subscribe("news")).unwrap();
    assert_eq!((rig.send(ToyCommand::Subscribe("dogs")), rig.machine.room()), (refused, 254));

    // A standing command that is taken back makes room.
    rig.send(ToyCommand::Unsubscribe("cats")).unwrap();
    rig.send(ToyCommand::Subscribe("dogs")).unwrap();
}

#[test]
fn found_38_where_nothing_may_stand_nothing_stands() {
    let limits = Limits { standing: 0, ..Limits::default() };
    let mut rig = Rig::of(Toy::new(Sessions::Kept), Config { limits, ..config() });
    assert_eq!(rig.send(ToyCommand::Subscribe("cats")), Err(SendError::TooManyStanding { limit: 0 }));
    rig.send(ToyCommand::Say("hello".into())).unwrap();
}

#[test]
fn found_38_a_session_is_given_up_at_just_as_many_unreachable_connects_as_the_config_says() {
    for unreachable in [1, 2, 3, 10] {
        let resume = ResumePolicy { unreachable, ..ResumePolicy::default() };
        let mut rig = Rig::online(Config { resume, ..config() });
        rig.lose();
        let mut failed = 0;
        while rig.machine.session().is_some() {
            rig.next().refuse(ConnectFailure::Refused);
            failed += 1;
        }
        assert_eq!(failed, unreachable);
    }
}

#[test]
fn found_38_a_session_is_given_up_at_just_as_many_refused_resumes_as_the_config_says() {
    for tries in [1, 2, 5] {
        let resume = ResumePolicy { tries, ..ResumePolicy::default() };
        let mut rig = Rig::resuming(Config { resume, ..prompt() });
        let mut refused = 0;
        loop {
            rig.lose();
            refused += 1;
            if rig.machine.session().is_none() {
                break;
            }
            rig.next().open().message(frames::hello("40000"));
        }
        assert_eq!(refused, tries);
    }
}

#[test]
fn found_38_codes_that_the_table_does_not_know_are_counted() {
    let mut rig = Rig::online(prompt());
    for (code, unknown) in [(4000, 0), (4998, 1), (1001, 1), (4999, 2)] {
        rig.close(code).next().open().message(frames::hello("40000")).message(frames::resumed(3));
        assert_eq!(rig.machine.health().counts.unknown_codes, unknown, "{code}");
    }
    rig.lose();
    assert_eq!(rig.machine.health().counts.unknown_codes, 2, "an end without a code has no unknown one");
}

#[test]
fn found_38_a_tick_an_interval_late_is_late_and_one_later_still_is_a_stall() {
    for (late, told) in [(seconds(40), 1), (seconds(40) + Duration::from_nanos(1), 0)] {
        // given: a heartbeat at 40 s that is unanswered, and the next due at 80 s
        let mut rig = Rig::online(config());
        rig.advance(seconds(40)).pass(seconds(40));

        // when: the tick comes so late; then: only a stall forgives
        rig.pass(late).tick();
        assert_eq!(faults(&rig), told, "{late:?}");
    }
}

#[test]
fn found_38_a_sleep_of_an_interval_is_borne_and_a_longer_one_is_not() {
    for (slept, phase) in [(seconds(40), Phase::Active), (seconds(40) + Duration::from_nanos(1), Phase::Backoff)] {
        let mut rig = Rig::online(config());
        rig.give(Input::Suspended(slept));
        assert_eq!(rig.machine.phase(), phase, "{slept:?}");
    }
}

#[test]
fn found_38_intervals_at_their_bounds_are_within_them() {
    for out_of_bounds in [OutOfBounds::Clamp, OutOfBounds::Refuse] {
        let policy = HeartbeatPolicy { out_of_bounds, ..config().heartbeat };
        for interval in ["1000", "600000"] {
            let mut rig = Rig::new(Config { heartbeat: policy, ..config() });
            rig.start().open().message(frames::hello(interval));
            assert_eq!((faults(&rig), rig.machine.phase()), (0, Phase::Identifying), "{interval}");
        }
    }
}

#[test]
fn found_38_each_deadline_holds_to_the_nanosecond() {
    let Timeouts { connect, hello, ready, resumed, close, .. } = Timeouts::default();
    let phases = [
        (Phase::Connecting, connect),
        (Phase::AwaitingHello, hello),
        (Phase::Identifying, ready),
        (Phase::Resuming, resumed),
        (Phase::Closing, close),
    ];
    for (phase, limit) in phases {
        let mut rig = Rig::in_phase(phase, prompt());
        if phase == Phase::Resuming {
            rig.message(frames::ack());
        }
        rig.ack_beats();
        let begin = rig.now;
        rig.advance(just_below(limit)).tick();
        assert_eq!(rig.machine.phase(), phase);
        rig.now = begin + limit;
        rig.tick();
        assert_ne!(rig.machine.phase(), phase);
    }
}

#[test]
fn found_38_a_write_is_given_up_at_its_deadline_and_not_before() {
    let mut rig = Rig::online(config());
    rig.hold_writes().advance(seconds(40));
    rig.pass(just_below(Timeouts::default().write)).tick();
    assert_eq!(rig.machine.phase(), Phase::Active);
    rig.now = Timestamp::ZERO + seconds(40) + Timeouts::default().write;
    rig.tick();
    assert_eq!(rig.machine.phase(), Phase::Backoff);
}

#[test]
fn found_38_a_link_must_have_lived_for_all_of_stable_to_be_forgiven() {
    for (lived, attempts) in [(just_below(seconds(60)), 2), (seconds(60), 1)] {
        let mut rig = Rig::online(prompt());
        rig.ack_beats().lose().next().open().message(frames::hello("40000")).message(frames::resumed(3));
        let since = rig.now;
        rig.advance(lived);
        rig.now = since + lived;
        rig.lose();
        assert_eq!(rig.machine.health().attempts, attempts, "{lived:?}");
    }
}

#[test]
fn found_38_a_message_of_the_limit_is_read_and_one_a_byte_longer_is_not() {
    let frame = frames::message_create(3);
    let len = frame.bytes().len();
    for (message, phase) in [(len, Phase::Active), (len - 1, Phase::Closing)] {
        let limits = Limits { message, ..Limits::default() };
        let mut rig = Rig::new(Config { limits, ..prompt() });
        // The entries before it are gone.
        rig.start().open().message(frames::hello("40000"));
        rig.message(frames::dispatch("READY", 1, r#"{"session_id":"5"}"#));
        rig.message(Message::clone(&frame));
        assert_eq!(rig.machine.phase(), phase, "{message}");
    }
}

#[test]
fn found_38_a_retry_after_of_just_the_longest_is_believed_whole() {
    let connect = ConnectPolicy { retry_after_max: seconds(90), ..ConnectPolicy::default() };
    for (asked, waited) in [(89_999, 89_999), (90_000, 90_000), (90_001, 90_000)] {
        let mut rig = Rig::new(Config { connect, ..prompt() });
        rig.start().refuse(ConnectFailure::Http { status: 429, retry_after: Some(millis(asked)) });
        let until = rig.machine.deadline().unwrap() - rig.now;
        assert!((millis(waited)..millis(waited + 1)).contains(&until), "{until:?}");
    }
}
