//! Why a message could not be decompressed.

use core::fmt;

/// Why a message could not be decompressed. It is the peer's fault, and closes the connection, because the payloads behind the
/// error cannot be found. After a Resume the gateway sends them again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CodecError {
    /// The compressed bytes are damaged.
    Damaged,
    /// A payload with a zlib stream of its own ends before its message does, or after it.
    Cut,
    /// The decompressed bytes do not begin like a payload.
    Garbled,
    /// A decompressed payload has more than `limit` bytes.
    TooLarge {
        /// The maximum, in bytes.
        limit: usize,
    },
    /// A message has more than `limit` payloads, or causes more than `limit` actions.
    TooMany {
        /// The maximum.
        limit: usize,
    },
}

impl fmt::Display for CodecError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Damaged => f.write_str("damaged compression"),
            Self::Cut => f.write_str("compressed payload does not end with its message"),
            Self::Garbled => f.write_str("decompressed bytes are not a payload"),
            Self::TooLarge { limit } => write!(f, "payload above {limit} bytes once inflated"),
            Self::TooMany { limit } => write!(f, "more than {limit} payloads or events in a message"),
        }
    }
}

impl core::error::Error for CodecError {}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString as _;

    #[test]
    fn errors_print_their_facts() {
        assert_eq!(CodecError::TooLarge { limit: 9 }.to_string(), "payload above 9 bytes once inflated");
        assert_eq!(CodecError::TooMany { limit: 2 }.to_string(), "more than 2 payloads or events in a message");
    }
}
