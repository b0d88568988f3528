//! The address of a gateway: a checked `wss` or `ws` URL.
//!
//! It accepts only what gateways need: no userinfo, no fragment, ASCII only. An accepted URL is kept in one normal form
//! (scheme and host in lower case, the scheme's default port left out, the path never empty), so that two spellings of one
//! address are equal. There is no I/O and no name resolution here.
//!
//! This is not a general URL parser on purpose: [`same_site`](GatewayUrl::same_site) decides who gets the token, and would
//! have to judge each further form that is accepted.
//!
//! # Invariants
//! * `normal-form`: the text is `scheme://host[:port]/…`, and the offsets point into it at ASCII bytes.

mod authority;
mod error;

use alloc::string::{String, ToString as _};
use alloc::vec::Vec;
use authority::{Host, parse_port, split_authority};
use core::fmt;
use core::ops::Range;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

pub use error::UrlError;

/// Whether the connection uses TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scheme {
    /// WebSocket over TLS; port 443 unless the URL names another port.
    Wss,
    /// WebSocket without TLS, for a gateway on the same host; port 80 unless the URL names another port.
    Ws,
}

impl Scheme {
    /// The text before `://`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Wss => "wss",
            Self::Ws => "ws",
        }
    }

    /// The default port (RFC 6455 §3).
    #[must_use]
    pub const fn port(self) -> u16 {
        match self {
            Self::Wss => 443,
            Self::Ws => 80,
        }
    }
}

/// The checked URL of a gateway.
///
/// `Debug` and `Display` print `wss://host:port/…`, since path and query of a resume URL may contain secrets;
/// [`GatewayUrl::as_str`] returns the whole URL.
///
/// ```
/// use portcullis::url::GatewayUrl;
///
/// let url = GatewayUrl::parse("wss://gateway.discord.gg/?v=9")?.with_query(&[("v", "10"), ("encoding", "json")]);
/// assert_eq!(url.as_str(), "wss://gateway.discord.gg/?v=10&encoding=json");
/// assert_eq!((url.host(), url.port()), ("gateway.discord.gg", 443));
/// # Ok::<(), portcullis::url::UrlError>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct GatewayUrl {
    text: String,
    scheme: Scheme,
    host: Range<usize>,
    port: u16,
    path: usize,
}

impl GatewayUrl {
    /// The most bytes a URL may have when it is parsed.
    pub const LEN_MAX: usize = 2048;

    /// Checks a URL and converts it to normal form.
    ///
    /// The scheme is `wss` or `ws` in any case; the host a DNS name, an IPv4 address or an IPv6 address in
    /// brackets (RFC 3986 §3.2.2).
    ///
    /// # Errors
    /// A [`UrlError`] that names the first problem.
    pub fn parse(text: &str) -> Result<Self, UrlError> {
        if text.len() > Self::LEN_MAX {
            return Err(UrlError::TooLong { len: text.len(), max: Self::LEN_MAX });
        }
        if let Some(at) = text.bytes().position(|byte| !may_stand_in_a_url(byte)) {
            return Err(UrlError::Character { at });
        }
        let (scheme, rest) = text.split_once("://").ok_or(UrlError::Scheme)?;
        let scheme = [Scheme::Wss, Scheme::Ws]
            .into_iter()
            .find(|known| scheme.eq_ignore_ascii_case(known.as_str()))
            .ok_or(UrlError::Scheme)?;
        if rest.contains('#') {
            return Err(UrlError::Fragment);
        }
        let (authority, target) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
        if authority.contains('@') {
            return Err(UrlError::Userinfo);
        }
        let (host, port) = split_authority(authority)?;
        let port = match port {
            Some(digits) => parse_port(digits)?,
            None => scheme.port(),
        };
        Ok(Self::assemble(scheme, &host, port, target))
    }

    /// The URL with each of these keys exactly once in its query.
    ///
    /// Other keys stay, in front of the given ones. Every earlier occurrence of a given key is removed, however it was
    /// escaped. If a key is given twice, the last one counts. Keys and values are percent-encoded where necessary. The
    /// result may be longer than [`GatewayUrl::LEN_MAX`] by what was added.
    #[must_use]
    pub fn with_query(&self, pairs: &[(&str, &str)]) -> Self {
        let keys: Vec<&str> = pairs.iter().map(|(key, _)| *key).collect();
        let mut url = self.without_query(&keys);
        let mut separator = if url.path_and_query().contains('?') { '&' } else { '?' };
        for (index, (key, value)) in pairs.iter().enumerate() {
            if pairs[index + 1..].iter().any(|(later, _)| later == key) {
                continue;
            }
            url.text.push(separator);
            url.text.extend(utf8_percent_encode(key, ESCAPED));
            url.text.push('=');
            url.text.extend(utf8_percent_encode(value, ESCAPED));
            separator = '&';
        }
        url
    }

    /// The URL without any occurrence of these keys in its query, however they were escaped.
    #[must_use]
    pub fn without_query(&self, keys: &[&str]) -> Self {
        let (path, query) = self.path_and_query().split_once('?').unwrap_or((self.path_and_query(), ""));
        let mut text = String::with_capacity(self.text.len() + 64);
        text.push_str(&self.text[..self.path]);
        text.push_str(path);
        let mut separator = '?';
        for kept in query.split('&').filter(|pair| !pair.is_empty()) {
            let key = kept.split_once('=').map_or(kept, |(key, _)| key);
            if !keys.iter().any(|given| percent_decode_str(key).eq(given.bytes())) {
                text.push(separator);
                text.push_str(kept);
                separator = '&';
            }
        }
        Self { text, ..self.clone() }
    }

    /// The value of a key of the query, with its escapes decoded. If the key occurs more than once, the last value.
    ///
    /// ```
    /// # use portcullis::url::GatewayUrl;
    /// let url = GatewayUrl::parse("wss://proxy.example/?v=%31&v=9")?;
    /// assert_eq!(url.query("v").as_deref(), Some("9"));
    /// assert_eq!(url.query("compress"), None);
    /// # Ok::<(), portcullis::url::UrlError>(())
    /// ```
    #[must_use]
    pub fn query(&self, key: &str) -> Option<String> {
        let (_, query) = self.path_and_query().split_once('?')?;
        let mut pairs = query.split('&').map(|pair| pair.split_once('=').unwrap_or((pair, "")));
        let (_, value) = pairs.rfind(|(given, _)| percent_decode_str(given).eq(key.bytes()))?;
        let value: Vec<u8> = percent_decode_str(value).collect();
        Some(String::from_utf8_lossy(&value).into_owned())
    }

    /// Whether its host is this domain or a subdomain of it.
    pub(crate) fn is_of(&self, domain: &str) -> bool {
        is_within(self.host(), domain)
    }

    /// The whole URL, in normal form.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether the connection uses TLS.
    #[must_use]
    pub const fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// The host in lower case. An IPv6 address is without its brackets, as resolvers and TLS expect it.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.text[self.host.clone()]
    }

    /// The port of the URL, or else the default port of its scheme.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// Path and query. Always starts with `/`.
    #[must_use]
    pub fn path_and_query(&self) -> &str {
        &self.text[self.path..]
    }

    /// Whether a resume URL may be trusted with the token: whoever answers as the gateway could name any host.
    ///
    /// It may if its host is the host of `base` or a subdomain of it, or if both are within `domain` (the gateway's own, for
    /// example `discord.gg`), and if it uses TLS where `base` does.
    #[must_use]
    pub fn same_site(&self, base: &Self, domain: Option<&str>) -> bool {
        if self.scheme == Scheme::Ws && base.scheme == Scheme::Wss {
            return false;
        }
        // A DNS name cannot look like a subdomain of an IP address: `normal-form` refuses names whose last label is a number.
        is_within(self.host(), base.host())
            || domain.is_some_and(|domain| is_within(base.host(), domain) && is_within(self.host(), domain))
    }

    fn assemble(scheme: Scheme, host: &Host<'_>, port: u16, target: &str) -> Self {
        let mut text = String::with_capacity(GATEWAY_LEN_USUAL.max(target.len() + 32));
        text.push_str(scheme.as_str());
        text.push_str("://");
        let host = match host {
            Host::Name(name) => {
                let start = text.len();
                text.extend(name.chars().map(|letter| letter.to_ascii_lowercase()));
                start..text.len()
            }
            Host::V6(address) => {
                text.push('[');
                let start = text.len();
                text.push_str(&address.to_string());
                text.push(']');
                start..text.len() - 1
            }
        };
        if port != scheme.port() {
            text.push(':');
            text.push_str(&port.to_string());
        }
        let path = text.len();
        if !target.starts_with('/') {
            text.push('/');
        }
        text.push_str(target);
        Self { text, scheme, host, port, path }
    }
}

/// Prints `wss://host:port/…`: neither path nor query.
impl fmt::Display for GatewayUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (scheme, host, port) = (self.scheme.as_str(), self.host(), self.port);
        if host.contains(':') {
            write!(f, "{scheme}://[{host}]:{port}/…")
        } else {
            write!(f, "{scheme}://{host}:{port}/…")
        }
    }
}

impl fmt::Debug for GatewayUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl Serialize for GatewayUrl {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}

impl<'de> Deserialize<'de> for GatewayUrl {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;
        impl de::Visitor<'_> for Text {
            type Value = GatewayUrl;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a wss:// or ws:// URL")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<GatewayUrl, E> {
                GatewayUrl::parse(text).map_err(E::custom)
            }
        }
        deserializer.deserialize_str(Text)
    }
}

/// Visible ASCII without the characters that RFC 3986 does not allow.
fn may_stand_in_a_url(byte: u8) -> bool {
    byte.is_ascii_graphic() && !matches!(byte, b'"' | b'<' | b'>' | b'\\' | b'^' | b'`' | b'{' | b'|' | b'}')
}

fn is_within(host: &str, domain: &str) -> bool {
    host.strip_suffix(domain).is_some_and(|front| front.is_empty() || front.ends_with('.'))
}

/// The characters to escape in a query: all but the unreserved ones (RFC 3986 §2.3).
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
/// Room for `wss://gateway-us-east1-b.discord.gg/` without growing.
const GATEWAY_LEN_USUAL: usize = 48;

#[cfg(test)]
mod tests;
