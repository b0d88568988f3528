//! What an encoding makes of a frame that we send. The dialects write JSON; nothing that we send is compressed.

use super::etf;
use crate::frame::Encoding;
use crate::message::Message;
use bytes::Bytes;

impl Encoding {
    /// The message that carries a frame. A frame that no term can hold is sent as the JSON that it is.
    pub(crate) fn message(self, frame: Bytes) -> Message {
        match self {
            Self::Json => Message::Text(frame),
            Self::Etf => match etf::write(&frame) {
                Some(term) => Message::Binary(term.into()),
                None => Message::Text(frame),
            },
        }
    }

    /// How many bytes a frame has once it is encoded; `None` where it cannot be encoded.
    pub(crate) fn len_sent(self, frame: &[u8]) -> Option<usize> {
        match self {
            Self::Json => Some(frame.len()),
            Self::Etf => etf::write(frame).map(|term| term.len()),
        }
    }
}
