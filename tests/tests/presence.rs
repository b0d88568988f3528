//! Scenario 82: a presence changes at most five times in 20 s, and the latest wins.

#![allow(clippy::unwrap_used)]

use portcullis::Timestamp;
use portcullis::dialect::discord::{Activity, Command, Presence, RequestGuildMembers, Status};
use portcullis::machine::{CommandId, Limits, Phase, SendError};
use portcullis_tests::rig::{config, prompt};
use portcullis_tests::{Rig, frames, millis, seconds};
use serde_json::Value;

/// A presence with a number in it.
fn numbered(number: usize) -> Command {
    let mut presence = Presence::new(Status::Online);
    presence.activities.push(Activity::custom(number.to_string()));
    Command::UpdatePresence(presence)
}

/// Which presences were sent, and when.
fn sent(rig: &Rig) -> Vec<(Timestamp, usize)> {
    let sends = rig.sends.iter().filter_map(|(at, message)| {
        let frame: Value = serde_json::from_slice(message.bytes()).unwrap();
        let number = frame["d"]["activities"][0]["state"].as_str()?.parse().unwrap();
        (frame["op"] == 3).then_some((*at, number))
    });
    sends.collect()
}

fn at(moment: u64) -> Timestamp {
    Timestamp::since_start(millis(moment))
}

#[test]
fn scenario_82_of_twenty_presences_before_a_tick_the_last_is_sent_and_the_others_come_back() {
    let mut rig = Rig::online(config());
    for number in 0..20 {
        assert_eq!(rig.machine.send(rig.now, numbered(number)), Ok(CommandId(number as u64)));
    }
    rig.tick();
    assert_eq!(sent(&rig), [(at(0), 19)]);
    let told = rig.story.of_kind('*');
    let superseded: Vec<String> = (0..19).map(|id| format!("command {id} returned: superseded")).collect();
    assert_eq!(told[..19], superseded);
    assert_eq!(told[19..], ["command 19 sent"]);
}

#[test]
fn scenario_82_of_twenty_presences_in_a_second_five_are_sent_and_then_the_last() {
    let mut rig = Rig::online(config());
    rig.ack_beats();
    for number in 0..20 {
        rig.send(numbered(number)).unwrap();
        rig.advance(millis(50));
    }
    rig.advance(seconds(60));
    assert_eq!(sent(&rig), [(at(0), 0), (at(50), 1), (at(100), 2), (at(150), 3), (at(200), 4), (at(20_000), 19)]);
    let told = rig.story.of_kind('*').into_iter().filter(|line| !line.starts_with("command"));
    assert_eq!(told.collect::<Vec<_>>(), ["paced 19.050 s"]);
    let outcomes = |outcome: &str| rig.story.of_kind('*').iter().filter(|line| line.ends_with(outcome)).count();
    assert_eq!((outcomes(" sent"), outcomes(" returned: superseded")), (6, 14));
}

#[test]
fn the_window_slides() {
    let mut rig = Rig::online(config());
    rig.ack_beats();
    for number in 0..4 {
        rig.send(numbered(number)).unwrap();
    }
    rig.advance(seconds(19));
    for number in 4..7 {
        rig.send(numbered(number)).unwrap();
    }
    rig.advance(seconds(60));
    assert_eq!(sent(&rig)[4..], [(at(19_000), 4), (at(20_000), 6)]);
}

#[test]
fn what_is_queued_behind_a_held_presence_overtakes_it() {
    let mut rig = Rig::online(config());
    for number in 0..6 {
        rig.send(numbered(number)).unwrap();
    }
    rig.story.clear();
    rig.send(Command::RequestGuildMembers(RequestGuildMembers::all(1))).unwrap();
    rig.assert("t+0.000 > request members\nt+0.000 * command 6 sent");
    rig.advance(seconds(20)).assert("t+20.000 * paced 20 s\nt+20.000 > presence online\nt+20.000 * command 5 sent");
}

#[test]
fn a_presence_that_is_held_is_of_no_harm_to_the_deadline() {
    let mut rig = Rig::online(config());
    for number in 0..9 {
        rig.send(numbered(number)).unwrap();
    }
    assert_eq!(rig.machine.deadline(), Some(at(20_000)));
    rig.pass(seconds(5)).tick();
    assert_eq!(rig.machine.deadline(), Some(at(20_000)));
}

#[test]
fn a_presence_counts_from_when_the_socket_has_it() {
    let mut rig = Rig::online(config());
    rig.hold_writes().send(numbered(0)).unwrap();
    rig.pass(seconds(9)).sent().free_writes();
    for number in 1..6 {
        rig.send(numbered(number)).unwrap();
    }
    rig.ack_beats().advance(seconds(60));
    assert_eq!(sent(&rig)[5], (at(29_000), 5));
}

#[test]
fn a_resume_does_not_lift_the_limit() {
    let mut rig = Rig::online(prompt());
    for number in 0..6 {
        rig.send(numbered(number)).unwrap();
    }
    rig.lose().next().open().message(frames::hello("40000")).message(frames::resumed(3));
    rig.ack_beats().advance(seconds(30));
    assert_eq!(sent(&rig)[5], (at(20_000), 5));
}

#[test]
fn a_new_session_begins_with_the_latest_in_its_identify() {
    let mut rig = Rig::online(prompt());
    for number in 0..9 {
        rig.send(numbered(number)).unwrap();
    }
    rig.message(frames::invalid_session("false")).close(1000).next();
    rig.open().message(frames::hello("40000")).message(frames::ready("2", 1));
    let identify = rig.sends.iter().rev().find(|(_, message)| message.bytes().starts_with(b"{\"op\":2,")).unwrap();
    let frame: Value = serde_json::from_slice(identify.1.bytes()).unwrap();
    assert_eq!(frame["d"]["presence"]["activities"][0]["state"], "8");
    // The presence is not sent again behind the Identify.
    rig.ack_beats().advance(seconds(60));
    assert_eq!(sent(&rig).len(), 5);
    assert!(rig.story.of_kind('*').contains(&"command 8 sent"));
}

#[test]
fn a_presence_whose_link_died_goes_again_within_the_limit() {
    let mut rig = Rig::online(prompt());
    for number in 0..4 {
        rig.send(numbered(number)).unwrap();
    }
    rig.hold_writes().send(numbered(4)).unwrap();
    rig.lose().free_writes().next().open().message(frames::hello("40000")).message(frames::resumed(3));
    rig.ack_beats().advance(seconds(60));
    let numbers: Vec<_> = sent(&rig).into_iter().map(|(_, number)| number).collect();
    assert_eq!(numbers, [0, 1, 2, 3, 4, 4]);
    assert!(sent(&rig)[5].0 >= at(20_000));
}

#[test]
fn a_full_outbox_still_takes_a_later_presence() {
    let limits = Limits { outbox: 1, ..Limits::default() };
    let mut rig = Rig::online(portcullis::machine::Config { limits, ..config() });
    for number in 0..7 {
        rig.send(numbered(number)).unwrap();
    }
    let members = Command::RequestGuildMembers(RequestGuildMembers::all(1));
    assert_eq!(rig.send(members), Err(SendError::QueueFull { limit: 1 }));
    assert_eq!((rig.machine.room(), rig.machine.phase()), (0, Phase::Active));
}

#[test]
fn whatever_the_times_no_window_has_six_and_the_last_is_sent() {
    let mut state: u64 = 9;
    let mut draw = move |limit: u64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % limit
    };
    for _ in 0..50 {
        let mut rig = Rig::online(prompt());
        rig.ack_beats();
        let count = 1 + draw(60) as usize;
        for number in 0..count {
            rig.send(numbered(number)).unwrap();
            rig.advance(millis(draw(4000)));
            if draw(20) == 0 {
                rig.lose().next().open().message(frames::hello("40000")).message(frames::resumed(3));
            }
        }
        rig.advance(seconds(30));
        let sent = sent(&rig);
        assert!(sent.windows(6).all(|six| six[5].0 - six[0].0 >= seconds(20)), "{sent:?}");
        assert_eq!(sent.last().unwrap().1, count - 1);
        let mut sorted = sent.clone();
        sorted.sort_unstable_by_key(|(_, number)| *number);
        assert_eq!(sent, sorted, "an older one behind a later");
        assert_eq!(rig.machine.room(), 256);
    }
}
