//! Why a frame could not be read.

use core::fmt;

/// Why a frame could not be read. It is the peer's fault, and holds no part of the frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FrameError {
    /// It is no JSON.
    NotJson {
        /// Offset near which parsing stopped, in bytes.
        at: usize,
    },
    /// It is no UTF-8.
    NotUtf8 {
        /// Offset of the first byte that is wrong.
        at: usize,
    },
    /// It is no term, or one too deep.
    NotEtf {
        /// Offset near which reading stopped, in bytes.
        at: usize,
    },
    /// It is JSON, or a term that can be, but no object.
    NotObject,
    /// It is an object without an opcode, or with one that is no whole number from zero up.
    NoOpcode,
    /// What its opcode promises is missing from its data or of another type.
    Field {
        /// Name of the field.
        name: &'static str,
    },
    /// A field that is to be kept is too long for that.
    FieldTooLong {
        /// Name of the field.
        name: &'static str,
        /// Bytes it has.
        len: usize,
        /// The most bytes that are kept.
        max: usize,
    },
    /// It is too long to have offsets in it.
    TooLong {
        /// Bytes it has.
        len: usize,
    },
}

impl fmt::Display for FrameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotJson { at } => write!(f, "no json near byte {at}"),
            Self::NotUtf8 { at } => write!(f, "no utf-8 at byte {at}"),
            Self::NotEtf { at } => write!(f, "no term near byte {at}"),
            Self::NotObject => f.write_str("json, but no object"),
            Self::NoOpcode => f.write_str("no opcode"),
            Self::Field { name } => write!(f, "field {name} is missing or of another type"),
            Self::FieldTooLong { name, len, max } => {
                write!(f, "field {name} has {len} bytes, at most {max} are kept")
            }
            Self::TooLong { len } => write!(f, "frame of {len} bytes"),
        }
    }
}

impl core::error::Error for FrameError {}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString as _;

    #[test]
    fn errors_print_their_facts() {
        assert_eq!(FrameError::NotJson { at: 7 }.to_string(), "no json near byte 7");
        let field = FrameError::Field { name: "heartbeat_interval" };
        assert_eq!(field.to_string(), "field heartbeat_interval is missing or of another type");
    }
}
