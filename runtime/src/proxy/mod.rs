//! Proxies: HTTP CONNECT (RFC 9110 §9.3.6) and SOCKS5 (RFC 1928, RFC 1929).
//!
//! `url` reads the proxy's URL, `environment` the variables that name one, and `bypass` the hosts that it is not for.
//! The handshakes are without I/O, bytes in and bytes out (`http`, `socks`, with the words of `step`); `tunnel` carries
//! them out.
//!
//! # Invariants
//! * `bounded-answer`: what a proxy sends before the tunnel is open has a maximum in bytes; the machine limits the
//!   time.
//! * `names-stay-names`: a gateway's name is sent to the proxy as it is, and never looked up here: inside a company
//!   network only the proxy may be able to resolve it.

mod bypass;
mod credentials;
mod environment;
mod error;
mod http;
mod socks;
mod step;
mod tunnel;
mod url;

pub use environment::ProxyVariableError;
pub use error::{ProxyError, UnsupportedScheme};
pub use url::Proxy;

pub(crate) use tunnel::open_tunnel;
