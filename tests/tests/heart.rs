//! Scenarios 40 to 49 and 78, and invariant 7: when heartbeats are sent, and what shows that a connection is dead.

#![allow(clippy::unwrap_used)]

use portcullis::dialect::discord::{Command, Presence, Status, UpdateVoiceState};
use portcullis::machine::{Config, FirstBeat, HeartbeatPolicy, Input, Life, Limits, Phase, Timer};
use portcullis::{Seed, Timestamp};
use portcullis_tests::rig::{config, discord, prompt};
use portcullis_tests::{Rig, frames, millis, seconds};
use std::collections::BTreeSet;

/// The rigs' config with another heartbeat policy.
fn beating(policy: HeartbeatPolicy) -> Config {
    Config { heartbeat: HeartbeatPolicy { first: FirstBeat::Immediate, ..policy }, ..prompt() }
}

/// When the first heartbeat of a connection is due.
fn first_beat(config: Config, seed: u64) -> Timestamp {
    let mut rig = Rig::seeded(discord(), config, Seed(seed));
    rig.start().open().message(frames::hello("40000"));
    let timers = rig.machine.timers();
    timers.iter().find(|(_, timer)| *timer == Timer::Heartbeat).unwrap().0
}

#[test]
fn scenario_40_the_first_beat_is_at_a_random_part_of_the_interval_that_the_seed_repeats() {
    let firsts: Vec<Timestamp> = (0..100).map(|seed| first_beat(Config::default(), seed)).collect();
    let again: Vec<Timestamp> = (0..100).map(|seed| first_beat(Config::default(), seed)).collect();
    assert_eq!(firsts, again);
    assert!(firsts.iter().all(|first| *first < Timestamp::ZERO + seconds(40)), "{firsts:?}");
    let quarters: BTreeSet<u64> = firsts.iter().map(|first| first.as_nanos() / 10_000_000_000).collect();
    assert_eq!(quarters, BTreeSet::from([0, 1, 2, 3]), "each quarter of the interval has some");
}

#[test]
fn scenario_40_the_first_beat_goes_out_at_its_moment_and_the_next_an_interval_later() {
    // given: a connection whose first heartbeat is due at this moment
    let due = first_beat(Config::default(), 7);
    let mut rig = Rig::new(Config::default());
    rig.start().open().message(frames::hello("40000")).message(frames::ready("5e551011", 1));
    rig.story.clear();

    // when: time comes to just before it
    rig.now = Timestamp::from_nanos(due.as_nanos() - 1_000_000);
    rig.tick();

    // then: nothing went out, nor before; and then it did, and the next one an interval later
    assert_eq!(rig.story.of_kind('>'), [""; 0]);
    rig.ack_beats().advance(millis(1)).assert("t+15.593 > heartbeat 1");
    rig.advance(seconds(40)).assert("t+55.593 > heartbeat 1");
}

#[test]
fn scenario_41_a_new_link_knows_nothing_of_the_old_one_s_missing_ack() {
    // given: a heartbeat that was not acknowledged before its connection was lost, and a resumed session
    let mut rig = Rig::online(prompt());
    rig.advance(seconds(40)).pass(seconds(10)).lose().next();
    rig.open().message(frames::hello("40000")).message(frames::resumed(3));
    rig.story.clear();

    // when: the new connection's first heartbeat is acknowledged, and the next ones fall due
    rig.message(frames::ack()).advance(seconds(40));

    // then: heartbeats continue; and then one of the new connection's own is missed
    rig.assert("t+90.000 > heartbeat 3");
    rig.advance(seconds(40)).assert(
        "t+130.000 ! faulted: heartbeat missed, waited 40 s
         t+130.000 > close 4000",
    );
}

#[test]
fn scenario_42_no_ack_since_connect_is_found_when_the_second_beat_is_due() {
    let mut rig = Rig::new(prompt());
    rig.start().open().message(frames::hello("40000"));
    rig.story.clear();
    rig.advance(seconds(40)).assert(
        "t+40.000 ! faulted: heartbeat missed, waited 40 s
         t+40.000 > close 4000",
    );
}

#[test]
fn invariant_7_an_unanswered_beat_costs_the_link_and_keeps_the_session() {
    // given: an active shard whose heartbeats are no longer acknowledged
    let mut rig = Rig::online(prompt());
    rig.advance(seconds(40)).assert("t+40.000 > heartbeat 2");

    // when: the next one is due, and the peer closes in answer
    rig.advance(millis(39_999));
    assert_eq!(rig.story.lines(), [""; 0]);
    rig.advance(millis(1)).close(4000).next();

    // then: the connection was closed with a code that keeps the session, which is resumed
    rig.assert(
        "t+80.000 ! faulted: heartbeat missed, waited 40 s
         t+80.000 > close 4000
         t+80.000 * closed 1: close 4000
         t+80.000 ~ reconnect in 0 s, resume: heartbeat_missed
         t+80.000 * connecting 2, resume
         t+80.000 > connect 2 wss://gateway-us-east1-b.discord.gg/?v=10&encoding=json",
    );
}

#[test]
fn scenario_43_missing_acks_drop_the_link_although_dispatches_flow_when_only_acks_are_life() {
    let mut rig = Rig::online(prompt());
    rig.advance(seconds(50)).message(frames::message_create(3)).advance(seconds(30));
    rig.assert(
        "t+40.000 > heartbeat 2
         t+50.000 * MESSAGE_CREATE 3
         t+80.000 ! faulted: heartbeat missed, waited 40 s
         t+80.000 > close 4000",
    );
}

#[test]
fn scenario_43_missing_acks_are_borne_while_dispatches_flow_when_any_frame_is_life() {
    // given: the policy by which any frame is a sign of life, and a gateway that acknowledges nothing
    let mut rig = Rig::online(beating(HeartbeatPolicy { life: Life::AnyFrame, ..HeartbeatPolicy::default() }));

    // when: a dispatch comes in one interval, and none in the next
    rig.advance(seconds(50)).message(frames::message_create(3)).advance(seconds(70));

    // then: the shard tolerated the first interval, and not the silent one
    rig.assert(
        "t+40.000 > heartbeat 2
         t+50.000 * MESSAGE_CREATE 3
         t+80.000 > heartbeat 3
         t+120.000 ! faulted: heartbeat missed, waited 40 s
         t+120.000 > close 4000",
    );
}

#[test]
fn a_frame_before_the_beat_is_no_sign_of_life_after_it() {
    let mut rig = Rig::online(beating(HeartbeatPolicy { life: Life::AnyFrame, ..HeartbeatPolicy::default() }));
    rig.pass(seconds(39)).message(frames::message_create(3)).advance(seconds(41));
    rig.assert(
        "t+39.000 * MESSAGE_CREATE 3
         t+40.000 > heartbeat 3
         t+80.000 ! faulted: heartbeat missed, waited 40 s
         t+80.000 > close 4000",
    );
}

#[test]
fn scenario_44_a_requested_beat_goes_out_at_once_and_the_schedule_is_unchanged() {
    let mut rig = Rig::online(config());
    rig.pass(seconds(10)).message(frames::heartbeat_request()).message(frames::ack());
    rig.advance(seconds(30)).message(frames::ack()).advance(seconds(40));
    rig.assert(
        "t+10.000 > heartbeat 2
         t+40.000 > heartbeat 2
         t+80.000 > heartbeat 2",
    );
}

#[test]
fn scenario_44_one_ack_does_not_clear_two_beats() {
    // given: a requested heartbeat and a periodic one, both unanswered
    let mut rig = Rig::online(config());
    rig.pass(seconds(10)).message(frames::heartbeat_request()).advance(seconds(30));

    // when: one ack comes, which answers the older
    rig.pass(seconds(1)).message(frames::ack()).advance(seconds(39));

    // then: the periodic one is missed
    rig.assert(
        "t+10.000 > heartbeat 2
         t+40.000 > heartbeat 2
         t+80.000 ! faulted: heartbeat missed, waited 40 s
         t+80.000 > close 4000",
    );
}

#[test]
fn scenario_45_an_unsolicited_ack_is_ignored() {
    // given: a heartbeat at 40 s that was acknowledged after 2 s
    let mut rig = Rig::online(config());
    rig.advance(seconds(42)).message(frames::ack());
    let of = |rig: &Rig| {
        let health = rig.machine.health();
        (health.latency, health.last_ack, health.counts.beats_acked)
    };
    let before = of(&rig);
    assert_eq!(before, (Some(seconds(2)), Some(Timestamp::ZERO + seconds(42)), 2));

    // when: two more acks come
    rig.pass(seconds(8)).message(frames::ack()).message(frames::ack());

    // then: they change nothing: the next heartbeat still needs its own ack
    assert_eq!(of(&rig), before);
    rig.story.clear();
    rig.advance(seconds(70)).assert(
        "t+80.000 > heartbeat 2
         t+120.000 ! faulted: heartbeat missed, waited 40 s
         t+120.000 > close 4000",
    );
}

#[test]
fn scenario_46_a_stall_of_ten_minutes_gives_one_beat_and_its_silence_is_the_zombie() {
    // given: an unanswered heartbeat when the process stalls
    let mut rig = Rig::online(config());
    rig.advance(seconds(40)).pass(seconds(600)).tick();

    // then: one heartbeat went out without a fault; an interval later its own silence is a fault
    rig.assert("t+40.000 > heartbeat 2\nt+640.000 > heartbeat 2");
    assert_eq!(rig.machine.phase(), Phase::Active);
    rig.advance(seconds(40)).assert(
        "t+680.000 ! faulted: heartbeat missed, waited 40 s
         t+680.000 > close 4000",
    );
}

#[test]
fn scenario_78_a_host_that_slept_drops_the_link_at_once_and_resumes() {
    let mut rig = Rig::online(prompt());
    rig.give(Input::Suspended(seconds(7200))).next();
    rig.assert(
        "t+0.000 ! faulted: suspended for 7200 s
         t+0.000 > abort
         t+0.000 ~ reconnect in 0 s, resume: suspended
         t+0.000 * connecting 2, resume
         t+0.000 > connect 2 wss://gateway-us-east1-b.discord.gg/?v=10&encoding=json",
    );
}

#[test]
fn a_sleep_no_longer_than_the_interval_only_forgives() {
    // given: a heartbeat that is unanswered, and the next one due
    let mut rig = Rig::online(config());
    rig.advance(seconds(40)).pass(seconds(40));

    // when: the host says it slept for just an interval
    rig.give(Input::Suspended(seconds(40))).tick();

    // then: the next heartbeat goes out, and the older one is forgiven
    rig.assert("t+40.000 > heartbeat 2\nt+80.000 > heartbeat 2");
    assert_eq!(rig.machine.phase(), Phase::Active);
}

#[test]
fn scenario_47_a_clock_that_steps_back_an_hour_changes_nothing() {
    // given: a shard that is active for two hours
    let mut rig = Rig::online(config());
    rig.ack_beats().advance(seconds(7200));
    let deadline = rig.machine.deadline();
    rig.story.clear();

    // when: the clock steps back an hour, things happen, and it comes forward again
    let before = core::mem::replace(&mut rig.now, Timestamp::ZERO + seconds(3600));
    rig.tick().message(frames::message_create(3)).tick();
    assert_eq!(rig.machine.deadline(), deadline);
    rig.now = before;
    rig.advance(seconds(40));

    // then: nothing was sent but the heartbeat that was due
    rig.assert("t+3600.000 * MESSAGE_CREATE 3\nt+7240.000 > heartbeat 3");
}

#[test]
fn scenario_48_beats_go_on_while_the_application_takes_no_events() {
    // given: an application that takes no events for three intervals, and a driver that keeps them and reads on
    let mut rig = Rig::online(config());
    rig.ack_beats();
    for sequence in 3..=122 {
        rig.pass(seconds(1)).message(frames::message_create(sequence)).give(Input::TickUnread);
    }

    // then: all 120 events wait in the driver, and every heartbeat was on time
    assert_eq!(rig.story.of_kind('*').len(), 120);
    rig.assert_kinds(
        "t+40.000 > heartbeat 42
         t+80.000 > heartbeat 82
         t+120.000 > heartbeat 122",
    );
}

#[test]
fn scenario_48_events_left_in_the_machine_above_the_limit_drop_the_link_and_keep_the_session() {
    let limits = Limits { undrained: 2000, ..Limits::default() };
    let mut rig = Rig::online(Config { limits, ..prompt() });
    let connection = rig.connection();
    for sequence in 3..50 {
        // when: no action is taken
        let _untaken = rig.machine.handle(rig.now, Input::Message(connection, frames::message_create(sequence)));
    }
    rig.tick();
    assert_eq!(rig.story.of_kind('!'), ["faulted: more than 2000 bytes of events left untaken"]);
    assert_eq!(rig.story.of_kind('>'), ["abort"]);
    assert_eq!(rig.story.of_kind('~'), ["reconnect in 0 s, resume: undrained"]);
}

#[test]
fn scenario_49_a_beat_is_first_in_line_behind_a_blocked_write() {
    // given: a command in a socket that accepts no bytes, another behind it, and a heartbeat that becomes due
    let mut rig = Rig::online(config());
    rig.hold_writes().pass(seconds(35));
    rig.send(Command::UpdatePresence(Presence::new(Status::Idle))).unwrap();
    rig.send(Command::UpdateVoiceState(UpdateVoiceState::leave(1))).unwrap();
    rig.advance(seconds(7)).assert("t+35.000 > presence idle");

    // when: the socket accepts the bytes
    rig.sent().sent();

    // then: the heartbeat goes before the second command
    rig.assert(
        "t+42.000 * command 0 sent
         t+42.000 > heartbeat 2
         t+42.000 > voice state",
    );
}

#[test]
fn scenario_49_a_socket_that_takes_nothing_is_aborted_by_the_write_deadline() {
    // given: a heartbeat that the socket does not accept
    let mut rig = Rig::online(prompt());
    rig.hold_writes().advance(seconds(40)).assert("t+40.000 > heartbeat 2");

    // when: the write's 10 s are over; then: the connection is gone at once, and its session kept
    rig.advance(seconds(10)).assert(
        "t+50.000 ! faulted: timed out: write
         t+50.000 > abort
         t+50.000 ~ reconnect in 0 s, resume: timed_out_write",
    );
}
