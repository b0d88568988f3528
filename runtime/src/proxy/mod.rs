//! Proxies: HTTP CONNECT (RFC 9110 §9.3.6) and SOCKS5 (RFC 1928, RFC 1929).
//!
//! `url` reads the proxy's URL, `environment` the variables that name one, and `bypass` the hosts that it is not for. The
//! handshakes are without I/O, bytes in and bytes out (`http`, `socks`, with the words of `step`); `tunnel` carries them out.
//!
//! # Invariants
//! * `bounded-answer`: what a proxy says before the tunnel stands is bounded; so is the time, by the machine.
//! * `names-stay-names`: a gateway's name is sent to the proxy as it is, and never looked up here.

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
