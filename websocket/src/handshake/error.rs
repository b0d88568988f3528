//! Why a handshake failed, on the client's side.

use super::refusal::Refusal;

/// The head of an HTTP message is invalid or too large.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum HeadError {
    /// It has more bytes than [`HandshakeLimits::head`](super::HandshakeLimits::head).
    #[error("the head has more than {limit} bytes")]
    TooLong {
        /// The limit.
        limit: usize,
    },
    /// It has more header lines than [`HEADERS_MAX`](super::HEADERS_MAX).
    #[error("the head has more than {limit} header lines")]
    TooManyHeaders {
        /// The limit.
        limit: usize,
    },
    /// A control character, a line that does not end with CR LF, or a line that continues another (obs-fold). *(source:
    /// RFC 9112 §2.2, §5.2; RFC 9110 §5.5)*
    #[error("the head has a control character, a folded line, or a line that does not end with cr lf")]
    Line,
    /// The first line is not a valid HTTP/1.0 or HTTP/1.1 line. *(source: RFC 9112 §2.3, §3, §4)*
    #[error("the first line is not an http/1.1 line")]
    FirstLine,
    /// A header line is invalid: no name, a name that is not a token, a space before the colon. *(source: RFC 9112
    /// §5.1)*
    #[error("a line of the head is not a valid header")]
    Header,
}

/// Why a client's handshake failed. The caller must drop the connection. *(source: RFC 6455 §4.1)*
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HandshakeError {
    /// The answer is not a valid HTTP response.
    #[error("the server's answer is not valid http")]
    Head(#[from] HeadError),
    /// The server answered with a status other than 101: it refuses, asks to wait, or redirects.
    #[error("the server refused the upgrade with status {}", .0.status())]
    Refused(Refusal),
    /// The 101 answer is HTTP/1.0, which has no upgrade. *(source: RFC 9110 §7.8)*
    #[error("the server switches protocols in http/1.0, which cannot")]
    HttpVersion,
    /// A required header is missing.
    #[error("the server's answer lacks the header {header}")]
    Missing {
        /// Its name, in lower case.
        header: &'static str,
    },
    /// A header that may occur only once is there twice.
    #[error("the server's answer has the header {header} twice")]
    Doubled {
        /// Its name, in lower case.
        header: &'static str,
    },
    /// `Upgrade` does not say `websocket`.
    #[error("the server switches to another protocol than websocket")]
    Upgrade,
    /// `Connection` does not list `upgrade`.
    #[error("the server's connection header does not list upgrade")]
    Connection,
    /// `Sec-WebSocket-Accept` does not match the key: the server did not process this handshake.
    #[error("the server's sec-websocket-accept does not answer the key")]
    Accept,
    /// The server uses an extension, and none was offered.
    #[error("the server uses an extension that was not offered")]
    Extension,
    /// The server chose a subprotocol that was not offered.
    #[error("the server chose a subprotocol that was not offered")]
    Protocol,
}

/// Why a client's request cannot be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum RequestError {
    /// The host is not a DNS name or IP address.
    #[error("the host is neither a name nor an address")]
    Host,
    /// The target does not start with a slash, or contains a fragment or a character that no URL contains.
    #[error("the target must begin with a slash and have no fragment, no space and no control character")]
    Target,
    /// The name of a header is not a token. *(source: RFC 9110 §5.1)*
    #[error("the header's name is not a token")]
    HeaderName,
    /// The value of a header contains a character other than visible ASCII, space and tab, or starts or ends with a
    /// space or tab.
    #[error("the header's value is not visible ascii, or has spaces around it")]
    HeaderValue,
    /// The handshake writes this header itself, or the header would announce a body.
    #[error("the handshake writes this header itself: leave it out")]
    Reserved,
    /// A subprotocol is not a token or is already offered. *(source: RFC 6455 §4.1, item 10)*
    #[error("the subprotocol is not a token or is offered twice")]
    Protocol,
}
