//! A session over several connections: what is resumed, from where, how often, and what ends it. Scenarios 18 to 20, 23 to
//! 27, 36 to 39, 83, 84, 88, 89 and 90.

use portcullis::dialect::discord::{Command, Presence, Status};
use portcullis::machine::{Cause, Config, Input, Life, Phase, Timeouts};
use portcullis::{CloseFrame, CloseReason};
use portcullis_tests::rig::config;
use portcullis_tests::{Rig, frames, seconds};

/// The next connection, up to its Hello.
fn relink(rig: &mut Rig) -> &mut Rig {
    rig.next().open().message(frames::hello("40000"))
}

/// A shard in a session whose Ready was `data`.
fn online_with(data: &str) -> Rig {
    let mut rig = Rig::new(config());
    rig.start().open().message(frames::hello("40000")).message(frames::ack());
    rig.message(frames::dispatch("READY", 1, data));
    assert_eq!(rig.machine.phase(), Phase::Active);
    rig.story.clear();
    rig
}

#[test]
fn scenario_18_a_lost_link_is_resumed_without_a_turn_to_identify() {
    let mut rig = Rig::online(config());
    for sequence in 3..=42 {
        rig.message(frames::message_create(sequence));
    }
    rig.story.clear();
    relink(rig.lose());
    rig.assert_kinds(
        "t+0.000 < closed 1: end of stream
         t+0.000 * closed 1: end of stream
         t+0.000 ~ reconnect in 0.779 s, resume: connection_lost
         t+0.779 < tick
         t+0.779 * connecting 2, resume
         t+0.779 > connect 2 wss://gateway-us-east1-b.discord.gg/?v=10&encoding=json
         t+0.779 < opened 2
         t+0.779 < hello 40000
         t+0.779 > resume s#42
         t+0.779 > heartbeat 42",
    );
}

#[test]
fn scenario_18_a_resume_names_token_session_and_sequence() {
    let mut rig = Rig::online(config());
    rig.lose().next().open();
    let hello = Input::Message(rig.connection(), frames::hello("40000"));
    let sent = rig.machine.handle(rig.now, hello).find_map(|action| match action {
        portcullis::machine::Action::Send { message, .. } => Some(message.into_bytes()),
        _ => None,
    });
    let token = portcullis_tests::rig::TOKEN;
    let expected = format!(r#"{{"op":6,"d":{{"token":"{token}","session_id":"5e551011","seq":2}}}}"#);
    assert_eq!(sent, Some(expected.into()));
}

#[test]
fn scenario_19_an_invalid_session_that_can_be_resumed_is_resumed_on_a_new_link_after_a_wait() {
    let mut rig = Rig::resuming(config());
    rig.message(frames::invalid_session("true")).close(4000);
    relink(&mut rig);
    rig.assert_kinds(
        "t+0.779 > close 4000
         t+0.779 * closed 2: close 4000
         t+0.779 ~ reconnect in 1.067 s, resume: invalid_session_resumable
         t+1.846 * connecting 3, resume
         t+1.846 > connect 3 wss://gateway.discord.gg/?v=10&encoding=json
         t+1.846 > resume s#2
         t+1.846 > heartbeat 2",
    );
}

#[test]
fn scenario_19_a_session_refused_five_times_is_given_up() {
    // given: a gateway that calls the session invalid but resumable, again and again
    let mut rig = Rig::resuming(config());
    let mut resumes = 1;

    // when: it does so until the shard tries no more
    loop {
        rig.story.clear();
        rig.message(frames::invalid_session("true")).close(4000);
        if rig.story.of_kind('*').contains(&"session lost: resumes_exhausted") {
            break;
        }
        relink(&mut rig);
        resumes += 1;
    }

    // then: five resumes went out, and an identify follows
    assert_eq!(resumes, 5);
    rig.story.clear();
    relink(&mut rig);
    assert_eq!(
        rig.story.of_kind('>'),
        ["connect 7 wss://gateway.discord.gg/?v=10&encoding=json", "ask identify", "heartbeat null", "identify"]
    );
}

#[test]
fn scenario_20_an_invalid_session_that_is_lost_takes_session_sequence_and_url_with_it() {
    let mut rig = Rig::resuming(config());
    rig.message(frames::invalid_session("false")).close(1000);
    relink(&mut rig);
    rig.assert_kinds(
        "t+0.779 * session lost: invalid_session_lost
         t+0.779 > close 1000
         t+0.779 * closed 2: close 1000
         t+0.779 ~ reconnect in 1.067 s, identify: invalid_session_lost
         t+1.846 * connecting 3, identify
         t+1.846 > connect 3 wss://gateway.discord.gg/?v=10&encoding=json
         t+1.846 > ask identify
         t+1.846 > heartbeat null
         t+1.846 > identify",
    );
    assert_eq!(rig.machine.session(), None);
}

#[test]
fn scenario_20_what_is_no_boolean_counts_as_a_lost_session() {
    for data in ["null", "0", "1", "\"true\"", "{}", "[true]"] {
        let mut rig = Rig::resuming(config());
        rig.message(frames::invalid_session(data));
        assert_eq!(rig.story.of_kind('*'), ["session lost: invalid_session_lost"], "{data}");
        assert_eq!(rig.story.of_kind('>'), ["close 1000"], "{data}");
    }
}

#[test]
fn scenario_23_a_reconnect_before_resumed_resumes_with_the_advanced_sequence() {
    let mut rig = Rig::resuming(config());
    rig.message(frames::message_create(3)).message(frames::message_create(4));
    rig.message(frames::reconnect()).close(4000);
    relink(&mut rig);
    rig.assert_kinds(
        "t+0.779 * MESSAGE_CREATE 3, replayed
         t+0.779 * MESSAGE_CREATE 4, replayed
         t+0.779 > close 4000
         t+0.779 * closed 2: close 4000
         t+0.779 ~ reconnect in 0.991 s, resume: reconnect_requested
         t+1.771 * connecting 3, resume
         t+1.771 > connect 3 wss://gateway-us-east1-b.discord.gg/?v=10&encoding=json
         t+1.771 > resume s#4
         t+1.771 > heartbeat 4",
    );
}

#[test]
fn scenario_24_the_next_resume_carries_the_last_replayed_sequence() {
    // given: a replay of 500 events that breaks off at the 200th
    let mut rig = Rig::resuming(config());
    for sequence in 3..=202 {
        rig.message(frames::message_create(sequence));
    }
    rig.lose().story.clear();

    // when: the next connection brings the rest
    relink(&mut rig);
    rig.assert_kinds(
        "t+1.771 > connect 3 wss://gateway.discord.gg/?v=10&encoding=json
         t+1.771 > resume s#202
         t+1.771 > heartbeat 202",
    );
    for sequence in 203..=502 {
        rig.message(frames::message_create(sequence));
    }
    rig.message(frames::resumed(503));

    // then: each came once
    let expected: Vec<_> = (203..=502).map(|sequence| format!("MESSAGE_CREATE {sequence}, replayed")).collect();
    let told = rig.story.of_kind('*');
    assert_eq!(told[..300], expected);
    assert_eq!(told[300..], ["resumed 503"]);
    assert_eq!((rig.machine.health().counts.duplicates, rig.machine.health().counts.gaps), (0, 0));
}

#[test]
fn scenario_24_a_replay_that_gets_on_is_never_given_up() {
    let mut rig = Rig::resuming(config());
    for sequence in 3..=40 {
        rig.message(frames::message_create(sequence)).lose();
        relink(&mut rig);
    }
    assert_eq!(rig.story.of_kind('>').last(), Some(&"heartbeat 40"));
    assert_eq!(rig.machine.health().counts.identifies, 1);
    assert!(!rig.story.text().contains("session lost"), "{}", rig.story.text());
}

#[test]
fn scenario_25_a_resume_without_an_answer_is_aborted_and_counted() {
    let timeouts = Timeouts { resumed: seconds(10), ..Timeouts::default() };
    let mut rig = Rig::resuming(Config { timeouts, ..config() });
    rig.message(frames::ack());
    for connection in 3..=6 {
        rig.advance(seconds(10));
        assert_eq!(rig.story.of_kind('!'), ["faulted: timed out: resumed"]);
        assert_eq!(rig.story.of_kind('>').last(), Some(&"abort"));
        rig.story.clear();
        relink(&mut rig).message(frames::ack());
        let url = "wss://gateway.discord.gg/?v=10&encoding=json";
        assert_eq!(rig.story.of_kind('>'), [&*format!("connect {connection} {url}"), "resume s#2", "heartbeat 2"]);
        rig.story.clear();
    }
    rig.advance(seconds(10));
    assert_eq!(rig.story.of_kind('*'), ["session lost: resumes_exhausted"]);
}

#[test]
fn scenario_26_a_replayed_dispatch_is_delivered_marked_and_a_sign_of_life() {
    // given: a shard that takes any frame as life, in a replay without acks
    let mut patient = config();
    patient.heartbeat.life = Life::AnyFrame;
    patient.timeouts.resumed = seconds(300);
    let mut rig = Rig::resuming(patient);

    // when: a dispatch comes in each interval
    for sequence in 3..=6 {
        rig.advance(seconds(30)).message(frames::message_create(sequence));
    }

    // then: the connection stays, and the heartbeats go on
    rig.assert_kinds(
        "t+30.779 * MESSAGE_CREATE 3, replayed
         t+40.779 > heartbeat 3
         t+60.779 * MESSAGE_CREATE 4, replayed
         t+80.779 > heartbeat 4
         t+90.779 * MESSAGE_CREATE 5, replayed
         t+120.779 > heartbeat 5
         t+120.779 * MESSAGE_CREATE 6, replayed",
    );
    rig.message(frames::resumed(7)).message(frames::message_create(8));
    rig.assert_kinds(
        "t+120.779 * resumed 7
         t+120.779 * MESSAGE_CREATE 8",
    );
}

#[test]
fn scenario_27_a_command_queued_without_a_link_is_sent_once_the_session_is_resumed() {
    let mut rig = Rig::online(config());
    rig.lose();
    rig.send(Command::UpdatePresence(Presence::new(Status::Idle))).unwrap();
    rig.story.clear();
    relink(&mut rig).message(frames::resumed(3));
    rig.assert_kinds(
        "t+0.779 * connecting 2, resume
         t+0.779 > connect 2 wss://gateway-us-east1-b.discord.gg/?v=10&encoding=json
         t+0.779 > resume s#2
         t+0.779 > heartbeat 2
         t+0.779 * resumed 3
         t+0.779 > presence idle
         t+0.779 * command 0 sent",
    );
}

#[test]
fn scenario_36_an_end_without_a_code_is_resumed() {
    let no_code = || CloseReason::Frame(CloseFrame { code: None, reason: String::new() });
    for reason in
        [no_code(), CloseReason::Eof, CloseReason::Reset, CloseReason::Tls, CloseReason::Protocol, CloseReason::Io]
    {
        let mut rig = Rig::online(config());
        rig.give(Input::Closed(rig.connection(), reason.clone())).next();
        rig.assert_kinds(&format!(
            "t+0.000 * closed 1: {reason}
             t+0.000 ~ reconnect in 0.779 s, resume: connection_lost
             t+0.779 * connecting 2, resume
             t+0.779 > connect 2 wss://gateway-us-east1-b.discord.gg/?v=10&encoding=json"
        ));
    }
}

#[test]
fn an_end_by_a_message_that_the_driver_finds_too_large_is_told_as_such() {
    let mut rig = Rig::online(config());
    rig.give(Input::Closed(rig.connection(), CloseReason::TooLarge { limit: 9 }));
    assert_eq!(rig.story.of_kind('~'), ["reconnect in 0.779 s, resume: too_large"]);
    assert_eq!(rig.machine.explain().last().unwrap().cause, Cause::TooLarge);
}

#[test]
fn scenario_37_a_gap_is_reported_and_what_came_before_is_dropped() {
    let mut rig = Rig::online(config());
    for sequence in (3..=41).chain([43, 43, 12, 44]) {
        rig.message(frames::message_create(sequence));
    }
    let told = rig.story.of_kind('*');
    assert_eq!(told[38..], ["MESSAGE_CREATE 41", "gap after 41, got 43", "MESSAGE_CREATE 43", "MESSAGE_CREATE 44"]);
    assert_eq!((rig.machine.health().counts.gaps, rig.machine.health().counts.duplicates), (1, 2));
    assert_eq!(rig.story.of_kind('>'), Vec::<&str>::new());
    rig.story.clear();
    relink(rig.lose());
    assert_eq!(rig.story.of_kind('>')[1..], ["resume s#44", "heartbeat 44"]);
}

#[test]
fn scenario_38_a_new_session_counts_from_its_own_ready() {
    let mut rig = Rig::online(config());
    rig.message(frames::message_create(40_000)).message(frames::invalid_session("false")).close(1000);
    relink(&mut rig).message(frames::ack()).message(frames::ready("0ther", 1)).story.clear();
    assert_eq!(rig.machine.health().sequence, Some(portcullis::Sequence(1)));
    rig.advance(seconds(40));
    assert_eq!(rig.story.of_kind('>'), ["heartbeat 1"]);
    assert_eq!(rig.story.of_kind('*'), Vec::<&str>::new());
}

#[test]
fn scenario_39_a_new_session_beats_null_until_its_first_dispatch() {
    let mut rig = Rig::online(config());
    rig.message(frames::invalid_session("false")).close(1000);
    relink(&mut rig).message(frames::ack()).story.clear();
    rig.advance(seconds(40)).message(frames::heartbeat_request());
    assert_eq!(rig.story.of_kind('>'), ["heartbeat null", "heartbeat null"]);
}

#[test]
fn scenario_83_a_payload_that_is_no_dispatch_never_moves_the_sequence() {
    for number in ["null", "7", "0", "\"9\""] {
        let mut rig = Rig::online(config());
        for frame in [r#""op":11,"d":null"#, r#""op":1,"d":null"#, r#""op":10,"d":{"heartbeat_interval":40000}"#] {
            rig.message(frames::text(format!(r#"{{"t":null,"s":{number},{frame}}}"#)));
        }
        assert_eq!(rig.machine.health().sequence, Some(portcullis::Sequence(2)), "{number}");
        rig.story.clear();
        relink(rig.lose());
        assert_eq!(rig.story.of_kind('>')[1..], ["resume s#2", "heartbeat 2"], "{number}");
    }
}

#[test]
fn scenario_84_without_a_resume_url_the_base_url_is_used() {
    for data in [
        r#"{"session_id":"5e551011"}"#,
        r#"{"session_id":"5e551011","resume_gateway_url":null}"#,
        r#"{"session_id":"5e551011","resume_gateway_url":"wss://evil.example"}"#,
        r#"{"session_id":"5e551011","resume_gateway_url":"no url"}"#,
    ] {
        let mut rig = online_with(data);
        relink(rig.lose());
        assert_eq!(
            rig.story.of_kind('>'),
            ["connect 2 wss://gateway.discord.gg/?v=10&encoding=json", "resume s#1", "heartbeat 1"],
            "{data}"
        );
    }
}

#[test]
fn a_resumed_session_keeps_the_resume_url_that_only_ready_gave() {
    let mut rig = Rig::online(config());
    for round in 0..3 {
        relink(rig.lose()).message(frames::resumed(3 + round));
    }
    let urls: Vec<_> = rig.story.of_kind('>').into_iter().filter(|line| line.starts_with("connect")).collect();
    assert_eq!(
        urls,
        [2, 3, 4]
            .map(|connection| format!("connect {connection} wss://gateway-us-east1-b.discord.gg/?v=10&encoding=json"))
    );
}

#[test]
fn scenario_89_resumed_alone_ends_a_resume_without_a_replay() {
    for resumed in [frames::resumed(2), frames::resumed(3), frames::text(r#"{"t":"RESUMED","s":null,"op":0,"d":{}}"#)] {
        let mut rig = Rig::resuming(config());
        rig.message(resumed);
        assert_eq!(rig.machine.phase(), Phase::Active);
        assert_eq!(rig.story.of_kind('*').len(), 1, "{}", rig.story.text());
        assert_eq!(rig.machine.health().counts.resumes, 1);
    }
}

#[test]
fn scenario_90_a_half_open_link_is_found_by_the_shorter_of_its_deadlines() {
    let shorter = (seconds(20), "t+20.779 ! faulted: timed out: resumed");
    let longer = (seconds(60), "t+40.779 ! faulted: heartbeat missed, waited 40 s");
    for (resumed, found) in [shorter, longer] {
        let timeouts = Timeouts { resumed, ..Timeouts::default() };
        let mut rig = Rig::resuming(Config { timeouts, ..config() });
        rig.advance(resumed.min(seconds(40)));
        rig.assert_kinds(found);
    }
}
