//! Masking, by words of eight bytes. *(source: RFC 6455 §5.3)*

/// Masks or unmasks a payload in place: the same operation undoes itself.
pub fn apply_mask(mask: [u8; 4], payload: &mut [u8]) {
    let [a, b, c, d] = mask;
    let key = u64::from_ne_bytes([a, b, c, d, a, b, c, d]);
    let (words, rest) = payload.as_chunks_mut::<8>();
    for word in words {
        *word = (u64::from_ne_bytes(*word) ^ key).to_ne_bytes();
    }
    for (byte, key) in rest.iter_mut().zip(mask.into_iter().cycle()) {
        *byte ^= key;
    }
}

/// The mask for the rest of a payload, after its first `len` bytes.
#[must_use]
pub fn rotate_mask(mut mask: [u8; 4], len: usize) -> [u8; 4] {
    mask.rotate_left(len % 4);
    mask
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    /// What the RFC says, byte by byte.
    fn by_bytes(mask: [u8; 4], payload: &[u8]) -> Vec<u8> {
        payload.iter().enumerate().map(|(at, byte)| byte ^ mask[at % 4]).collect()
    }

    #[test]
    fn words_give_what_bytes_give_at_every_length_and_split() {
        let mask = [0x37, 0xfa, 0x21, 0x3d];
        let payload: Vec<u8> = (0..=66).collect();
        for len in 0..payload.len() {
            for at in 0..=len {
                let mut masked = payload[..len].to_vec();
                let (left, right) = masked.split_at_mut(at);
                apply_mask(mask, left);
                apply_mask(rotate_mask(mask, at), right);
                assert_eq!(masked, by_bytes(mask, &payload[..len]), "{len} bytes, split at {at}");
            }
        }
    }

    #[test]
    fn the_example_of_the_rfc() {
        let mut hello = *b"Hello";
        apply_mask([0x37, 0xfa, 0x21, 0x3d], &mut hello);
        assert_eq!(hello, [0x7f, 0x9f, 0x4d, 0x51, 0x58]);
    }
}
