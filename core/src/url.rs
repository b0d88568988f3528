//! The address of a gateway: a checked `wss` or `ws` URL.
//!
//! Only what a gateway needs: no userinfo, no fragment, ASCII only. What passes is kept in one normal form (scheme
//! and host in lower case, the scheme's own port left out, the path never empty), so that two spellings of one
//! address are equal. No I/O and no name resolution here.
//!
//! # Invariants
//! * `normal-form`: the text is `scheme://host[:port]/…`, and the offsets point into it at ASCII bytes.

use alloc::string::{String, ToString as _};
use alloc::vec::Vec;
use core::fmt;
use core::net::{Ipv4Addr, Ipv6Addr};
use core::ops::Range;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// How the bytes travel: with TLS or without.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scheme {
    /// WebSocket over TLS; port 443 unless the URL names another.
    Wss,
    /// WebSocket in the clear, for a gateway on the same machine; port 80 unless the URL names another.
    Ws,
}

impl Scheme {
    /// The word before `://`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Wss => "wss",
            Self::Ws => "ws",
        }
    }

    /// The port of a URL that names none (RFC 6455 §3).
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
/// `Debug` and `Display` print `wss://host:port/…`, since path and query of a resume URL may hold secrets;
/// [`GatewayUrl::as_str`] is the whole.
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

    /// Checks a URL and takes it over in normal form.
    ///
    /// The scheme is `wss` or `ws` in any case; the host a DNS name, an IPv4 address or an IPv6 address in
    /// brackets (RFC 3986 §3.2.2).
    ///
    /// # Errors
    /// A [`UrlError`] that names the first thing wrong.
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

    /// The same address with each of these keys exactly once in its query.
    ///
    /// Other keys stay, in front of the given ones; an existing occurrence of a given key goes, however often it
    /// stood there and however it was escaped. Of a key given twice the last one counts. Keys and values are
    /// percent-encoded where they need it. The result may be longer than [`GatewayUrl::LEN_MAX`] by what was added.
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
            url.text.extend(utf8_percent_encode(key, UNRESERVED));
            url.text.push('=');
            url.text.extend(utf8_percent_encode(value, UNRESERVED));
            separator = '&';
        }
        url
    }

    /// The same address without these keys in its query, however often they stood there and however they were escaped.
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

    /// The value of a key of the query, without its escapes; of one that stands there more than once the last.
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

    /// Whether its host is this domain or below it.
    pub(crate) fn is_of(&self, domain: &str) -> bool {
        is_within(self.host(), domain)
    }

    /// The whole URL, in normal form.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// With TLS or without.
    #[must_use]
    pub const fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// The host in lower case. An IPv6 address comes without its brackets, as resolvers and TLS want it.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.text[self.host.clone()]
    }

    /// The port: the URL's own, or the one of its scheme.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// What follows the authority. It always starts with `/`.
    #[must_use]
    pub fn path_and_query(&self) -> &str {
        &self.text[self.path..]
    }

    /// Whether a resume URL may be trusted with the token that `base` was given.
    ///
    /// So it is when its host is the base's own or one below it, or when both are within `domain` (the gateway's
    /// own, `discord.gg` for one), and it does not leave TLS where the base had it.
    #[must_use]
    pub fn same_site(&self, base: &Self, domain: Option<&str>) -> bool {
        if self.scheme == Scheme::Ws && base.scheme == Scheme::Wss {
            return false;
        }
        // `normal-form` keeps a DNS name from looking like one below an IP address: its last label is no number.
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

/// Why a text is no gateway URL.
#[derive(Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum UrlError {
    /// It is `len` bytes long.
    TooLong {
        /// Bytes it has.
        len: usize,
        /// Bytes it may have.
        max: usize,
    },
    /// The byte at `at` may not stand in a URL: a control character, a space, a quote, or not ASCII.
    Character {
        /// Offset of the byte.
        at: usize,
    },
    /// It does not start with `wss://` or `ws://`.
    Scheme,
    /// It has a fragment, which no server would see.
    Fragment,
    /// It has a user name before the host.
    Userinfo,
    /// It has no host.
    NoHost,
    /// Its host is neither a DNS name nor an IP address.
    Host,
    /// Its port is no number from 1 to 65535.
    Port,
}

impl fmt::Display for UrlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong { len, max } => write!(f, "the url has {len} bytes, give one of at most {max}"),
            Self::Character { at } => write!(f, "the character at byte {at} of the url must be percent-encoded"),
            Self::Scheme => f.write_str("the url must start with wss:// or ws://"),
            Self::Fragment => f.write_str("the url has a fragment, leave out the # and what follows"),
            Self::Userinfo => f.write_str("the url has a user name, leave out what is before the @"),
            Self::NoHost => f.write_str("the url has no host, name one after ://"),
            Self::Host => f.write_str("the host of the url must be a dns name, an ipv4 or an [ipv6] address"),
            Self::Port => f.write_str("the port of the url must be a number from 1 to 65535"),
        }
    }
}

impl core::error::Error for UrlError {}

enum Host<'a> {
    /// A DNS name or an IPv4 address, in any case.
    Name(&'a str),
    V6(Ipv6Addr),
}

fn split_authority(authority: &str) -> Result<(Host<'_>, Option<&str>), UrlError> {
    if let Some(bracketed) = authority.strip_prefix('[') {
        let (address, rest) = bracketed.split_once(']').ok_or(UrlError::Host)?;
        let address = address.parse().map_err(|_| UrlError::Host)?;
        return match rest.strip_prefix(':') {
            None if rest.is_empty() => Ok((Host::V6(address), None)),
            None => Err(UrlError::Port),
            port => Ok((Host::V6(address), port)),
        };
    }
    let (name, port) = match authority.split_once(':') {
        Some((name, port)) => (name, Some(port)),
        None => (authority, None),
    };
    if name.is_empty() {
        return Err(UrlError::NoHost);
    }
    if is_host_name(name) { Ok((Host::Name(name), port)) } else { Err(UrlError::Host) }
}

/// A DNS name without a final dot, or an IPv4 address: what ends in a number must be one.
fn is_host_name(name: &str) -> bool {
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
    };
    let ends_in_a_number = name.rsplit('.').next().is_some_and(|last| last.bytes().all(|byte| byte.is_ascii_digit()));
    name.len() <= 253 && name.split('.').all(is_label) && (!ends_in_a_number || name.parse::<Ipv4Addr>().is_ok())
}

fn parse_port(digits: &str) -> Result<u16, UrlError> {
    if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(UrlError::Port);
    }
    digits.parse().ok().filter(|&port| port != 0).ok_or(UrlError::Port)
}

/// Visible ASCII without the characters that RFC 3986 leaves out.
fn may_stand_in_a_url(byte: u8) -> bool {
    byte.is_ascii_graphic() && !matches!(byte, b'"' | b'<' | b'>' | b'\\' | b'^' | b'`' | b'{' | b'|' | b'}')
}

fn is_within(host: &str, domain: &str) -> bool {
    host.strip_suffix(domain).is_some_and(|front| front.is_empty() || front.ends_with('.'))
}

/// The characters that a query may hold as they are: those that no URL reader treats in a special way. *(source: RFC 3986 §2.3)*
const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Room for `wss://gateway-us-east1-b.discord.gg/` without growing.
const GATEWAY_LEN_USUAL: usize = 48;

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;

    fn url(text: &str) -> GatewayUrl {
        GatewayUrl::parse(text).unwrap()
    }

    #[test]
    fn a_key_of_the_query_can_be_read_and_left_out() {
        for (given, value, without) in [
            ("wss://h", None, "wss://h/"),
            ("wss://h/?", None, "wss://h/"),
            ("wss://h/?v", Some(""), "wss://h/"),
            ("wss://h/a?x=1&v=2&y&%76=%33", Some("3"), "wss://h/a?x=1&y"),
            ("wss://h/?v=a=b&w=1", Some("a=b"), "wss://h/?w=1"),
            ("wss://h/?v=%ff", Some("\u{fffd}"), "wss://h/"),
            ("wss://h/v=1", None, "wss://h/v=1"),
        ] {
            assert_eq!(url(given).query("v").as_deref(), value, "{given}");
            assert_eq!(url(given).without_query(&["v"]).as_str(), without, "{given}");
        }
    }

    #[test]
    fn the_query_is_set_once_whatever_the_url_ends_with() {
        let query = [("v", "10"), ("encoding", "json"), ("compress", "zlib-stream")];
        for (given, expected) in [
            ("wss://h", "wss://h/?v=10&encoding=json&compress=zlib-stream"),
            ("wss://h/", "wss://h/?v=10&encoding=json&compress=zlib-stream"),
            ("wss://h/?", "wss://h/?v=10&encoding=json&compress=zlib-stream"),
            ("wss://h?v=9", "wss://h/?v=10&encoding=json&compress=zlib-stream"),
            ("wss://h/?v=9&x=1", "wss://h/?x=1&v=10&encoding=json&compress=zlib-stream"),
            ("wss://h/?v=9&&v=8&%76=7&x", "wss://h/?x&v=10&encoding=json&compress=zlib-stream"),
            ("wss://h:444/a/b?vv=1", "wss://h:444/a/b?vv=1&v=10&encoding=json&compress=zlib-stream"),
        ] {
            let full = url(given).with_query(&query);
            assert_eq!(full.as_str(), expected);
            assert_eq!(full.with_query(&query), full);
            assert_eq!(url(full.as_str()), full);
        }
    }

    #[test]
    fn a_query_value_is_escaped_and_the_last_of_a_key_counts() {
        let full = url("ws://h").with_query(&[("a", "1"), ("b&", "x y/é%"), ("a", "2")]);
        assert_eq!(full.as_str(), "ws://h/?b%26=x%20y%2F%C3%A9%25&a=2");
        assert_eq!(full.with_query(&[("b&", "")]).as_str(), "ws://h/?a=2&b%26=");
        assert_eq!(url("ws://h/?a=1").with_query(&[]).as_str(), "ws://h/?a=1");
    }

    #[test]
    fn spellings_of_one_address_are_one_url() {
        assert_eq!(url("WSS://Gateway.Discord.GG"), url("wss://gateway.discord.gg:443/"));
        assert_eq!(url("ws://[0:0::0:1]:80?x"), url("ws://[::1]/?x"));
        assert_ne!(url("ws://h/"), url("wss://h/"));
        let address = url("ws://[::1]:8080/path");
        let parts = (address.scheme(), address.host(), address.port(), address.path_and_query());
        assert_eq!(parts, (Scheme::Ws, "::1", 8080, "/path"));
        let address = url("wss://127.0.0.1");
        assert_eq!((address.host(), address.port(), address.path_and_query()), ("127.0.0.1", 443, "/"));
    }

    #[test]
    fn what_is_no_gateway_url_is_refused_with_its_fault() {
        let long = format!("wss://h/{}", "a".repeat(GatewayUrl::LEN_MAX));
        for (text, error) in [
            (long.as_str(), UrlError::TooLong { len: 2056, max: 2048 }),
            ("", UrlError::Scheme),
            ("gateway.discord.gg", UrlError::Scheme),
            ("https://h", UrlError::Scheme),
            ("wss:/h", UrlError::Scheme),
            ("wss://h/#f", UrlError::Fragment),
            ("wss://bot:token@h/", UrlError::Userinfo),
            ("wss://", UrlError::NoHost),
            ("wss:///path", UrlError::NoHost),
            ("wss://:443", UrlError::NoHost),
            ("wss://h..i", UrlError::Host),
            ("wss://h.", UrlError::Host),
            ("wss://1.2.3.400", UrlError::Host),
            ("wss://evil.1.2.3.4", UrlError::Host),
            ("wss://[::1", UrlError::Host),
            ("wss://[fe80::1%25eth0]", UrlError::Host),
            ("wss://[::1]8", UrlError::Port),
            ("wss://h:", UrlError::Port),
            ("wss://h:0", UrlError::Port),
            ("wss://h:+80", UrlError::Port),
            ("wss://h:65536", UrlError::Port),
            ("wss://h:1:2", UrlError::Port),
            ("wss://h /", UrlError::Character { at: 7 }),
            ("wss://h/\r\nX: y", UrlError::Character { at: 8 }),
            ("wss://h\u{e9}", UrlError::Character { at: 7 }),
            ("wss://h\\evil", UrlError::Character { at: 7 }),
        ] {
            assert_eq!(GatewayUrl::parse(text), Err(error), "{text}");
        }
    }

    #[test]
    fn errors_say_what_to_mend() {
        assert_eq!(UrlError::Port.to_string(), "the port of the url must be a number from 1 to 65535");
        assert_eq!(
            UrlError::TooLong { len: 2056, max: 2048 }.to_string(),
            "the url has 2056 bytes, give one of at most 2048"
        );
    }

    #[test]
    fn a_url_prints_neither_path_nor_query() {
        let secret = url("wss://gateway.discord.gg/secret?token=x");
        assert_eq!(format!("{secret} {secret:?}"), "wss://gateway.discord.gg:443/… wss://gateway.discord.gg:443/…");
        assert_eq!(url("ws://[::1]:9/a").to_string(), "ws://[::1]:9/…");
    }

    #[test]
    fn json_holds_the_whole_url_and_is_checked() {
        let whole = url("wss://h/?v=10");
        let json = serde_json::to_string(&whole).unwrap();
        assert_eq!(json, "\"wss://h/?v=10\"");
        assert_eq!(serde_json::from_str::<GatewayUrl>(&json).unwrap(), whole);
        let error = serde_json::from_str::<GatewayUrl>("\"https://h\"").unwrap_err();
        assert!(error.to_string().starts_with("the url must start with wss:// or ws://"), "{error}");
    }

    #[test]
    fn a_resume_url_stays_on_the_site_of_its_base() {
        let (base, domain) = (url("wss://gateway.discord.gg"), Some("discord.gg"));
        for (text, same, within) in [
            ("wss://gateway.discord.gg:8443/x", true, true),
            ("wss://east.gateway.discord.gg", true, true),
            ("wss://gateway-us-east1-b.discord.gg", false, true),
            ("wss://discord.gg", false, true),
            ("wss://evil-discord.gg", false, false),
            ("wss://gateway.discord.gg.evil.example", false, false),
            ("ws://gateway.discord.gg", false, false),
        ] {
            assert_eq!(url(text).same_site(&base, None), same, "{text}");
            assert_eq!(url(text).same_site(&base, domain), within, "{text}");
        }
    }

    #[test]
    fn a_domain_counts_only_for_a_base_within_it() {
        let local = url("ws://127.0.0.1:9000");
        assert!(!url("wss://gateway.discord.gg").same_site(&local, Some("discord.gg")));
        assert!(url("ws://127.0.0.1:9001/resume").same_site(&local, Some("discord.gg")));
        assert!(url("wss://127.0.0.1").same_site(&local, None));
    }
}
