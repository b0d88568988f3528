//! Masks and keys from the system's source of randomness, the same that TLS uses here.
//!
//! They must be unpredictable. *(source: RFC 6455 §10.3)*

use crate::rustls::crypto::{SecureRandom, ring};
use std::sync::OnceLock;

/// Random bytes; `None` if the system's source fails.
pub(super) fn draw<const N: usize>() -> Option<[u8; N]> {
    static SOURCE: OnceLock<&dyn SecureRandom> = OnceLock::new();
    let source = SOURCE.get_or_init(|| ring::default_provider().secure_random);
    let mut bytes = [0; N];
    source.fill(&mut bytes).is_ok().then_some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_draws_are_alike() {
        assert_ne!(draw::<16>().unwrap(), draw::<16>().unwrap());
    }
}
