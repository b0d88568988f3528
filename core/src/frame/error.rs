//! Why a frame could not be read.

/// Why a frame could not be read. It is the peer's fault. The error contains no part of the frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum FrameError {
    /// The frame is not JSON.
    #[error("not valid json near byte {at}")]
    NotJson {
        /// Offset near which parsing stopped, in bytes.
        at: usize,
    },
    /// The frame is not UTF-8.
    #[error("not valid utf-8 at byte {at}")]
    NotUtf8 {
        /// Offset of the first byte that is wrong.
        at: usize,
    },
    /// The frame is not a term of ETF, or one that is nested too deep.
    #[error("not a valid term near byte {at}")]
    NotEtf {
        /// Offset near which reading stopped, in bytes.
        at: usize,
    },
    /// The frame is JSON, or a term that became JSON, but not an object.
    #[error("json, but not an object")]
    NotObject,
    /// The frame is an object without an opcode, or its opcode is not a whole number from 0.
    #[error("no opcode")]
    NoOpcode,
    /// A field that its opcode requires is missing from its data, or of another type.
    #[error("field {name} is missing or of another type")]
    Field {
        /// Name of the field.
        name: &'static str,
    },
    /// A field that the machine keeps is longer than it may be.
    #[error("field {name} has {len} bytes, at most {max} are kept")]
    FieldTooLong {
        /// Name of the field.
        name: &'static str,
        /// Bytes it has.
        len: usize,
        /// The most bytes that are kept.
        max: usize,
    },
    /// The frame is longer than the 4 GiB that offsets can express.
    #[error("{len} bytes, above the 4 GiB that can be read")]
    TooLong {
        /// Bytes it has.
        len: usize,
    },
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString as _;

    #[test]
    fn errors_print_their_facts() {
        assert_eq!(FrameError::NotJson { at: 7 }.to_string(), "not valid json near byte 7");
        let field = FrameError::Field { name: "heartbeat_interval" };
        assert_eq!(field.to_string(), "field heartbeat_interval is missing or of another type");
    }
}
