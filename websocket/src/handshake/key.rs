//! The client's key, and the server's proof that it has read the key. *(source: RFC 6455 §4.2.2, item 5.4)*

use data_encoding::BASE64;
use sha1::{Digest as _, Sha1};

/// Appended to every key.
const GUID: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// 16 bytes as base64.
pub(super) const KEY_LEN: usize = 24;
/// A SHA-1 sum as base64.
pub(super) const ACCEPT_LEN: usize = 28;

/// The value of `Sec-WebSocket-Key` for 16 random bytes.
pub(super) fn encode_key(key: [u8; 16]) -> [u8; KEY_LEN] {
    let mut encoded = [0; KEY_LEN];
    BASE64.encode_mut(&key, &mut encoded);
    encoded
}

/// Whether it is base64 of 16 bytes.
pub(super) fn is_key(value: &[u8]) -> bool {
    let mut key = [0; 18];
    value.len() == KEY_LEN && BASE64.decode_mut(value, &mut key).is_ok_and(|len| len == 16)
}

/// The value of `Sec-WebSocket-Accept` that answers a value of `Sec-WebSocket-Key`.
#[must_use]
pub fn accept_key(key: &[u8]) -> [u8; ACCEPT_LEN] {
    let sum = Sha1::new().chain_update(key).chain_update(GUID).finalize();
    let mut encoded = [0; ACCEPT_LEN];
    BASE64.encode_mut(&sum, &mut encoded);
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_of_the_rfc() {
        assert_eq!(&encode_key(*b"the sample nonce"), b"dGhlIHNhbXBsZSBub25jZQ==");
        assert_eq!(&accept_key(b"dGhlIHNhbXBsZSBub25jZQ=="), b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    }

    #[test]
    fn a_key_is_16_bytes_of_base64_and_nothing_else() {
        assert!(is_key(b"dGhlIHNhbXBsZSBub25jZQ=="));
        for key in [
            &b""[..],
            b"dGhlIHNhbXBsZSBub25jZQ",
            b"dGhlIHNhbXBsZSBub25jZQ=",
            b"dGhlIHNhbXBsZSBub25jZXh4",
            b"dGhlIHNhbXBsZSBub25jZR==",
            b"dGhlIHNhbXBsZSBub25j====",
            b"dGhlIHNhbXBsZSBub2 jZQ==",
            b"dGhlIHNhbXBsZSBub25jZQ==dGhlIHNhbXBsZSBub25jZQ==",
        ] {
            assert!(!is_key(key), "{}", key.escape_ascii());
        }
    }
}
