//! The event filter: filtered events are counted, advance the session, and are a sign of life.

#![allow(clippy::unwrap_used)]

use portcullis::dialect::discord::{Discord, Intents};
use portcullis::dialect::{Dialect, ShardId};
use portcullis::machine::{
    Action, Config, ConfigError, Event, EventFilter, HeartbeatPolicy, Input, Life, Phase, ResumeFrom, Session, Shutdown,
};
use portcullis::{GatewayMachine, Message, Seed, Sequence};
use portcullis_tests::rig::{TOKEN, config, prompt};
use portcullis_tests::toy::{Sessions, Toy};
use portcullis_tests::{Rig, frames, seconds};

fn only(names: &[&str]) -> Config {
    Config { events: EventFilter::only(names.iter().copied()), ..prompt() }
}

fn typing(sequence: u64) -> Message {
    frames::dispatch("TYPING_START", sequence, r#"{"user_id":"1"}"#)
}

#[test]
fn only_what_is_named_comes_and_the_rest_is_counted() {
    let mut rig = Rig::online(only(&["MESSAGE_CREATE"]));
    rig.message(typing(3)).message(frames::message_create(4)).message(typing(5));
    rig.assert("t+0.000 * MESSAGE_CREATE 4");
    let health = rig.machine.health();
    assert_eq!((health.counts.filtered, health.counts.gaps, health.sequence), (2, 0, Some(Sequence(5))));
    assert_eq!((health.events.of("TYPING_START"), health.events.of("MESSAGE_CREATE")), (2, 2));
}

#[test]
fn all_but_what_is_named_comes() {
    let mut rig = Rig::online(Config { events: EventFilter::except(["TYPING_START"]), ..prompt() });
    rig.message(typing(3)).message(frames::message_create(4));
    rig.message(frames::dispatch("EVENT_OF_TOMORROW", 5, "null"));
    rig.assert("t+0.000 * MESSAGE_CREATE 4\nt+0.000 * EVENT_OF_TOMORROW 5");
}

#[test]
fn a_resume_goes_on_behind_what_was_filtered_and_its_replay_is_filtered_too() {
    let mut rig = Rig::online(only(&["MESSAGE_CREATE"]));
    rig.message(typing(3)).lose().next().open().message(frames::hello("40000"));
    rig.message(typing(4)).message(frames::message_create(5)).message(frames::resumed(6));
    rig.assert_kinds(
        "t+0.000 * closed 1: end of stream
         t+0.000 * connecting 2, resume
         t+0.000 > connect 2 wss://gateway-us-east1-b.discord.gg/?v=10&encoding=json
         t+0.000 > resume s#3
         t+0.000 > heartbeat 3
         t+0.000 * MESSAGE_CREATE 5, replayed
         t+0.000 * resumed 6",
    );
}

#[test]
fn ready_and_resumed_come_whatever_the_filter_says() {
    for events in [EventFilter::only([""; 0]), EventFilter::except(["READY", "RESUMED"])] {
        let mut rig = Rig::new(Config { events, ..prompt() });
        rig.start().open().message(frames::hello("40000")).message(frames::ready("5e551011", 1)).lose().next();
        rig.open().message(frames::hello("40000")).message(frames::resumed(2));
        let told = rig.story.of_kind('*');
        assert!(told.contains(&"ready 1") && told.contains(&"resumed 2"), "{told:?}");
    }
}

#[test]
fn a_gap_and_a_repetition_are_seen_among_what_is_filtered() {
    let mut rig = Rig::online(only(&["MESSAGE_CREATE"]));
    rig.message(typing(3)).message(typing(9)).message(typing(9)).message(typing(4));
    rig.assert(
        "t+0.000 * gap after 3, got 9
         t+0.000 ! faulted: 1 dispatch came again and was dropped
         t+0.000 ! faulted: 2 dispatches came again and were dropped",
    );
    let counts = rig.machine.health().counts;
    assert_eq!((counts.filtered, counts.gaps, counts.duplicates), (2, 1, 2));
}

#[test]
fn what_is_filtered_is_a_sign_of_life() {
    let heartbeat = HeartbeatPolicy { life: Life::AnyFrame, ..config().heartbeat };
    let mut rig = Rig::online(Config { heartbeat, ..only(&["MESSAGE_CREATE"]) });
    for sequence in 3..9 {
        rig.message(typing(sequence)).advance(seconds(39));
    }
    assert_eq!((rig.machine.phase(), rig.machine.health().counts.filtered), (Phase::Active, 6));
}

#[test]
fn an_escaped_name_is_filtered_as_the_name_it_is() {
    let mut rig = Rig::online(only(&["MESSAGE_CREATE"]));
    rig.message(frames::text(r#"{"t":"TYPING\u005fSTART","s":3,"op":0,"d":{}}"#));
    rig.message(frames::text(r#"{"t":"MESSAGE\u005fCREATE","s":4,"op":0,"d":{}}"#));
    rig.assert("t+0.000 * MESSAGE_CREATE 4");
}

#[test]
fn what_is_filtered_out_of_session_is_out_of_place_as_any() {
    let mut rig = Rig::in_phase(Phase::AwaitingIdentify, only(&["MESSAGE_CREATE"]));
    rig.message(typing(3)).assert("t+0.000 ! faulted: dispatch out of place");
    assert_eq!(rig.machine.health().counts.filtered, 0);
}

#[test]
fn an_exported_session_counts_as_taken_what_was_filtered_behind_what_was_taken() {
    let mut rig = Rig::online(only(&["MESSAGE_CREATE"]));
    let (connection, now) = (rig.connection(), rig.now);
    let sequence = |rig: &Rig| rig.machine.session().unwrap().sequence().map(|Sequence(number)| number);
    rig.message(typing(3));
    assert_eq!(sequence(&rig), Some(3), "all before it was taken");

    // given: two events that were not taken, with filtered ones between and behind
    for message in [frames::message_create(4), typing(5), frames::message_create(6), typing(7)] {
        drop(rig.machine.handle(now, Input::Message(connection, message)));
    }
    assert_eq!(sequence(&rig), Some(3));
    let is_message = |action: Action| matches!(action, Action::Event(Event::Dispatch(_)));
    assert!(rig.machine.actions().next().is_some_and(is_message));
    assert_eq!(sequence(&rig), Some(4));
    assert!(rig.machine.actions().next().is_some_and(is_message));
    assert_eq!(sequence(&rig), Some(7));
    rig.shutdown(Shutdown::KeepSession).close(4000);
    assert_eq!(sequence(&rig), Some(7));
}

#[test]
fn an_imported_session_moves_on_by_what_is_filtered() {
    let session = Session::new("5e55", Some(ShardId::ONE), Sequence(9), None);
    let resume_from = Some(ResumeFrom { session, age: Some(seconds(1)) });
    let mut rig = Rig::new(Config { resume_from, ..only(&["MESSAGE_CREATE"]) });
    rig.start().open().message(frames::hello("40000")).message(typing(10));
    assert_eq!(rig.machine.session().unwrap().sequence(), Some(Sequence(10)));
}

#[test]
fn a_gateway_with_cursors_moves_on_by_what_is_filtered() {
    let config = Config { events: EventFilter::only(["news"]), ..prompt() };
    let mut rig = Rig::of(Toy::new(Sessions::Kept), config);
    let token = portcullis::token::Token::new("t1").unwrap();
    rig.start().give(Input::Token(token, seconds(3600))).open();
    rig.message(frames::text(r#"{"event":"welcome","data":{"silent_after":30}}"#));
    rig.message(frames::text(r#"{"event":"logged_in","data":{"session":"s1"},"cursor":"c0"}"#));
    rig.message(frames::text(r#"{"event":"typing","data":{},"cursor":"c1"}"#));
    assert_eq!(rig.machine.session().unwrap().position(), &b"c1"[..]);
    assert_eq!(rig.machine.health().counts.filtered, 1);
}

fn error(dialect: impl Dialect, events: EventFilter) -> Option<ConfigError> {
    GatewayMachine::new(dialect, Config { events, ..Config::default() }, Seed(7)).err()
}

#[test]
fn an_event_that_no_intent_brings_is_refused_by_name() {
    let discord = || Discord::new(TOKEN, Intents::GUILDS | Intents::DIRECT_MESSAGES).unwrap();
    let missing_intent = |event: &str, intent| Some(ConfigError::Undelivered { event: event.into(), intent });
    for named in [EventFilter::only, EventFilter::except] {
        assert_eq!(error(discord(), named(["MESSAGE_CREATE", "GUILD_CREATE", "INTERACTION_CREATE"])), None);
        assert_eq!(
            error(discord(), named(["GUILD_CREATE", "PRESENCE_UPDATE", "READY"])),
            missing_intent("PRESENCE_UPDATE", "GUILD_PRESENCES")
        );
    }
    // A dialect behind a pointer answers the same.
    let boxed: Box<dyn Dialect> = Box::new(discord());
    assert_eq!(
        error(boxed, EventFilter::only(["TYPING_START"])),
        missing_intent("TYPING_START", "GUILD_MESSAGE_TYPING or DIRECT_MESSAGE_TYPING")
    );
    let toy = Toy::new(Sessions::Kept);
    assert_eq!(error(toy, EventFilter::only(["news", "whisper"])), missing_intent("whisper", "ears"));
}
