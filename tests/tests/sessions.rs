//! Export of sessions and `Config::resume_from`: what is exported, what is resumed, and what is refused. Scenarios 29 and 30.

// Helpers of tests fail by panicking.
#![allow(clippy::unwrap_used)]

use core::time::Duration;
use portcullis::dialect::ShardId;
use portcullis::dispatch::Mark;
use portcullis::machine::{
    Action, Config, ConfigError, ConnectFailure, Event, Input, Phase, ResumeFrom, Session, Shutdown,
};
use portcullis::url::GatewayUrl;
use portcullis::{GatewayMachine, Message, Seed, Sequence};
use portcullis_tests::rig::{TOKEN, config, discord};
use portcullis_tests::{Rig, frames, seconds};

/// The session that an earlier run exported.
fn stored() -> Session {
    let url = GatewayUrl::parse("wss://gateway-us-east1-b.discord.gg").unwrap();
    Session::new("5e551011", Some(ShardId::ONE), Sequence(42), Some(url))
}

/// The default config with a session of that age.
fn importing(session: Session, age: Option<Duration>) -> Config {
    Config { resume_from: Some(ResumeFrom { session, age }), ..config() }
}

/// Gives the machine messages, and takes no actions.
fn receive(rig: &mut Rig, messages: impl IntoIterator<Item = Message>) {
    for message in messages {
        drop(rig.machine.handle(rig.now, Input::Message(rig.connection(), message)));
    }
}

/// Takes `count` actions, and returns the marks of the dispatches among them.
fn take(rig: &mut Rig, count: usize) -> Vec<Mark> {
    let taken = rig.machine.actions().take(count);
    let dispatches = taken.filter_map(|action| match action {
        Action::Event(Event::Dispatch(dispatch) | Event::Ready(dispatch) | Event::Resumed(dispatch)) => Some(dispatch),
        _ => None,
    });
    dispatches.map(|dispatch| dispatch.mark()).collect()
}

fn sequence(session: Option<Session>) -> Option<u64> {
    session.and_then(|session| session.sequence()).map(|sequence| sequence.0)
}

#[test]
fn an_export_is_the_session_as_of_the_last_event_that_was_taken() {
    let mut rig = Rig::online(config());
    receive(&mut rig, (3..=6).map(frames::message_create));
    assert_eq!(rig.machine.health().sequence, Some(Sequence(6)), "received");
    for (taken, expected) in [(0, 2), (1, 3), (1, 4), (9, 6)] {
        take(&mut rig, taken);
        assert_eq!(sequence(rig.machine.session()), Some(expected));
    }
}

#[test]
fn a_resume_inside_the_process_sends_what_was_received_not_what_was_taken() {
    let mut rig = Rig::online(config());
    receive(&mut rig, (3..=6).map(frames::message_create));
    rig.lose().next().open().message(frames::hello("40000"));
    assert_eq!(rig.story.of_kind('>').last(), Some(&"heartbeat 6"));
}

#[test]
fn an_export_can_be_made_for_the_mark_of_an_event_that_was_held_back() {
    let mut rig = Rig::online(config());
    receive(&mut rig, (3..=6).map(frames::message_create));
    let marks = take(&mut rig, 4);
    let at: Vec<_> = marks.iter().map(|mark| sequence(rig.machine.session_at(mark))).collect();
    assert_eq!(at, [Some(3), Some(4), Some(5), Some(6)]);
    let session = rig.machine.session_at(&marks[0]).unwrap();
    assert_eq!((session.id(), session.shard()), (Some("5e551011"), Some(ShardId::ONE)));
    assert_eq!(session.resume_url().map(GatewayUrl::as_str), Some("wss://gateway-us-east1-b.discord.gg/"));
}

#[test]
fn the_mark_of_a_session_that_is_over_exports_nothing() {
    let mut rig = Rig::online(config());
    receive(&mut rig, [frames::message_create(3)]);
    let marks = take(&mut rig, 1);
    rig.message(frames::invalid_session("false"));
    assert_eq!((rig.machine.session(), rig.machine.session_at(&marks[0])), (None, None));

    // Nor when the next session has begun.
    rig.close(1000).next().open().message(frames::hello("40000")).message(frames::ready("0ther", 1));
    assert_eq!(rig.machine.session_at(&marks[0]), None);
    assert_eq!(rig.machine.session().unwrap().id(), Some("0ther"));
}

#[test]
fn the_mark_of_an_event_without_a_sequence_is_where_the_session_stands_then() {
    let mut rig = Rig::resuming(config());
    let unnumbered = |name: &str| frames::text(format!(r#"{{"t":"{name}","s":null,"op":0,"d":{{}}}}"#));
    receive(&mut rig, [frames::message_create(3), frames::message_create(4), unnumbered("RESUMED")]);
    receive(&mut rig, [unnumbered("PRESENCE_UPDATE"), frames::message_create(5)]);
    let at: Vec<_> = take(&mut rig, 9).iter().map(|mark| sequence(rig.machine.session_at(mark))).collect();
    assert_eq!(at, [Some(3), Some(4), Some(4), Some(4), Some(5)]);
}

#[test]
fn the_mark_of_a_resumed_below_its_replay_does_not_bring_the_replay_again() {
    let mut rig = Rig::resuming(config());
    receive(&mut rig, [frames::message_create(3), frames::message_create(4), frames::resumed(2)]);
    let at: Vec<_> = take(&mut rig, 9).iter().map(|mark| sequence(rig.machine.session_at(mark))).collect();
    assert_eq!(at, [Some(3), Some(4), Some(4)]);
    assert_eq!(sequence(rig.machine.session()), Some(4));
}

#[test]
fn a_session_can_be_exported_while_no_link_is_open() {
    let mut rig = Rig::online(config());
    rig.lose();
    assert_eq!((rig.machine.phase(), sequence(rig.machine.session())), (Phase::Backoff, Some(2)));
    rig.next();
    assert_eq!((rig.machine.phase(), sequence(rig.machine.session())), (Phase::Connecting, Some(2)));
    rig.open();
    assert_eq!((rig.machine.phase(), sequence(rig.machine.session())), (Phase::AwaitingHello, Some(2)));
    rig.message(frames::hello("40000"));
    assert_eq!((rig.machine.phase(), sequence(rig.machine.session())), (Phase::Resuming, Some(2)));
    rig.message(frames::reconnect());
    assert_eq!((rig.machine.phase(), sequence(rig.machine.session())), (Phase::Closing, Some(2)));
}

#[test]
fn a_shutdown_keeps_the_session_or_ends_it_as_it_was_asked() {
    let mut rig = Rig::online(config());
    receive(&mut rig, [frames::message_create(3), frames::message_create(4)]);
    take(&mut rig, 1);
    rig.machine.shutdown(rig.now, Shutdown::KeepSession);
    drop(rig.machine.handle(rig.now, Input::Tick));
    drop(rig.machine.handle(rig.now, Input::Closed(rig.connection(), portcullis::CloseReason::Eof)));
    assert_eq!((rig.machine.phase(), sequence(rig.machine.session())), (Phase::Ended, Some(3)), "taken so far");
    take(&mut rig, 9);
    assert_eq!(sequence(rig.machine.session()), Some(4), "taken since");

    let mut rig = Rig::online(config());
    rig.shutdown(Shutdown::EndSession).close(1000);
    assert_eq!((rig.machine.phase(), rig.machine.session()), (Phase::Ended, None));
}

#[test]
fn an_import_is_exported_unchanged_until_its_first_event() {
    let mut rig = Rig::new(importing(stored(), Some(seconds(5))));
    assert_eq!(rig.machine.session(), Some(stored()), "before the start");
    for step in ["start", "opened", "hello"] {
        match step {
            "start" => rig.start(),
            "opened" => rig.open(),
            _ => rig.message(frames::hello("40000")),
        };
        assert_eq!(rig.machine.session(), Some(stored()), "{step}");
    }
    rig.message(frames::message_create(43));
    assert_eq!(sequence(rig.machine.session()), Some(43));
}

#[test]
fn an_import_outlives_a_shutdown_before_its_first_event() {
    for start in [false, true] {
        let mut rig = Rig::new(importing(stored(), Some(seconds(5))));
        if start {
            rig.start();
        }
        rig.shutdown(Shutdown::KeepSession);
        assert_eq!((rig.machine.phase(), rig.machine.session()), (Phase::Ended, Some(stored())), "started: {start}");
        let mut rig = Rig::new(importing(stored(), Some(seconds(5))));
        rig.shutdown(Shutdown::EndSession);
        assert_eq!(rig.machine.session(), None);
    }
}

#[test]
fn an_import_is_resumed_first_at_its_own_url() {
    let mut rig = Rig::new(importing(stored(), Some(seconds(5))));
    rig.start().open().message(frames::hello("40000")).message(frames::message_create(43)).message(frames::resumed(44));
    rig.assert_kinds(
        "t+0.000 * connecting 1, resume
         t+0.000 > connect 1 wss://gateway-us-east1-b.discord.gg/?v=10&encoding=json
         t+0.000 > resume s#42
         t+0.000 > heartbeat 42
         t+0.000 * MESSAGE_CREATE 43, replayed
         t+0.000 * resumed 44",
    );
}

#[test]
fn an_import_without_a_url_is_resumed_at_the_base_url() {
    let session = Session::new("5e551011", Some(ShardId::ONE), Sequence(42), None);
    let mut rig = Rig::new(importing(session, Some(seconds(5))));
    rig.start().open().message(frames::hello("40000"));
    assert_eq!(
        rig.story.of_kind('>'),
        ["connect 1 wss://gateway.discord.gg/?v=10&encoding=json", "resume s#42", "heartbeat 42"]
    );
}

#[test]
fn scenario_29_an_import_of_another_shard_or_shard_count_is_refused() {
    let made = |shard: Option<ShardId>, own: (u32, u32)| {
        let discord = discord().with_shard(ShardId::new(own.0, own.1).unwrap());
        let session = Session::new("5e551011", shard, Sequence(42), None);
        GatewayMachine::new(discord, importing(session, Some(seconds(5))), Seed(1)).map(|_| ())
    };
    let shard = |id, count| Some(ShardId::new(id, count).unwrap());
    assert_eq!(made(shard(3, 16), (3, 16)), Ok(()));
    for (stored, own) in [(shard(3, 16), (3, 32)), (shard(3, 16), (4, 16)), (shard(0, 1), (0, 2)), (None, (0, 1))] {
        assert_eq!(made(stored, own), Err(ConfigError::ForeignShard), "{stored:?} for {own:?}");
    }
}

#[test]
fn an_import_that_cannot_be_resumed_is_refused() {
    for json in [
        r#"{"id":null,"shard":[0,1],"sequence":42,"resume_url":null}"#,
        r#"{"id":"5e551011","shard":[0,1],"sequence":null,"resume_url":null}"#,
    ] {
        let session: Session = serde_json::from_str(json).unwrap();
        let made = GatewayMachine::new(discord(), importing(session, None), Seed(1)).map(|_| ());
        assert_eq!(made, Err(ConfigError::NothingToResume), "{json}");
    }
}

#[test]
fn scenario_30_an_old_import_is_tried_once_and_a_young_one_as_often_as_any() {
    let tries = |age| {
        let mut rig = Rig::new(importing(stored(), age));
        rig.start();
        let mut tries = 0;
        while rig.machine.session().is_some() {
            rig.open().message(frames::hello("40000")).lose().next();
            tries += 1;
        }
        tries
    };
    assert_eq!([Some(seconds(0)), Some(seconds(180))].map(tries), [5, 5]);
    assert_eq!([Some(seconds(181)), Some(seconds(86_400)), Some(Duration::MAX), None].map(tries), [1, 1, 1, 1]);
}

#[test]
fn scenario_30_an_old_import_that_is_refused_leads_to_an_identify() {
    for (data, code, cause) in [("false", 1000, "invalid_session_lost"), ("true", 4000, "resumes_exhausted")] {
        let mut rig = Rig::new(importing(stored(), None));
        rig.start().open().message(frames::hello("40000")).story.clear();
        rig.message(frames::invalid_session(data)).close(code).next().open().message(frames::hello("40000"));
        assert_eq!(rig.story.of_kind('*')[0], format!("session lost: {cause}"));
        assert_eq!(
            rig.story.of_kind('>'),
            [
                &*format!("close {code}"),
                "connect 2 wss://gateway.discord.gg/?v=10&encoding=json",
                "ask identify",
                "heartbeat null",
                "identify"
            ]
        );
    }
}

#[test]
fn scenario_30_a_link_that_cannot_be_opened_does_not_use_up_an_old_import_s_one_try() {
    let mut rig = Rig::new(importing(stored(), None));
    rig.start().refuse(ConnectFailure::Name).next().open().message(frames::hello("40000"));
    assert_eq!(
        rig.story.of_kind('>')[1..],
        ["connect 2 wss://gateway.discord.gg/?v=10&encoding=json", "resume s#42", "heartbeat 42"]
    );
}

#[test]
fn a_session_goes_out_of_one_process_and_into_another_and_nothing_taken_comes_twice() {
    // given: a process that received four events, took two, and stopped
    let mut rig = Rig::online(config());
    receive(&mut rig, (3..=6).map(frames::message_create));
    take(&mut rig, 2);
    let stored = serde_json::to_string(&rig.machine.session()).unwrap();

    // when: another process resumes the session
    let session: Option<Session> = serde_json::from_str(&stored).unwrap();
    let mut rig = Rig::new(importing(session.unwrap(), Some(seconds(20))));
    rig.start().open().message(frames::hello("40000"));
    (5..=6).for_each(|sequence| _ = rig.message(frames::message_create(sequence)));

    // then: the replay begins behind the last event taken
    assert_eq!(rig.story.of_kind('>')[1..], ["resume s#4", "heartbeat 4"]);
    assert_eq!(rig.story.of_kind('*')[1..], ["MESSAGE_CREATE 5, replayed", "MESSAGE_CREATE 6, replayed"]);
}

#[test]
fn a_stored_session_reads_back_equal_and_holds_no_token() {
    let rig = Rig::online(config());
    let session = rig.machine.session().unwrap();
    let json = serde_json::to_string(&session).unwrap();
    assert_eq!(
        json,
        r#"{"id":"5e551011","shard":[0,1],"sequence":2,"resume_url":"wss://gateway-us-east1-b.discord.gg/"}"#
    );
    assert_eq!(serde_json::from_str::<Session>(&json).unwrap(), session);
    assert!(!json.contains(TOKEN) && !format!("{session:?}").contains("5e551011"));
}
