//! What each close code of the gateway leads to, by the public table, by a config's own rows, and when it crosses a
//! close of ours. Scenarios 21, 22, 32, 33, 34 and 35.

use portcullis::dialect::discord::{CLOSE_CODES, NO_CODE, UNKNOWN_CODE};
use portcullis::dialect::{Plan, Recovery, TokenFate};
use portcullis::machine::{Cause, Config, Input, Phase, Shutdown};
use portcullis::{CloseCode, CloseFrame, CloseReason, Seed};
use portcullis_fake::Target;
use portcullis_tests::rig::config;
use portcullis_tests::{Rig, World, frames, seconds};

/// The gateway's codes and what follows, copied from its page and not from the crate.
const TABLE: [(u16, Plan, u64, u32); 17] = [
    (1000, Plan::Resume, 0, 1),
    (1001, Plan::Resume, 0, u32::MAX),
    (4000, Plan::Resume, 0, u32::MAX),
    (4001, Plan::Resume, 0, u32::MAX),
    (4002, Plan::Resume, 0, u32::MAX),
    (4003, Plan::Identify, 0, 0),
    (4004, Plan::End, 0, 0),
    (4005, Plan::Resume, 0, u32::MAX),
    (4006, Plan::Identify, 0, 0),
    (4007, Plan::Identify, 0, 0),
    (4008, Plan::Resume, 5, u32::MAX),
    (4009, Plan::Identify, 0, 0),
    (4010, Plan::End, 0, 0),
    (4011, Plan::End, 0, 0),
    (4012, Plan::End, 0, 0),
    (4013, Plan::End, 0, 0),
    (4014, Plan::End, 0, 0),
];

/// The default config with rows of its own for close codes.
fn with_rows(rows: &[(u16, Recovery)]) -> Config {
    let recoveries = rows.iter().map(|(code, recovery)| (CloseCode(*code), *recovery)).collect();
    Config { recoveries, ..config() }
}

/// The story's line about the next connection: its plan, and why the last one ended.
fn next_plan(rig: &Rig) -> Vec<&str> {
    rig.story.of_kind('~').into_iter().map(|line| line.split_once(", ").unwrap().1).collect()
}

/// A shard with an open connection in this phase.
fn open_in(phase: Phase) -> Rig {
    let mut rig = match phase {
        Phase::Active => Rig::online(config()),
        Phase::Resuming => Rig::resuming(config()),
        _ => Rig::new(config()),
    };
    match phase {
        Phase::AwaitingHello => rig.start().open(),
        Phase::AwaitingIdentify => rig.hold_identify().start().open().message(frames::hello("40000")),
        Phase::Identifying => rig.start().open().message(frames::hello("40000")),
        _ => &mut rig,
    };
    assert_eq!(rig.machine.phase(), phase);
    rig
}

#[test]
fn the_public_table_is_the_gateway_s() {
    let rows: Vec<_> = CLOSE_CODES
        .iter()
        .map(|row| {
            let Recovery { plan, wait_min, wait_max, token, tries } = row.recovery;
            let grows = row.code == Some(CloseCode(4008));
            assert_eq!(wait_max, if grows { seconds(300) } else { seconds(0) }, "{row:?}");
            assert_eq!(token, TokenFate::Keep, "{row:?}");
            (row.code.unwrap().0, plan, wait_min.as_secs(), tries)
        })
        .collect();
    assert_eq!(rows, TABLE);
    for row in [NO_CODE, UNKNOWN_CODE] {
        assert_eq!((row.code, row.recovery), (None, Recovery::RESUME));
    }
}

#[test]
fn every_row_of_the_table_is_what_an_online_shard_does() {
    for (code, plan, wait, _) in TABLE {
        let mut rig = Rig::online(config());
        rig.close(code);
        match plan {
            Plan::End => assert_eq!(rig.machine.phase(), Phase::Ended, "{code}"),
            plan => {
                assert_eq!(next_plan(&rig), [format!("{plan}: closed {code}")]);
                let waited = rig.machine.deadline().unwrap() - rig.now;
                assert!((seconds(wait)..seconds(wait + 2)).contains(&waited), "{code} waits {waited:?}");
                rig.next().open().message(frames::hello("40000"));
                let handshake: &[&str] = match plan {
                    Plan::Resume => &["resume s#2", "heartbeat 2"],
                    _ => &["ask identify", "heartbeat null", "identify"],
                };
                assert_eq!(rig.story.of_kind('>')[1..], *handshake, "{code}");
            }
        }
        assert_eq!(rig.machine.session().is_some(), plan == Plan::Resume, "{code}");
    }
}

#[test]
fn every_code_that_is_not_final_brings_a_shard_online_again() {
    for (code, plan, ..) in TABLE.into_iter().filter(|(_, plan, ..)| *plan != Plan::End) {
        let mut world = World::online(Seed(7), seconds(40));
        // Two identifies of one shard must be five seconds apart.
        world.advance(seconds(5));
        world.serve(|gateway, now| gateway.close(now, Target::All, Some(CloseCode(code)), ""));
        world.advance(seconds(1));
        world.until_online();
        // The fake gateway ends a session that it closes with 1000, so it refuses the one try to resume.
        let resumes = u64::from(plan == Plan::Resume && code != 1000);
        let counts = world.client.health().counts;
        assert_eq!((counts.resumes, counts.identifies), (resumes, 2 - resumes), "{code}");
        assert_eq!(world.gateway.breaches().count(), 0, "{code}");
    }
}

#[test]
fn scenario_21_a_resume_that_is_closed_with_a_lost_session_is_followed_by_an_identify() {
    for code in [4006, 4007, 4009, 4003] {
        let mut rig = Rig::resuming(config());
        rig.close(code).next().open().message(frames::hello("40000"));
        rig.assert_kinds(&format!(
            "t+0.779 * session lost: closed {code}
             t+0.779 * closed 2: close {code}
             t+0.779 ~ reconnect in 0.991 s, identify: closed {code}
             t+1.771 * connecting 3, identify
             t+1.771 > connect 3 wss://gateway.discord.gg/?v=10&encoding=json
             t+1.771 > ask identify
             t+1.771 > heartbeat null
             t+1.771 > identify"
        ));
    }
}

#[test]
fn scenario_22_4009_begins_a_new_session_unless_a_try_is_chosen() {
    let mut rig = Rig::online(config());
    rig.close(4009);
    assert_eq!(next_plan(&rig), ["identify: closed 4009"]);

    let one_try = Recovery { tries: 1, ..Recovery::RESUME };
    let mut rig = Rig::online(with_rows(&[(4009, one_try)]));
    rig.close(4009).next().open().message(frames::hello("40000"));
    assert_eq!(rig.story.of_kind('>')[1..], ["resume s#2", "heartbeat 2"]);
    rig.story.clear();
    rig.close(4009);
    rig.assert_kinds(
        "t+0.779 * session lost: resumes_exhausted
         t+0.779 * closed 2: close 4009
         t+0.779 ~ reconnect in 0.991 s, identify: closed 4009",
    );
}

#[test]
fn scenario_32_after_1000_the_session_is_tried_once_and_after_1001_as_after_any_loss() {
    let tries = |code| {
        let mut rig = Rig::online(config());
        rig.close(code);
        let mut tries = 0;
        while rig.machine.session().is_some() {
            tries += 1;
            rig.next().open().message(frames::hello("40000")).lose();
        }
        tries
    };
    assert_eq!((tries(1000), tries(1001), tries(4000)), (1, 5, 5));
}

#[test]
fn scenario_33_a_final_code_ends_a_shard_once_from_every_phase() {
    for (code, ..) in TABLE.into_iter().filter(|(_, plan, ..)| *plan == Plan::End) {
        let row = CLOSE_CODES.iter().find(|row| row.code == Some(CloseCode(code))).unwrap();
        for phase in [Phase::AwaitingHello, Phase::AwaitingIdentify, Phase::Identifying, Phase::Resuming, Phase::Active]
        {
            // given: an open connection
            let mut rig = open_in(phase);
            let (at, connection) = (rig.now, rig.connection());
            let turn = if phase == Phase::AwaitingIdentify { format!("{at} > return identify") } else { String::new() };
            rig.story.clear();

            // when: it is closed for good, and the world goes on
            rig.close(code).open().message(frames::hello("40000")).lose().start().pass(seconds(86_400)).tick();

            // then: one end, with its reason and advice, and nothing after it
            rig.story.assert_kinds(&format!(
                "{at} * closed {}: close {code}
                 {turn}
                 {at} * ended: the gateway closed with {code} ({}); {}",
                connection.0, row.name, row.advice
            ));
            assert_eq!(rig.story.of_kind('~'), Vec::<&str>::new());
            assert_eq!(rig.story.of_kind('>').len(), usize::from(!turn.is_empty()));
            let machine = &rig.machine;
            assert_eq!((machine.phase(), machine.deadline(), machine.session()), (Phase::Ended, None, None));
        }
    }
}

#[test]
fn scenario_34_4001_is_resumed_and_4003_begins_a_new_session() {
    for (code, plan) in [(4001, "resume"), (4003, "identify")] {
        let mut rig = Rig::online(config());
        rig.close(code);
        assert_eq!(next_plan(&rig), [format!("{plan}: closed {code}")]);
    }
}

#[test]
fn scenario_35_an_unknown_code_is_resumed_and_told_as_it_came() {
    for code in [0, 999, 1005, 1006, 1011, 1012, 1015, 3050, 4015, 4016, 4200, 4900, 4999, 5000, u16::MAX] {
        let mut rig = Rig::online(config());
        rig.close(code).assert_kinds(&format!(
            "t+0.000 * closed 1: close {code}
             t+0.000 ~ reconnect in 0.779 s, resume: closed {code}"
        ));
        let last = rig.machine.explain().last().map(|transition| transition.cause);
        assert_eq!(last, Some(Cause::Closed(CloseCode(code))));
    }
}

#[test]
fn a_close_reason_is_told_with_its_code() {
    let mut rig = Rig::online(config());
    let frame = CloseFrame { code: Some(CloseCode(1001)), reason: "CloudFlare WebSocket proxy restarting".into() };
    rig.give(Input::Closed(rig.connection(), CloseReason::Frame(frame)));
    assert_eq!(rig.story.of_kind('*'), ["closed 1: close 1001 \"CloudFlare WebSocket proxy restarting\""]);
}

#[test]
fn a_row_of_the_config_takes_the_place_of_the_table_s_and_the_last_of_a_code_holds() {
    let rows = [(4004, Recovery::END), (4004, Recovery::RESUME), (4009, Recovery::RESUME), (4009, Recovery::IDENTIFY)];
    for (code, plan) in [(4004, "resume"), (4009, "identify"), (4000, "resume")] {
        let mut rig = Rig::online(with_rows(&rows));
        rig.close(code);
        assert_eq!(next_plan(&rig), [format!("{plan}: closed {code}")]);
    }
}

#[test]
fn a_row_of_the_config_can_end_a_shard_and_has_no_advice_to_give() {
    let mut rig = Rig::online(with_rows(&[(4000, Recovery::END), (4998, Recovery::END)]));
    rig.close(4000);
    assert_eq!(rig.story.of_kind('*')[1..], ["ended: the gateway closed with 4000 (unknown error)"]);
    let mut rig = Rig::online(with_rows(&[(4998, Recovery::END)]));
    rig.close(4998);
    assert_eq!(rig.story.of_kind('*')[1..], ["ended: the gateway closed with 4998 (unknown code)"]);
    assert_eq!(rig.machine.end_reason().and_then(portcullis::machine::EndReason::advice), None);
}

#[test]
fn a_row_of_the_config_says_how_long_to_wait_and_how_often_to_try() {
    let twice_later = Recovery { tries: 2, wait_min: seconds(7), ..Recovery::RESUME };
    let mut rig = Rig::online(with_rows(&[(4008, twice_later)]));
    rig.close(4008);
    for _ in 0..2 {
        let waited = rig.machine.deadline().unwrap() - rig.now;
        assert!((seconds(7)..seconds(9)).contains(&waited), "{waited:?}");
        rig.next().open().message(frames::hello("40000")).close(4008);
    }
    assert_eq!(next_plan(&rig).last(), Some(&"identify: closed 4008"));
}

#[test]
fn a_code_that_crosses_our_close_still_counts() {
    for (code, told) in [
        (4000, "~ reconnect in 0.779 s, resume: reconnect_requested"),
        (1000, "~ reconnect in 0.779 s, resume: reconnect_requested"),
        (4001, "~ reconnect in 0.779 s, resume: reconnect_requested"),
        (4008, "~ reconnect in 5.779 s, resume: reconnect_requested"),
        (4009, "~ reconnect in 0.779 s, identify: reconnect_requested"),
        (3050, "~ reconnect in 0.779 s, resume: reconnect_requested"),
    ] {
        let mut rig = Rig::online(config());
        rig.message(frames::reconnect()).close(code);
        rig.assert_kinds(&format!("t+0.000 {told}"));
    }
    let mut rig = Rig::online(config());
    rig.message(frames::reconnect()).close(4004);
    assert_eq!((rig.machine.phase(), rig.story.of_kind('~').len()), (Phase::Ended, 0));
}

#[test]
fn a_code_that_crosses_our_last_close_does_not_undo_the_end() {
    for code in [4000, 4009, 4004, 1000] {
        let mut rig = Rig::online(config());
        rig.shutdown(Shutdown::KeepSession).close(code);
        rig.assert_kinds(&format!(
            "t+0.000 * closed 1: close {code}
             t+0.000 * ended: shut down"
        ));
    }
}

#[test]
fn a_close_of_ours_that_nobody_answers_ends_after_its_deadline() {
    let mut rig = Rig::online(config());
    rig.message(frames::reconnect()).advance(seconds(5));
    rig.assert_kinds(
        "t+0.000 > close 4000
         t+5.000 > abort
         t+5.000 ~ reconnect in 0.779 s, resume: reconnect_requested",
    );
}
