//! Why a handshake failed, on the client's side.

use super::refusal::Refusal;

/// The head of an HTTP message cannot be read.
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
    /// A control character, a line that does not end with CR LF, or a line that continues another (obs-fold).
    /// *(source: RFC 9112 §2.2, §5.2; RFC 9110 §5.5)*
    #[error("the head has a control character, a folded line, or a line that does not end with cr lf")]
    Line,
    /// The first line is not that of HTTP/1.0 or HTTP/1.1. *(source: RFC 9112 §2.3, §3, §4)*
    #[error("the first line is not one of http/1.1")]
    FirstLine,
    /// A line is no header: no name, a name that is no token, a space in front of the colon. *(source: RFC 9112 §5.1)*
    #[error("a line of the head is no header")]
    Header,
}

/// Why a client's handshake failed: the connection is to be dropped. *(source: RFC 6455 §4.1)*
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HandshakeError {
    /// The answer is no HTTP response.
    #[error("the server's answer cannot be read")]
    Head(#[from] HeadError),
    /// The server answered with another status than 101. This is HTTP's way to say no, wait, or elsewhere.
    #[error("the server refused the upgrade with status {}", .0.status())]
    Refused(Refusal),
    /// The 101 is one of HTTP/1.0, which has no upgrade. *(source: RFC 9110 §7.8)*
    #[error("the server switches protocols in http/1.0, which cannot")]
    HttpVersion,
    /// A header that has one value is missing.
    #[error("the server's answer lacks the header {header}")]
    Missing {
        /// Its name, in lower case.
        header: &'static str,
    },
    /// A header that has one value came twice.
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
    /// `Sec-WebSocket-Accept` is not the answer to the key: whoever answered did not read the handshake.
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
    /// The host is neither a DNS name nor an IP address, or is empty.
    #[error("the host is neither a name nor an address")]
    Host,
    /// The path and query do not begin with a slash, or have a fragment or a character that no URL has.
    #[error("the target must begin with a slash and have no fragment, no space and no control character")]
    Target,
    /// The name of a header is no token. *(source: RFC 9110 §5.1)*
    #[error("the header's name is no token")]
    HeaderName,
    /// The value of a header has a character that is not visible ASCII, a space or a tab, or begins or ends with these.
    #[error("the header's value is not visible ascii, or has spaces around it")]
    HeaderValue,
    /// The handshake makes this header itself, or it would give the request a body.
    #[error("the handshake makes this header itself: leave it out")]
    Reserved,
    /// A subprotocol is no token, or was offered before. *(source: RFC 6455 §4.1, item 10)*
    #[error("the subprotocol is no token, or is offered twice")]
    Protocol,
}
