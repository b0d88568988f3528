//! A client's request for the upgrade. *(source: RFC 6455 §4.1)*

use super::error::RequestError;
use super::field::{is_reserved, is_token, is_value};
use super::key::encode_key;
use alloc::string::{String, ToString as _};
use alloc::vec::Vec;
use core::fmt;
use core::net::Ipv6Addr;

/// The URL scheme, which decides the default port. *(source: RFC 6455 §3)*
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scheme {
    /// In the clear: port 80 unless another is named.
    Ws,
    /// Over TLS: port 443 unless another is named.
    Wss,
}

impl Scheme {
    /// The port of a URL that names none.
    #[must_use]
    pub const fn port(self) -> u16 {
        match self {
            Self::Ws => 80,
            Self::Wss => 443,
        }
    }
}

/// A client's request: host, target, headers and subprotocols, all checked.
///
/// ```
/// use portcullis_websocket::handshake::{ClientRequest, Scheme};
///
/// let request = ClientRequest::new(Scheme::Wss, "gateway.example", 443, "/?v=10")?
///     .with_header("User-Agent", "mine/1")?
///     .with_protocol("chat")?;
/// # Ok::<(), portcullis_websocket::handshake::RequestError>(())
/// ```
#[derive(Clone)]
pub struct ClientRequest {
    host: String,
    target: String,
    headers: Vec<(String, String)>,
    protocols: Vec<String>,
}

impl ClientRequest {
    /// A request to a host for a target, which is a path and an optional query.
    ///
    /// The `Host` header contains the port unless it is the scheme's default, and an IPv6 address (given with or
    /// without brackets) in brackets. An empty target becomes `/`. *(source: RFC 6455 §4.1, items 2 to 4)*
    ///
    /// # Errors
    /// [`RequestError::Host`] and [`RequestError::Target`].
    pub fn new(scheme: Scheme, host: &str, port: u16, target: &str) -> Result<Self, RequestError> {
        let mut host = checked_host(host)?;
        if port != scheme.port() {
            host.push(':');
            host.push_str(&port.to_string());
        }
        let target = if target.is_empty() { "/" } else { target };
        let is_visible = target.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'#');
        if !target.starts_with('/') || !is_visible {
            return Err(RequestError::Target);
        }
        Ok(Self { host, target: target.into(), headers: Vec::new(), protocols: Vec::new() })
    }

    /// Adds a header. A header that is added twice is sent twice.
    ///
    /// # Errors
    /// [`RequestError::HeaderName`], [`RequestError::HeaderValue`], and [`RequestError::Reserved`] for a header that
    /// the handshake writes itself.
    pub fn with_header(mut self, name: &str, value: &str) -> Result<Self, RequestError> {
        if !is_token(name.as_bytes()) {
            return Err(RequestError::HeaderName);
        }
        if is_reserved(name) {
            return Err(RequestError::Reserved);
        }
        if !is_value(value.as_bytes()) {
            return Err(RequestError::HeaderValue);
        }
        self.headers.push((name.into(), value.into()));
        Ok(self)
    }

    /// Offers a subprotocol. The preferred one comes first.
    ///
    /// # Errors
    /// [`RequestError::Protocol`] if it is not a token or is already offered.
    pub fn with_protocol(mut self, protocol: &str) -> Result<Self, RequestError> {
        if !is_token(protocol.as_bytes()) || self.protocols.iter().any(|offered| offered == protocol) {
            return Err(RequestError::Protocol);
        }
        self.protocols.push(protocol.into());
        Ok(self)
    }

    /// The offered subprotocols.
    #[must_use]
    pub fn protocols(&self) -> &[String] {
        &self.protocols
    }

    /// Appends the request.
    pub(super) fn encode(&self, key: [u8; 16], out: &mut Vec<u8>) {
        let mut say = |parts: &[&str]| parts.iter().for_each(|part| out.extend_from_slice(part.as_bytes()));
        say(&["GET ", &self.target, " HTTP/1.1\r\nHost: ", &self.host]);
        say(&["\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: "]);
        out.extend_from_slice(&encode_key(key));
        let mut say = |parts: &[&str]| parts.iter().for_each(|part| out.extend_from_slice(part.as_bytes()));
        if !self.protocols.is_empty() {
            say(&["\r\nSec-WebSocket-Protocol: ", &self.protocols.join(", ")]);
        }
        for (name, value) in &self.headers {
            say(&["\r\n", name, ": ", value]);
        }
        say(&["\r\n\r\n"]);
    }
}

/// Prints the names of headers, never values: they may contain secrets, and so may the target.
impl fmt::Debug for ClientRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.headers.iter().map(|(name, _)| name.as_str()).collect();
        f.debug_struct("ClientRequest")
            .field("host", &self.host)
            .field("headers", &names)
            .field("protocols", &self.protocols)
            .finish_non_exhaustive()
    }
}

fn checked_host(host: &str) -> Result<String, RequestError> {
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    if let Ok(address) = bare.parse::<Ipv6Addr>() {
        return Ok(alloc::format!("[{address}]"));
    }
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~' | b'%');
    if host.is_empty() || !host.bytes().all(is_name) {
        return Err(RequestError::Host);
    }
    Ok(host.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encoded(request: &ClientRequest) -> String {
        let mut out = Vec::new();
        request.encode(*b"the sample nonce", &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_request_says_what_the_rfc_asks_for() {
        let request = ClientRequest::new(Scheme::Ws, "server.example.com", 80, "/chat?x=1").unwrap();
        let request = request.with_protocol("chat").unwrap().with_protocol("superchat").unwrap();
        let request = request.with_header("Origin", "http://example.com").unwrap();
        assert_eq!(
            encoded(&request),
            "GET /chat?x=1 HTTP/1.1\r\nHost: server.example.com\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
             Sec-WebSocket-Protocol: chat, superchat\r\nOrigin: http://example.com\r\n\r\n"
        );
    }

    #[test]
    fn the_host_header_has_the_port_that_is_not_the_schemes_own() {
        for (scheme, host, port, header) in [
            (Scheme::Ws, "a.b", 80, "a.b"),
            (Scheme::Ws, "a.b", 443, "a.b:443"),
            (Scheme::Wss, "A.B", 443, "a.b"),
            (Scheme::Wss, "127.0.0.1", 8080, "127.0.0.1:8080"),
            (Scheme::Wss, "::1", 443, "[::1]"),
            (Scheme::Ws, "[::1]", 9, "[::1]:9"),
        ] {
            let request = ClientRequest::new(scheme, host, port, "").unwrap();
            assert!(encoded(&request).starts_with(&alloc::format!("GET / HTTP/1.1\r\nHost: {header}\r\nUpgrade")));
        }
    }

    #[test]
    fn what_would_break_a_line_is_refused() {
        for host in ["", "a b", "a\r\n", "a/b", "a@b", "a:80", "é", "[a]", "[::1"] {
            assert_eq!(ClientRequest::new(Scheme::Ws, host, 80, "/").err(), Some(RequestError::Host), "{host:?}");
        }
        for target in ["x", "?x", "/a b", "/a#b", "/\r\n", "/é", "http://a/"] {
            assert_eq!(ClientRequest::new(Scheme::Ws, "a", 80, target).err(), Some(RequestError::Target), "{target:?}");
        }
        let request = ClientRequest::new(Scheme::Ws, "a", 80, "/").unwrap();
        let header = |name, value| request.clone().with_header(name, value).err();
        assert_eq!(header("X Y", "z"), Some(RequestError::HeaderName));
        assert_eq!(header("", "z"), Some(RequestError::HeaderName));
        assert_eq!(header("X", "a\r\nb"), Some(RequestError::HeaderValue));
        assert_eq!(header("X", " a"), Some(RequestError::HeaderValue));
        assert_eq!(header("Sec-WebSocket-Extensions", "x"), Some(RequestError::Reserved));
        assert_eq!(request.clone().with_protocol("a b").err(), Some(RequestError::Protocol));
        assert_eq!(request.with_protocol("a").unwrap().with_protocol("a").err(), Some(RequestError::Protocol));
    }

    #[test]
    fn a_value_is_never_printed() {
        let request = ClientRequest::new(Scheme::Ws, "a", 80, "/?token=hush").unwrap();
        let printed = alloc::format!("{:?}", request.with_header("Authorization", "hush").unwrap());
        assert!(printed.contains("Authorization") && !printed.contains("hush"), "{printed}");
    }
}
