//! What can be wrong with a compressed message, and how one payload is scattered over several.

use crate::pack::{Packer, SUFFIX};
use bytes::Bytes;
use portcullis::Message;

/// What is wrong with the bytes of a binary message: a compressed one, or ETF. Text is not damaged: it would be the
/// WebSocket that broke.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Damage {
    /// This bit is flipped, counted from the lowest of the first byte, and round again behind the last.
    FlipBit(u32),
    /// This many bytes are missing at its end; at least one stays.
    Truncate(usize),
    /// The four bytes of the flush are missing. Only `zlib-stream` has them.
    OmitSuffix,
    /// The four bytes of the flush come twice. Only `zlib-stream` has them.
    RepeatSuffix,
    /// These bytes stand behind its end.
    Append(Bytes),
}

impl Damage {
    /// Whether the message is one that can have it.
    pub(super) fn fits(&self, packer: &Packer, message: &Message) -> bool {
        let Message::Binary(bytes) = message else { return false };
        match self {
            Self::OmitSuffix | Self::RepeatSuffix => packer.has_suffix() && bytes.ends_with(&SUFFIX),
            Self::FlipBit(_) | Self::Truncate(_) | Self::Append(_) => !bytes.is_empty(),
        }
    }

    /// The message as it is then.
    pub(super) fn done_to(&self, message: &Message) -> Message {
        let bytes = message.bytes();
        let mut damaged = bytes.to_vec();
        match self {
            Self::FlipBit(bit) => {
                let bit = usize::try_from(*bit).unwrap_or_default();
                let index = (bit / 8).checked_rem(damaged.len()).unwrap_or_default();
                if let Some(byte) = damaged.get_mut(index) {
                    *byte ^= 1 << (bit % 8);
                }
            }
            Self::Truncate(missing) => damaged.truncate(bytes.len().saturating_sub(*missing).max(1)),
            Self::OmitSuffix => damaged.truncate(bytes.len().saturating_sub(SUFFIX.len())),
            Self::RepeatSuffix => damaged.extend(SUFFIX),
            Self::Append(more) => damaged.extend(more),
        }
        Message::Binary(damaged.into())
    }
}

/// How many bytes the last message of a scattered payload has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LastPiece {
    /// As many as the others, and never fewer than the four of the flush, as it is with the real gateway: most clients
    /// look for those four at the end of a message.
    Fair,
    /// This many.
    Bytes(usize),
}

/// The most messages of a scattered payload: over sockets more would not find room in a connection's queue.
const MESSAGES_MAX: usize = 10_000;

/// Cuts a payload for several messages: of about one length, none empty, none but the last ending as a payload does.
pub(super) fn scattered(bytes: &Bytes, messages: u32, last: LastPiece) -> Vec<Bytes> {
    let count = usize::try_from(messages).unwrap_or(usize::MAX).clamp(1, bytes.len().clamp(1, MESSAGES_MAX));
    let last = match last {
        LastPiece::Fair => (bytes.len() / count).max(SUFFIX.len()),
        LastPiece::Bytes(last) => last.max(1),
    };
    let body = bytes.len().saturating_sub(last);
    let others = (count - 1).min(body);
    let mut pieces = Vec::with_capacity(others + 1);
    let mut start = 0;
    for index in 1..=others {
        let mut end = body * index / others;
        if bytes[start..end].ends_with(&SUFFIX) {
            end -= 1;
        }
        pieces.push(bytes.slice(start..end));
        start = end;
    }
    pieces.push(bytes.slice(start..));
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lengths(bytes: &'static [u8], messages: u32, last: LastPiece) -> Vec<usize> {
        let pieces = scattered(&Bytes::from_static(bytes), messages, last);
        assert_eq!(pieces.concat(), bytes);
        pieces.iter().map(Bytes::len).collect()
    }

    #[test]
    fn the_last_piece_has_four_bytes_unless_it_is_to_have_fewer() {
        let bytes = b"0123456789";
        assert_eq!(lengths(bytes, 1, LastPiece::Fair), [10]);
        assert_eq!(lengths(bytes, 2, LastPiece::Fair), [5, 5]);
        assert_eq!(lengths(bytes, 4, LastPiece::Fair), [2, 2, 2, 4]);
        assert_eq!(lengths(bytes, u32::MAX, LastPiece::Fair), [1, 1, 1, 1, 1, 1, 4]);
        assert_eq!(lengths(bytes, u32::MAX, LastPiece::Bytes(1)), [1; 10]);
        assert_eq!(lengths(bytes, 3, LastPiece::Bytes(2)), [4, 4, 2]);
        assert_eq!(lengths(bytes, 3, LastPiece::Bytes(99)), [10]);
        assert_eq!(lengths(b"012", 9, LastPiece::Fair), [3]);
        assert_eq!(lengths(b"", 9, LastPiece::Fair), [0]);
    }

    #[test]
    fn a_large_payload_comes_in_no_more_messages_than_find_room() {
        let bytes = Bytes::from(vec![1; 1 << 20]);
        assert_eq!(scattered(&bytes, u32::MAX, LastPiece::Fair).len(), MESSAGES_MAX);
    }

    #[test]
    fn no_piece_but_the_last_ends_as_a_payload_does() {
        let bytes = b"abcd\0\0\xff\xffefgh\0\0\xff\xff";
        assert_eq!(lengths(bytes, 2, LastPiece::Fair), [7, 9]);
    }

    #[test]
    fn each_damage_does_what_it_says() {
        let message = Message::Binary(b"ab\0\0\xff\xff".as_slice().into());
        for (damage, bytes) in [
            (Damage::FlipBit(0), b"`b\0\0\xff\xff".as_slice()),
            (Damage::FlipBit(6 * 8 + 1), b"cb\0\0\xff\xff"),
            (Damage::Truncate(1), b"ab\0\0\xff"),
            (Damage::Truncate(99), b"a"),
            (Damage::OmitSuffix, b"ab"),
            (Damage::RepeatSuffix, b"ab\0\0\xff\xff\0\0\xff\xff"),
            (Damage::Append(b"!".as_slice().into()), b"ab\0\0\xff\xff!"),
        ] {
            assert_eq!(damage.done_to(&message).bytes(), bytes, "{damage:?}");
        }
    }
}
