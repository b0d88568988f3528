//! The server's handshake: the check of a request, and the answer. *(source: RFC 6455 §4.2)*

use super::field::{elements, has_token, is_token};
use super::head::{Head, Side, StartLine};
use super::headers::{Headers, Single};
use super::key::{ACCEPT_LEN, accept_key, is_key};
use super::response::{Rejection, ResponseError, check_headers, encode_headers};
use super::{HandshakeLimits, Progress};
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use core::str;

/// A server that waits for a client's request.
#[derive(Debug)]
pub struct ServerHandshake {
    head: Head,
}

impl ServerHandshake {
    /// Waits for a request.
    #[must_use]
    pub const fn new(limits: HandshakeLimits) -> Self {
        Self { head: Head::new(Side::Request, limits.head) }
    }

    /// Consumes the next bytes of the request.
    ///
    /// # Errors
    /// A [`Rejection`], which can write the HTTP answer; the caller then closes the connection.
    pub fn receive(&mut self, input: &[u8]) -> Result<Progress<UpgradeRequest>, Rejection> {
        let consumed = self.head.take(input)?;
        if !self.head.is_whole() {
            return Ok(Progress::More);
        }
        let (StartLine::Request { method, target, minor }, headers) = self.head.parse(Side::Request)? else {
            return Err(Rejection::Target);
        };
        Ok(Progress::Done { outcome: check(&method, &target, minor, headers)?, consumed })
    }
}

/// A valid request for a WebSocket. The application decides whether to accept it.
#[derive(Clone, PartialEq, Eq)]
pub struct UpgradeRequest {
    target: String,
    accept: [u8; ACCEPT_LEN],
    headers: Headers,
}

impl UpgradeRequest {
    /// The path and query, or an absolute URL if the client sent one.
    #[must_use]
    pub fn target(&self) -> &str {
        &self.target
    }

    /// The headers: `Host`, `Origin`, `Authorization`, cookies. A server that browsers reach checks the `Origin`.
    /// *(source: RFC 6455 §10.2)*
    #[must_use]
    pub const fn headers(&self) -> &Headers {
        &self.headers
    }

    /// The subprotocols that the client offers, its preferred one first.
    pub fn protocols(&self) -> impl Iterator<Item = &str> {
        let values = self.headers.all("sec-websocket-protocol");
        values.flat_map(elements).filter_map(|protocol| str::from_utf8(protocol).ok())
    }

    /// Appends the 101 answer with the chosen subprotocol and further headers. Frames follow it.
    ///
    /// Extensions that the client offers are declined by not mentioning them.
    ///
    /// # Errors
    /// [`ResponseError::Protocol`] and [`ResponseError::Header`].
    pub fn accept(
        &self,
        protocol: Option<&str>,
        headers: &[(&str, &str)],
        out: &mut Vec<u8>,
    ) -> Result<(), ResponseError> {
        if protocol.is_some_and(|chosen| self.protocols().all(|offered| offered != chosen)) {
            return Err(ResponseError::Protocol);
        }
        check_headers(headers)?;
        out.extend_from_slice(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n");
        out.extend_from_slice(b"Sec-WebSocket-Accept: ");
        out.extend_from_slice(&self.accept);
        out.extend_from_slice(b"\r\n");
        if let Some(protocol) = protocol {
            encode_headers(&[("Sec-WebSocket-Protocol", protocol)], out);
        }
        encode_headers(headers, out);
        out.extend_from_slice(b"\r\n");
        Ok(())
    }
}

/// Prints the names of headers, never values: they may contain secrets, and so may the target.
impl fmt::Debug for UpgradeRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UpgradeRequest").field("headers", &self.headers).finish_non_exhaustive()
    }
}

/// Checks the items of §4.2.1.
fn check(method: &[u8], target: &[u8], minor: u8, headers: Headers) -> Result<UpgradeRequest, Rejection> {
    if minor == 0 {
        return Err(Rejection::HttpVersion);
    }
    if method != b"GET" {
        return Err(Rejection::Method);
    }
    let Single::Value(host @ [_, ..]) = headers.single("host") else { return Err(Rejection::Host) };
    if !host.iter().all(u8::is_ascii_graphic) {
        return Err(Rejection::Host);
    }
    let has_body = headers.get("transfer-encoding").is_some()
        || headers.all("content-length").any(|len| len.is_empty() || len.iter().any(|digit| *digit != b'0'));
    if has_body {
        return Err(Rejection::Body);
    }
    let lists = |name, token| headers.all(name).any(|value| has_token(value, token));
    if !lists("upgrade", "websocket") || !lists("connection", "upgrade") {
        return Err(Rejection::Upgrade);
    }
    if !matches!(headers.single("sec-websocket-version"), Single::Value(b"13")) {
        return Err(Rejection::Version);
    }
    let accept = match headers.single("sec-websocket-key") {
        Single::Value(key) if is_key(key) => accept_key(key),
        Single::Value(_) | Single::Missing | Single::Doubled => return Err(Rejection::Key),
    };
    let target = checked_target(target).ok_or(Rejection::Target)?.into();
    check_protocols(&headers)?;
    Ok(UpgradeRequest { target, accept, headers })
}

/// A path, or an absolute URL of `http`, `https`, `ws` or `wss`; without a fragment. *(source: RFC 6455 §4.2.1, item
/// 1)*
fn checked_target(target: &[u8]) -> Option<&str> {
    let target = str::from_utf8(target).ok()?;
    let is_url = ["http://", "https://", "ws://", "wss://"].iter().any(|scheme| {
        target.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme))
            && target.len() > scheme.len()
    });
    let is_visible = target.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'#');
    ((is_url || target.starts_with('/')) && is_visible).then_some(target)
}

/// Subprotocols must be tokens and distinct. Sorted first: comparing each with each would be quadratic in the peer's
/// bytes.
fn check_protocols(headers: &Headers) -> Result<(), Rejection> {
    let mut offered: Vec<&[u8]> = headers.all("sec-websocket-protocol").flat_map(elements).collect();
    offered.sort_unstable();
    let is_doubled = offered.windows(2).any(|pair| pair[0] == pair[1]);
    if is_doubled || !offered.iter().all(|protocol| is_token(protocol)) {
        return Err(Rejection::Protocol);
    }
    Ok(())
}
