//! Why a message could not be unpacked.

use core::fmt;

/// Why a message could not be unpacked. It is the peer's fault, and costs the connection: the payloads behind it cannot be
/// found any more. A resume brings them again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CodecError {
    /// The compressed bytes are damaged.
    Damaged,
    /// The bytes of a payload that is compressed for itself end too early or too late.
    Cut,
    /// They were inflated, but to nothing that looks like a payload.
    Garbled,
    /// A payload has more than `limit` bytes.
    TooLarge {
        /// The most it may have.
        limit: usize,
    },
    /// A message has more than `limit` payloads.
    TooMany {
        /// The most it may have.
        limit: usize,
    },
}

impl fmt::Display for CodecError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Damaged => f.write_str("damaged compression"),
            Self::Cut => f.write_str("compression that ends in the wrong place"),
            Self::Garbled => f.write_str("compressed bytes that are no payload"),
            Self::TooLarge { limit } => write!(f, "payload above {limit} bytes once inflated"),
            Self::TooMany { limit } => write!(f, "more than {limit} payloads in a message, or events of them"),
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
        assert_eq!(
            CodecError::TooMany { limit: 2 }.to_string(),
            "more than 2 payloads in a message, or events of them"
        );
    }
}
