//! What ticks say about the socket, which intervals are used, and which heartbeat requests are not answered.

#![allow(clippy::unwrap_used)]

use portcullis::dialect::discord::{Command, Presence, Status, UpdateVoiceState};
use portcullis::machine::{Cause, Config, FirstBeat, HeartbeatPolicy, Input, OutOfBounds, Phase, Shutdown, Timer};
use portcullis::{GatewayMachine, Timestamp};
use portcullis_tests::rig::{config, prompt};
use portcullis_tests::{Rig, frames, millis, seconds};

/// The rigs' config with another heartbeat policy.
fn beating(policy: HeartbeatPolicy) -> Config {
    Config { heartbeat: HeartbeatPolicy { first: FirstBeat::Immediate, ..policy }, ..prompt() }
}

#[test]
fn an_immediate_first_beat_goes_out_with_hello() {
    let policy = HeartbeatPolicy { first: FirstBeat::Immediate, ..HeartbeatPolicy::default() };
    let mut rig = Rig::new(Config { heartbeat: policy, ..config() });
    rig.start().open().message(frames::hello("40000"));
    rig.assert(
        "t+0.000 * connecting 1, identify
         t+0.000 > connect 1 wss://gateway.discord.gg/?v=10&encoding=json
         t+0.000 > ask identify
         t+0.000 > heartbeat null
         t+0.000 > identify",
    );
}

#[test]
fn a_requested_beat_alone_is_never_judged() {
    // given: a requested heartbeat that is never acknowledged
    let mut rig = Rig::online(config());
    rig.pass(seconds(39)).message(frames::heartbeat_request());

    // when: an interval passes without a periodic heartbeat being unanswered
    rig.advance(seconds(1)).message(frames::ack()).message(frames::ack()).advance(seconds(40));

    // then: there is no fault
    assert_eq!(rig.story.of_kind('!'), [""; 0]);
    assert_eq!(rig.story.of_kind('>'), ["heartbeat 2", "heartbeat 2", "heartbeat 2"]);
}

#[test]
fn requested_beats_beyond_the_reserve_are_refused_and_counted_until_the_window_has_passed() {
    // given: a window that commands have filled, and a gateway that requests three heartbeats within it
    let mut rig = Rig::online(config());
    rig.ack_beats();
    for _ in 0..114 {
        rig.send(Command::UpdateVoiceState(UpdateVoiceState::leave(1))).unwrap();
    }
    rig.story.clear();
    for _ in 0..3 {
        rig.pass(seconds(5)).message(frames::heartbeat_request());
    }
    assert_eq!(rig.machine.health().counts.beats_refused, 1);

    // when: the window has passed
    rig.advance(seconds(55)).message(frames::heartbeat_request());

    // then: two were answered at once, a fault reports the third, and the fourth was answered
    rig.assert(
        "t+5.000 > heartbeat 2
         t+10.000 > heartbeat 2
         t+15.000 ! faulted: a heartbeat request was left unanswered: the send limit has no room
         t+40.000 > heartbeat 2
         t+70.000 > heartbeat 2",
    );
    assert_eq!(rig.machine.health().counts.beats_refused, 1);
}

#[test]
fn latency_is_the_last_and_a_smoothed_one() {
    let mut rig = Rig::online(config());
    rig.advance(seconds(40)).pass(millis(800)).message(frames::ack());
    let health = rig.machine.health();
    assert_eq!((health.latency, health.latency_smoothed), (Some(millis(800)), Some(millis(100))));
}

#[test]
fn an_early_tick_does_nothing() {
    let mut rig = Rig::online(config());
    rig.pass(millis(39_999)).tick();
    rig.give(Input::TickUnread);
    rig.assert("");
}

#[test]
fn an_unread_tick_at_the_due_time_forgives_the_older_beat_and_sends_the_next() {
    // given: a heartbeat at 40 s that is unanswered
    let mut rig = Rig::online(config());
    rig.advance(seconds(40)).pass(seconds(40));

    // when: the socket was not read before the next fell due
    rig.give(Input::TickUnread).pass(seconds(10)).tick();

    // then: there is no fault, and the new heartbeat has a whole interval
    rig.assert("t+40.000 > heartbeat 2\nt+80.000 > heartbeat 2");
    rig.advance(millis(29_999));
    assert_eq!(rig.story.lines(), [""; 0]);
    rig.advance(millis(1)).assert(
        "t+120.000 ! faulted: heartbeat missed, waited 40 s
         t+120.000 > close 4000",
    );
}

#[test]
fn a_beat_that_falls_due_with_a_message_goes_out_and_is_judged_by_the_next_tick() {
    // given: a heartbeat at 40 s that is unanswered
    let mut rig = Rig::online(config());
    rig.advance(seconds(40)).pass(seconds(40));

    // when: a message comes first, then a tick that says the socket was read dry
    rig.message(frames::message_create(3)).pass(seconds(1)).tick();

    // then: the next heartbeat was on time, and the older one is missed
    rig.assert(
        "t+40.000 > heartbeat 2
         t+80.000 * MESSAGE_CREATE 3
         t+80.000 > heartbeat 3
         t+81.000 ! faulted: heartbeat missed, waited 41 s
         t+81.000 > close 4000",
    );
}

#[test]
fn an_ack_that_comes_with_the_next_beat_s_due_time_is_in_time() {
    let mut rig = Rig::online(config());
    rig.advance(seconds(40)).pass(seconds(40)).message(frames::ack()).tick();
    rig.assert("t+40.000 > heartbeat 2\nt+80.000 > heartbeat 2");
}

#[test]
fn a_configured_interval_takes_the_place_of_the_gateway_s() {
    let mut rig = Rig::online(beating(HeartbeatPolicy { interval: Some(seconds(15)), ..HeartbeatPolicy::default() }));
    rig.ack_beats().advance(seconds(40)).assert("t+15.000 > heartbeat 2\nt+30.000 > heartbeat 2");
}

#[test]
fn an_interval_out_of_bounds_is_clamped_and_reported() {
    for (asked, told, clamped) in [("1", "0.001 s", 1), ("999", "0.999 s", 1), ("600001", "600.001 s", 600)] {
        let mut rig = Rig::new(prompt());
        rig.start().open().message(frames::hello(asked));
        assert_eq!(rig.story.of_kind('!'), [format!("faulted: heartbeat interval of {told} asked for")]);
        let beat = rig.machine.timers().into_iter().find(|(_, timer)| *timer == Timer::Heartbeat);
        assert_eq!(beat, Some((Timestamp::ZERO + seconds(clamped), Timer::Heartbeat)), "{asked}");
    }
}

#[test]
fn an_interval_out_of_bounds_is_refused_by_policy_and_the_session_kept() {
    // given: a shard with a session, whose gateway greets with an interval of a millisecond
    let refuse = HeartbeatPolicy { out_of_bounds: OutOfBounds::Refuse, ..HeartbeatPolicy::default() };
    let mut rig = Rig::online(beating(refuse));
    rig.lose().next();
    rig.story.clear();
    rig.open().message(frames::hello("1")).close(4000);

    // then: only a close was sent, and the next connection will resume
    assert_eq!(rig.story.of_kind('>'), ["close 4000"]);
    assert_eq!(rig.story.of_kind('!'), ["faulted: heartbeat interval of 0.001 s asked for"]);
    assert!(rig.story.of_kind('~')[0].ends_with(", resume: malformed"), "{}", rig.story.text());
}

#[test]
fn bounds_are_the_config_s() {
    let narrow = HeartbeatPolicy { interval_max: seconds(30), ..HeartbeatPolicy::default() };
    let mut rig = Rig::online(beating(narrow));
    rig.ack_beats().advance(seconds(60)).assert("t+30.000 > heartbeat 2\nt+60.000 > heartbeat 2");
}

#[test]
fn a_second_hello_keeps_what_is_awaited() {
    // given: a heartbeat at 40 s that is unanswered
    let mut rig = Rig::online(config());
    rig.advance(seconds(40)).pass(seconds(5));

    // when: the gateway greets again with a shorter interval
    rig.message(frames::hello("20000")).advance(seconds(35));

    // then: heartbeats keep the new interval from the last one on, and the older one is judged at its own time
    rig.assert(
        "t+40.000 > heartbeat 2
         t+60.000 > heartbeat 2
         t+80.000 ! faulted: heartbeat missed, waited 40 s
         t+80.000 > close 4000",
    );
}

/// A healthy connection in a process that stalled until a second after the next heartbeat was due: the acknowledgement of
/// the last one has arrived, and is unread in the socket.
fn stalled() -> Rig {
    let mut rig = Rig::online(config());
    rig.advance(seconds(40)).pass(seconds(41));
    rig
}

#[test]
fn found_17_the_documented_call_after_send_keeps_a_healthy_connection_after_a_stall() {
    // given: a command that is sent before the socket is read again
    let command = || Command::UpdatePresence(Presence::new(Status::Idle));
    let mut rig = stalled();
    rig.machine.send(rig.now, command()).unwrap();

    // when: the driver calls what the documentation of `send` says
    rig.give(Input::TickUnread);

    // then: the command is sent, no heartbeat is judged, and the acknowledgement is read in time
    assert_eq!(rig.machine.phase(), Phase::Active);
    assert!(rig.story.of_kind('>').iter().any(|sent| sent.starts_with("presence")), "{}", rig.story.text());
    rig.message(frames::ack()).message(frames::ack()).ack_beats().advance(seconds(400));
    assert_eq!((rig.machine.phase(), rig.machine.health().counts.connections), (Phase::Active, 1));

    // and: a `Tick` says that the socket holds nothing, which is not true, and costs the connection
    let mut rig = stalled();
    rig.machine.send(rig.now, command()).unwrap();
    rig.tick();
    assert_eq!(rig.machine.explain().last().unwrap().cause, Cause::HeartbeatMissed);
}

#[test]
fn found_17_the_documented_call_after_shutdown_and_reconnect_carries_them_out_at_once() {
    for (ask, cause) in [
        ((|machine, now| machine.shutdown(now, Shutdown::KeepSession)) as fn(&mut GatewayMachine, _), Cause::Shutdown),
        (|machine, now| machine.reconnect(now, Cause::Requested), Cause::Requested),
    ] {
        let mut rig = stalled();
        ask(&mut rig.machine, rig.now);
        rig.give(Input::TickUnread);
        assert_eq!(rig.machine.phase(), Phase::Closing);
        assert_eq!(rig.machine.explain().last().unwrap().cause, cause);
    }
}
