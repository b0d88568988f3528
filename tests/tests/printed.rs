//! What a machine's values print for a log.

use portcullis::dialect::Plan;
use portcullis::machine::{Cause, CommandId, EndReason, Fault, Outcome, ReturnReason, Shutdown};
use portcullis::{CloseCode, CloseFrame, CloseReason, ConnectionId, Event, Input, Message, Sequence};
use portcullis_tests::rig::prompt;
use portcullis_tests::{Rig, frames, seconds};

/// The events of a message, as they print.
fn printed(rig: &mut Rig, message: Message) -> Vec<String> {
    rig.events.clear();
    rig.message(message);
    rig.events.iter().map(|(_, event)| event.to_string()).collect()
}

#[test]
fn found_22_every_event_is_one_line_for_a_log() {
    let connection = ConnectionId(3);
    let reason = CloseReason::Frame(CloseFrame { code: Some(CloseCode(4000)), reason: "a\nb".into() });
    for (event, line) in [
        (Event::Connecting { connection, plan: Plan::Resume }, "connecting to resume (connection 3)"),
        (Event::Gap { after: Sequence(5), got: Sequence(9) }, "sequences are missing: 9 came after 5"),
        (Event::SessionLost { cause: Cause::InvalidSessionLost }, "the session is lost: invalid_session_lost"),
        (Event::Faulted(Fault::HeartbeatMissed { waited: seconds(40) }), "fault: heartbeat missed, waited 40s"),
        (Event::Closed { connection, reason }, "connection 3 is gone: close 4000 \"a\\nb\""),
        (
            Event::Reconnecting { after: seconds(2), plan: Plan::Identify, cause: Cause::Closed(CloseCode(4009)) },
            "reconnecting in 2s to identify: closed 4009",
        ),
        (Event::BudgetExhausted { resets_in: seconds(60) }, "no identifies are left, there are more in 60s"),
        (Event::Command(CommandId(7), Outcome::Sent), "command 7 was sent"),
        (
            Event::Command(CommandId(7), Outcome::Returned(ReturnReason::Superseded)),
            "command 7 was not sent: a later one took its place",
        ),
        (
            Event::Command(CommandId(7), Outcome::Unknown),
            "command 7 may have been sent: its connection died during the write",
        ),
        (Event::OutboxDrained, "the outbox has room again"),
        (Event::Lagged(4), "4 dispatches were dropped, since they were not taken in time"),
        (Event::Ended(EndReason::Shutdown), "the shard has ended: shut down"),
    ] {
        assert_eq!(event.to_string(), line);
    }
}

#[test]
fn found_22_a_dispatch_prints_its_name_and_place_and_a_peer_forges_no_line() {
    let mut rig = Rig::online(prompt());
    assert_eq!(printed(&mut rig, frames::message_create(3)), ["MESSAGE_CREATE #3"]);
    let forged = "{\"t\":\"A\u{2028}ERROR\",\"s\":4,\"op\":0,\"d\":\"secret\"}";
    assert_eq!(printed(&mut rig, frames::text(forged)), ["A\\u{2028}ERROR #4"]);
    let long = format!(r#"{{"t":"{}","s":5,"op":0,"d":null}}"#, "N".repeat(1 << 20));
    assert_eq!(printed(&mut rig, frames::text(long)), [format!("{} #5", "N".repeat(64))]);
    assert_eq!(
        printed(&mut rig, frames::text(r#"{"op":77,"d":"secret"}"#)),
        ["a frame of the unknown opcode 77, 22 bytes"]
    );

    rig.lose().next();
    rig.open().message(frames::hello("40000"));
    rig.give(Input::IdentifyGranted(rig.connection())).sent();
    assert_eq!(printed(&mut rig, frames::message_create(6)), ["MESSAGE_CREATE #6 (replayed)"]);
    assert_eq!(printed(&mut rig, frames::resumed(7)), ["the session goes on: RESUMED #7"]);
    rig.shutdown(Shutdown::KeepSession);
}
