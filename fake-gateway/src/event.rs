//! What happens, as it happens: a line for people, an object for programs.

use crate::faults::FaultKind;
use crate::habit::Habit;
use crate::input::{ConnectionId, Delivery};
use crate::record::ClientFrame;
use crate::rules::Rule;
use core::fmt;
use portcullis::{CloseCode, Message, Timestamp};
use serde::Deserialize;
use serde_json::{Value, json};
use std::borrow::Cow;

/// Something that happened. Displayed it is one line for people, [`Event::to_json`] makes one for programs.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// When.
    pub at: Timestamp,
    /// On which connection; `None` for what a script says of itself.
    pub connection: Option<ConnectionId>,
    /// What.
    pub kind: EventKind,
}

/// What happened.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum EventKind {
    /// A client asked for a WebSocket.
    Connected {
        /// The target of its request.
        path_and_query: String,
    },
    /// It got an HTTP status instead.
    Refused {
        /// The status.
        status: u16,
    },
    /// A frame came.
    Received {
        /// Its length in bytes.
        size: usize,
        /// What it was.
        frame: ClientFrame,
    },
    /// A frame went out.
    Sent {
        /// The frame.
        message: Message,
        /// In one piece or otherwise.
        delivery: Delivery,
    },
    /// The fake closed the connection with a close frame.
    Closed {
        /// Its code.
        code: Option<CloseCode>,
        /// Its reason.
        reason: String,
    },
    /// The fake cut the connection.
    Dropped,
    /// The client closed the connection, or it was lost.
    Left {
        /// The code of the client's close frame, if there was one.
        code: Option<CloseCode>,
    },
    /// The client broke a rule.
    Broke(Rule),
    /// The client showed a habit: no rule is broken.
    Noticed(Habit),
    /// An armed fault struck.
    Struck(FaultKind),
    /// A rule of the script was played.
    Played {
        /// Its line.
        line: u32,
    },
    /// Deeds were done at run time.
    Deed {
        /// The line, as it was written.
        text: String,
    },
    /// A client did not do what the script wants it to.
    Failed {
        /// What is wrong.
        text: String,
    },
    /// The script says something.
    Said {
        /// What.
        text: String,
    },
}

impl Event {
    /// One JSON object without a line break. `at` is in seconds; `bytes` counts a frame's payload.
    #[must_use]
    pub fn to_json(&self) -> String {
        let at = self.at.as_nanos() / 1000;
        let mut object = json!({"event": self.kind.name()});
        match &self.kind {
            EventKind::Connected { path_and_query } => object["target"] = json!(path_and_query),
            EventKind::Refused { status } => object["status"] = json!(status),
            EventKind::Received { size, frame } => {
                object["bytes"] = json!(size);
                object["op"] = json!(frame.op());
                object["name"] = json!(frame.name());
            }
            EventKind::Sent { message, delivery } => {
                let head = Head::of(message);
                object["bytes"] = json!(message.bytes().len());
                object["op"] = json!(head.op);
                object["t"] = json!(head.t);
                object["s"] = json!(head.s);
                if *delivery != Delivery::Whole {
                    object["delivery"] = json!(delivery.to_string());
                }
            }
            EventKind::Closed { code, reason } => {
                object["code"] = json!(code.map(|code| code.0));
                object["reason"] = json!(reason);
            }
            EventKind::Left { code } => object["code"] = json!(code.map(|code| code.0)),
            EventKind::Broke(rule) => {
                object["rule"] = json!(rule.name());
                object["text"] = json!(rule.to_string());
                object["code"] = json!(rule.close_code().map(|code| code.0));
            }
            EventKind::Noticed(habit) => {
                object["habit"] = json!(habit.name());
                object["text"] = json!(habit.to_string());
            }
            EventKind::Struck(kind) => object["fault"] = json!(kind.name()),
            EventKind::Played { line } => object["line"] = json!(line),
            EventKind::Said { text } | EventKind::Failed { text } | EventKind::Deed { text } => {
                object["text"] = json!(text);
            }
            EventKind::Dropped => {}
        }
        // Written by hand so that a line begins with its time.
        let rest = object.to_string();
        let connection = self.connection.map_or(Value::Null, |connection| json!(connection.0));
        format!(r#"{{"at":{}.{:06},"connection":{connection},{}"#, at / 1_000_000, at % 1_000_000, &rest[1..])
    }
}

impl EventKind {
    /// Its stable name: lower case.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Connected { .. } => "connected",
            Self::Refused { .. } => "refused",
            Self::Received { .. } => "received",
            Self::Sent { .. } => "sent",
            Self::Closed { .. } => "closed",
            Self::Dropped => "dropped",
            Self::Left { .. } => "left",
            Self::Broke(_) => "broke",
            Self::Noticed(_) => "noticed",
            Self::Struck(_) => "fault",
            Self::Played { .. } => "script",
            Self::Deed { .. } => "deed",
            Self::Failed { .. } => "failed",
            Self::Said { .. } => "said",
        }
    }
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ", self.at)?;
        if let Some(connection) = self.connection {
            write!(f, "{connection} ")?;
        }
        match &self.kind {
            EventKind::Connected { path_and_query } => write!(f, "connected by {}", path_and_query.escape_debug()),
            EventKind::Refused { status } => write!(f, "refused with {status}"),
            EventKind::Received { size, frame } => {
                write!(f, "< {}", frame.name())?;
                match frame {
                    ClientFrame::Heartbeat { sequence: Some(sequence) } | ClientFrame::Resume { sequence, .. } => {
                        write!(f, " {sequence}")?;
                    }
                    ClientFrame::Invalid { op } | ClientFrame::Command { op, .. } => write!(f, ", op {op}")?,
                    ClientFrame::Heartbeat { sequence: None } | ClientFrame::Identify(_) | ClientFrame::Garbage => {}
                }
                write!(f, ", {size} bytes")
            }
            EventKind::Sent { message, delivery } => {
                write!(f, "> {}, {} bytes", Head::of(message), message.bytes().len())?;
                if *delivery == Delivery::Whole { Ok(()) } else { write!(f, ", {delivery}") }
            }
            EventKind::Closed { code, reason } => {
                f.write_str("closed ")?;
                code_text(f, *code)?;
                if reason.is_empty() { Ok(()) } else { write!(f, ": {reason}") }
            }
            EventKind::Dropped => f.write_str("dropped"),
            EventKind::Left { code: None } => f.write_str("left without a code"),
            EventKind::Left { code } => {
                f.write_str("left ")?;
                code_text(f, *code)
            }
            EventKind::Broke(rule) => write!(f, "! {}: {rule}", rule.name()),
            EventKind::Noticed(habit) => write!(f, "~ habit {}: {habit}", habit.name()),
            EventKind::Struck(kind) => write!(f, "~ fault: {}", kind.name()),
            EventKind::Played { line } => write!(f, "~ script, line {line}"),
            EventKind::Deed { text } => write!(f, "~ deed: {}", text.escape_debug()),
            EventKind::Failed { text } => write!(f, "! failed: {}", text.escape_debug()),
            EventKind::Said { text } => write!(f, "~ {}", text.escape_debug()),
        }
    }
}

fn code_text(f: &mut fmt::Formatter<'_>, code: Option<CloseCode>) -> fmt::Result {
    match code {
        None => f.write_str("without a code"),
        Some(code) => write!(f, "with {code}"),
    }
}

impl ClientFrame {
    /// The opcode, if it had one.
    #[must_use]
    pub const fn op(&self) -> Option<i64> {
        Some(match self {
            Self::Heartbeat { .. } => 1,
            Self::Identify(_) => 2,
            Self::Resume { .. } => 6,
            Self::Command { op, .. } | Self::Invalid { op } => *op,
            Self::Garbage => return None,
        })
    }

    /// The protocol's word for it.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Heartbeat { .. } => "Heartbeat",
            Self::Identify(_) => "Identify",
            Self::Resume { .. } => "Resume",
            Self::Command { op: 3, .. } => "Presence Update",
            Self::Command { op: 4, .. } => "Voice State Update",
            Self::Command { op: 8, .. } => "Request Guild Members",
            Self::Command { op: 31, .. } => "Request Soundboard Sounds",
            Self::Command { op: 43, .. } => "Request Channel Info",
            Self::Command { .. } => "Command",
            Self::Invalid { .. } => "invalid frame",
            Self::Garbage => "garbage",
        }
    }
}

/// The envelope of a frame that we sent; whatever a test sends may have none.
#[derive(Default, Deserialize)]
struct Head<'a> {
    op: Option<i64>,
    #[serde(borrow)]
    t: Option<Cow<'a, str>>,
    s: Option<u64>,
}

impl<'a> Head<'a> {
    fn of(message: &'a Message) -> Self {
        serde_json::from_slice(message.bytes()).unwrap_or_default()
    }
}

impl fmt::Display for Head<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.op, &self.t, self.s) {
            (Some(0), Some(name), Some(sequence)) => write!(f, "{name} {sequence}"),
            (Some(0), Some(name), None) => write!(f, "{name} without a number"),
            (Some(1), ..) => f.write_str("Heartbeat"),
            (Some(7), ..) => f.write_str("Reconnect"),
            (Some(9), ..) => f.write_str("Invalid Session"),
            (Some(10), ..) => f.write_str("Hello"),
            (Some(11), ..) => f.write_str("Heartbeat Ack"),
            (Some(op), ..) => write!(f, "op {op}"),
            (None, ..) => f.write_str("raw bytes"),
        }
    }
}

impl fmt::Display for Delivery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Whole => f.write_str("whole"),
            Self::Pieces(pieces) => write!(f, "in {} pieces over {:?}", pieces.len(), self.takes()),
            Self::Joined => f.write_str("with the next"),
            Self::Stalled { bytes, pause: None } => write!(f, "stalled after {bytes} for ever"),
            Self::Stalled { bytes, pause: Some(pause) } => write!(f, "stalled after {bytes} for {pause:?}"),
            Self::Cut { bytes } => write!(f, "cut after {bytes}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::FakeConfig;
    use crate::gateway::FakeGateway;
    use crate::input::Input;

    #[test]
    fn what_happens_is_one_line_each_for_people_and_for_programs() {
        let mut gateway = FakeGateway::new(FakeConfig { guilds: 0, ..FakeConfig::default() });
        let connection = ConnectionId(1);
        gateway.watch();
        let upgrade = Input::Upgrade { connection, path_and_query: "/?v=10".into() };
        let message = Message::Text(br#"{"op":99}"#.as_slice().into());
        for input in [upgrade, Input::Message(connection, message)] {
            for _ in gateway.handle(Timestamp::from_nanos(1_002_003_004), input) {}
        }
        let events: Vec<_> = gateway.take_events().collect();
        let lines: Vec<_> = events.iter().map(ToString::to_string).collect();
        assert_eq!(
            lines,
            [
                "t+1.002 connection 1 connected by /?v=10",
                "t+1.002 connection 1 > Hello, 109 bytes",
                "t+1.002 connection 1 < invalid frame, op 99, 9 bytes",
                "t+1.002 connection 1 ! unknown-opcode: opcode 99, which no client may send",
                "t+1.002 connection 1 closed with 4001: Unknown opcode.",
            ]
        );
        let broke = r#"{"at":1.002003,"connection":1,"code":4001,"event":"broke","rule":"unknown-opcode","text":"opcode 99, which no client may send"}"#;
        assert_eq!(events[3].to_json(), broke);
        for event in events {
            assert!(serde_json::from_str::<Value>(&event.to_json()).is_ok_and(|value| value.is_object()));
        }
        assert_eq!(gateway.take_events().count(), 0);
    }
}
