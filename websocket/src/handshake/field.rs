//! Header names and values, and the lists in them. *(source: RFC 9110 §5.5, §5.6)*

/// Whether it is a `token`, as header names, methods and subprotocols must be.
pub(super) fn is_token(text: &[u8]) -> bool {
    !text.is_empty() && text.iter().all(|byte| is_token_byte(*byte))
}

const fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(
            byte,
            b'!' | b'#' | b'$' | b'%' | b'&' | b'\'' | b'*' | b'+' | b'-' | b'.' | b'^' | b'_' | b'`' | b'|' | b'~'
        )
}

/// Whether it may be sent as a header's value: visible ASCII, with spaces and tabs only in the middle.
pub(super) fn is_value(value: &[u8]) -> bool {
    let is_padded = |byte: Option<&u8>| matches!(byte, Some(b' ' | b'\t'));
    value.iter().all(|byte| matches!(byte, b' '..=b'~' | b'\t'))
        && !is_padded(value.first())
        && !is_padded(value.last())
}

/// The elements of a comma-separated list. Empty elements are skipped, as RFC 9110 §5.6.1.2 requires of a recipient.
pub(super) fn elements(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value.split(|byte| *byte == b',').map(<[u8]>::trim_ascii).filter(|element| !element.is_empty())
}

/// Whether a list contains a token, compared case-insensitively.
pub(super) fn has_token(value: &[u8], token: &str) -> bool {
    elements(value).any(|element| element.eq_ignore_ascii_case(token.as_bytes()))
}

/// Whether the handshake writes this header itself, or the header would announce a body.
pub(super) fn is_reserved(name: &str) -> bool {
    let is = |reserved: &&str| name.eq_ignore_ascii_case(reserved);
    RESERVED.iter().any(is) || name.get(..PREFIX.len()).is_some_and(|start| start.eq_ignore_ascii_case(PREFIX))
}

const RESERVED: [&str; 5] = ["host", "upgrade", "connection", "content-length", "transfer-encoding"];
const PREFIX: &str = "sec-websocket-";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_found_in_a_list_and_not_within_another() {
        for value in ["Upgrade", "keep-alive, Upgrade", "upgrade,keep-alive", " ,, UPGRADE\t,"] {
            assert!(has_token(value.as_bytes(), "upgrade"), "{value:?}");
        }
        for value in ["", ",", "upgrades", "no-upgrade", "up grade", "\"upgrade\"", "upgrade;q=1"] {
            assert!(!has_token(value.as_bytes(), "upgrade"), "{value:?}");
        }
    }

    #[test]
    fn what_the_handshake_makes_itself_is_reserved() {
        for name in ["Host", "UPGRADE", "connection", "Sec-WebSocket-Key", "sec-websocket-x", "Content-Length"] {
            assert!(is_reserved(name), "{name}");
        }
        assert!(!is_reserved("Origin") && !is_reserved("Sec-Web") && !is_reserved("Sec-WebSockeé-X"));
    }
}
