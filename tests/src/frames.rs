//! Frames of the gateway, as on its protocol page.

use portcullis::Message;

/// A frame as a text message.
#[must_use]
pub fn text(frame: impl Into<Vec<u8>>) -> Message {
    Message::Text(frame.into().into())
}

/// Hello with an interval in milliseconds, as JSON: a number, or any other text that a test needs.
#[must_use]
pub fn hello(interval: &str) -> Message {
    text(format!(r#"{{"t":null,"s":null,"op":10,"d":{{"heartbeat_interval":{interval}}}}}"#))
}

/// Ready of session `id`.
#[must_use]
pub fn ready(id: &str, sequence: u64) -> Message {
    let url = "wss://gateway-us-east1-b.discord.gg";
    dispatch("READY", sequence, &format!(r#"{{"v":10,"session_id":"{id}","resume_gateway_url":"{url}"}}"#))
}

/// Resumed.
#[must_use]
pub fn resumed(sequence: u64) -> Message {
    dispatch("RESUMED", sequence, "{}")
}

/// A dispatch.
#[must_use]
pub fn dispatch(name: &str, sequence: u64, data: &str) -> Message {
    text(format!(r#"{{"t":"{name}","s":{sequence},"op":0,"d":{data}}}"#))
}

/// A message event.
#[must_use]
pub fn message_create(sequence: u64) -> Message {
    dispatch("MESSAGE_CREATE", sequence, r#"{"id":"1","content":"hello"}"#)
}

/// Heartbeat ACK.
#[must_use]
pub fn ack() -> Message {
    text(r#"{"t":null,"s":null,"op":11,"d":null}"#)
}

/// The gateway's request for a heartbeat.
#[must_use]
pub fn heartbeat_request() -> Message {
    text(r#"{"t":null,"s":null,"op":1,"d":null}"#)
}

/// Reconnect.
#[must_use]
pub fn reconnect() -> Message {
    text(r#"{"t":null,"s":null,"op":7,"d":null}"#)
}

/// Invalid Session; `data` is `true` or `false`.
#[must_use]
pub fn invalid_session(data: &str) -> Message {
    text(format!(r#"{{"t":null,"s":null,"op":9,"d":{data}}}"#))
}
