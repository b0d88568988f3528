//! Scenarios 60 and 61, and invariant 10: frames that a gateway must not send, and how a machine handles them.

#![allow(clippy::unwrap_used)]

use portcullis::machine::{Limits, MalformedPolicy, Phase};
use portcullis::{Config, Event, Message, Sequence};
use portcullis_tests::rig::{config, prompt};
use portcullis_tests::{Rig, frames, seconds};
use serde_json::value::RawValue;

/// An invalid frame: garbage, or JSON of another shape.
const UNREADABLE: [(&[u8], &str); 14] = [
    (b"", "not valid json near byte 0"),
    (b"\0\x01\x02", "not valid json near byte 0"),
    (b"hello", "not valid json near byte 0"),
    (b"{", "not valid json near byte 0"),
    (b"{\"op\":0,\"d\":{\"a\":", "not valid json near byte 16"),
    (b"{\"op\":0,\"t\":\"X\",\"d\":1}}", "not valid json near byte 22"),
    (b"{\"op\":10,\"d\":\"\xff\"}", "not valid utf-8 at byte 14"),
    (b"null", "json, but not an object"),
    (b"[]", "json, but not an object"),
    (b"\"text\"", "json, but not an object"),
    (b"{}", "no opcode"),
    (b"{\"op\":-1,\"d\":null}", "no opcode"),
    (b"{\"op\":\"0\",\"d\":null}", "no opcode"),
    (b"{\"op\":1.5,\"d\":null}", "no opcode"),
];

#[test]
fn scenario_60_a_frame_that_cannot_be_read_is_reported_and_the_link_stays() {
    for (frame, why) in UNREADABLE {
        let mut rig = Rig::online(config());
        rig.message(frames::text(frame)).assert(&format!("t+0.000 ! faulted: malformed frame: {why}"));
        assert_eq!((rig.machine.phase(), rig.machine.health().counts.malformed), (Phase::Active, 1));
    }
}

#[test]
fn scenario_60_by_policy_a_frame_that_cannot_be_read_costs_the_link_and_keeps_the_session() {
    for (frame, why) in UNREADABLE {
        let mut rig = Rig::online(Config { malformed: MalformedPolicy::Reconnect, ..prompt() });
        rig.message(frames::text(frame)).close(4000);
        rig.assert(&format!(
            "t+0.000 ! faulted: malformed frame: {why}
             t+0.000 > close 4000
             t+0.000 * closed 1: close 4000
             t+0.000 ~ reconnect in 0 s, resume: malformed"
        ));
    }
}

/// A valid frame at the wrong time, and its effect in a session at sequence 2.
const STRANGE: [(&str, &str); 20] = [
    (r#"{"op":99,"d":null}"#, "* unknown op 99"),
    (r#"{"op":18446744073709551615}"#, "* unknown op 18446744073709551615"),
    (r#"{"t":null,"s":3,"op":0,"d":{}}"#, "* unknown op 0"),
    (r#"{"s":3,"op":0,"d":{}}"#, "* unknown op 0"),
    (r#"{"t":7,"s":3,"op":0,"d":{}}"#, "* unknown op 0"),
    (r#"{"t":"\ud83d","s":3,"op":0,"d":{}}"#, "* unknown op 0"),
    (r#"{"t":"TOMORROW","s":3,"op":0,"d":{}}"#, "* TOMORROW 3"),
    (r#"{"t":"X","s":3,"op":0,"d":{},"extra":[1,{"op":7}]}"#, "* X 3"),
    (r#"{"extra":{"op":7},"d":{"op":9},"op":0,"s":3,"t":"X"}"#, "* X 3"),
    (r#"{"t":"Y","t":"X","op":7,"op":0,"s":9,"s":3,"d":1,"d":{}}"#, "* X 3"),
    (r#"{"t":"X","s":3,"op":0}"#, "* X 3"),
    (r#"{"t":"X","s":3,"op":0,"d":null}"#, "* X 3"),
    (r#"{"t":"X","s":3,"op":0,"d":"\ud83d"}"#, "* X 3"),
    (r#"{"t":"X","s":"3","op":0,"d":{}}"#, "* X null"),
    (r#"{"t":"X","s":3.0,"op":0,"d":{}}"#, "* X null"),
    (r#"{"t":"X","s":-3,"op":0,"d":{}}"#, "* X null"),
    (r#"{"t":"X","s":null,"op":0,"d":{}}"#, "* X null"),
    (r#"{"t":"X","s":18446744073709551616,"op":0,"d":{}}"#, "* X null"),
    (r#"{"t":"","s":3,"op":0,"d":{}}"#, "*  3"),
    (r#"{"op":11}"#, ""),
];

#[test]
fn scenario_60_strange_frames_are_handed_on_and_the_link_stays() {
    for (frame, event) in STRANGE {
        let mut rig = Rig::online(config());
        rig.message(frames::text(frame));
        println!("{frame}");
        rig.assert(&if event.is_empty() { String::new() } else { format!("t+0.000 {event}") });
        assert_eq!((rig.machine.phase(), rig.machine.health().counts.malformed), (Phase::Active, 0), "{frame}");
        let counted = if frame.contains(":3,") || frame.contains(":3}") { 3 } else { 2 };
        assert_eq!(rig.machine.health().sequence, Some(Sequence(counted)), "{frame}");
    }
}

#[test]
fn scenario_60_a_megabyte_of_nesting_is_handed_on_wherever_it_stands() {
    let (open, close) = ("[".repeat(500_000), "]".repeat(500_000));
    for frame in [
        format!(r#"{{"t":"X","s":3,"op":0,"d":{open}{close}}}"#),
        format!(r#"{{"d":{open}{close},"op":0,"s":3,"t":"X"}}"#),
        format!(r#"{{"extra":{open}{close},"op":0,"s":3,"t":"X","d":{{}}}}"#),
    ] {
        let mut rig = Rig::online(config());
        rig.message(frames::text(frame)).assert("t+0.000 * X 3");
    }
}

#[test]
fn a_nested_hello_or_ready_is_a_fault_and_no_overflow_of_the_stack() {
    let deep = "[".repeat(500_000) + &"]".repeat(500_000);
    let mut rig = Rig::in_phase(Phase::AwaitingHello, prompt());
    rig.message(frames::hello(&deep)).close(4000);
    rig.assert(
        "t+0.000 ! faulted: malformed frame: field heartbeat_interval is missing or of another type
         t+0.000 > close 4000
         t+0.000 * closed 1: close 4000
         t+0.000 ~ reconnect in 0 s, identify: malformed",
    );
    let mut rig = Rig::in_phase(Phase::Identifying, prompt());
    rig.message(frames::dispatch("READY", 1, &deep)).close(4000);
    rig.assert(
        "t+0.000 ! faulted: malformed frame: field session_id is missing or of another type
         t+0.000 > close 4000
         t+0.000 * closed 1: close 4000
         t+0.000 ~ reconnect in 0 s, identify: malformed",
    );
}

#[derive(Debug, serde::Deserialize)]
struct Created {
    #[allow(dead_code, reason = "only its type counts")]
    id: String,
}

#[test]
fn scenario_61_an_event_whose_typed_parse_fails_is_handed_on_raw_and_the_sequence_advances() {
    // given: data of another shape, cut off, and not UTF-8
    for data in [&br#"{"id":7}"#[..], br#"{"id":"#, b"{\"id\":\"\xff\"}"] {
        let mut rig = Rig::online(config());
        let frame = [br#"{"t":"MESSAGE_CREATE","s":3,"op":0,"d":"#, data, b"}"].concat();
        let connection = rig.connection();
        let input = portcullis::Input::Message(connection, frames::text(frame));

        // when: it comes
        let actions: Vec<_> = rig.machine.handle(rig.now, input).collect();

        // then: the raw event comes out, decoding it fails, and nothing else happens
        let [portcullis::Action::Event(Event::Dispatch(dispatch)), portcullis::Action::Wait { .. }] = &actions[..]
        else {
            panic!("{actions:?}");
        };
        assert_eq!((dispatch.name(), dispatch.raw()), ("MESSAGE_CREATE", data));
        assert!(dispatch.decode::<Created>().is_err());
        assert_eq!(rig.machine.health().sequence, Some(Sequence(3)));
        assert_eq!(rig.machine.phase(), Phase::Active);
    }
}

#[test]
fn a_binary_message_is_read_as_the_text_it_holds() {
    let mut rig = Rig::online(config());
    rig.message(Message::Binary(frames::message_create(3).into_bytes())).assert("t+0.000 * MESSAGE_CREATE 3");
    rig.message(Message::Binary(vec![0x78, 0x9c, 0, 0xff].into()))
        .assert("t+0.000 ! faulted: malformed frame: not valid utf-8 at byte 1");
}

#[test]
fn an_interval_that_is_no_sane_number_is_clamped_or_costs_the_link_and_never_spins() {
    for (interval, told, beats_in) in [
        ("0", "0 s", 1),
        ("-1", "0 s", 1),
        ("-9223372036854775808", "0 s", 1),
        ("0.5", "0 s", 1),
        ("9007199254740992", "9007199254740.992 s", 600),
        ("1e300", "18446744073709551615.999 s", 600),
    ] {
        let mut rig = Rig::in_phase(Phase::AwaitingHello, prompt());
        rig.message(frames::hello(interval)).message(frames::ack());
        assert_eq!(rig.story.of_kind('!'), [format!("faulted: heartbeat interval of {told} asked for")]);
        assert_eq!(rig.machine.timers()[0].0 - rig.now, seconds(beats_in.min(60)), "{interval}");
    }
    let mut rig = Rig::in_phase(Phase::AwaitingHello, prompt());
    rig.message(frames::hello("41250.75"));
    assert_eq!(rig.story.of_kind('!'), [""; 0], "a fraction is lawful");
    for interval in ["\"41250\"", "null", "true", "[]", "1e400"] {
        let mut rig = Rig::in_phase(Phase::AwaitingHello, prompt());
        rig.message(frames::hello(interval)).close(4000);
        println!("{interval}");
        rig.assert(
            "t+0.000 ! faulted: malformed frame: field heartbeat_interval is missing or of another type
             t+0.000 > close 4000
             t+0.000 * closed 1: close 4000
             t+0.000 ~ reconnect in 0 s, identify: malformed",
        );
    }
}

#[test]
fn a_ready_without_a_session_id_costs_the_link_and_is_no_session() {
    for data in ["{}", r#"{"session_id":null}"#, r#"{"session_id":7}"#, r#"{"session_id":""}"#, "null", "[]"] {
        let mut rig = Rig::in_phase(Phase::Identifying, prompt());
        rig.message(frames::dispatch("READY", 1, data)).close(4000);
        println!("{data}");
        rig.assert(
            "t+0.000 ! faulted: malformed frame: field session_id is missing or of another type
             t+0.000 > close 4000
             t+0.000 * closed 1: close 4000
             t+0.000 ~ reconnect in 0 s, identify: malformed",
        );
        assert_eq!(rig.machine.session(), None);
    }
}

#[test]
fn frames_before_hello_send_nothing_and_the_hello_deadline_still_holds() {
    let mut rig = Rig::in_phase(Phase::AwaitingHello, prompt());
    rig.message(frames::ready("5e551011", 1)).message(frames::message_create(1)).message(frames::resumed(1));
    rig.message(frames::ack()).message(frames::heartbeat_request()).message(frames::text("{\"op\":99}"));
    rig.message(frames::text("garbage")).advance(seconds(15));
    rig.assert(
        "t+0.000 ! faulted: ready out of place
         t+0.000 ! faulted: dispatch out of place
         t+0.000 ! faulted: resumed out of place
         t+0.000 ! faulted: heartbeat out of place
         t+0.000 ! faulted: heartbeat out of place
         t+0.000 * unknown op 99
         t+0.000 ! faulted: malformed frame: not valid json near byte 0
         t+15.000 ! faulted: timed out: hello
         t+15.000 > abort
         t+15.000 ~ reconnect in 0 s, identify: timed_out_hello",
    );
}

#[test]
fn frames_after_our_close_are_dropped_and_come_again_with_the_resume() {
    let mut rig = Rig::in_phase(Phase::Closing, prompt());
    rig.message(frames::message_create(3)).message(frames::invalid_session("false")).message(frames::text("garbage"));
    rig.close(4000).next();
    rig.open().message(frames::hello("40000"));
    rig.assert(
        "t+0.000 * closed 1: close 4000
         t+0.000 ~ reconnect in 0 s, resume: reconnect_requested
         t+0.000 * connecting 2, resume
         t+0.000 > connect 2 wss://gateway-us-east1-b.discord.gg/?v=10&encoding=json
         t+0.000 > resume s#2
         t+0.000 > heartbeat 2",
    );
    assert_eq!(rig.machine.health().counts.stale, 3);
}

#[test]
fn a_message_above_the_limit_costs_the_link_and_keeps_the_session() {
    let mut rig = Rig::online(Config { limits: Limits { message: 300, ..Limits::default() }, ..prompt() });
    rig.message(frames::dispatch("X", 3, &format!("\"{}\"", "a".repeat(300)))).close(4000);
    rig.assert(
        "t+0.000 ! faulted: frame of 329 bytes, at most 300 are read
         t+0.000 > close 4000
         t+0.000 * closed 1: close 4000
         t+0.000 ~ reconnect in 0 s, resume: too_large",
    );
}

#[test]
fn found_23_the_data_alone_is_decoded_as_a_raw_value() {
    for (behind, raw) in [("", r#"{"a":[1]}"#), (r#","later":2"#, r#"{"a":[1]},"later":2"#)] {
        let mut rig = Rig::online(config());
        rig.message(frames::text(format!(r#"{{"t":"A","s":3,"op":0,"d":{{"a":[1]}}{behind}}}"#)));
        let dispatch = rig.dispatches.last().unwrap();
        assert_eq!((dispatch.name(), dispatch.text().unwrap()), ("A", raw));
        assert_eq!(dispatch.decode::<&RawValue>().unwrap().get(), r#"{"a":[1]}"#);
    }
}
