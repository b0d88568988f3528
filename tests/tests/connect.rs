//! From `Start` to the handshake: connecting, Hello, and what is never sent before it.

use portcullis::dialect::discord::{Discord, DiscordError, Intents};
use portcullis::machine::{Action, Config, ConnectFailure, HeartbeatPolicy, Input, OutOfBounds, Phase, Timeouts};
use portcullis::url::{Scheme, UrlError};
use portcullis_tests::rig::{TOKEN, config, discord};
use portcullis_tests::{Rig, frames, seconds};

/// A shard whose socket is open and that has had no Hello.
fn greeting(config: Config) -> Rig {
    let mut rig = Rig::new(config);
    rig.start().open();
    rig.story.clear();
    rig
}

#[test]
fn a_first_connection_says_hello_then_identifies_then_is_ready() {
    let mut rig = Rig::new(config());
    rig.start().open().message(frames::hello("40000")).message(frames::ready("5e551011", 1));
    rig.assert_kinds(
        "t+0.000 < start
         t+0.000 * connecting 1, identify
         t+0.000 > connect 1 wss://gateway.discord.gg/?v=10&encoding=json
         t+0.000 < opened 1
         t+0.000 < hello 40000
         t+0.000 > ask identify
         t+0.000 > heartbeat null
         t+0.000 > identify
         t+0.000 < READY 1
         t+0.000 * ready 1",
    );
}

#[test]
fn a_second_start_is_ignored() {
    let mut rig = Rig::new(config());
    rig.start().start();
    rig.assert_kinds(
        "t+0.000 * connecting 1, identify
         t+0.000 > connect 1 wss://gateway.discord.gg/?v=10&encoding=json",
    );
    assert_eq!(rig.machine.health().counts.stale, 1);
}

#[test]
fn scenario_1_without_hello_the_link_is_aborted_and_dialed_again_after_a_wait() {
    let mut rig = greeting(config());
    rig.advance(seconds(16));
    rig.assert_kinds(
        "t+15.000 ! faulted: timed out: hello
         t+15.000 > abort
         t+15.000 ~ reconnect in 0.779 s, identify: timed_out_hello
         t+15.779 > connect 2 wss://gateway.discord.gg/?v=10&encoding=json",
    );
}

#[test]
fn scenario_2_a_reconnect_before_hello_leads_to_another_link_and_no_identify() {
    let mut rig = greeting(config());
    rig.message(frames::reconnect()).close(4000).next();
    rig.assert_kinds(
        "t+0.000 > close 4000
         t+0.000 * closed 1: close 4000
         t+0.000 ~ reconnect in 0.779 s, identify: reconnect_requested
         t+0.779 * connecting 2, identify
         t+0.779 > connect 2 wss://gateway.discord.gg/?v=10&encoding=json",
    );
}

#[test]
fn scenario_2_a_reconnect_before_hello_keeps_the_session() {
    // given: a shard in session, on its next connection, before Hello
    let mut rig = Rig::online(config());
    rig.lose().next().open().story.clear();

    // when: the gateway wants it elsewhere at once
    rig.message(frames::reconnect()).close(4000).next();

    // then: the shard resumes the session at the base URL
    rig.assert_kinds(
        "t+0.779 > close 4000
         t+0.779 ~ reconnect in 0.991 s, resume: reconnect_requested
         t+1.771 > connect 3 wss://gateway-us-east1-b.discord.gg/?v=10&encoding=json",
    );
}

#[test]
fn scenario_4_an_interval_out_of_bounds_is_clamped_and_reported() {
    for (asked, told, used) in [
        ("0", "0 s", 1),
        ("-5", "0 s", 1),
        ("-1e300", "0 s", 1),
        ("1", "0.001 s", 1),
        ("999.5", "0.999 s", 1),
        ("600001", "600.001 s", 600),
        ("9007199254740992", "9007199254740.992 s", 600),
        ("1e300", "18446744073709551615.999 s", 600),
    ] {
        let mut rig = greeting(config());
        rig.hold_identify().message(frames::hello(asked)).message(frames::ack()).advance(seconds(used));
        rig.assert_kinds(&format!(
            "t+0.000 ! faulted: heartbeat interval of {told} asked for
             t+0.000 > ask identify
             t+0.000 > heartbeat null
             t+{used}.000 > heartbeat null"
        ));
    }
}

#[test]
fn scenario_4_an_interval_at_its_bounds_is_taken_as_it_is() {
    for (asked, used) in [("1000", 1), ("600000", 600)] {
        let mut rig = greeting(config());
        rig.hold_identify().message(frames::hello(asked)).message(frames::ack()).advance(seconds(used));
        assert_eq!(rig.story.of_kind('!'), Vec::<&str>::new());
        assert_eq!(rig.story.of_kind('>'), ["ask identify", "heartbeat null", "heartbeat null"]);
    }
}

#[test]
fn scenario_4_an_interval_out_of_bounds_is_refused_by_policy() {
    for (asked, told) in [("0", "0 s"), ("-5", "0 s"), ("1", "0.001 s"), ("9007199254740992", "9007199254740.992 s")] {
        let heartbeat = HeartbeatPolicy { out_of_bounds: OutOfBounds::Refuse, ..config().heartbeat };
        let mut rig = greeting(Config { heartbeat, ..config() });
        rig.message(frames::hello(asked)).close(4000);
        rig.assert_kinds(&format!(
            "t+0.000 ! faulted: heartbeat interval of {told} asked for
             t+0.000 > close 4000
             t+0.000 ~ reconnect in 0.779 s, identify: malformed"
        ));
    }
}

#[test]
fn an_interval_of_the_config_takes_the_place_of_hello_s_without_a_fault() {
    let heartbeat = HeartbeatPolicy { interval: Some(seconds(7)), ..config().heartbeat };
    let mut rig = greeting(Config { heartbeat, ..config() });
    rig.hold_identify().message(frames::hello("0")).message(frames::ack()).advance(seconds(7));
    rig.assert_kinds(
        "t+0.000 > ask identify
         t+0.000 > heartbeat null
         t+7.000 > heartbeat null",
    );
    assert_eq!(rig.story.of_kind('!'), Vec::<&str>::new());
}

#[test]
fn a_hello_without_an_interval_costs_the_link_at_once() {
    for interval in ["null", "\"40000\"", "{}", "[]", "true"] {
        let mut rig = greeting(config());
        rig.message(frames::hello(interval));
        assert_eq!(rig.story.of_kind('>'), ["close 4000"], "{interval}");
        assert_eq!(rig.story.of_kind('!').len(), 1, "{interval}");
    }
}

#[test]
fn scenario_5_a_second_hello_restarts_the_beat_once_and_identifies_no_second_time() {
    // given: a shard that requested its permit, ten seconds after its first heartbeat
    let mut rig = greeting(config());
    rig.hold_identify().message(frames::hello("40000")).message(frames::ack()).pass(seconds(10)).story.clear();

    // when: a second Hello comes with another interval, and the permit
    rig.message(frames::hello("20000"));
    rig.give(Input::IdentifyGranted(rig.connection())).advance(seconds(15));

    // then: one Identify, and one series of heartbeats, an interval after the first one
    rig.assert_kinds(
        "t+10.000 > identify
         t+20.000 > heartbeat null",
    );
}

#[test]
fn scenario_5_a_second_hello_in_session_restarts_the_beat_and_nothing_else() {
    let mut rig = Rig::online(config());
    rig.pass(seconds(30)).message(frames::hello("60000")).advance(seconds(60));
    // The beat that was due at 40 s is not put off; the new interval counts from it.
    rig.assert_kinds("t+40.000 > heartbeat 2");
    rig.message(frames::ack()).advance(seconds(60));
    rig.assert_kinds("t+100.000 > heartbeat 2");
    assert_eq!((rig.machine.phase(), rig.machine.health().counts.identifies), (Phase::Active, 1));
}

#[test]
fn scenario_6_nothing_is_sent_before_hello() {
    // given: an open socket, and an identify permit that was not requested
    let mut rig = greeting(config());
    rig.give(Input::IdentifyGranted(rig.connection())).sent();

    // when: frames come that would be answered later
    for frame in [frames::heartbeat_request(), frames::ack(), frames::message_create(1), frames::resumed(1)] {
        rig.message(frame);
    }
    rig.message(frames::ready("5e551011", 1)).advance(seconds(14));

    // then: nothing is sent
    assert_eq!(rig.story.of_kind('>'), Vec::<&str>::new());
    assert_eq!(
        rig.story.of_kind('!'),
        ["heartbeat", "heartbeat", "dispatch", "resumed", "ready"].map(|what| format!("faulted: {what} out of place"))
    );
    assert_eq!(rig.machine.phase(), Phase::AwaitingHello);
}

#[test]
fn scenario_6_a_resume_waits_for_hello_too() {
    let mut rig = Rig::online(config());
    rig.lose().next().open().story.clear();
    rig.advance(seconds(14));
    assert_eq!(rig.story.of_kind('>'), Vec::<&str>::new());
    rig.message(frames::hello("40000"));
    assert_eq!(rig.story.of_kind('>'), ["resume s#2", "heartbeat 2"]);
}

#[test]
fn scenario_79_a_first_connect_that_fails_is_retried_and_touches_no_session() {
    let mut rig = Rig::new(config());
    rig.start().refuse(ConnectFailure::Name).next().refuse(ConnectFailure::Name).next();
    rig.assert_kinds(
        "t+0.000 * connecting 1, identify
         t+0.000 > connect 1 wss://gateway.discord.gg/?v=10&encoding=json
         t+0.000 ~ reconnect in 0.779 s, identify: connect_name
         t+0.779 * connecting 2, identify
         t+0.779 > connect 2 wss://gateway.discord.gg/?v=10&encoding=json
         t+0.779 ~ reconnect in 0.991 s, identify: connect_name
         t+1.771 * connecting 3, identify
         t+1.771 > connect 3 wss://gateway.discord.gg/?v=10&encoding=json",
    );
    assert_eq!(rig.machine.session(), None);
}

#[test]
fn scenario_92_a_gateway_with_tls_is_never_left_for_one_without() {
    // given: a gateway with TLS whose Ready names a resume URL without
    let mut rig = greeting(config());
    let data = r#"{"session_id":"5e551011","resume_gateway_url":"ws://gateway.discord.gg"}"#;
    rig.message(frames::hello("40000")).message(frames::dispatch("READY", 1, data));
    rig.lose().next();

    // then: it is reported, and the next connection has TLS
    rig.assert_kinds(
        "t+0.000 > ask identify
         t+0.000 > heartbeat null
         t+0.000 > identify
         t+0.000 ! faulted: resume url of a foreign host
         t+0.779 > connect 2 wss://gateway.discord.gg/?v=10&encoding=json",
    );
}

#[test]
fn scenario_92_the_scheme_is_part_of_the_url_s_type() {
    for (base, scheme) in [("wss://a.example", Scheme::Wss), ("ws://a.example", Scheme::Ws)] {
        let discord = Discord::new(TOKEN, Intents::UNPRIVILEGED).unwrap().with_gateway(base).unwrap();
        let mut rig = Rig::of(discord, config());
        let actions: Vec<Action> = rig.machine.handle(rig.now, Input::Start).collect();
        let found = actions.iter().find_map(|action| match action {
            Action::Connect { url, .. } => Some((url.scheme(), url.port())),
            _ => None,
        });
        assert_eq!(found, Some((scheme, scheme.port())));
    }
    let refused = discord().with_gateway("https://gateway.discord.gg").err();
    assert_eq!(refused, Some(DiscordError::Url(UrlError::Scheme)));
}

#[test]
fn each_step_of_a_connection_has_a_deadline_of_its_own() {
    let timeouts = Timeouts { connect: seconds(3), hello: seconds(4), ready: seconds(5), ..Timeouts::default() };
    let mut rig = Rig::new(Config { timeouts, ..config() });
    rig.start().advance(seconds(3));
    rig.assert_kinds(
        "t+0.000 > connect 1 wss://gateway.discord.gg/?v=10&encoding=json
         t+3.000 > abort
         t+3.000 ! faulted: timed out: connect
         t+3.000 ~ reconnect in 0.779 s, identify: timed_out_connect",
    );
    rig.next().open().advance(seconds(4));
    rig.assert_kinds(
        "t+3.779 > connect 2 wss://gateway.discord.gg/?v=10&encoding=json
         t+7.779 ! faulted: timed out: hello
         t+7.779 > abort
         t+7.779 ~ reconnect in 0.991 s, identify: timed_out_hello",
    );
    rig.next().open().message(frames::hello("40000")).advance(seconds(5));
    rig.assert_kinds(
        "t+8.771 > connect 3 wss://gateway.discord.gg/?v=10&encoding=json
         t+8.771 > ask identify
         t+8.771 > heartbeat null
         t+8.771 > identify
         t+13.771 ! faulted: timed out: ready
         t+13.771 > close 4000",
    );
}

#[test]
fn the_deadlines_are_ten_fifteen_and_sixty_seconds_unless_configured() {
    let Timeouts { connect, hello, ready, resumed, write, close, token } = Timeouts::default();
    assert_eq!(
        [connect, hello, ready, resumed, write, close, token].map(|span| span.as_secs()),
        [10, 15, 60, 60, 10, 5, 60]
    );
    let mut rig = greeting(config());
    // The permit comes late: the deadline of Ready starts with the Identify, not with Hello.
    rig.hold_identify().message(frames::hello("600000")).message(frames::ack()).advance(seconds(100)).story.clear();
    rig.give(Input::IdentifyGranted(rig.connection())).advance(seconds(60));
    rig.assert_kinds(
        "t+100.000 > identify
         t+160.000 ! faulted: timed out: ready
         t+160.000 > close 4000",
    );
}

#[test]
fn a_deadline_is_judged_by_one_who_has_read_the_socket() {
    // given: a Hello that is late, or unread in the socket
    let mut rig = greeting(config());
    rig.pass(seconds(20));

    // when: the caller says that it has not read
    rig.give(Input::TickUnread);

    // then: the caller gets a second to read, and the Hello counts
    assert_eq!(rig.machine.deadline(), Some(rig.now + seconds(1)));
    rig.message(frames::hello("40000"));
    rig.assert_kinds(
        "t+20.000 > ask identify
         t+20.000 > heartbeat null
         t+20.000 > identify",
    );
}

#[test]
fn an_early_tick_changes_nothing() {
    let mut rig = greeting(config());
    let deadline = rig.machine.deadline();
    for _ in 0..14 {
        rig.pass(seconds(1)).tick();
    }
    assert_eq!(rig.machine.deadline(), deadline);
    assert_eq!(rig.story.of_kind('>'), Vec::<&str>::new());
}
