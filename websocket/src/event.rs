//! What the decoder makes of the peer's bytes.

use crate::close::Close;
use alloc::vec::Vec;
use bytes::Bytes;
use core::fmt;
use core::ops::Deref;
use core::str;

/// Something the peer sent, complete.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event<'a> {
    /// A message, of one frame or of several.
    Message(Message<'a>),
    /// A ping. [`Connection`](crate::Connection) now owes the pong.
    Ping(Payload<'a>),
    /// A pong: the answer to a ping, or unsolicited.
    Pong(Payload<'a>),
    /// The close frame: the last event.
    Close(Close<'a>),
}

/// A complete message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message<'a> {
    /// A text message, checked to be UTF-8.
    Text(Payload<'a>),
    /// A binary message.
    Binary(Payload<'a>),
}

/// The kind of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MessageKind {
    /// UTF-8.
    Text,
    /// Any bytes.
    Binary,
}

impl<'a> Message<'a> {
    pub(crate) const fn new(kind: MessageKind, payload: Payload<'a>) -> Self {
        match kind {
            MessageKind::Text => Self::Text(payload),
            MessageKind::Binary => Self::Binary(payload),
        }
    }

    /// Text or binary.
    #[must_use]
    pub const fn kind(&self) -> MessageKind {
        match self {
            Self::Text(_) => MessageKind::Text,
            Self::Binary(_) => MessageKind::Binary,
        }
    }

    /// The bytes, of either kind.
    #[must_use]
    pub const fn payload(&self) -> &Payload<'a> {
        match self {
            Self::Text(payload) | Self::Binary(payload) => payload,
        }
    }

    /// The bytes, of either kind, by value.
    #[must_use]
    pub fn into_payload(self) -> Payload<'a> {
        match self {
            Self::Text(payload) | Self::Binary(payload) => payload,
        }
    }

    /// The text of a text message. It is checked a second time, since the crate has no unsafe code.
    #[must_use]
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(payload) => simdutf8::basic::from_utf8(payload).ok(),
            Self::Binary(_) => None,
        }
    }
}

/// Bytes from the peer: lent out of the caller's read buffer, or assembled from several reads or fragments.
///
/// A payload that is complete in the read buffer is lent from there; keeping it costs one copy. An assembled payload is
/// one allocation of exactly its size, which is moved to the caller without a copy.
#[derive(Clone)]
pub struct Payload<'a>(Inner<'a>);

#[derive(Clone)]
enum Inner<'a> {
    Lent(&'a [u8]),
    Owned(Vec<u8>),
}

impl<'a> Payload<'a> {
    pub(crate) const fn lent(bytes: &'a [u8]) -> Self {
        Self(Inner::Lent(bytes))
    }

    pub(crate) const fn owned(bytes: Vec<u8>) -> Self {
        Self(Inner::Owned(bytes))
    }

    /// Whether the bytes are in the caller's read buffer, so that keeping them copies them.
    #[must_use]
    pub const fn is_lent(&self) -> bool {
        matches!(self.0, Inner::Lent(_))
    }

    /// The bytes, independent of the read buffer: one allocation of exactly their size, made now if they are lent.
    #[must_use]
    pub fn into_bytes(self) -> Bytes {
        match self.0 {
            Inner::Lent(bytes) => Bytes::copy_from_slice(bytes),
            Inner::Owned(bytes) => Bytes::from(bytes),
        }
    }

    /// The same as a vector.
    #[must_use]
    pub fn into_vec(self) -> Vec<u8> {
        match self.0 {
            Inner::Lent(bytes) => bytes.to_vec(),
            Inner::Owned(bytes) => bytes,
        }
    }

    /// The same without its first bytes.
    pub(crate) fn without_first(self, len: usize) -> Self {
        Self(match self.0 {
            Inner::Lent(bytes) => Inner::Lent(bytes.get(len..).unwrap_or_default()),
            Inner::Owned(mut bytes) => {
                bytes.drain(..len.min(bytes.len()));
                Inner::Owned(bytes)
            }
        })
    }
}

impl Deref for Payload<'_> {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match &self.0 {
            Inner::Lent(bytes) => bytes,
            Inner::Owned(bytes) => bytes,
        }
    }
}

impl AsRef<[u8]> for Payload<'_> {
    fn as_ref(&self) -> &[u8] {
        self
    }
}

impl PartialEq for Payload<'_> {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl Eq for Payload<'_> {}

/// Prints the size, never the bytes: they may hold a secret.
impl fmt::Debug for Payload<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes", self.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;
    use alloc::vec;

    #[test]
    fn a_payload_prints_its_size_alone() {
        let message = Message::Text(Payload::lent(b"hush"));
        assert_eq!(format!("{message:?}"), "Text(4 bytes)");
    }

    #[test]
    fn lent_or_owned_it_is_the_same() {
        let (lent, owned) = (Payload::lent(b"abc"), Payload::owned(vec![b'a', b'b', b'c']));
        assert_eq!(lent, owned);
        assert_eq!(lent.clone().without_first(1), owned.clone().without_first(1));
        assert_eq!(lent.into_bytes(), owned.clone().into_bytes());
        assert_eq!(owned.into_vec(), b"abc");
    }
}
