//! User and password of a proxy's URL.

use super::error::ProxyError;
use percent_encoding::percent_decode_str;

/// Who we are to a proxy. Never printed.
#[derive(PartialEq, Eq)]
pub(super) struct Credentials {
    pub(super) user: Vec<u8>,
    pub(super) password: Vec<u8>,
}

impl Credentials {
    /// Reads `user:password`, percent-encoded; the password may be missing.
    pub(super) fn parse(userinfo: &str) -> Result<Self, ProxyError> {
        let (user, password) = userinfo.split_once(':').unwrap_or((userinfo, ""));
        Ok(Self { user: decoded(user)?, password: decoded(password)? })
    }

    /// HTTP sends `user:password` as one text, so its first colon must be the one between them. *(source: RFC 7617 §2)*
    pub(super) fn checked_for_http(self) -> Result<Self, ProxyError> {
        if self.user.contains(&b':') { Err(ProxyError::User) } else { Ok(self) }
    }

    /// SOCKS5 sends each behind its length in one byte, and a user of at least one. *(source: RFC 1929 §2)*
    pub(super) fn checked_for_socks5(self) -> Result<Self, ProxyError> {
        let len = self.user.len().max(self.password.len());
        if self.user.is_empty() {
            return Err(ProxyError::User);
        }
        if len > SOCKS5_MAX { Err(ProxyError::TooLong { len }) } else { Ok(self) }
    }
}

/// The most bytes of a user, and of a password, that SOCKS5 can send: their length is one byte.
const SOCKS5_MAX: usize = 255;

/// The bytes that a percent-encoded text stands for. `percent_decode_str` passes a broken escape on as it is; here it
/// is an error, since a password with a plain `%` would otherwise depend on what follows it.
fn decoded(text: &str) -> Result<Vec<u8>, ProxyError> {
    let is_escape =
        |tail: &str| tail.as_bytes().get(..2).is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit));
    if !text.split('%').skip(1).all(is_escape) {
        return Err(ProxyError::Escape);
    }
    Ok(percent_decode_str(text).collect())
}
