//! An answer with a status other than 101.

use super::headers::Headers;
use core::time::Duration;

/// The server answered with a status other than 101.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    status: u16,
    headers: Headers,
}

impl Refusal {
    pub(super) const fn new(status: u16, headers: Headers) -> Self {
        Self { status, headers }
    }

    /// The HTTP status, 200 to 999.
    #[must_use]
    pub const fn status(&self) -> u16 {
        self.status
    }

    /// The headers. The body, if any, was not read.
    #[must_use]
    pub const fn headers(&self) -> &Headers {
        &self.headers
    }

    /// How long to wait, if `Retry-After` is in seconds. For its other form, an HTTP date, see
    /// [`headers`](Self::headers). *(source: RFC 9110 §10.2.3)*
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        let value = core::str::from_utf8(self.headers.get("retry-after")?).ok()?;
        let is_number = value.bytes().all(|byte| byte.is_ascii_digit());
        is_number.then(|| value.parse().ok()).flatten().map(Duration::from_secs)
    }

    /// The value of `Location`, if it is ASCII. *(source: RFC 9110 §10.2.2)*
    #[must_use]
    pub fn location(&self) -> Option<&str> {
        core::str::from_utf8(self.headers.get("location")?).ok().filter(|location| location.is_ascii())
    }
}
