//! Close codes and close frames. *(source: RFC 6455 §5.5.1, §7.4)*

use crate::error::Violation;
use crate::event::Payload;
use crate::utf8;
use alloc::borrow::Cow;
use alloc::string::String;
use core::fmt;

/// The number in a close frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CloseCode(pub u16);

impl CloseCode {
    /// The purpose of the connection is fulfilled.
    pub const NORMAL: Self = Self(1000);
    /// The server goes down, or the browser leaves the page.
    pub const GOING_AWAY: Self = Self(1001);
    /// The peer broke the protocol.
    pub const PROTOCOL_ERROR: Self = Self(1002);
    /// The peer sent a kind of data that this end does not take.
    pub const UNSUPPORTED: Self = Self(1003);
    /// A message is not what its type says: text that is not UTF-8.
    pub const INVALID_PAYLOAD: Self = Self(1007);
    /// The peer broke a rule that no other code names.
    pub const POLICY: Self = Self(1008);
    /// A message is too big to be processed.
    pub const TOO_BIG: Self = Self(1009);
    /// The server did not negotiate an extension that the client needs.
    pub const EXTENSION: Self = Self(1010);
    /// The server met a condition that it did not expect.
    pub const INTERNAL_ERROR: Self = Self(1011);

    /// Whether an endpoint may send it: 1000–1003, 1007–1014 (registered with IANA), and 3000–4999.
    ///
    /// 1004, 1005, 1006 and 1015 are reserved and never sent; what is below 1000 is unused; the rest up to 2999 is kept
    /// for later protocols. *(source: RFC 6455 §7.4.2; the IANA registry of close codes)*
    #[must_use]
    pub const fn may_be_sent(self) -> bool {
        matches!(self.0, 1000..=1003 | 1007..=1014 | 3000..=4999)
    }
}

impl fmt::Display for CloseCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A close frame from the peer, exactly as received, even if it breaks the protocol.
///
/// [`violation`](Self::violation) says what is wrong with it; the answer then is 1002 or 1007 instead of an echo. The
/// code is reported anyway: it is the only explanation that the peer will ever give.
#[derive(Clone, PartialEq, Eq)]
pub struct Close<'a> {
    body: Body<'a>,
}

#[derive(Clone, PartialEq, Eq)]
enum Body<'a> {
    Empty,
    Coded { code: CloseCode, reason: Payload<'a> },
}

impl<'a> Close<'a> {
    /// Reads the payload of a close frame.
    ///
    /// # Errors
    /// [`Violation::CloseLength`] for a payload of one byte.
    pub(crate) fn parse(payload: Payload<'a>) -> Result<Self, Violation> {
        let body = match *payload {
            [] => Body::Empty,
            [_] => return Err(Violation::CloseLength),
            [high, low, ..] => {
                Body::Coded { code: CloseCode(u16::from_be_bytes([high, low])), reason: payload.without_first(2) }
            }
        };
        Ok(Self { body })
    }

    /// The code, if the frame had one.
    #[must_use]
    pub const fn code(&self) -> Option<CloseCode> {
        match &self.body {
            Body::Empty => None,
            Body::Coded { code, .. } => Some(*code),
        }
    }

    /// The reason, for humans: at most 123 bytes, often empty. Bytes that are not UTF-8 are replaced by U+FFFD.
    #[must_use]
    pub fn reason(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(self.reason_bytes())
    }

    /// The bytes of the reason, as received.
    #[must_use]
    pub fn reason_bytes(&self) -> &[u8] {
        match &self.body {
            Body::Empty => &[],
            Body::Coded { reason, .. } => reason,
        }
    }

    /// What is wrong with the frame, if anything is: [`Violation::CloseCode`] or [`Violation::CloseReason`].
    #[must_use]
    pub fn violation(&self) -> Option<Violation> {
        match &self.body {
            Body::Coded { code, .. } if !code.may_be_sent() => Some(Violation::CloseCode { code: *code }),
            Body::Coded { code, reason } if !utf8::is_valid(reason) => Some(Violation::CloseReason { code: *code }),
            Body::Empty | Body::Coded { .. } => None,
        }
    }

    /// The code of the answer: the same, or that of the violation. *(source: RFC 6455 §5.5.1)*
    pub(crate) fn answer(&self) -> Option<CloseCode> {
        match self.violation() {
            Some(violation) => Some(violation.close_code()),
            None => self.code(),
        }
    }
}

impl fmt::Debug for Close<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Close").field("code", &self.code()).field("reason", &self.reason()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_told_as_it_came_and_answered_as_it_deserves() {
        for (payload, code, answer) in [
            (&b""[..], None, None),
            (b"\x03\xe8", Some(1000), Some(1000)),
            (b"\x0f\xa4bye", Some(4004), Some(4004)),
            (b"\x03\xe7", Some(999), Some(1002)),
            (b"\x03\xed", Some(1005), Some(1002)),
            (b"\x13\x88", Some(5000), Some(1002)),
            (b"\x0f\xa4\xff", Some(4004), Some(1007)),
        ] {
            let close = Close::parse(Payload::lent(payload)).unwrap();
            assert_eq!(close.code(), code.map(CloseCode), "{payload:02x?}");
            assert_eq!(close.answer(), answer.map(CloseCode), "{payload:02x?}");
        }
        assert_eq!(Close::parse(Payload::lent(b"\x03")), Err(Violation::CloseLength));
    }

    #[test]
    fn codes_of_the_wire_are_told_from_reserved_ones() {
        let sent = [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1014, 3000, 3999, 4000, 4999];
        let reserved = [0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, u16::MAX];
        assert!(sent.into_iter().all(|code| CloseCode(code).may_be_sent()));
        assert!(!reserved.into_iter().any(|code| CloseCode(code).may_be_sent()));
    }
}
