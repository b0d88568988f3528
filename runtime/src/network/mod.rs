//! How the shards of an application reach the network.

mod failed;
mod header;
mod lookups;

pub use header::HeaderError;
pub(crate) use lookups::Lookups;

use crate::proxy::Proxy;
use crate::tls::Tls;
use crate::websocket::WebSocketLayer;
use core::fmt;
#[cfg(feature = "tungstenite")]
use http::Request;
use http::header::USER_AGENT;
use http::{HeaderName, HeaderValue};
use std::sync::Arc;

/// How connections are made: TLS, a proxy, what the upgrade says, and the lookups of names that are shared.
///
/// Clones are cheap and share their lookups: when a thousand shards dial one host, its name is looked up once, and the
/// answer is reused for ten seconds. They also share which addresses accepted a connection and then failed; for five
/// minutes these are tried after the host's other addresses. So make one `Network` for an application, and give it to
/// each of its shards.
///
/// ```
/// use portcullis_runtime::{Network, Proxy};
///
/// let proxy = Proxy::parse("socks5://bot:s%C3%A9same@proxy.example:1080")?;
/// let network = Network::default().with_proxy(proxy).with_header("X-Region", "eu")?;
/// assert!(!format!("{network:?}").contains("same"), "passwords and values are never printed");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// Environment variables such as `HTTPS_PROXY` are not read unless asked: see [`Proxy::from_env`].
#[derive(Clone)]
pub struct Network {
    parts: Arc<Parts>,
}

#[derive(Clone)]
struct Parts {
    tls: Tls,
    proxy: Option<Proxy>,
    user_agent: HeaderValue,
    headers: Vec<(HeaderName, HeaderValue)>,
    lookups: Arc<Lookups>,
    websocket: WebSocketLayer,
}

impl Network {
    /// The same with another TLS configuration than the built-in certificate authorities.
    #[must_use]
    pub fn with_tls(mut self, tls: Tls) -> Self {
        self.parts_mut().tls = tls;
        self
    }

    /// The same through a proxy: each connection, to whichever host, in the clear or not. Only a proxy of
    /// [`Proxy::from_env`] has exceptions.
    #[must_use]
    pub fn with_proxy(mut self, proxy: Proxy) -> Self {
        self.parts_mut().proxy = Some(proxy);
        self
    }

    /// The same with one more header in the upgrade. One that is given twice is sent twice.
    ///
    /// It goes to the gateway, never to the proxy.
    ///
    /// # Errors
    /// [`HeaderError`] for a name or value that is not valid in a header, and for headers that the handshake sets
    /// itself.
    pub fn with_header(mut self, name: &str, value: &str) -> Result<Self, HeaderError> {
        let header = header::checked(name, value)?;
        self.parts_mut().headers.push(header);
        Ok(self)
    }

    /// The same with another `User-Agent` than [`Network::USER_AGENT`], for gateway and proxy.
    ///
    /// # Errors
    /// [`HeaderError::Value`] for text that no header can hold, and for an empty one.
    pub fn with_user_agent(mut self, user_agent: &str) -> Result<Self, HeaderError> {
        self.parts_mut().user_agent = header::value(USER_AGENT.as_str(), user_agent)?;
        Ok(self)
    }

    /// The same with another implementation of WebSocket than the native one.
    #[must_use]
    pub fn with_websocket(mut self, layer: WebSocketLayer) -> Self {
        self.parts_mut().websocket = layer;
        self
    }

    /// What `User-Agent` says, in the form that Discord asks of HTTP clients. *(source: API reference, User Agent)*
    pub const USER_AGENT: &str =
        concat!("DiscordBot (", env!("CARGO_PKG_REPOSITORY"), ", ", env!("CARGO_PKG_VERSION"), ")");

    /// The proxy, if there is one.
    #[must_use]
    pub fn proxy(&self) -> Option<&Proxy> {
        self.parts.proxy.as_ref()
    }

    /// The proxy to reach a host through.
    pub(crate) fn proxy_to(&self, host: &str, port: u16) -> Option<&Proxy> {
        self.proxy().filter(|proxy| proxy.serves(host, port))
    }

    pub(crate) fn tls(&self) -> &Tls {
        &self.parts.tls
    }

    pub(crate) fn lookups(&self) -> &Arc<Lookups> {
        &self.parts.lookups
    }

    pub(crate) fn user_agent(&self) -> &HeaderValue {
        &self.parts.user_agent
    }

    pub(crate) fn websocket(&self) -> WebSocketLayer {
        self.parts.websocket
    }

    /// The headers of an upgrade that are not the handshake's own.
    pub(crate) fn upgrade_headers(&self) -> impl Iterator<Item = (&str, &str)> {
        let agent = [(USER_AGENT.as_str(), &self.parts.user_agent)];
        let more = self.parts.headers.iter().map(|(name, value)| (name.as_str(), value));
        // Each was checked to be text.
        agent.into_iter().chain(more).filter_map(|(name, value)| Some((name, value.to_str().ok()?)))
    }

    /// Adds the headers to an upgrade.
    #[cfg(feature = "tungstenite")]
    pub(crate) fn add_headers(&self, request: &mut Request<()>) {
        let headers = request.headers_mut();
        headers.insert(USER_AGENT, self.parts.user_agent.clone());
        for (name, value) in &self.parts.headers {
            headers.append(name, value.clone());
        }
    }

    fn parts_mut(&mut self) -> &mut Parts {
        Arc::make_mut(&mut self.parts)
    }
}

impl Default for Network {
    fn default() -> Self {
        Self::from(Tls::default())
    }
}

/// The defaults with this TLS configuration.
impl From<Tls> for Network {
    fn from(tls: Tls) -> Self {
        let (user_agent, websocket) = (HeaderValue::from_static(Self::USER_AGENT), WebSocketLayer::default());
        let parts = Parts { tls, proxy: None, user_agent, headers: Vec::new(), lookups: Arc::default(), websocket };
        Self { parts: Arc::new(parts) }
    }
}

/// Prints the names of headers, never their values.
impl fmt::Debug for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.parts.headers.iter().map(|(name, _)| name.as_str()).collect();
        f.debug_struct("Network")
            .field("proxy", &self.parts.proxy)
            .field("user_agent", &self.parts.user_agent)
            .field("headers", &names)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_upgrade_says_who_we_are_and_what_was_asked_for() {
        let network = Network::default().with_header("X-Region", "eu").unwrap().with_header("x-region", "us").unwrap();
        let agent = "DiscordBot (https://github.com/portcullis-rs/portcullis, 0.1.0)";
        let headers = [("user-agent", agent), ("x-region", "eu"), ("x-region", "us")];
        assert_eq!(network.upgrade_headers().collect::<Vec<_>>(), headers);

        let network = network.with_user_agent("mine/1").unwrap();
        assert_eq!(network.upgrade_headers().next(), Some(("user-agent", "mine/1")));
    }

    #[cfg(feature = "tungstenite")]
    #[test]
    fn a_request_of_tungstenites_has_the_same_headers() {
        let network = Network::default().with_header("X-Region", "eu").unwrap().with_header("x-region", "us").unwrap();
        let mut request = Request::new(());
        network.add_headers(&mut request);
        let headers = request.headers();
        for name in [USER_AGENT.as_str(), "x-region"] {
            let sent: Vec<_> = headers.get_all(name).iter().map(|value| value.to_str().unwrap()).collect();
            let named = network.upgrade_headers().filter(|header| header.0 == name);
            assert_eq!(sent, named.map(|(_, value)| value).collect::<Vec<_>>());
        }
    }

    #[test]
    fn clones_share_their_lookups_and_nothing_else() {
        let network = Network::default();
        let other = network.clone().with_user_agent("mine/1").unwrap();
        assert!(Arc::ptr_eq(network.lookups(), other.lookups()));
        assert_ne!(network.user_agent(), other.user_agent());
        assert!(!Arc::ptr_eq(network.lookups(), Network::default().lookups()));
    }

    #[test]
    fn a_headers_value_is_never_printed() {
        let network = Network::default().with_header("Authorization", "Bearer hush").unwrap();
        let printed = format!("{network:?}");
        assert!(printed.contains("authorization") && !printed.contains("hush"), "{printed}");
    }
}
