//! Why a message could not be unpacked.

/// Why a message could not be unpacked. It is the peer's fault, and costs the connection: the payloads behind it cannot be
/// found any more. A resume brings them again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum CodecError {
    /// The compressed bytes are damaged.
    #[error("damaged compression")]
    Damaged,
    /// The bytes of a payload that is compressed for itself end too early or too late.
    #[error("compression that ends in the wrong place")]
    Cut,
    /// They were inflated, but to nothing that looks like a payload.
    #[error("compressed bytes that hold no payload")]
    Garbled,
    /// A payload has more than `limit` bytes.
    #[error("payload above {limit} bytes once inflated")]
    TooLarge {
        /// The most it may have.
        limit: usize,
    },
    /// A message has more than `limit` payloads.
    #[error("more than {limit} payloads or events in a message")]
    TooMany {
        /// The most it may have.
        limit: usize,
    },
}

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
