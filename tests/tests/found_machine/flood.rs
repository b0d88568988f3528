//! A part of 37: a silent peer on a connection that is never read dry.

use bytes::Bytes;
use core::time::Duration;
use portcullis::Message;
use portcullis::machine::{Config, HeartbeatPolicy, Input, Life, Phase};
use portcullis_tests::rig::config;
use portcullis_tests::{Rig, frames, millis, seconds};

/// A dispatch of a little more than `size` bytes.
fn large(sequence: u64, size: usize) -> Message {
    let filler = "x".repeat(size);
    frames::dispatch("MESSAGE_CREATE", sequence, &format!(r#"{{"content":"{filler}"}}"#))
}

/// Floods a shard for `span` without a dry read and without an acknowledgement: a dispatch of 20 kB each 50 ms.
fn flood(rig: &mut Rig, span: Duration, unread: bool) {
    let (end, mut sequence) = (rig.now + span, 2);
    while rig.now < end && rig.machine.phase() == Phase::Active {
        sequence += 1;
        rig.pass(millis(50));
        if unread {
            rig.give(Input::TickUnread);
        }
        if rig.machine.phase() == Phase::Active {
            rig.message(large(sequence, 20_000));
        }
    }
}

#[test]
fn found_37_a_dead_heart_on_a_flooded_connection_is_found_an_interval_late_and_no_later() {
    for unread in [false, true] {
        // given: a connection that is never read dry, with a heartbeat at 40 s that is never answered
        let mut rig = Rig::online(config());
        flood(&mut rig, seconds(130), unread);

        // then: the shard notices it when the next heartbeat but one is due
        let told = |kind| rig.story.lines().iter().filter(|line| line.contains(kind)).cloned().collect::<Vec<_>>();
        assert_eq!(told(" ! "), ["t+120.000 ! faulted: heartbeat missed, waited 80 s"], "unread: {unread}");
        assert_eq!(rig.machine.phase(), Phase::Closing);
    }
}

#[test]
fn found_37_a_heart_that_is_acknowledged_in_the_flood_is_alive() {
    let mut rig = Rig::online(config());
    rig.ack_beats();
    flood(&mut rig, seconds(130), true);
    assert_eq!((rig.machine.phase(), rig.story.of_kind('!')), (Phase::Active, vec![]));
}

#[test]
fn found_37_any_frame_of_the_flood_is_life_where_the_policy_says_so() {
    let policy = HeartbeatPolicy { life: Life::AnyFrame, ..config().heartbeat };
    let mut rig = Rig::online(Config { heartbeat: policy, ..config() });
    flood(&mut rig, seconds(130), false);
    assert_eq!(rig.machine.phase(), Phase::Active);
}

#[test]
fn found_37_a_reader_that_is_slow_is_no_flood_and_kills_no_healthy_connection() {
    // given: an application that takes an event of 100 kB each second, so that the acks wait behind others unread
    let mut rig = Rig::online(config());
    let mut sequence = 2;
    for _ in 0..160 {
        sequence += 1;
        rig.pass(seconds(1)).give(Input::TickUnread).message(large(sequence, 100_000));
    }

    // then: the bytes that may be ahead of an ack in the socket have not all been read, so the shard does not judge yet
    assert_eq!((rig.machine.phase(), rig.story.of_kind('!')), (Phase::Active, vec![]));
}

#[test]
fn found_37_a_process_that_stalled_has_its_time_though_much_waits_unread() {
    // given: a heartbeat that is unanswered when the process stalls for ten minutes
    let mut rig = Rig::online(config());
    rig.advance(seconds(40)).pass(seconds(600)).give(Input::TickUnread);

    // when: it reads what waits, 10 MB and then the acks
    for sequence in 3..103 {
        rig.message(large(sequence, 100_000));
    }
    rig.message(frames::ack()).message(frames::ack()).tick();

    // then: the connection is alive
    assert_eq!((rig.machine.phase(), rig.story.of_kind('!')), (Phase::Active, vec![]));
}

#[test]
fn found_37_the_deadlines_of_the_handshake_are_met_on_a_connection_that_is_never_dry() {
    for (phase, limit) in [(Phase::AwaitingHello, 15), (Phase::Identifying, 60), (Phase::Resuming, 60)] {
        // 20 MB within the limit, in a message each 50 ms.
        let filler = "x".repeat(1_000_000 / limit);
        let noise = || Message::Text(Bytes::from(format!(r#"{{"op":99,"d":"{filler}"}}"#)));
        // given: a gateway that floods instead of going on
        let mut rig = Rig::in_phase(phase, config());
        rig.ack_beats();
        let begin = rig.now;
        while rig.machine.phase() == phase && rig.now - begin < seconds(300) {
            rig.pass(millis(50)).message(noise());
        }

        // then: the deadline holds
        assert!(rig.now - begin <= seconds(limit as u64), "{phase} lasted {:?}", rig.now - begin);
    }
}
