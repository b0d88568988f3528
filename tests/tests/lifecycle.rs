//! Scenarios 63, 64 and 86 to 88, and invariant 4: stopping and reconnecting in each phase, old connections, the wrong
//! frame at the wrong time.

#![allow(clippy::unwrap_used)]

use portcullis::dialect::Recovery;
use portcullis::machine::{Cause, ConnectFailure, IoFailure, Phase, ResumeFrom, Session, Shutdown};
use portcullis::token::Token;
use portcullis::{CloseCode, CloseReason, Config, ConnectionId, Input, Sequence};
use portcullis_tests::rig::prompt;
use portcullis_tests::{Rig, frames, seconds};

/// The actions of a shard that is shut down in this phase, until its socket is gone.
fn stopped(phase: Phase, shutdown: Shutdown) -> Rig {
    let mut rig = Rig::in_phase(phase, prompt());
    rig.shutdown(shutdown);
    if rig.machine.phase() == Phase::Closing {
        rig.lose();
    }
    rig
}

/// Gives every kind of input.
fn give_all(rig: &mut Rig) {
    let connection = ConnectionId(1);
    for input in [
        Input::Start,
        Input::Opened(connection),
        Input::ConnectFailed(connection, ConnectFailure::Io(IoFailure::Other)),
        Input::Message(connection, frames::ready("5e551011", 9)),
        Input::Sent(connection),
        Input::Closed(connection, CloseReason::Eof),
        Input::IdentifyGranted(connection),
        Input::IdentifyDenied(connection, seconds(1)),
        Input::BudgetExhausted(connection, seconds(1)),
        Input::Token(Token::new("another").unwrap(), seconds(1)),
        Input::TokenDenied(None),
        Input::Suspended(seconds(7200)),
        Input::TickUnread,
        Input::Tick,
    ] {
        rig.give(input);
    }
}

const CLOSED_1000: &str = "t+0.000 > close 1000\nt+0.000 * closed 1: end of stream\nt+0.000 * ended: shut down";

#[test]
fn scenario_63_a_stop_that_ends_the_session_in_each_phase() {
    for (phase, did) in [
        (Phase::Idle, "t+0.000 * ended: shut down"),
        (Phase::Backoff, "t+0.000 * ended: shut down"),
        (Phase::Connecting, "t+0.000 > abort\nt+0.000 * ended: shut down"),
        (Phase::AwaitingHello, CLOSED_1000),
        (Phase::AwaitingIdentify, &format!("t+0.000 > return identify\n{CLOSED_1000}")),
        (Phase::Identifying, CLOSED_1000),
        (Phase::Resuming, &CLOSED_1000.replace("closed 1", "closed 2")),
        (Phase::Active, CLOSED_1000),
        // The close frame that keeps the session was sent already; the machine forgets the session all the same.
        (Phase::Closing, "t+0.000 * closed 1: end of stream\nt+0.000 * ended: shut down"),
        (Phase::Ended, ""),
    ] {
        let mut rig = stopped(phase, Shutdown::EndSession);
        rig.assert(did);
        assert_eq!((rig.machine.phase(), rig.machine.session()), (Phase::Ended, None), "{phase}");
    }
}

#[test]
fn scenario_63_a_stop_that_keeps_the_session_in_each_phase() {
    let closed_4000 = CLOSED_1000.replace("1000", "4000");
    let kept = Some("5e551011");
    for (phase, did, session) in [
        (Phase::Idle, "t+0.000 * ended: shut down", None),
        (Phase::Backoff, "t+0.000 * ended: shut down", kept),
        (Phase::Connecting, "t+0.000 > abort\nt+0.000 * ended: shut down", None),
        (Phase::AwaitingHello, CLOSED_1000, None),
        (Phase::AwaitingIdentify, &format!("t+0.000 > return identify\n{CLOSED_1000}"), None),
        (Phase::Identifying, CLOSED_1000, None),
        (Phase::Resuming, &closed_4000.replace("closed 1", "closed 2"), kept),
        (Phase::Active, &closed_4000, kept),
        (Phase::Closing, "t+0.000 * closed 1: end of stream\nt+0.000 * ended: shut down", kept),
        (Phase::Ended, "", None),
    ] {
        let mut rig = stopped(phase, Shutdown::KeepSession);
        rig.assert(did);
        let left = rig.machine.session();
        assert_eq!(left.as_ref().and_then(Session::id), session, "{phase}");
        assert_eq!(left.and_then(|left| left.sequence()), session.map(|_| Sequence(2)), "{phase}");
    }
}

#[test]
fn scenario_63_after_the_end_no_input_of_any_kind_gives_an_action() {
    for phase in Phase::ALL {
        let mut rig = stopped(phase, Shutdown::EndSession);
        rig.story.clear();
        give_all(&mut rig);
        rig.shutdown(Shutdown::KeepSession).reconnect(Cause::Requested);
        rig.assert("");
        assert_eq!((rig.machine.deadline(), rig.machine.timers()), (None, vec![]), "{phase}");
    }
}

#[test]
fn invariant_4_a_fatal_close_ends_the_machine_once_and_for_ever() {
    let mut rig = Rig::online(prompt());
    rig.close(4004).assert(
        "t+0.000 * closed 1: close 4004
         t+0.000 * ended: the gateway closed with 4004 (authentication failed); the token is wrong or was reset: \
         give the bot's present token",
    );
    give_all(&mut rig);
    rig.advance(seconds(86_400)).reconnect(Cause::Requested).shutdown(Shutdown::EndSession).assert("");
    assert_eq!((rig.machine.phase(), rig.machine.session()), (Phase::Ended, None));
    assert!(!rig.machine.health().can_reconnect);
}

#[test]
fn a_stop_before_start_keeps_an_imported_session() {
    // given: a machine with a session of an earlier run, that was never started
    let mut online = Rig::online(prompt());
    online.shutdown(Shutdown::KeepSession).lose();
    let session = online.machine.session().unwrap();
    let resume_from = Some(ResumeFrom { session: session.clone(), age: None });
    let mut rig = Rig::new(Config { resume_from, ..prompt() });

    // when: it is stopped; then: the session is still there for the next run
    rig.shutdown(Shutdown::KeepSession);
    assert_eq!(rig.machine.session(), Some(session));
}

#[test]
fn a_close_that_is_not_answered_ends_after_its_deadline() {
    let mut rig = Rig::online(prompt());
    rig.shutdown(Shutdown::EndSession).advance(seconds(5)).assert(
        "t+0.000 > close 1000
         t+5.000 > abort
         t+5.000 * ended: shut down",
    );
}

#[test]
fn a_stop_that_comes_while_a_close_waits_for_the_socket_still_ends_the_session() {
    // given: a reconnect whose close frame waits behind a write
    let mut rig = Rig::online(prompt());
    rig.hold_writes().advance(seconds(40)).message(frames::reconnect()).shutdown(Shutdown::EndSession);
    rig.assert("t+40.000 > heartbeat 2");

    // when: the socket accepts the write; then: the close frame is the one that ends the session
    rig.sent().lose().assert(
        "t+40.000 > close 1000
         t+40.000 * closed 1: end of stream
         t+40.000 * ended: shut down",
    );
}

#[test]
fn a_reconnect_that_the_application_asks_for_in_each_phase() {
    let anew = "* connecting 2, identify\nt+0.000 > connect 2 wss://gateway.discord.gg/?v=10&encoding=json";
    let closed = "t+0.000 > close 4000\nt+0.000 * closed 1: end of stream\nt+0.000 ~ reconnect in 0 s";
    let resume = "wss://gateway-us-east1-b.discord.gg/?v=10&encoding=json";
    for (phase, did) in [
        (Phase::Idle, String::new()),
        (Phase::Backoff, format!("t+0.000 * connecting 2, resume\nt+0.000 > connect 2 {resume}")),
        (
            Phase::Connecting,
            format!("t+0.000 > abort\nt+0.000 ~ reconnect in 0 s, identify: requested\nt+0.000 {anew}"),
        ),
        (Phase::AwaitingHello, format!("{closed}, identify: requested\nt+0.000 {anew}")),
        (Phase::AwaitingIdentify, format!("t+0.000 > return identify\n{closed}, identify: requested\nt+0.000 {anew}")),
        (Phase::Identifying, format!("{closed}, identify: requested\nt+0.000 {anew}")),
        (
            Phase::Resuming,
            "t+0.000 > close 4000
             t+0.000 * closed 2: end of stream
             t+0.000 ~ reconnect in 0 s, resume: requested
             t+0.000 * connecting 3, resume
             t+0.000 > connect 3 wss://gateway-us-east1-b.discord.gg/?v=10&encoding=json"
                .into(),
        ),
        (
            Phase::Active,
            format!("{closed}, resume: requested\nt+0.000 * connecting 2, resume\nt+0.000 > connect 2 {resume}"),
        ),
        (
            Phase::Closing,
            format!(
                "t+0.000 * closed 1: end of stream
                 t+0.000 ~ reconnect in 0 s, resume: reconnect_requested
                 t+0.000 * connecting 2, resume
                 t+0.000 > connect 2 {resume}"
            ),
        ),
        (Phase::Ended, String::new()),
    ] {
        let mut rig = Rig::in_phase(phase, prompt());
        rig.reconnect(Cause::Requested);
        if rig.machine.phase() == Phase::Closing {
            rig.lose();
        }
        if rig.machine.phase() == Phase::Backoff {
            rig.next();
        }
        rig.assert(&did);
    }
}

#[test]
fn the_peer_s_answer_to_our_close_frame_is_not_its_own_word() {
    // given: a config by which 4000 is final
    let recoveries = vec![(CloseCode(4000), Recovery::END)];
    let mut rig = Rig::online(Config { recoveries, ..prompt() });

    // when: our own 4000 comes back; then: the session is resumed all the same
    rig.reconnect(Cause::Requested).close(4000).assert(
        "t+0.000 > close 4000
         t+0.000 * closed 1: close 4000
         t+0.000 ~ reconnect in 0 s, resume: requested",
    );
}

#[test]
fn a_fatal_code_that_crosses_our_close_frame_still_ends() {
    let mut rig = Rig::online(prompt());
    rig.reconnect(Cause::Requested).close(4014);
    assert_eq!(rig.story.of_kind('>'), ["close 4000"]);
    assert_eq!(rig.machine.phase(), Phase::Ended);
}

#[test]
fn a_reconnect_never_takes_back_a_stop() {
    let mut rig = Rig::online(prompt());
    rig.machine.shutdown(rig.now, Shutdown::EndSession);
    rig.reconnect(Cause::Requested).lose();
    rig.assert(CLOSED_1000);
}

#[test]
fn a_reconnect_of_the_application_s_does_not_grow_the_backoff() {
    let mut rig = Rig::online(prompt());
    for _ in 0..20 {
        rig.reconnect(Cause::Requested).lose().next();
        rig.open().message(frames::hello("40000")).message(frames::ack()).message(frames::resumed(3));
    }
    assert_eq!((rig.machine.phase(), rig.machine.health().attempts), (Phase::Active, 0));
    assert_eq!(rig.story.of_kind('~'), ["reconnect in 0 s, resume: requested"; 20]);
}

#[test]
fn scenario_64_inputs_of_an_old_link_are_ignored_and_counted() {
    // given: a second connection, in phase Active
    let mut rig = Rig::resuming(prompt());
    rig.message(frames::resumed(3)).story.clear();
    let before = rig.machine.health().counts.stale;

    // when: the first one's inputs come late
    let old = ConnectionId(1);
    for input in [
        Input::Opened(old),
        Input::ConnectFailed(old, ConnectFailure::Io(IoFailure::Other)),
        Input::Message(old, frames::invalid_session("false")),
        Input::Message(old, frames::message_create(4)),
        Input::Sent(old),
        Input::Closed(old, CloseReason::Eof),
        Input::IdentifyGranted(old),
        Input::IdentifyDenied(old, seconds(1)),
    ] {
        rig.give(input);
    }

    // then: they cause nothing
    rig.assert("");
    assert_eq!((rig.machine.phase(), rig.machine.health().counts.stale - before), (Phase::Active, 8));
    assert_eq!(rig.machine.health().sequence, Some(Sequence(3)));
}

#[test]
fn scenario_86_a_zombie_and_a_stop_in_one_tick_give_one_close_and_one_end() {
    let mut rig = Rig::online(prompt());
    rig.advance(seconds(40)).pass(seconds(40)).shutdown(Shutdown::EndSession).lose();
    rig.assert(
        "t+40.000 > heartbeat 2
         t+80.000 > close 1000
         t+80.000 * closed 1: end of stream
         t+80.000 * ended: shut down",
    );
}

#[test]
fn scenario_86_a_stop_after_the_zombie_was_found_adds_no_second_close() {
    let mut rig = Rig::online(prompt());
    rig.advance(seconds(80)).shutdown(Shutdown::EndSession).lose();
    rig.assert(
        "t+40.000 > heartbeat 2
         t+80.000 ! faulted: heartbeat missed, waited 40 s
         t+80.000 > close 4000
         t+80.000 * closed 1: end of stream
         t+80.000 * ended: shut down",
    );
}

#[test]
fn scenario_87_resumed_where_an_identify_was_sent_is_a_fault_and_a_new_link() {
    let mut rig = Rig::in_phase(Phase::Identifying, prompt());
    rig.message(frames::resumed(3)).lose().next();
    rig.assert(
        "t+0.000 ! faulted: resumed out of place
         t+0.000 > close 4000
         t+0.000 * closed 1: end of stream
         t+0.000 ~ reconnect in 0 s, identify: out_of_place
         t+0.000 * connecting 2, identify
         t+0.000 > connect 2 wss://gateway.discord.gg/?v=10&encoding=json",
    );
}

#[test]
fn scenario_88_an_invalid_session_while_online_that_can_be_resumed_is_resumed_after_a_while() {
    let mut rig = Rig::online(prompt());
    rig.message(frames::invalid_session("true")).close(4000).next();
    rig.assert(
        "t+0.000 > close 4000
         t+0.000 * closed 1: close 4000
         t+0.000 ~ reconnect in 2.559 s, resume: invalid_session_resumable
         t+2.559 * connecting 2, resume
         t+2.559 > connect 2 wss://gateway-us-east1-b.discord.gg/?v=10&encoding=json",
    );
}

#[test]
fn scenario_88_an_invalid_session_while_online_that_is_lost_is_begun_anew_after_a_while() {
    let mut rig = Rig::online(prompt());
    rig.message(frames::invalid_session("false")).close(1000).next();
    rig.assert(
        "t+0.000 * session lost: invalid_session_lost
         t+0.000 > close 1000
         t+0.000 * closed 1: close 1000
         t+0.000 ~ reconnect in 2.559 s, identify: invalid_session_lost
         t+2.559 * connecting 2, identify
         t+2.559 > connect 2 wss://gateway.discord.gg/?v=10&encoding=json",
    );
    assert_eq!(rig.machine.session(), None);
}
