//! Scenarios 50 to 53 and invariant 2: the sliding window and its reserve, which keeps heartbeats on time.

#![allow(clippy::unwrap_used)]

use core::time::Duration;
use portcullis::Timestamp;
use portcullis::dialect::discord::{Command, UpdateVoiceState};
use portcullis_tests::rig::{config, prompt};
use portcullis_tests::story::told_frame;
use portcullis_tests::{Rig, frames, millis, seconds};

/// Sends `count` commands now.
fn send(rig: &mut Rig, count: usize) {
    for _ in 0..count {
        rig.send(Command::UpdateVoiceState(UpdateVoiceState::leave(1))).unwrap();
    }
}

/// How many frames of this kind were sent at each moment.
fn sent(rig: &Rig, kind: &str) -> Vec<(Duration, usize)> {
    let mut moments: Vec<(Duration, usize)> = Vec::new();
    for (at, _) in rig.sends.iter().filter(|(_, message)| told_frame(message).starts_with(kind)) {
        let at = *at - Timestamp::ZERO;
        match moments.last_mut() {
            Some((last, count)) if *last == at => *count += 1,
            _ => moments.push((at, 1)),
        }
    }
    moments
}

/// The most frames in any window of a minute.
fn most_in_a_minute(rig: &Rig) -> usize {
    let times: Vec<Timestamp> = rig.sends.iter().map(|(at, _)| *at).collect();
    let in_window = |first: usize| times[first..].iter().take_while(|at| **at - times[first] < seconds(60)).count();
    (0..times.len()).map(in_window).max().unwrap_or(0)
}

#[test]
fn scenario_50_a_beat_is_on_time_behind_115_commands_and_no_minute_has_more_than_120_frames() {
    // given: 115 commands at once, after a heartbeat and an Identify at t=0
    let mut rig = Rig::online(config());
    rig.ack_beats();
    send(&mut rig, 115);

    // when: three minutes pass
    rig.advance(seconds(180));

    // then: commands left the reserve of ⌈60 ÷ 40⌉ + 2, the last command waited for the window, heartbeats were on time
    assert_eq!(sent(&rig, "voice"), [(seconds(0), 114), (seconds(60), 1)]);
    assert_eq!(sent(&rig, "heartbeat"), [0, 40, 80, 120, 160].map(|at| (seconds(at), 1)));
    assert!(most_in_a_minute(&rig) <= 120, "{}", most_in_a_minute(&rig));
}

#[test]
fn invariant_2_a_full_outbox_all_the_time_neither_breaks_the_budget_nor_delays_a_beat() {
    // given: an outbox that is filled again each second, and a gateway that also requests heartbeats
    let mut rig = Rig::online(config());
    rig.ack_beats();
    for second in 1..=300 {
        let room = rig.machine.room();
        send(&mut rig, room);
        rig.advance(seconds(1));
        if second % 7 == 0 {
            rig.message(frames::heartbeat_request());
        }
    }

    // then: no minute has more than 120 frames, and every periodic heartbeat was on time
    assert!((116..=120).contains(&most_in_a_minute(&rig)), "{}", most_in_a_minute(&rig));
    let beats: Vec<Duration> = sent(&rig, "heartbeat").into_iter().map(|(at, _)| at).collect();
    for at in [40, 80, 120, 160, 200, 240, 280] {
        assert!(beats.contains(&seconds(at)), "no beat at {at} s: {beats:?}");
    }
    assert!(rig.machine.health().counts.beats_refused > 0);
}

#[test]
fn scenario_51_a_second_burst_across_a_minute_s_border_is_delayed() {
    // given: 110 commands at 59 s
    let mut rig = Rig::online(config());
    rig.ack_beats().advance(seconds(59));
    send(&mut rig, 110);

    // when: 110 more come at 61 s
    rig.advance(seconds(2));
    send(&mut rig, 110);
    rig.advance(seconds(120));

    // then: five go out at once, and the rest when the first burst has left the window
    assert_eq!(sent(&rig, "voice"), [(59, 110), (61, 5), (119, 105)].map(|(at, count)| (seconds(at), count)));
    assert!(most_in_a_minute(&rig) <= 120);
}

#[test]
fn scenario_52_a_command_that_waited_for_the_window_counts_in_the_next() {
    // given: 114 commands that fill the window, and 232 more
    let mut rig = Rig::online(config());
    rig.ack_beats();
    send(&mut rig, 346);

    // then: each command took one place in the window, beside the heartbeats
    rig.advance(seconds(200));
    let waves = [(0, 114), (60, 115), (120, 114), (140, 1), (180, 2)];
    assert_eq!(sent(&rig, "voice"), waves.map(|(at, count)| (seconds(at), count)));
    assert!(most_in_a_minute(&rig) <= 120, "{}", most_in_a_minute(&rig));
}

#[test]
fn a_command_that_had_to_wait_says_how_long() {
    let mut rig = Rig::online(config());
    rig.ack_beats();
    send(&mut rig, 114);
    rig.story.clear();
    rig.pass(seconds(10));
    send(&mut rig, 1);
    rig.advance(seconds(50)).assert(
        "t+40.000 > heartbeat 2
         t+60.000 * paced 50 s
         t+60.000 > voice state
         t+60.000 * command 114 sent",
    );
}

#[test]
fn scenario_53_a_new_link_has_a_fresh_window() {
    // given: a window that is full, and commands that wait
    let mut rig = Rig::online(prompt());
    send(&mut rig, 150);
    assert_eq!(sent(&rig, "voice"), [(seconds(0), 114)]);

    // when: the connection is lost and the session resumed at once
    rig.lose().next();
    rig.open().message(frames::hello("40000")).message(frames::resumed(3));

    // then: what waited goes out at once
    let count: usize = sent(&rig, "voice").into_iter().filter(|(at, _)| *at < millis(1)).map(|(_, count)| count).sum();
    assert_eq!(count, 150);
}

#[test]
fn a_write_counts_from_when_it_left() {
    // given: a socket that accepts the first of many commands only after 9 s
    let mut rig = Rig::online(config());
    rig.ack_beats().pass(seconds(1)).hold_writes();
    send(&mut rig, 116);
    rig.pass(seconds(9)).free_writes().sent();

    // then: it leaves the window a minute after that, not a minute after it was begun
    rig.advance(seconds(65));
    assert_eq!(sent(&rig, "voice"), [(1, 1), (10, 113), (60, 1), (70, 1)].map(|(at, count)| (seconds(at), count)));
}
