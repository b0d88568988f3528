//! 4 and 35: requests for heartbeats, and a repeated Hello.

use core::time::Duration;
use portcullis::dialect::discord::{Command, UpdateVoiceState};
use portcullis::machine::{Config, Fault, FirstBeat, HeartbeatPolicy};
use portcullis::{Event, Timestamp};
use portcullis_tests::rig::config;
use portcullis_tests::story::told_frame;
use portcullis_tests::{Rig, frames, millis, seconds};

/// When a heartbeat went out, in milliseconds.
fn beats(rig: &Rig) -> Vec<u64> {
    let beats = rig.sends.iter().filter(|(_, message)| told_frame(message).starts_with("heartbeat"));
    beats.map(|(at, _)| at.as_nanos() / 1_000_000).collect()
}

fn faults(rig: &Rig) -> Vec<&Fault> {
    rig.events
        .iter()
        .filter_map(|(_, event)| if let Event::Faulted(fault) = event { Some(fault) } else { None })
        .collect()
}

fn send(rig: &mut Rig, count: usize) {
    for _ in 0..count {
        rig.send(Command::UpdateVoiceState(UpdateVoiceState::leave(1))).unwrap();
    }
}

#[test]
fn found_04_every_request_is_answered_while_the_window_has_room_beyond_the_reserve() {
    // given: a gateway that asks each 5 s, and a shard that sends nothing else
    let mut rig = Rig::online(config());
    rig.ack_beats();
    for _ in 0..6 {
        rig.pass(seconds(5)).message(frames::heartbeat_request());
    }

    // then: six of six are answered
    assert_eq!(rig.story.of_kind('>'), ["heartbeat 2"; 6]);
    assert_eq!((rig.machine.health().counts.beats_refused, faults(&rig)), (0, vec![]));
}

#[test]
fn found_04_a_full_window_leaves_the_answers_of_the_reserve_and_the_first_one_dropped_is_told() {
    // given: a window that commands have filled up to the reserve
    let mut rig = Rig::online(config());
    rig.ack_beats();
    send(&mut rig, 120);
    rig.story.clear();

    // when: the gateway asks five times; then: two requests are answered, and one fault reports the rest
    for _ in 0..5 {
        rig.pass(seconds(1)).message(frames::heartbeat_request());
    }
    rig.assert(
        "t+1.000 > heartbeat 2
         t+2.000 > heartbeat 2
         t+3.000 ! faulted: a heartbeat request was left unanswered: the send limit has no room",
    );
    assert_eq!(rig.machine.health().counts.beats_refused, 3);

    // when: the window has room again, and is full once more; then: the same happens again
    rig.advance(seconds(60)).message(frames::heartbeat_request());
    send(&mut rig, 120);
    (0..3).for_each(|_| _ = rig.message(frames::heartbeat_request()));
    assert_eq!(faults(&rig).len(), 2);
}

#[test]
fn found_04_requests_behind_a_blocked_write_are_answered_when_it_is_free_and_never_cost_a_beat() {
    // given: a write that is taken late, more requests than the window holds, and a heartbeat that falls due behind it
    let mut rig = Rig::online(config());
    rig.ack_beats().pass(seconds(35)).hold_writes();
    send(&mut rig, 1);
    (0..500).for_each(|_| _ = rig.message(frames::heartbeat_request()));
    rig.pass(seconds(6)).free_writes().sent();

    // then: no minute has more than 120 frames, and the next heartbeats are on time
    let in_a_minute = rig.sends.iter().filter(|(at, _)| *at < Timestamp::ZERO + seconds(60)).count();
    assert!((116..=120).contains(&in_a_minute), "{in_a_minute}");
    rig.advance(seconds(80));
    assert!(beats(&rig).contains(&81_000) && beats(&rig).contains(&121_000), "{:?}", beats(&rig));
}

#[test]
fn found_04_whatever_is_asked_and_sent_no_minute_has_more_than_the_limit_and_no_beat_is_late() {
    for period in [1, 2, 3, 5, 7, 11] {
        let mut rig = Rig::online(config());
        rig.ack_beats();
        for second in 1..=400 {
            let room = rig.machine.room();
            send(&mut rig, room.min(period));
            rig.advance(seconds(1));
            (0..second % period).for_each(|_| _ = rig.message(frames::heartbeat_request()));
        }
        let times: Vec<Timestamp> = rig.sends.iter().map(|(at, _)| *at).collect();
        let most = times
            .iter()
            .enumerate()
            .map(|(first, at)| times[first..].iter().take_while(|later| **later - *at < seconds(60)).count());
        assert!(most.max() <= Some(120), "each {period} s");
        let beats = beats(&rig);
        for at in (40..=400).step_by(40) {
            assert!(beats.contains(&(at * 1000)), "no beat at {at} s, each {period} s: {beats:?}");
        }
    }
}

/// The gaps between periodic heartbeats of a shard that receives another Hello every `again`.
fn gaps(again: Duration, intervals: &[&str], policy: HeartbeatPolicy) -> Vec<u64> {
    let mut rig = Rig::new(Config { heartbeat: policy, ..Config::default() });
    rig.ack_beats().start().open().message(frames::hello(intervals[0])).message(frames::ready("5e551011", 1));
    let mut at = rig.now;
    for round in 1..200 {
        at = at + again;
        rig.advance(at - rig.now).message(frames::hello(intervals[round % intervals.len()]));
    }
    beats(&rig).windows(2).map(|two| two[1] - two[0]).collect()
}

#[test]
fn found_35_a_hello_that_is_repeated_never_postpones_a_beat() {
    let policies = [FirstBeat::Jittered, FirstBeat::Immediate];
    for policy in policies.map(|first| HeartbeatPolicy { first, ..HeartbeatPolicy::default() }) {
        for again in [millis(100), seconds(1), seconds(10), seconds(44), seconds(46)] {
            let gaps = gaps(again, &["45000"], policy);
            assert!(gaps.iter().all(|gap| *gap == 45_000), "each {again:?}: {gaps:?}");
        }
    }
}

#[test]
fn found_35_a_longer_interval_holds_from_the_beat_that_was_due_before_it() {
    let mut rig = Rig::online(config());
    rig.ack_beats().pass(seconds(10)).message(frames::hello("600000")).advance(seconds(700));
    assert_eq!(beats(&rig), [0, 40_000, 640_000]);
}

#[test]
fn found_35_intervals_that_change_with_each_hello_keep_every_beat_within_the_longer() {
    for again in [millis(700), seconds(3), seconds(20)] {
        let gaps = gaps(again, &["60000", "2000", "30000"], HeartbeatPolicy::default());
        assert!(gaps.iter().all(|gap| (2000..=60_000).contains(gap)), "each {again:?}: {gaps:?}");
    }
}

#[test]
fn found_35_a_longer_interval_does_not_shrink_the_reserve_of_the_beats_that_went_before() {
    // given: a heartbeat interval of a second, which becomes a minute, with commands waiting all the time
    let mut rig = Rig::new(config());
    rig.ack_beats().start().open().message(frames::hello("1000")).message(frames::ready("5e551011", 1));
    for second in 0..300 {
        let room = rig.machine.room();
        send(&mut rig, room);
        rig.advance(seconds(1)).message(frames::hello(if second % 2 == 0 { "60000" } else { "1000" }));
    }

    // then: the commands delayed no heartbeat
    let gaps: Vec<u64> = beats(&rig).windows(2).map(|two| two[1] - two[0]).collect();
    assert!(gaps.iter().all(|gap| *gap <= 2000), "{gaps:?}");
}
