//! The header of a frame, read and written. *(source: RFC 6455 §5.2)*

use crate::error::Violation;
use alloc::vec::Vec;

/// What a frame is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Opcode {
    /// A further fragment of a message.
    Continuation,
    /// A text message, or its first fragment.
    Text,
    /// A binary message, or its first fragment.
    Binary,
    /// The last frame of its sender.
    Close,
    /// Must be answered by a pong with the same payload.
    Ping,
    /// The answer to a ping, or an unsolicited sign of life.
    Pong,
}

impl Opcode {
    /// The four bits in the header.
    #[must_use]
    pub const fn bits(self) -> u8 {
        match self {
            Self::Continuation => 0x0,
            Self::Text => 0x1,
            Self::Binary => 0x2,
            Self::Close => 0x8,
            Self::Ping => 0x9,
            Self::Pong => 0xa,
        }
    }

    /// Whether it is a control frame: at most 125 bytes, never fragmented. *(source: RFC 6455 §5.5)*
    #[must_use]
    pub const fn is_control(self) -> bool {
        self.bits() & 0x8 != 0
    }

    const fn of(bits: u8) -> Option<Self> {
        Some(match bits {
            0x0 => Self::Continuation,
            0x1 => Self::Text,
            0x2 => Self::Binary,
            0x8 => Self::Close,
            0x9 => Self::Ping,
            0xa => Self::Pong,
            _ => return None,
        })
    }
}

/// Everything of a frame but its payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FrameHeader {
    opcode: Opcode,
    place: Place,
    mask: Option<[u8; 4]>,
    len: u64,
}

/// Whether more fragments of the same message follow: the FIN bit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Place {
    Final,
    Followed,
}

/// What the first bytes of a frame contain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Parsed {
    /// The complete header, and how many bytes it has.
    Header(FrameHeader, usize),
    /// The header needs more bytes. Those that are there break no rule.
    Incomplete,
}

impl FrameHeader {
    /// The most bytes a header has.
    pub const LEN_MAX: usize = 14;
    /// The most bytes the payload of a control frame has. *(source: RFC 6455 §5.5)*
    pub const CONTROL_MAX: usize = 125;

    /// The header of an unfragmented, unmasked frame with an empty payload.
    #[must_use]
    pub const fn new(opcode: Opcode) -> Self {
        Self { opcode, place: Place::Final, mask: None, len: 0 }
    }

    /// The same without the FIN bit: more fragments follow. A control frame stays as it is.
    #[must_use]
    pub const fn followed(mut self) -> Self {
        if !self.opcode.is_control() {
            self.place = Place::Followed;
        }
        self
    }

    /// The same with a mask.
    #[must_use]
    pub const fn with_mask(mut self, mask: Option<[u8; 4]>) -> Self {
        self.mask = mask;
        self
    }

    /// The same for a payload of `len` bytes.
    #[must_use]
    pub const fn with_len(mut self, len: usize) -> Self {
        // A `usize` has at most 64 bits, and no allocation has 2^63 bytes.
        self.len = len as u64;
        self
    }

    /// What the frame is.
    #[must_use]
    pub const fn opcode(&self) -> Opcode {
        self.opcode
    }

    /// Whether the FIN bit is set: no fragment of the same message follows.
    #[must_use]
    pub const fn is_final(&self) -> bool {
        matches!(self.place, Place::Final)
    }

    /// The mask, if the frame is masked.
    #[must_use]
    pub const fn mask(&self) -> Option<[u8; 4]> {
        self.mask
    }

    /// How many bytes the payload has: below 2^63.
    #[must_use]
    pub const fn payload_len(&self) -> u64 {
        self.len
    }

    /// Reads the header at the start of `bytes`.
    ///
    /// # Errors
    /// The [`Violation`], as soon as the bytes show it: a reserved bit, a reserved opcode, a control frame that is
    /// fragmented or too long, a length that is not minimal or above 2^63.
    pub fn parse(bytes: &[u8]) -> Result<Parsed, Violation> {
        let Some((&first, bytes)) = bytes.split_first() else { return Ok(Parsed::Incomplete) };
        let (opcode, place) = of_first(first)?;
        let Some((&second, bytes)) = bytes.split_first() else { return Ok(Parsed::Incomplete) };
        let short = second & 0x7f;
        if opcode.is_control() && usize::from(short) > Self::CONTROL_MAX {
            return Err(Violation::ControlTooLong);
        }
        let (len, extended, bytes) = match short {
            LEN_IS_16_BITS => match bytes.split_first_chunk::<2>() {
                Some((len, bytes)) => (u64::from(u16::from_be_bytes(*len)), 2, bytes),
                None => return Ok(Parsed::Incomplete),
            },
            LEN_IS_64_BITS => match bytes.split_first_chunk::<8>() {
                Some((len, bytes)) => (u64::from_be_bytes(*len), 8, bytes),
                None => return Ok(Parsed::Incomplete),
            },
            short => (u64::from(short), 0, bytes),
        };
        check_len(len, extended)?;
        if second & 0x80 == 0 {
            return Ok(Parsed::Header(Self { opcode, place, mask: None, len }, 2 + extended));
        }
        let Some(mask) = bytes.first_chunk::<4>() else { return Ok(Parsed::Incomplete) };
        Ok(Parsed::Header(Self { opcode, place, mask: Some(*mask), len }, 2 + extended + 4))
    }

    /// Appends the header, 2 to 14 bytes, the length in the fewest bytes.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let fin = match self.place {
            Place::Final => 0x80,
            Place::Followed => 0,
        };
        let masked = if self.mask.is_some() { 0x80 } else { 0 };
        out.push(fin | self.opcode.bits());
        match (u8::try_from(self.len), u16::try_from(self.len)) {
            (Ok(len @ 0..=125), _) => out.push(masked | len),
            (_, Ok(len)) => {
                out.push(masked | LEN_IS_16_BITS);
                out.extend_from_slice(&len.to_be_bytes());
            }
            (_, Err(_)) => {
                out.push(masked | LEN_IS_64_BITS);
                out.extend_from_slice(&self.len.to_be_bytes());
            }
        }
        if let Some(mask) = self.mask {
            out.extend_from_slice(&mask);
        }
    }
}

fn of_first(byte: u8) -> Result<(Opcode, Place), Violation> {
    if byte & 0x70 != 0 {
        return Err(Violation::ReservedBits { bits: byte >> 4 & 0x7 });
    }
    let bits = byte & 0x0f;
    let opcode = Opcode::of(bits).ok_or(Violation::ReservedOpcode { opcode: bits })?;
    let place = if byte & 0x80 == 0 { Place::Followed } else { Place::Final };
    if opcode.is_control() && place == Place::Followed {
        return Err(Violation::FragmentedControl);
    }
    Ok((opcode, place))
}

/// The minimal number of bytes must be used, and the most significant bit of 64 must be 0.
fn check_len(len: u64, extended: usize) -> Result<(), Violation> {
    let min = match extended {
        2 => 126,
        8 => 0x1_0000,
        _ => 0,
    };
    if len >> 63 != 0 {
        return Err(Violation::LengthOverflow);
    }
    if len < min { Err(Violation::LengthNotMinimal) } else { Ok(()) }
}

/// The length is in the two bytes that follow.
const LEN_IS_16_BITS: u8 = 0x7e;
/// The length is in the eight bytes that follow.
const LEN_IS_64_BITS: u8 = 0x7f;

#[cfg(test)]
mod tests {
    use super::*;

    fn encoded(header: FrameHeader) -> Vec<u8> {
        let mut out = Vec::new();
        header.encode(&mut out);
        out
    }

    #[test]
    fn what_is_written_is_read_again_and_no_byte_earlier() {
        for opcode in [Opcode::Text, Opcode::Binary, Opcode::Continuation, Opcode::Ping, Opcode::Pong, Opcode::Close] {
            for len in [0, 1, 125, 126, 127, 0xffff, 0x1_0000, usize::MAX >> 1] {
                for mask in [None, Some([1, 2, 3, 4])] {
                    if opcode.is_control() && len > FrameHeader::CONTROL_MAX {
                        continue;
                    }
                    for header in [FrameHeader::new(opcode), FrameHeader::new(opcode).followed()] {
                        let header = header.with_len(len).with_mask(mask);
                        let bytes = encoded(header);
                        assert_eq!(FrameHeader::parse(&bytes), Ok(Parsed::Header(header, bytes.len())));
                        for short in 0..bytes.len() {
                            assert_eq!(FrameHeader::parse(&bytes[..short]), Ok(Parsed::Incomplete), "{header:?}");
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn what_a_header_may_not_say_is_found_with_the_byte_that_says_it() {
        let cases: [(&[u8], Violation); 12] = [
            (&[0xc1], Violation::ReservedBits { bits: 4 }),
            (&[0xa1], Violation::ReservedBits { bits: 2 }),
            (&[0x91], Violation::ReservedBits { bits: 1 }),
            (&[0x83], Violation::ReservedOpcode { opcode: 3 }),
            (&[0x8b], Violation::ReservedOpcode { opcode: 11 }),
            (&[0x8f], Violation::ReservedOpcode { opcode: 15 }),
            (&[0x09], Violation::FragmentedControl),
            (&[0x89, 126], Violation::ControlTooLong),
            (&[0x88, 0xff], Violation::ControlTooLong),
            (&[0x82, 126, 0, 125], Violation::LengthNotMinimal),
            (&[0x82, 127, 0, 0, 0, 0, 0, 0, 0xff, 0xff], Violation::LengthNotMinimal),
            (&[0x82, 0xff, 0x80, 0, 0, 0, 0, 0, 0, 0], Violation::LengthOverflow),
        ];
        for (bytes, violation) in cases {
            assert_eq!(FrameHeader::parse(bytes), Err(violation), "{bytes:02x?}");
            assert_eq!(FrameHeader::parse(&bytes[..bytes.len() - 1]), Ok(Parsed::Incomplete), "{bytes:02x?}");
        }
    }
}
