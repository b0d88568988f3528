//! The application's own headers, checked before the first connection.

use http::{HeaderName, HeaderValue};

/// Those that make the upgrade what it is (RFC 6455 §4.1), and those that would give it a body.
const RESERVED: [&str; 6] = ["host", "upgrade", "connection", "content-length", "transfer-encoding", "user-agent"];
/// The handshake's own, those of extensions and of subprotocols among them.
const RESERVED_PREFIX: &str = "sec-websocket-";

/// Why a header cannot be sent.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HeaderError {
    /// The name is not a header name.
    #[error("the header's name must be letters, digits and dashes")]
    Name,
    /// The value of this header is empty, or has a character that is not visible ASCII, a space or a tab.
    #[error("the value of the header {name} must be visible ascii, and not empty")]
    Value {
        /// The header's name, in lower case.
        name: String,
    },
    /// The handshake makes this header itself, or `user_agent` sets it.
    #[error("{}", match name.as_str() {
        "user-agent" => "the header user-agent has a setting of its own: `user_agent`".into(),
        name => format!("the header {name} is made by the websocket handshake itself, leave it out"),
    })]
    Reserved {
        /// The header's name, in lower case.
        name: String,
    },
}

pub(super) fn checked(name: &str, value: &str) -> Result<(HeaderName, HeaderValue), HeaderError> {
    let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| HeaderError::Name)?;
    if RESERVED.contains(&name.as_str()) || name.as_str().starts_with(RESERVED_PREFIX) {
        return Err(HeaderError::Reserved { name: name.as_str().to_owned() });
    }
    let value = self::value(name.as_str(), value)?;
    Ok((name, value))
}

pub(super) fn value(name: &str, value: &str) -> Result<HeaderValue, HeaderError> {
    let refused = || HeaderError::Value { name: name.to_owned() };
    let is_visible = |value: &HeaderValue| !value.is_empty() && value.to_str().is_ok();
    let mut value = HeaderValue::from_str(value).ok().filter(is_visible).ok_or_else(refused)?;
    // `Debug` of a request then leaves the value out.
    value.set_sensitive(name != "user-agent");
    Ok(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_handshake_makes_itself_is_refused() {
        for name in ["Host", "UPGRADE", "connection", "Sec-WebSocket-Key", "sec-websocket-protocol", "Content-Length"] {
            let reserved = HeaderError::Reserved { name: name.to_ascii_lowercase() };
            assert_eq!(checked(name, "x"), Err(reserved), "{name}");
        }
        let told = checked("User-Agent", "x").unwrap_err().to_string();
        assert_eq!(told, "the header user-agent has a setting of its own: `user_agent`");
    }

    #[test]
    fn what_is_no_header_is_refused_and_its_value_not_told() {
        for name in ["", "X Y", "X:", "X\r\nY", "é"] {
            assert_eq!(checked(name, "x"), Err(HeaderError::Name), "{name:?}");
        }
        for value in ["", "hush\r\nHost: evil", "hush\0", "hush\u{7f}", "hush é"] {
            let error = checked("X-A", value).unwrap_err();
            assert_eq!(error, HeaderError::Value { name: "x-a".into() }, "{value:?}");
            assert!(!format!("{error} {error:?}").contains("hush"));
        }
        let (name, value) = checked("Authorization", "Bearer a b\tc").unwrap();
        assert_eq!((name.as_str(), value.as_bytes()), ("authorization", &b"Bearer a b\tc"[..]));
        assert!(value.is_sensitive());
    }
}
