//! The toy dialect connects, loses its connection and reconnects: the machine depends on nothing of Discord's.

// Tools of tests fail by panicking: that is what they are for.
#![allow(clippy::expect_used)]

use core::time::Duration;
use portcullis::dialect::{Dialect, RawCommand, Recovery};
use portcullis::machine::{Config, Input, Phase, ResumeFrom, SendError, Session, Shutdown};
use portcullis::token::Token;
use portcullis::{CloseCode, Message};
use portcullis_tests::rig::config;
use portcullis_tests::toy::{Sessions, Toy, ToyCommand};
use portcullis_tests::{Rig, frames, seconds};
use std::sync::Arc;

const HOUR: Duration = Duration::from_secs(3600);

fn frame(event: &str, data: &str) -> Message {
    frames::text(format!(r#"{{"event":"{event}","data":{data}}}"#))
}

/// An event at which the session stands at `cursor`.
fn event(name: &str, cursor: &str) -> Message {
    frames::text(format!(r#"{{"cursor":"{cursor}","data":{{}},"event":"{name}"}}"#))
}

fn welcome() -> Message {
    frame("welcome", r#"{"silent_after":30}"#)
}

fn logged_in(session: &str) -> Message {
    let data = format!(r#"{{"session":"{session}","resume_at":"wss://eu.toy.example/r"}}"#);
    frames::text(format!(r#"{{"event":"logged_in","data":{data},"cursor":"c0"}}"#))
}

fn token(text: &str, lifetime: Duration) -> Input {
    Input::Token(Token::new(text).expect("a token"), lifetime)
}

/// A toy that is logged in as session `s1` with token `t1`, valid for an hour. The clock is at 0, the story empty.
fn online(config: Config) -> Rig<Toy> {
    online_as(Toy::new(Sessions::Kept), config)
}

fn online_as<D: Dialect>(dialect: D, config: Config) -> Rig<D> {
    let mut rig = Rig::of(dialect, config);
    rig.start().give(token("t1", HOUR)).open().message(welcome()).message(logged_in("s1"));
    assert_eq!(rig.machine.phase(), Phase::Active);
    rig.story.clear();
    rig
}

/// Loses the connection, and continues up to the next connection's Hello.
fn come_back<D: Dialect>(rig: &mut Rig<D>) -> &mut Rig<D> {
    rig.lose().next().open().message(welcome())
}

#[test]
fn it_asks_for_a_token_connects_and_gets_events() {
    let mut rig = Rig::of(Toy::new(Sessions::Kept), config());
    rig.start().give(token("t1", HOUR)).open().message(welcome()).message(logged_in("s1")).message(event("news", "c1"));
    rig.assert_kinds(
        "t+0.000 < start
         t+0.000 > ask token: First
         t+0.000 < token for 3600 s
         t+0.000 * connecting 1, identify
         t+0.000 > connect 1 wss://toy.example/?toy=1
         t+0.000 < opened 1
         t+0.000 < welcome 30
         t+0.000 > ask identify
         t+0.000 > login t1
         t+0.000 < logged_in s1
         t+0.000 * ready null
         t+0.000 < news
         t+0.000 * news null",
    );
}

#[test]
fn a_lost_link_is_resumed_at_the_last_cursor() {
    let mut rig = online(config());
    rig.message(event("news", "c1")).message(frame("typing", "{}"));
    come_back(&mut rig).message(event("news", "c2")).message(frame("relogged_in", "{}")).message(event("news", "c3"));
    rig.assert_kinds(
        "t+0.000 * news null
         t+0.000 * typing null
         t+0.000 * closed 1: end of stream
         t+0.779 * connecting 2, resume
         t+0.779 > connect 2 wss://eu.toy.example/r?toy=1
         t+0.779 > relogin t1 s1 c1
         t+0.779 * news null, replayed
         t+0.779 * resumed null
         t+0.779 * news null",
    );
    come_back(&mut rig);
    assert_eq!(rig.story.of_kind('>').last(), Some(&"relogin t1 s1 c3"));
    assert_eq!(rig.machine.health().counts.gaps, 0, "without sequences nothing can be missing");
}

#[test]
fn a_gateway_that_moves_is_given_the_time_it_asks_for_and_a_random_part_on_top() {
    let mut rig = online(config());
    rig.message(frame("moved", r#"{"after_ms":90500}"#)).close(3000).next();
    rig.assert_kinds(
        "t+0.000 > close 3000
         t+0.000 ~ reconnect in 91.279 s, resume: reconnect_requested
         t+91.279 > connect 2 wss://eu.toy.example/r?toy=1",
    );
}

#[test]
fn a_logged_out_session_is_resumed_or_begun_anew_as_it_says() {
    let mut rig = online(config());
    rig.message(frame("logged_out", r#"{"again":true}"#)).close(3000).next().open().message(welcome());
    rig.assert_kinds(
        "t+0.000 > close 3000
         t+0.000 ~ reconnect in 3 s, resume: invalid_session_resumable
         t+3.000 > connect 2 wss://eu.toy.example/r?toy=1
         t+3.000 > relogin t1 s1 c0",
    );
    rig.message(frame("logged_out", r#"{"again":false}"#)).close(1000).next().open().message(welcome());
    rig.assert_kinds(
        "t+3.000 > close 1000
         t+3.000 ~ reconnect in 3 s, identify: invalid_session_lost
         t+6.000 > connect 3 wss://toy.example/?toy=1
         t+6.000 > ask identify
         t+6.000 > login t1",
    );
}

#[test]
fn the_gateway_s_silence_is_found_by_a_dry_tick_only() {
    let mut rig = online(config());
    rig.pass(seconds(29)).tick().assert_kinds("t+29.000 < tick");
    rig.pass(seconds(2)).give(Input::TickUnread).tick().assert_kinds(
        "t+31.000 < tick unread
         t+31.000 < tick",
    );
    rig.pass(seconds(1)).tick().assert_kinds(
        "t+32.000 ! faulted: silent for 30 s
         t+32.000 > close 3000",
    );
}

#[test]
fn any_frame_breaks_the_silence() {
    let mut rig = online(config());
    for _ in 0..10 {
        rig.advance(seconds(29)).message(frame("typing", "{}"));
        rig.advance(seconds(29)).message(frame("beat", "null"));
    }
    assert_eq!(rig.machine.phase(), Phase::Active);
    rig.story.clear();
    rig.advance(seconds(30));
    rig.assert_kinds("t+610.000 ! faulted: silent for 30 s");
}

#[test]
fn beats_are_answered_one_behind_the_other_and_not_without_end() {
    let mut rig = online(config());
    rig.message(frame("beat", "null")).assert_kinds("t+0.000 > beat_ack");
    rig.hold_writes();
    for _ in 0..9 {
        rig.message(frame("beat", "null"));
    }
    rig.sent().sent().sent();
    rig.assert_kinds(
        "t+0.000 > beat_ack
         t+0.000 > beat_ack
         t+0.000 > beat_ack",
    );
    assert_eq!(rig.machine.health().counts.beats_refused, 6);
}

#[test]
fn what_stands_is_sent_again_on_a_new_session_and_not_on_a_resumed_one() {
    let mut rig = online(config());
    for command in [
        ToyCommand::Subscribe("cats"),
        ToyCommand::Subscribe("news"),
        ToyCommand::Subscribe("dogs"),
        ToyCommand::Unsubscribe("cats"),
        ToyCommand::Say("hello".into()),
    ] {
        rig.send(command).expect("room");
    }
    rig.story.clear();
    come_back(&mut rig).message(frame("relogged_in", "{}"));
    assert_eq!(rig.story.of_kind('>')[1..], ["relogin t1 s1 c0"]);

    rig.story.clear();
    rig.close(3003).next().open().message(welcome()).message(logged_in("s2"));
    let sent = ["ask identify", "login t1", "subscribe news", "subscribe dogs"];
    assert_eq!(rig.story.of_kind('>')[1..], sent);
}

#[test]
fn what_stands_and_still_waits_goes_out_once() {
    let mut rig = Rig::of(Toy::new(Sessions::Kept), config());
    rig.send(ToyCommand::Subscribe("cats")).expect("room");
    rig.send(ToyCommand::Subscribe("news")).expect("room");
    rig.send(ToyCommand::Subscribe("cats")).expect("room");
    rig.assert_kinds("t+0.000 * command 0 returned: superseded");
    rig.start().give(token("t1", HOUR)).open().message(welcome()).message(logged_in("s1"));
    assert_eq!(rig.story.of_kind('>')[4..], ["subscribe news", "subscribe cats"]);
}

#[test]
fn what_makes_no_sense_on_another_session_comes_back() {
    let mut rig = online(config());
    rig.lose();
    for command in [ToyCommand::Unsubscribe("cats"), ToyCommand::Say("hello".into())] {
        rig.send(command).expect("room");
    }
    rig.story.clear();
    rig.next().open().message(welcome()).message(frame("logged_out", r#"{"again":false}"#));
    rig.close(1000).next().open().message(welcome()).message(logged_in("s2"));
    let events = rig.story.of_kind('*');
    assert!(events.contains(&"command 0 returned: session lost") && events.contains(&"command 1 sent"), "{events:?}");
    assert_eq!(rig.story.of_kind('>').last(), Some(&"say hello"));
}

#[test]
fn a_command_that_is_being_written_when_its_session_is_lost_does_not_go_out_on_the_next() {
    // given: a command that may be sent twice, but makes no sense on another session, in the write
    let mut rig = online(config());
    rig.hold_writes().send(ToyCommand::Ask("the time")).expect("room");
    rig.story.clear();

    // when: the session is lost with the connection
    rig.close(3003).next();

    // then: bytes of it may have left, and it is over
    let events = rig.story.of_kind('*');
    assert!(events.contains(&"command 0 unknown"), "{events:?}");
}

#[test]
fn a_gateway_without_a_send_limit_takes_all_at_once_but_no_frame_too_long() {
    let mut rig = online(config());
    for _ in 0..1000 {
        rig.send(ToyCommand::Say("hello".into())).expect("room");
    }
    assert_eq!(rig.story.of_kind('>').len(), 1000);
    let long = ToyCommand::Say("a".repeat(230));
    assert_eq!(rig.send(long), Err(SendError::TooLong { len: 264, max: Toy::PAYLOAD_MAX }));
}

#[test]
fn no_link_is_opened_before_there_is_a_token() {
    let mut rig = Rig::of(Toy::new(Sessions::Kept), config());
    rig.start().give(Input::TokenDenied(Some(seconds(5)))).next().next().give(token("t1", HOUR));
    rig.assert_kinds(
        "t+0.000 > ask token: First
         t+5.000 > ask token: First
         t+65.000 > ask token: First
         t+65.000 > connect 1 wss://toy.example/?toy=1",
    );
}

#[test]
fn a_token_that_is_never_given_ends_the_machine() {
    let mut rig = Rig::of(Toy::new(Sessions::Kept), config());
    rig.start()
        .give(Input::TokenDenied(None))
        .assert_kinds("t+0.000 * ended: no token was given; check the credentials that tokens are made from");
    assert_eq!((rig.machine.phase(), rig.machine.deadline()), (Phase::Ended, None));
}

#[test]
fn a_token_that_has_run_out_is_renewed_before_the_next_link() {
    let mut rig = online(config());
    for _ in 0..130 {
        rig.advance(seconds(28)).message(frame("beat", "null"));
    }
    rig.story.clear();
    rig.lose().next().give(token("t2", HOUR)).open().message(welcome());
    let sent = ["ask token: Expiring", "connect 2 wss://eu.toy.example/r?toy=1", "relogin t2 s1 c0"];
    assert_eq!(rig.story.of_kind('>'), sent);
}

#[test]
fn a_token_that_is_about_to_run_out_is_renewed_without_harm_to_the_link() {
    let mut rig = online(config());
    rig.message(frame("token_expiring", "null")).give(token("t2", HOUR)).assert_kinds("t+0.000 > ask token: Expiring");
    come_back(&mut rig);
    assert_eq!(rig.story.of_kind('>')[1..], ["relogin t2 s1 c0"]);
}

#[test]
fn a_token_that_was_refused_is_not_used_again_and_the_session_is_kept() {
    let mut rig = online(config());
    rig.close(3002).next().give(token("t2", HOUR)).open().message(welcome());
    assert_eq!(
        rig.story.of_kind('>'),
        ["ask token: Refused", "connect 2 wss://eu.toy.example/r?toy=1", "relogin t2 s1 c0"]
    );
}

#[test]
fn close_codes_mean_what_this_dialect_s_table_says() {
    let mut unknown = online(config());
    unknown.close(4004);
    assert!(unknown.story.of_kind('~')[0].contains(", resume: "), "it ends Discord's sessions, not the toy's");

    let mut busy = online(config());
    busy.close(3001).assert_kinds("t+0.000 ~ reconnect in 20.779 s, resume: closed 3001");

    let mut banned = online(config());
    banned.close(3004).assert_kinds(
        "t+0.000 * closed 1: close 3004
         t+0.000 * ended: the gateway closed with 3004 (banned); ask the toymaker",
    );

    let recoveries = vec![(CloseCode(3004), Recovery::RESUME)];
    let mut pardoned = online(Config { recoveries, ..config() });
    pardoned.close(3004);
    assert_eq!(pardoned.machine.phase(), Phase::Backoff);
}

#[test]
fn a_gateway_without_sessions_is_told_who_we_are_each_time() {
    let mut rig = online_as(Toy::new(Sessions::None), config());
    rig.send(ToyCommand::Subscribe("news")).expect("room");
    rig.message(event("news", "c1"));
    rig.story.clear();
    come_back(&mut rig).message(logged_in("s2"));
    rig.assert_kinds(
        "t+0.000 * session lost: connection_lost
         t+0.000 * closed 1: end of stream
         t+0.779 * connecting 2, identify
         t+0.779 > connect 2 wss://toy.example/?toy=1
         t+0.779 > ask identify
         t+0.779 > login t1
         t+0.779 * ready null
         t+0.779 > subscribe news",
    );
    rig.shutdown(Shutdown::KeepSession).close(3000);
    assert_eq!(rig.machine.session(), None);
}

#[test]
fn a_session_goes_on_in_another_process_at_its_cursor() {
    let mut rig = online(config());
    rig.message(event("news", "c1")).shutdown(Shutdown::KeepSession).close(3000);
    let stored = serde_json::to_string(&rig.machine.session()).expect("a session can be stored");

    let session: Option<Session> = serde_json::from_str(&stored).expect("and read again");
    let resume_from = session.map(|session| ResumeFrom { session, age: Some(seconds(5)) });
    let mut rig = Rig::of(Toy::new(Sessions::Kept), Config { resume_from, ..config() });
    rig.start().give(token("t2", HOUR)).open().message(welcome());
    let sent = ["ask token: First", "connect 1 wss://eu.toy.example/r?toy=1", "relogin t2 s1 c1"];
    assert_eq!(rig.story.of_kind('>'), sent);
}

#[test]
fn a_boxed_and_a_shared_dialect_live_the_same_life_with_raw_commands() {
    fn live<D: Dialect>(mut rig: Rig<D>, command: D::Command, story: &str) {
        rig.send(command).expect("room");
        come_back(&mut rig).message(frame("beat", "null")).message(frame("relogged_in", "{}")).assert_kinds(story);
    }
    let raw = || RawCommand::new(&serde_json::json!({ "event": "say", "data": { "text": "raw" } })).expect("an object");
    let story = "t+0.000 > say raw
         t+0.000 * command 0 sent
         t+0.000 * closed 1: end of stream
         t+0.779 * connecting 2, resume
         t+0.779 > connect 2 wss://eu.toy.example/r?toy=1
         t+0.779 > relogin t1 s1 c0
         t+0.779 > beat_ack
         t+0.779 * resumed null";
    let boxed: Box<dyn Dialect> = Box::new(Toy::new(Sessions::Kept));
    let shared: Arc<dyn Dialect> = Arc::new(Toy::new(Sessions::Kept));
    live(online_as(boxed, config()), raw(), story);
    live(online_as(Arc::clone(&shared), config()), raw(), story);
    live(online_as(shared, config()), raw(), story);
}
