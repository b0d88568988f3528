//! From a frame to its signal: opcodes, and what the handshake needs of Hello and Ready. *(source: Opcodes and Status
//! Codes; Gateway Events, Hello, Ready)*

use super::envelope::Envelope;
use super::opcode;
use crate::dialect::{Fate, FrameError, HeartRate, Reading, SessionStart, Signal, Span, Spans};
use crate::frame::value_at;
use alloc::boxed::Box;
use alloc::string::String;
use core::fmt;
use core::time::Duration;
use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

pub(super) fn read(frame: &[u8]) -> Result<Reading, FrameError> {
    let Envelope { op, sequence, name, data, rewritten } = Envelope::read(frame)?;
    let data = data.unwrap_or_default();
    let written = rewritten.as_deref().unwrap_or(frame);
    let signal = match (op, name) {
        (opcode::DISPATCH, Some(name)) => {
            let spans = Spans { name, data, id: None, position: None, sequence };
            dispatch(written, spans)?
        }
        (opcode::DISPATCH, None) => Signal::Unknown { op: Some(op), sequence },
        (opcode::HEARTBEAT, _) => Signal::HeartbeatRequest,
        (opcode::RECONNECT, _) => Signal::Reconnect { after: Duration::ZERO },
        (opcode::INVALID_SESSION, _) => Signal::InvalidSession(fate(written, data)),
        (opcode::HELLO, _) => Signal::Hello(hello(written, data)?),
        (opcode::HEARTBEAT_ACK, _) => Signal::HeartbeatAck,
        (op, _) => Signal::Unknown { op: Some(op), sequence: None },
    };
    Ok(Reading { signal, rewritten })
}

fn dispatch(frame: &[u8], spans: Spans) -> Result<Signal, FrameError> {
    match spans.name.of(frame) {
        b"READY" => ready(frame, spans.data).map(|start| Signal::Ready(Box::new(start), spans)),
        b"RESUMED" => Ok(Signal::Resumed(spans)),
        _ => Ok(Signal::Dispatch(spans)),
    }
}

fn ready(frame: &[u8], data: Span) -> Result<SessionStart, FrameError> {
    let ReadyKeys { session_id, resume_url } = decode(frame, data).unwrap_or_default();
    let text = |raw: &RawValue| serde_json::from_str::<String>(raw.get()).ok();
    let id = session_id.and_then(text).filter(|id| !id.is_empty());
    // A value that is not a string is passed on as text: the machine reports it as a bad URL, and resumes at the base URL.
    let url = resume_url.filter(|raw| raw.get() != "null");
    match id {
        Some(id) => {
            Ok(SessionStart { id: Some(id), resume_url: url.map(|raw| text(raw).unwrap_or_else(|| raw.get().into())) })
        }
        None => Err(FrameError::Field { name: "session_id" }),
    }
}

/// What a READY says about its session. Of a repeated key the last counts: a derived reader would refuse the frame, which
/// would cost the connection. The other keys are skipped and not kept: a peer may send millions of them.
#[derive(Default)]
struct ReadyKeys<'a> {
    session_id: Option<&'a RawValue>,
    resume_url: Option<&'a RawValue>,
}

impl<'de: 'a, 'a> Deserialize<'de> for ReadyKeys<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(serde::Deserialize)]
        #[serde(field_identifier, rename_all = "snake_case")]
        enum Key {
            SessionId,
            ResumeGatewayUrl,
            #[serde(other)]
            Unknown,
        }
        struct Keys;
        impl<'de> Visitor<'de> for Keys {
            type Value = ReadyKeys<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("the data of a READY")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<ReadyKeys<'de>, A::Error> {
                let mut keys = ReadyKeys::default();
                while let Some(key) = map.next_key::<Key>()? {
                    match key {
                        Key::SessionId => keys.session_id = Some(map.next_value()?),
                        Key::ResumeGatewayUrl => keys.resume_url = Some(map.next_value()?),
                        Key::Unknown => _ = map.next_value::<IgnoredAny>()?,
                    }
                }
                Ok(keys)
            }
        }
        deserializer.deserialize_map(Keys)
    }
}

/// An Invalid Session can be resumed if its data is `true`, and only then.
fn fate(frame: &[u8], data: Span) -> Fate {
    match decode(frame, data) {
        Some(true) => Fate::Resumable,
        Some(false) | None => Fate::Lost,
    }
}

/// The interval of a Hello: any number of milliseconds. The machine checks its bounds.
fn hello(frame: &[u8], data: Span) -> Result<HeartRate, FrameError> {
    #[derive(serde::Deserialize)]
    struct Hello {
        heartbeat_interval: f64,
    }
    let Some(Hello { heartbeat_interval }) = decode(frame, data) else {
        return Err(FrameError::Field { name: "heartbeat_interval" });
    };
    let interval = match Duration::try_from_secs_f64(heartbeat_interval / 1000.0) {
        Ok(interval) => interval,
        Err(_) if heartbeat_interval > 0.0 => Duration::MAX,
        Err(_) => Duration::ZERO,
    };
    Ok(HeartRate::Ours { interval })
}

/// The data of a handshake's frame. If there are keys behind it, the whole frame is parsed to find its end.
fn decode<'a, T: Deserialize<'a>>(frame: &'a [u8], data: Span) -> Option<T> {
    let parse = |data: Span| serde_json::from_slice(data.of(frame)).ok();
    parse(data).or_else(|| parse(value_at(frame, data.start())?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;

    fn signal(frame: &str) -> Signal {
        read(frame.as_bytes()).unwrap().signal
    }

    #[test]
    fn an_unknown_key_behind_the_data_does_no_harm() {
        let interval = Duration::from_secs(41);
        let hello = r#"{"t":null,"s":null,"op":10,"d":{"heartbeat_interval":41000},"later":[{}]}"#;
        assert_eq!(signal(hello), Signal::Hello(HeartRate::Ours { interval }));
        let invalid = r#"{"t":null,"s":null,"op":9,"d":true,"later":{"d":false}}"#;
        assert_eq!(signal(invalid), Signal::InvalidSession(Fate::Resumable));
        let ready = r#"{"t":"READY","s":1,"op":0,"d":{"session_id":"5e55"},"later":null}"#;
        assert!(matches!(signal(ready), Signal::Ready(start, _) if start.id.as_deref() == Some("5e55")));
    }

    #[test]
    fn a_key_that_comes_twice_spoils_no_ready() {
        let frame = br#"{"t":"READY","s":1,"op":0,"d":{"session_id":"a","session_id":"b","user":{},"user":{}}}"#;
        let Signal::Ready(start, _) = read(frame).unwrap().signal else { panic!("no ready") };
        assert_eq!(start.id.as_deref(), Some("b"));
    }

    #[test]
    fn a_resume_url_of_another_kind_spoils_no_ready() {
        for (url, given) in [("null", None), ("7", Some("7")), (r#""wss://a/""#, Some("wss://a/"))] {
            let frame = format!(r#"{{"t":"READY","s":1,"op":0,"d":{{"session_id":"a","resume_gateway_url":{url}}}}}"#);
            let Signal::Ready(start, _) = read(frame.as_bytes()).unwrap().signal else { panic!("{url}") };
            assert_eq!(start.resume_url.as_deref(), given);
        }
    }
}
