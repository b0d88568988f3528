//! A frame as `serde_json` alone reads it. The dialect's own reader must agree.

use portcullis::dialect::discord::Discord;
use portcullis::dialect::{Dialect, Fate, Reading, Signal, Span, Spans};
use portcullis::dispatch::Dispatch;
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;
use std::collections::BTreeMap;

/// An envelope. A frame with a repeated key is not an envelope here.
#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow)]
    t: Option<&'a RawValue>,
    #[serde(borrow)]
    s: Option<&'a RawValue>,
    #[serde(borrow)]
    op: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "also_null")]
    d: Option<&'a RawValue>,
}

/// Reads a null as data, unlike `Option`.
fn also_null<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<&'de RawValue>, D::Error> {
    <&RawValue>::deserialize(deserializer).map(Some)
}

/// A frame, read by `serde_json`.
#[derive(Debug, PartialEq)]
pub(super) struct Plain {
    op: u64,
    name: Option<String>,
    sequence: Option<u64>,
    /// `None` if there is no data, or data that a [`Value`] cannot hold: a lone surrogate, a number out of range.
    pub(super) data: Option<Value>,
    /// The data as text.
    raw: String,
}

#[derive(Deserialize)]
struct Hello {
    #[serde(rename = "heartbeat_interval")]
    _interval: f64,
}

impl Plain {
    /// `None` if `serde_json` finds no envelope.
    pub(super) fn read(frame: &[u8]) -> Option<Self> {
        let Envelope { t, s, op, d } = serde_json::from_str(core::str::from_utf8(frame).ok()?).ok()?;
        let value = |raw: &RawValue| serde_json::from_str::<Value>(raw.get()).ok();
        let name = t.and_then(value).and_then(|t| t.as_str().map(str::to_owned)).filter(|name| stands_raw(name));
        let op = match op {
            None => name.as_ref().map(|_| 0)?,
            Some(op) => value(op)?.as_u64()?,
        };
        let sequence = s.and_then(value).and_then(|s| s.as_u64());
        let raw = d.map_or("", RawValue::get).to_owned();
        Some(Self { op, name, sequence, data: d.and_then(value), raw })
    }

    /// Compares with the dialect's reading.
    pub(super) fn assert_read_alike(&self, discord: &Discord, frame: &[u8]) {
        let reading = discord.read(frame);
        let session_id = self.session_id();
        let hello = serde_json::from_str::<Hello>(&self.raw).ok();
        match (self.op, self.name.as_deref()) {
            (0, Some("READY")) if session_id.is_none_or(|id| id.is_empty()) => assert!(reading.is_err()),
            (0, Some(_)) => self.assert_dispatch(reading.expect("a dispatch"), frame),
            (10, _) if hello.is_none() => assert!(reading.is_err()),
            (10, _) => assert!(matches!(reading.expect("a hello").signal, Signal::Hello(_)), "{self:?}"),
            (op, _) => assert_eq!(reading.expect("a frame").signal, self.signal(op), "{self:?}"),
        }
    }

    /// The session id of a READY; of a repeated key the last value counts.
    fn session_id(&self) -> Option<String> {
        let keys: BTreeMap<String, &RawValue> = serde_json::from_str(&self.raw).ok()?;
        serde_json::from_str(keys.get("session_id")?.get()).ok()
    }

    fn signal(&self, op: u64) -> Signal {
        match op {
            0 => Signal::Unknown { op: Some(0), sequence: self.sequence.map(portcullis::Sequence) },
            1 => Signal::HeartbeatRequest,
            7 => Signal::Reconnect { after: core::time::Duration::ZERO },
            9 if self.data == Some(Value::Bool(true)) => Signal::InvalidSession(Fate::Resumable),
            9 => Signal::InvalidSession(Fate::Lost),
            11 => Signal::HeartbeatAck,
            op => Signal::Unknown { op: Some(op), sequence: None },
        }
    }

    fn assert_dispatch(&self, reading: Reading, frame: &[u8]) {
        let Reading { signal, rewritten } = reading;
        let (kind, spans) = match signal {
            Signal::Ready(start, spans) => {
                assert_eq!(start.id, self.session_id());
                ("READY", spans)
            }
            Signal::Resumed(spans) => ("RESUMED", spans),
            Signal::Dispatch(spans) => (self.name.as_deref().unwrap_or_default(), spans),
            other => panic!("{other:?} of {self:?}"),
        };
        let frame = rewritten.as_deref().unwrap_or(frame);
        let Spans { name, data, sequence, .. } = spans;
        assert_eq!(name.of(frame), kind.as_bytes());
        assert_eq!(self.name.as_deref(), Some(kind));
        assert_eq!(sequence.map(|sequence| sequence.0), self.sequence);
        assert!(name.end() <= frame.len() && data.end() <= frame.len(), "a span out of its frame");
        assert!(self.data.is_none() || data != Span::default(), "the data was found");
    }

    /// Compares with the machine's events.
    pub(super) fn assert_dispatched_alike(&self, dispatch: &Dispatch) {
        assert_eq!(Some(dispatch.name()), self.name.as_deref());
        assert_eq!(dispatch.sequence().map(|sequence| sequence.0), self.sequence);
        // A dispatch without data equals one with null.
        let data = if self.raw.is_empty() { Some(Value::Null) } else { self.data.clone() };
        assert_eq!(dispatch.decode::<Value>().ok(), data);
        assert_eq!(dispatch.detach().decode::<Value>().ok(), data);
    }
}

/// Whether a JSON string holds the name without an escape. The dialect reads no other names.
fn stands_raw(name: &str) -> bool {
    name.bytes().all(|byte| byte >= b' ' && !matches!(byte, b'"' | b'\\'))
}
