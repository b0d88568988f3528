//! A run as text: inputs `<`, actions `>`, events `*`, faults `!`, waits `~`, each with its time.
//!
//! A frame prints as its meaning. A token never prints, and a `Wait` only if the story has timers.

use core::fmt::Write as _;
use core::time::Duration;
use portcullis::machine::{Action, CommandId, ConnectFailure, Event, Fault, Input, Outcome, ReturnReason};
use portcullis::{Message, Timestamp};
use serde_json::Value;

/// The lines of a run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Story {
    lines: Vec<String>,
}

impl Story {
    /// Adds an input.
    pub fn input(&mut self, now: Timestamp, input: &Input) {
        self.lines.push(format!("{now} < {}", told_input(input)));
    }

    /// Adds an action.
    pub fn action(&mut self, now: Timestamp, action: &Action) {
        self.lines.push(format!("{now} {}", told_action(action)));
    }

    /// Adds something that the test did.
    pub fn deed(&mut self, now: Timestamp, deed: &str) {
        self.lines.push(format!("{now} - {deed}"));
    }

    /// The story as one text.
    #[must_use]
    pub fn text(&self) -> String {
        self.lines.join("\n")
    }

    /// The lines.
    #[must_use]
    pub fn lines(&self) -> &[String] {
        &self.lines
    }

    /// Removes all lines.
    pub fn clear(&mut self) {
        self.lines.clear();
    }

    /// Compares with `expected`, line by line, but only the kinds of line that occur in `expected`.
    #[track_caller]
    pub fn assert_kinds(&self, expected: &str) {
        let expected: Vec<&str> = expected.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
        let kinds: Vec<char> = expected.iter().filter_map(|line| kind(line)).collect();
        let told: Vec<&str> = self
            .lines
            .iter()
            .map(String::as_str)
            .filter(|line| kind(line).is_some_and(|k| kinds.contains(&k)))
            .collect();
        assert!(told == expected, "the story is\n  {}\nand not\n  {}", told.join("\n  "), expected.join("\n  "));
    }

    /// Compares all of the machine's lines (`>`, `*`, `!`, `~`) with `expected`.
    #[track_caller]
    pub fn assert(&self, expected: &str) {
        let expected: Vec<&str> = expected.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
        let did = |line: &&str| kind(line).is_some_and(|kind| ">*!~".contains(kind));
        let told: Vec<&str> = self.lines.iter().map(String::as_str).filter(did).collect();
        assert!(told == expected, "the machine did\n  {}\nand not\n  {}", told.join("\n  "), expected.join("\n  "));
    }

    /// The lines of one kind, without their times.
    #[must_use]
    pub fn of_kind(&self, wanted: char) -> Vec<&str> {
        let of_kind = self.lines.iter().filter(|line| kind(line) == Some(wanted));
        of_kind.filter_map(|line| line.splitn(3, ' ').nth(2)).collect()
    }
}

/// The kind of a line: the sign behind its time.
fn kind(line: &str) -> Option<char> {
    line.split(' ').nth(1)?.chars().next()
}

fn told_input(input: &Input) -> String {
    match input {
        Input::Start => "start".into(),
        Input::Opened(connection) => format!("opened {}", connection.0),
        Input::ConnectFailed(connection, failure) => {
            format!("connect failed {}: {}", connection.0, told_failure(failure))
        }
        Input::Message(_, message) => told_frame(message),
        Input::Sent(_) => "sent".into(),
        Input::Closed(connection, reason) => format!("closed {}: {reason}", connection.0),
        Input::IdentifyGranted(_) => "identify granted".into(),
        Input::IdentifyDenied(_, after) => format!("identify denied for {}", span(*after)),
        Input::BudgetExhausted(_, after) => format!("budget exhausted for {}", span(*after)),
        Input::Token(_, lifetime) => format!("token for {}", span(*lifetime)),
        Input::TokenDenied(Some(after)) => format!("token denied for {}", span(*after)),
        Input::TokenDenied(None) => "token denied".into(),
        Input::Suspended(slept) => format!("suspended {}", span(*slept)),
        Input::Tick => "tick".into(),
        Input::TickUnread => "tick unread".into(),
    }
}

fn told_failure(failure: &ConnectFailure) -> String {
    match failure {
        ConnectFailure::Http { status, retry_after: Some(after) } => format!("http {status}, after {}", span(*after)),
        ConnectFailure::Http { status, .. } => format!("http {status}"),
        other => other.to_string(),
    }
}

fn told_action(action: &Action) -> String {
    match action {
        Action::Connect { connection, url, .. } => format!("> connect {} {}", connection.0, url.as_str()),
        Action::Send { message, .. } => format!("> {}", told_frame(message)),
        Action::Close { code, .. } => format!("> close {code}"),
        Action::Abort { .. } => "> abort".into(),
        Action::RequestIdentify { .. } => "> ask identify".into(),
        Action::ReleaseIdentify { .. } => "> return identify".into(),
        Action::RequestToken { reason } => format!("> ask token: {reason:?}"),
        Action::Event(event) => told_event(event),
        Action::Wait { until, timer } => format!("~ until {until} {timer}"),
    }
}

fn told_event(event: &Event) -> String {
    match event {
        Event::Connecting { connection, plan } => format!("* connecting {}, {plan}", connection.0),
        Event::Ready(dispatch) => format!("* ready {}", number(dispatch.sequence())),
        Event::Resumed(dispatch) => format!("* resumed {}", number(dispatch.sequence())),
        Event::Dispatch(dispatch) => {
            let replayed = if dispatch.is_replayed() { ", replayed" } else { "" };
            format!("* {} {}{replayed}", dispatch.name(), number(dispatch.sequence()))
        }
        Event::Gap { after, got } => format!("* gap after {after}, got {got}"),
        Event::SessionLost { cause } => format!("* session lost: {cause}"),
        Event::Faulted(fault) => format!("! faulted: {}", told_fault(fault)),
        Event::Closed { connection, reason } => format!("* closed {}: {reason}", connection.0),
        Event::Reconnecting { after, plan, cause } => format!("~ reconnect in {}, {plan}: {cause}", span(*after)),
        Event::BudgetExhausted { resets_in } => format!("* budget exhausted, resets in {}", span(*resets_in)),
        Event::Paced { waited } => format!("* paced {}", span(*waited)),
        Event::Command(CommandId(id), outcome) => format!("* command {id} {}", told_outcome(*outcome)),
        Event::OutboxDrained => "* outbox drained".into(),
        Event::Unknown(frame) => format!("* unknown op {}", frame.op().map_or("none".into(), |op| op.to_string())),
        Event::Ended(reason) => format!("* ended: {reason}"),
        other => format!("* {other:?}"),
    }
}

fn told_outcome(outcome: Outcome) -> String {
    match outcome {
        Outcome::Sent => "sent".into(),
        Outcome::Unknown => "unknown".into(),
        Outcome::Returned(ReturnReason::SessionLost) => "returned: session lost".into(),
        Outcome::Returned(ReturnReason::Superseded) => "returned: superseded".into(),
        Outcome::Returned(ReturnReason::Ended) => "returned: ended".into(),
        Outcome::Returned(other) => format!("returned: {other:?}"),
        other => format!("{other:?}"),
    }
}

fn told_fault(fault: &Fault) -> String {
    match fault {
        Fault::HeartbeatMissed { waited } => format!("heartbeat missed, waited {}", span(*waited)),
        Fault::Silent { waited } => format!("silent for {}", span(*waited)),
        Fault::Interval { requested } => format!("heartbeat interval of {} asked for", span(*requested)),
        Fault::Suspended { span: slept } => format!("suspended for {}", span(*slept)),
        other => other.to_string(),
    }
}

/// A frame's meaning, in the protocol's words.
#[must_use]
pub fn told_frame(message: &Message) -> String {
    let bytes = message.bytes();
    let frame = serde_json::from_slice::<Value>(bytes).ok().or_else(|| crate::etf::read(bytes, crate::etf::Keys::Any));
    let Some(frame) = frame else {
        return format!("{} bytes that are no frame", bytes.len());
    };
    if let Some(event) = frame["event"].as_str() {
        return crate::toy::told(event, &frame["data"]);
    }
    let data = &frame["d"];
    let sequence = |value: &Value| value.as_u64().map_or("null".into(), |number| number.to_string());
    match frame["op"].as_u64() {
        Some(0) => format!("{} {}", frame["t"].as_str().unwrap_or("null"), sequence(&frame["s"])),
        Some(1) => format!("heartbeat {}", sequence(data)),
        Some(2) => data["presence"]["status"]
            .as_str()
            .map_or("identify".into(), |status| format!("identify with presence {status}")),
        Some(3) => format!("presence {}", data["status"].as_str().unwrap_or("null")),
        Some(4) => "voice state".into(),
        Some(6) => format!("resume s#{}", sequence(&data["seq"])),
        Some(7) => "reconnect".into(),
        Some(8) => "request members".into(),
        Some(9) => format!("invalid session {data}"),
        Some(10) => format!("hello {}", data["heartbeat_interval"]),
        Some(11) => "ack".into(),
        Some(op) => format!("op {op}"),
        None => "a frame without op".into(),
    }
}

/// A duration in seconds, with milliseconds if it has any: `40 s`, `1.380 s`.
#[must_use]
pub fn span(span: Duration) -> String {
    let mut text = span.as_secs().to_string();
    if span.subsec_millis() > 0 {
        let _ = write!(text, ".{:03}", span.subsec_millis());
    }
    text + " s"
}

fn number(sequence: Option<portcullis::Sequence>) -> String {
    sequence.map_or("null".into(), |sequence| sequence.to_string())
}
