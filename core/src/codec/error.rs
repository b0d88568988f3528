//! Why a message could not be decompressed.

/// Why a message could not be decompressed. It is the peer's fault, and closes the connection, because the payloads behind the
/// error cannot be found. After a Resume the gateway sends them again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum CodecError {
    /// The compressed bytes are damaged.
    #[error("damaged compression")]
    Damaged,
    /// A payload with a zlib stream of its own ends before its message does, or after it.
    #[error("compressed payload does not end with its message")]
    Cut,
    /// The decompressed bytes do not begin like a payload.
    #[error("decompressed bytes are not a payload")]
    Garbled,
    /// A decompressed payload has more than `limit` bytes.
    #[error("payload above {limit} bytes once inflated")]
    TooLarge {
        /// The maximum, in bytes.
        limit: usize,
    },
    /// A message has more than `limit` payloads, or causes more than `limit` actions.
    #[error("more than {limit} payloads or events in a message")]
    TooMany {
        /// The maximum.
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
