//! The server's frames as bytes, their keys in the order of the wire: `t`, `s`, `op`, `d`.

use crate::session::Dispatch;
use core::time::Duration;
use portcullis::Message;

/// Whether a client may resume after Invalid Session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resumable {
    /// `d` is `true`: the session is still there.
    Yes,
    /// `d` is `false`: it is gone.
    No,
}

pub(super) fn hello(interval: Duration) -> Message {
    let interval = interval.as_millis();
    text(format!(
        r#"{{"t":null,"s":null,"op":10,"d":{{"heartbeat_interval":{interval},"_trace":["[\"gateway-test\",{{\"micros\":0.0}}]"]}}}}"#
    ))
}

pub(super) fn heartbeat_ack() -> Message {
    Message::Text(br#"{"t":null,"s":null,"op":11,"d":null}"#.as_slice().into())
}

pub(super) fn heartbeat_request() -> Message {
    Message::Text(br#"{"t":null,"s":null,"op":1,"d":null}"#.as_slice().into())
}

pub(super) fn reconnect() -> Message {
    Message::Text(br#"{"t":null,"s":null,"op":7,"d":null}"#.as_slice().into())
}

pub(super) fn invalid_session(resumable: Resumable) -> Message {
    let frame: &'static [u8] = match resumable {
        Resumable::Yes => br#"{"t":null,"s":null,"op":9,"d":true}"#,
        Resumable::No => br#"{"t":null,"s":null,"op":9,"d":false}"#,
    };
    Message::Text(frame.into())
}

/// A dispatch; without a number its `s` is null.
pub(super) fn dispatch(event: &Dispatch, sequence: Option<u64>) -> Message {
    let sequence = sequence.map_or_else(|| "null".to_owned(), |number| number.to_string());
    let name = serde_json::Value::from(&*event.name);
    let head = format!(r#"{{"t":{name},"s":{sequence},"op":0,"d":"#);
    let mut frame = Vec::with_capacity(head.len() + event.data.len() + 1);
    frame.extend_from_slice(head.as_bytes());
    frame.extend_from_slice(&event.data);
    frame.push(b'}');
    Message::Text(frame.into())
}

fn text(frame: String) -> Message {
    Message::Text(frame.into_bytes().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_as_the_protocol_page_shows_them() {
        let shown = |message: Message| String::from_utf8(message.into_bytes().to_vec()).unwrap();
        assert_eq!(
            shown(hello(Duration::from_millis(41_250))),
            r#"{"t":null,"s":null,"op":10,"d":{"heartbeat_interval":41250,"_trace":["[\"gateway-test\",{\"micros\":0.0}]"]}}"#
        );
        assert_eq!(shown(invalid_session(Resumable::No)), r#"{"t":null,"s":null,"op":9,"d":false}"#);
        let event = Dispatch { name: "RESUMED".into(), data: "{}".into() };
        assert_eq!(shown(dispatch(&event, Some(5))), r#"{"t":"RESUMED","s":5,"op":0,"d":{}}"#);
        assert_eq!(shown(dispatch(&event, None)), r#"{"t":"RESUMED","s":null,"op":0,"d":{}}"#);
        let odd = Dispatch { name: "A\"B".into(), data: "1".into() };
        assert_eq!(shown(dispatch(&odd, Some(1))), r#"{"t":"A\"B","s":1,"op":0,"d":1}"#);
    }
}
