//! The table (phase × input), walked cell by cell. Twice it is compared with what was committed: `table.txt` has each
//! transition with the cause that `explain` gives for it, `core/docs/phases.md` the whole grid, for the docs.
//!
//! `PORTCULLIS_BLESS=1 cargo test -p portcullis-tests --test table` writes both files as the machine is now, to be reviewed.

use core::time::Duration;
use portcullis::codec::Compression;
use portcullis::machine::{Cause, ConnectFailure, Event, Input, MalformedPolicy, Phase, Shutdown};
use portcullis::token::Token;
use portcullis::{CloseCode, CloseFrame, CloseReason, ConnectionId, Message};
use portcullis_tests::{Rig, frames, rig, seconds};
use std::path::Path;

/// A row of the table: its name, and the input.
type Row = (&'static str, fn(&mut Rig));

const INPUTS: &[Row] = &[
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
    ("shut down, session ended", |rig| {
        rig.shutdown(Shutdown::EndSession);
    }),
    (MALFORMED, |rig| message(rig, frames::text("garbage"))),
    ("message above the limit", |rig| message(rig, frames::text(" ".repeat(MESSAGE_MAX + 1)))),
    ("compression damaged", |rig| message(rig, Message::Binary(vec![0xFF; 16].into()))),
    (UNDRAINED, |rig| message(rig, frames::text(" ".repeat(UNTAKEN_MAX + 1)))),
];

/// Rows that need another config.
const MALFORMED: &str = "garbage, by MalformedPolicy::Reconnect";
const UNDRAINED: &str = "events untaken above the limit";
const SENT: &str = "sent";
const MESSAGE_MAX: usize = 4096;
const UNTAKEN_MAX: usize = 300;

/// The machine of a row: compressed, so that compression can be damaged; what is not compressed is taken as well.
fn new_rig(row: &str) -> Rig {
    let mut config = rig::config();
    config.limits.message = MESSAGE_MAX;
    match row {
        MALFORMED => config.malformed = MalformedPolicy::Reconnect,
        UNDRAINED => config.limits.undrained = UNTAKEN_MAX,
        _ => {}
    }
    Rig::of(rig::discord().with_compression(Compression::ZlibStream).unwrap(), config)
}

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

fn in_phase(phase: Phase, row: &str) -> Rig {
    let mut rig = new_rig(row);
    if row != SENT {
        if phase == Phase::Identifying {
            // Its heartbeat is not acknowledged: silence costs it the connection before Ready is late.
            rig.start().open().message(frames::hello("40000"));
            return rig;
        }
        return rig.to_phase(phase);
    }
    // A `Sent` without an outstanding write is stale: there is one here, wherever there can be one.
    if phase == Phase::Closing {
        rig = rig.to_phase(Phase::Active);
        rig.hold_writes().message(frames::heartbeat_request()).message(frames::reconnect());
    } else {
        rig = rig.to_phase(phase);
        if !matches!(phase, Phase::Idle | Phase::Backoff | Phase::Ended) {
            rig.hold_writes().message(frames::heartbeat_request());
        }
    }
    rig
}

/// Where a cell led, each phase with its cause; and what else came of it, where it led nowhere.
struct Cell {
    transitions: Vec<(Phase, Cause)>,
    deeds: String,
}

impl Cell {
    fn of(phase: Phase, (row, act): &Row) -> Self {
        let mut rig = in_phase(phase, row);
        assert_eq!(rig.machine.phase(), phase);
        let (explained, stale) = (rig.machine.explain().len(), rig.machine.health().counts.stale);
        rig.story.clear();
        rig.events.clear();
        rig.sends.clear();
        act(&mut rig);
        let transitions = rig.machine.explain().skip(explained).take(2).map(|step| (step.to, step.cause)).collect();
        let is_fault = |event: &Event| matches!(event, Event::Faulted(_));
        let mut deeds = Vec::new();
        if rig.events.iter().any(|(_, event)| is_fault(event)) {
            deeds.push("fault");
        }
        if rig.events.iter().any(|(_, event)| !is_fault(event)) {
            deeds.push("event");
        }
        if !rig.sends.is_empty() {
            deeds.push("write");
        }
        let is_stale = rig.machine.health().counts.stale > stale;
        let deeds = match (deeds.is_empty(), is_stale) {
            (true, true) => String::new(),
            (true, false) => "stays".into(),
            (false, _) => deeds.join(", "),
        };
        Self { transitions, deeds }
    }

    /// As in `table.txt`: only where it led, with the causes.
    fn explained(&self) -> String {
        let told: Vec<String> = self.transitions.iter().map(|(to, cause)| format!("{to} ({cause})")).collect();
        told.join(", ")
    }

    /// As in the docs: where it led, or else what was done.
    fn shown(&self) -> String {
        let phases: Vec<String> = self.transitions.iter().map(|(to, _)| format!("**{to:?}**")).collect();
        if phases.is_empty() { self.deeds.clone() } else { phases.join(", ") }
    }
}

#[test]
fn every_cell_of_the_table_is_as_it_was_reviewed() {
    let mut told = String::new();
    for phase in Phase::ALL {
        told.push_str(&format!("{phase}\n"));
        for row in INPUTS {
            let cell = Cell::of(phase, row);
            if !cell.transitions.is_empty() {
                told.push_str(&format!("  {}: {}\n", row.0, cell.explained()));
            }
        }
    }
    compare("tests/table.txt", &told);
}

#[test]
fn the_table_of_the_docs_is_what_the_machine_does() {
    const PATH: &str = "../core/docs/phases.md";
    const BEGIN: &str = "<!-- written by tests/tests/table.rs -->\n";
    const END: &str = "<!-- end of the table -->\n";
    let page = read(PATH);
    let (before, rest) = page.split_once(BEGIN).unwrap();
    let (_, behind) = rest.split_once(END).unwrap();

    let heads = Phase::ALL.map(|phase| format!("{phase:?}"));
    let mut table = vec![format!("| input | {} |", heads.join(" | ")), format!("|---|{}", "---|".repeat(heads.len()))];
    for row in INPUTS {
        let cells = Phase::ALL.map(|phase| Cell::of(phase, row).shown());
        table.push(format!("| {} | {} |", row.0, cells.join(" | ")));
    }
    let table = table.join("\n");
    compare(PATH, &format!("{before}{BEGIN}\n{table}\n\n{END}{behind}"));
}

/// Compares a committed file, line by line; or writes it.
fn compare(path: &str, told: &str) {
    if std::env::var_os("PORTCULLIS_BLESS").is_some() {
        std::fs::write(in_this_crate(path), told).unwrap();
    }
    let reviewed = read(path);
    for (line, (told, reviewed)) in told.lines().zip(reviewed.lines()).enumerate() {
        assert_eq!(told, reviewed, "line {} of {path}", line + 1);
    }
    assert_eq!(told.lines().count(), reviewed.lines().count(), "lines of {path}");
}

fn read(path: &str) -> String {
    std::fs::read_to_string(in_this_crate(path)).unwrap()
}

fn in_this_crate(path: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

#[test]
fn every_phase_between_start_and_the_end_has_a_deadline_after_every_input() {
    for phase in Phase::ALL {
        for (name, act) in INPUTS {
            let mut rig = in_phase(phase, name);
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
