//! The values that a machine and its driver exchange: messages, close frames, close reasons, connection ids and sequences.

use alloc::string::String;
use bytes::Bytes;
use core::fmt;

/// One complete WebSocket message, which the driver has read or must write.
#[derive(Clone, PartialEq, Eq, Hash)]
pub enum Message {
    /// A text message. The driver need not check it for UTF-8: the machine does not rely on that.
    Text(Bytes),
    /// A binary message.
    Binary(Bytes),
}

impl Message {
    /// The bytes of the message, of either kind.
    #[must_use]
    pub const fn bytes(&self) -> &Bytes {
        match self {
            Self::Text(bytes) | Self::Binary(bytes) => bytes,
        }
    }

    /// The bytes of the message, of either kind, without a copy.
    #[must_use]
    pub fn into_bytes(self) -> Bytes {
        match self {
            Self::Text(bytes) | Self::Binary(bytes) => bytes,
        }
    }
}

/// Prints kind and size, never the payload: an Identify holds a token.
impl fmt::Debug for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(bytes) => write!(f, "Text({} bytes)", bytes.len()),
            Self::Binary(bytes) => write!(f, "Binary({} bytes)", bytes.len()),
        }
    }
}

/// The id of one WebSocket connection. Each `Action::Connect` has a new id, and all actions and inputs of that connection carry
/// it, so that the machine can ignore late inputs of an old connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnectionId(pub u32);

impl fmt::Display for ConnectionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "connection {}", self.0)
    }
}

/// The number of a Dispatch within its session: the frame's `s`. *(source: Gateway, Gateway Event Payload Structure)*
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct Sequence(pub u64);

impl fmt::Display for Sequence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// The code of a WebSocket close frame (RFC 6455 §7.4); the gateway's own codes are 4000 and above.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct CloseCode(pub u16);

impl CloseCode {
    /// Normal closure. If a client sends it, the gateway ends the session. *(source: Gateway, Initiating a Disconnect)*
    pub const NORMAL: Self = Self(1000);
    /// Going away. If a client sends it, the gateway ends the session. *(source: Gateway, Initiating a Disconnect)*
    pub const GOING_AWAY: Self = Self(1001);

    /// Whether the code may be put into a close frame: 1000–1003, 1007–1014, 3000–4999 (RFC 6455 §7.4.2).
    #[must_use]
    pub const fn may_be_sent(self) -> bool {
        matches!(self.0, 1000..=1003 | 1007..=1014 | 3000..=4999)
    }
}

impl fmt::Display for CloseCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

impl fmt::Debug for CloseCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CloseCode({})", self.0)
    }
}

/// The content of a close frame. A frame may have no code: then `code` is `None`, not 1005 (RFC 6455 §7.1.5).
#[derive(Clone, Debug, PartialEq, Eq, Hash, Default)]
pub struct CloseFrame {
    /// The code, if the frame had one.
    pub code: Option<CloseCode>,
    /// The reason, for people; at most [`REASON_LEN_MAX`](Self::REASON_LEN_MAX) bytes, often empty.
    pub reason: String,
}

impl CloseFrame {
    /// The most bytes of a reason: a control frame has at most 125 bytes, of which two are the code (RFC 6455 §5.5). A WebSocket
    /// layer should refuse a longer reason; if it does not, the machine truncates the reason, so that its memory is bounded.
    pub const REASON_LEN_MAX: usize = 123;
}

/// How a connection ended, as its driver saw it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CloseReason {
    /// The peer sent a close frame: its own, or its answer to ours.
    Frame(CloseFrame),
    /// The stream ended without a close frame.
    Eof,
    /// The connection was reset.
    Reset,
    /// The TLS layer failed.
    Tls,
    /// The peer broke the WebSocket protocol.
    Protocol,
    /// The peer's message was larger than `limit` bytes.
    TooLarge {
        /// The maximum, in bytes.
        limit: usize,
    },
    /// Any other failure to read or write.
    Io,
}

impl CloseReason {
    /// The code the peer sent, if it sent one.
    #[must_use]
    pub const fn code(&self) -> Option<CloseCode> {
        match self {
            Self::Frame(frame) => frame.code,
            Self::Eof | Self::Reset | Self::Tls | Self::Protocol | Self::TooLarge { .. } | Self::Io => None,
        }
    }

    /// The same, with the reason truncated to what a close frame can have.
    pub(crate) fn bounded(mut self) -> Self {
        if let Self::Frame(CloseFrame { reason, .. }) = &mut self
            && reason.len() > CloseFrame::REASON_LEN_MAX
        {
            let is_end = |at: &usize| reason.is_char_boundary(*at);
            let end = (0..=CloseFrame::REASON_LEN_MAX).rev().find(is_end).unwrap_or(0);
            reason.truncate(end);
            reason.shrink_to_fit();
        }
        self
    }
}

impl fmt::Display for CloseReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Frame(CloseFrame { code: Some(code), reason }) if reason.is_empty() => write!(f, "close {code}"),
            Self::Frame(CloseFrame { code: Some(code), reason }) => {
                write!(f, "close {code} \"{}\"", reason.escape_debug())
            }
            Self::Frame(CloseFrame { code: None, .. }) => f.write_str("close without a code"),
            Self::Eof => f.write_str("end of stream"),
            Self::Reset => f.write_str("connection reset"),
            Self::Tls => f.write_str("tls failure"),
            Self::Protocol => f.write_str("websocket protocol broken"),
            Self::TooLarge { limit } => write!(f, "message above {limit} bytes"),
            Self::Io => f.write_str("i/o failure"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;
    use alloc::string::ToString as _;

    #[test]
    fn a_message_prints_its_size_and_not_its_payload() {
        assert_eq!(format!("{:?}", Message::Text(Bytes::from_static(b"secret"))), "Text(6 bytes)");
    }

    #[test]
    fn codes_of_the_wire_are_told_from_made_up_ones() {
        let lawful = [1000, 1003, 1007, 1014, 3000, 4000, 4999];
        let unlawful = [0, 999, 1004, 1005, 1006, 1015, 2999, 5000, u16::MAX];
        assert!(lawful.into_iter().all(|code| CloseCode(code).may_be_sent()));
        assert!(!unlawful.into_iter().any(|code| CloseCode(code).may_be_sent()));
    }

    #[test]
    fn a_closure_prints_what_was_seen() {
        let frame = |code, reason: &str| CloseReason::Frame(CloseFrame { code, reason: reason.into() });
        assert_eq!(
            frame(Some(CloseCode(4004)), "Authentication failed.").to_string(),
            "close 4004 \"Authentication failed.\""
        );
        assert_eq!(frame(None, "").to_string(), "close without a code");
        assert_eq!(CloseReason::TooLarge { limit: 9 }.to_string(), "message above 9 bytes");
    }
}
