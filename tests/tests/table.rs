//! The table (phase × input), walked cell by cell: where each input leads in each phase, and the cause that `explain`
//! gives for it.

use core::time::Duration;
use portcullis::machine::{Cause, ConnectFailure, Input, Phase, Shutdown};
use portcullis::token::Token;
use portcullis::{CloseCode, CloseFrame, CloseReason, ConnectionId, Message};
use portcullis_tests::{Rig, frames, rig, seconds};

/// A column of the table.
type Cell = (&'static str, fn(&mut Rig));

const INPUTS: &[Cell] = &[
    ("start", |rig| {
        rig.start();
    }),
    ("opened", |rig| give(rig, Input::Opened)),
    ("connect failed", |rig| give(rig, |connection| Input::ConnectFailed(connection, ConnectFailure::Refused))),
    ("connect failed 401", |rig| {
        let failure = ConnectFailure::Http { status: 401, retry_after: None };
        give(rig, |connection| Input::ConnectFailed(connection, failure));
    }),
    ("sent", |rig| give(rig, Input::Sent)),
    ("closed", |rig| give(rig, |connection| Input::Closed(connection, CloseReason::Eof))),
    ("closed 4007", |rig| closed(rig, 4007)),
    ("closed 4004", |rig| closed(rig, 4004)),
    ("identify granted", |rig| give(rig, Input::IdentifyGranted)),
    ("identify denied", |rig| give(rig, |connection| Input::IdentifyDenied(connection, seconds(9)))),
    ("budget exhausted", |rig| give(rig, |connection| Input::BudgetExhausted(connection, seconds(9)))),
    ("token", |rig| {
        rig.give(Input::Token(Token::new("t").unwrap(), seconds(9)));
    }),
    ("token denied", |rig| {
        rig.give(Input::TokenDenied(Some(seconds(9))));
    }),
    ("token denied for ever", |rig| {
        rig.give(Input::TokenDenied(None));
    }),
    ("suspended", |rig| {
        rig.give(Input::Suspended(seconds(7200)));
    }),
    ("hello", |rig| message(rig, frames::hello("40000"))),
    ("ready", |rig| message(rig, frames::ready("another", 1))),
    ("resumed", |rig| message(rig, frames::resumed(9))),
    ("dispatch", |rig| message(rig, frames::message_create(9))),
    ("ack", |rig| message(rig, frames::ack())),
    ("heartbeat request", |rig| message(rig, frames::heartbeat_request())),
    ("reconnect", |rig| message(rig, frames::reconnect())),
    ("invalid session, resumable", |rig| message(rig, frames::invalid_session("true"))),
    ("invalid session, lost", |rig| message(rig, frames::invalid_session("false"))),
    ("unknown", |rig| message(rig, frames::text(r#"{"op":99,"d":null}"#))),
    ("garbage", |rig| message(rig, frames::text("garbage"))),
    ("hello without interval", |rig| message(rig, frames::hello("null"))),
    ("tick", |rig| {
        rig.tick();
    }),
    ("tick unread", |rig| {
        rig.give(Input::TickUnread);
    }),
    ("silence", |rig| {
        rig.advance(seconds(100));
    }),
    ("asked to reconnect", |rig| {
        rig.machine.reconnect(rig.now, Cause::Requested);
        rig.tick();
    }),
    ("shut down", |rig| {
        rig.shutdown(Shutdown::KeepSession);
    }),
];

fn give(rig: &mut Rig, input: impl FnOnce(ConnectionId) -> Input) {
    let connection = if rig.machine.phase() == Phase::Idle { ConnectionId(1) } else { rig.connection() };
    rig.give(input(connection));
}

fn message(rig: &mut Rig, message: Message) {
    give(rig, |connection| Input::Message(connection, message));
}

fn closed(rig: &mut Rig, code: u16) {
    let frame = CloseFrame { code: Some(CloseCode(code)), reason: String::new() };
    give(rig, |connection| Input::Closed(connection, CloseReason::Frame(frame)));
}

fn in_phase(phase: Phase) -> Rig {
    let mut rig = Rig::new(rig::config());
    match phase {
        Phase::Idle => {}
        Phase::Connecting => {
            rig.start();
        }
        Phase::AwaitingHello => {
            rig.start().open();
        }
        Phase::AwaitingIdentify => {
            rig.hold_identify().start().open().message(frames::hello("40000"));
        }
        Phase::Identifying => {
            rig.start().open().message(frames::hello("40000"));
        }
        Phase::Resuming => return Rig::resuming(rig::config()),
        Phase::Active => return Rig::online(rig::config()),
        Phase::Backoff => {
            rig = Rig::online(rig::config());
            rig.lose();
        }
        Phase::Closing => {
            rig = Rig::online(rig::config());
            rig.message(frames::reconnect());
        }
        Phase::Ended => {
            rig = Rig::online(rig::config());
            rig.shutdown(Shutdown::EndSession).lose();
        }
        other => unreachable!("a phase that this table does not know: {other}"),
    }
    rig.story.clear();
    rig
}

/// A cell: the phases it led through, each with its cause; `-` where it led nowhere.
fn cell(phase: Phase, act: fn(&mut Rig)) -> String {
    let mut rig = in_phase(phase);
    assert_eq!(rig.machine.phase(), phase);
    let before = rig.machine.explain().len();
    act(&mut rig);
    let made: Vec<String> =
        rig.machine.explain().skip(before).take(2).map(|step| format!("{} ({})", step.to, step.cause)).collect();
    if made.is_empty() { "-".into() } else { made.join(", ") }
}

#[test]
fn every_cell_of_the_table_is_as_it_was_reviewed() {
    let mut told = String::new();
    for phase in Phase::ALL {
        told.push_str(&format!("{phase}\n"));
        for (name, act) in INPUTS {
            let cell = cell(phase, *act);
            if cell != "-" {
                told.push_str(&format!("  {name}: {cell}\n"));
            }
        }
    }
    let reviewed = include_str!("table.txt");
    for (line, (told, reviewed)) in told.lines().zip(reviewed.lines()).enumerate() {
        assert_eq!(told, reviewed, "line {} of table.txt", line + 1);
    }
    assert_eq!(told.lines().count(), reviewed.lines().count());
}

#[test]
fn every_phase_between_start_and_the_end_has_a_deadline_after_every_input() {
    for phase in Phase::ALL {
        for (name, act) in INPUTS {
            let mut rig = in_phase(phase);
            act(&mut rig);
            let is_over = matches!(rig.machine.phase(), Phase::Idle | Phase::Ended);
            assert_eq!(rig.machine.deadline().is_none(), is_over, "{phase} after {name}");
            assert_eq!(rig.machine.timers().first().map(|(at, _)| *at), rig.machine.deadline());
            if let Some(deadline) = rig.machine.deadline() {
                assert!(deadline > rig.now && deadline - rig.now < Duration::from_secs(3600), "{phase} after {name}");
            }
        }
    }
}
