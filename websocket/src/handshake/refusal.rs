//! An answer with another status than 101.

use super::headers::Headers;
use core::time::Duration;

/// The server said something else than 101: no, wait, elsewhere.
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

    /// The headers. A body was not read.
    #[must_use]
    pub const fn headers(&self) -> &Headers {
        &self.headers
    }

    /// How long to wait, from `Retry-After` in seconds. The header's other form, a date, needs a calendar: look at
    /// [`headers`](Self::headers) for it. *(source: RFC 9110 §10.2.3)*
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        let value = core::str::from_utf8(self.headers.get("retry-after")?).ok()?;
        let is_number = value.bytes().all(|byte| byte.is_ascii_digit());
        is_number.then(|| value.parse().ok()).flatten().map(Duration::from_secs)
    }

    /// Where else to go, if the header `Location` is there and is ASCII. *(source: RFC 9110 §10.2.2)*
    #[must_use]
    pub fn location(&self) -> Option<&str> {
        core::str::from_utf8(self.headers.get("location")?).ok().filter(|location| location.is_ascii())
    }
}
