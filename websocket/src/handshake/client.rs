//! The client's handshake: the request, and the check of the answer. *(source: RFC 6455 §4.1)*

use super::error::{HandshakeError, HeadError};
use super::field::has_token;
use super::head::{Head, Side, StartLine};
use super::headers::{Headers, Single};
use super::key::{ACCEPT_LEN, accept_key, encode_key};
use super::refusal::Refusal;
use super::request::ClientRequest;
use super::{HandshakeLimits, Progress};
use alloc::string::String;
use alloc::vec::Vec;

/// A client that has sent its request and waits for the answer.
#[derive(Debug)]
pub struct ClientHandshake {
    head: Head,
    accept: [u8; ACCEPT_LEN],
    protocols: Vec<String>,
}

/// The server accepted the upgrade.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Accepted {
    protocol: Option<String>,
    headers: Headers,
}

impl Accepted {
    /// The subprotocol that the server chose, one of those that were offered.
    #[must_use]
    pub fn protocol(&self) -> Option<&str> {
        self.protocol.as_deref()
    }

    /// The headers of the answer.
    #[must_use]
    pub const fn headers(&self) -> &Headers {
        &self.headers
    }
}

impl ClientHandshake {
    /// Appends the request to `out` and waits for the answer.
    ///
    /// The key is 16 random bytes, new for each connection. It proves that the server answers this very request.
    /// *(source: RFC 6455 §4.1, item 7)*
    #[must_use]
    pub fn start(request: &ClientRequest, key: [u8; 16], limits: HandshakeLimits, out: &mut Vec<u8>) -> Self {
        request.encode(key, out);
        Self {
            head: Head::new(Side::Response, limits.head),
            accept: accept_key(&encode_key(key)),
            protocols: request.protocols().to_vec(),
        }
    }

    /// Consumes the next bytes of the answer.
    ///
    /// Interim answers (100, and 102 to 199) are skipped. *(source: RFC 9110 §15.2)*
    ///
    /// # Errors
    /// A [`HandshakeError`]: the caller must drop the connection.
    pub fn receive(&mut self, input: &[u8]) -> Result<Progress<Accepted>, HandshakeError> {
        let mut consumed = 0;
        while consumed < input.len() {
            consumed += self.head.take(&input[consumed..])?;
            if !self.head.is_whole() {
                break;
            }
            let (StartLine::Response { status, minor }, headers) = self.head.parse(Side::Response)? else {
                return Err(HeadError::FirstLine.into());
            };
            match status {
                101 => return Ok(Progress::Done { outcome: self.check(minor, headers)?, consumed }),
                100..=199 => self.head.next(),
                _ => return Err(HandshakeError::Refused(Refusal::new(status, headers))),
            }
        }
        Ok(Progress::More)
    }

    /// Checks each item of §4.1 that makes a client fail the connection.
    fn check(&self, minor: u8, headers: Headers) -> Result<Accepted, HandshakeError> {
        if minor == 0 {
            return Err(HandshakeError::HttpVersion);
        }
        if !required(&headers, "upgrade")?.eq_ignore_ascii_case(b"websocket") {
            return Err(HandshakeError::Upgrade);
        }
        if !headers.all("connection").any(|value| has_token(value, "upgrade")) {
            return Err(HandshakeError::Connection);
        }
        if required(&headers, "sec-websocket-accept")? != self.accept {
            return Err(HandshakeError::Accept);
        }
        // No extension was offered. The grammar does not allow an empty list either.
        if headers.get("sec-websocket-extensions").is_some() {
            return Err(HandshakeError::Extension);
        }
        let protocol = match headers.single("sec-websocket-protocol") {
            Single::Missing => None,
            Single::Doubled => return Err(HandshakeError::Doubled { header: "sec-websocket-protocol" }),
            Single::Value(value) => {
                let chosen = self.protocols.iter().find(|offered| offered.as_bytes() == value);
                Some(chosen.ok_or(HandshakeError::Protocol)?.clone())
            }
        };
        Ok(Accepted { protocol, headers })
    }
}

/// The value of a header that must occur exactly once.
fn required<'a>(headers: &'a Headers, header: &'static str) -> Result<&'a [u8], HandshakeError> {
    match headers.single(header) {
        Single::Value(value) => Ok(value),
        Single::Missing => Err(HandshakeError::Missing { header }),
        Single::Doubled => Err(HandshakeError::Doubled { header }),
    }
}
