//! What a server answers when it does not accept. *(source: RFC 6455 §4.2.2, §4.4)*

use super::error::HeadError;
use super::field::{is_reserved, is_token, is_value};
use alloc::string::ToString as _;
use alloc::vec::Vec;

/// Why a request is not a valid WebSocket handshake, and the HTTP answer to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum Rejection {
    /// It is not a valid HTTP request: 400, or 431 if it is too large.
    #[error("the request cannot be read")]
    Head(#[from] HeadError),
    /// The method is not GET: 405.
    #[error("the method is not get")]
    Method,
    /// The request is HTTP/1.0: 505. *(source: RFC 6455 §4.2.1, item 1)*
    #[error("the request is one of http/1.0")]
    HttpVersion,
    /// The target is neither a path nor an absolute HTTP URL, or has a fragment: 400.
    #[error("the target of the request is neither a path nor an http url")]
    Target,
    /// `Host` is missing, empty or doubled: 400. *(source: RFC 9112 §3.2)*
    #[error("the host header is not there once")]
    Host,
    /// The request announces a body, whose bytes would be mistaken for frames: 400.
    #[error("the request has a body")]
    Body,
    /// `Upgrade` does not list `websocket`, or `Connection` does not list `upgrade`: 426.
    #[error("the request asks for no upgrade to websocket")]
    Upgrade,
    /// `Sec-WebSocket-Version` is missing, doubled or not 13: 426, with the supported version.
    #[error("the request does not ask for version 13 of websocket")]
    Version,
    /// `Sec-WebSocket-Key` is missing, doubled, or not 16 bytes of base64: 400.
    #[error("the sec-websocket-key is not 16 bytes of base64")]
    Key,
    /// `Sec-WebSocket-Protocol` lists an invalid token, or one token twice: 400. *(source: RFC 6455 §4.1, item 10)*
    #[error("the list of subprotocols is malformed")]
    Protocol,
}

impl Rejection {
    /// The HTTP status of the answer.
    #[must_use]
    pub const fn status(&self) -> u16 {
        match self {
            Self::Head(HeadError::TooLong { .. } | HeadError::TooManyHeaders { .. }) => 431,
            Self::Head(_) | Self::Target | Self::Host | Self::Body | Self::Key | Self::Protocol => 400,
            Self::Method => 405,
            Self::HttpVersion => 505,
            Self::Upgrade | Self::Version => 426,
        }
    }

    /// Appends the answer. The caller closes the connection after it.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let (reason, more) = match self {
            Self::Head(HeadError::TooLong { .. } | HeadError::TooManyHeaders { .. }) => {
                ("Request Header Fields Too Large", "")
            }
            Self::Head(_) | Self::Target | Self::Host | Self::Body | Self::Key | Self::Protocol => ("Bad Request", ""),
            Self::Method => ("Method Not Allowed", "Allow: GET\r\n"),
            Self::HttpVersion => ("HTTP Version Not Supported", ""),
            // A 426 must name the protocol in `Upgrade`, and list `Upgrade` in `Connection`. *(source: RFC 9110
            // §15.5.22, §7.8)*
            Self::Upgrade | Self::Version => {
                ("Upgrade Required", "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n")
            }
        };
        let connection = if more.starts_with("Upgrade") { "Upgrade, close" } else { "close" };
        let status = self.status().to_string();
        for part in [
            "HTTP/1.1 ",
            &status,
            " ",
            reason,
            "\r\n",
            more,
            "Connection: ",
            connection,
            "\r\nContent-Length: 0\r\n\r\n",
        ] {
            out.extend_from_slice(part.as_bytes());
        }
    }
}

/// Why an answer was not written. Nothing was appended to the buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum ResponseError {
    /// The subprotocol is not one that the client offered.
    #[error("the client did not offer this subprotocol")]
    Protocol,
    /// A header's name or value is invalid, or the handshake writes this header itself.
    #[error("a header cannot be sent, or the handshake makes it itself")]
    Header,
    /// The status is not one of a final answer: 200 to 599.
    #[error("{status} is not the status of a refusal")]
    Status {
        /// The status.
        status: u16,
    },
}

/// Appends an answer with a status other than 101, for example 401, 403, 503 with `Retry-After`, or 308 with
/// `Location`. The caller closes the connection after it.
///
/// # Errors
/// [`ResponseError::Status`] and [`ResponseError::Header`].
pub fn write_response(
    status: u16,
    headers: &[(&str, &str)],
    body: &[u8],
    out: &mut Vec<u8>,
) -> Result<(), ResponseError> {
    if !matches!(status, 200..=599) {
        return Err(ResponseError::Status { status });
    }
    check_headers(headers)?;
    let (status, len) = (status.to_string(), body.len().to_string());
    for part in ["HTTP/1.1 ", &status, " \r\nConnection: close\r\nContent-Length: ", &len, "\r\n"] {
        out.extend_from_slice(part.as_bytes());
    }
    encode_headers(headers, out);
    out.extend_from_slice(b"\r\n");
    out.extend_from_slice(body);
    Ok(())
}

pub(super) fn check_headers(headers: &[(&str, &str)]) -> Result<(), ResponseError> {
    let may_be_sent =
        |(name, value): &(&str, &str)| is_token(name.as_bytes()) && !is_reserved(name) && is_value(value.as_bytes());
    if headers.iter().all(may_be_sent) { Ok(()) } else { Err(ResponseError::Header) }
}

pub(super) fn encode_headers(headers: &[(&str, &str)], out: &mut Vec<u8>) {
    for part in headers.iter().flat_map(|(name, value)| [name, ": ", value, "\r\n"]) {
        out.extend_from_slice(part.as_bytes());
    }
}
