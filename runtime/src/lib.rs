//! The async driver of [`portcullis`], written once over futures traits and tied to no executor.
//!
//! A [`Driver`] owns a machine, its socket and its timer, and hands out events. The trait [`Runtime`] is what it needs
//! of a runtime: lookups, sockets, a clock and timers. An adapter such as `portcullis-tokio` implements it and adds
//! little more. TLS (rustls), the WebSocket layer and the choice among a host's addresses are here, once for all
//! runtimes.
//!
//! The WebSocket layer is `portcullis-websocket`, which logs nothing. With the feature `tungstenite` a config may
//! choose that one ([`WebSocketLayer`]): at level `TRACE` of the crate `log` it logs whole messages and upgrade
//! requests, so the token, session ids, and the values of headers such as `authorization`. SECURITY.md says how to keep
//! it below that level.

#![forbid(unsafe_code)]

pub mod adapter;
mod build_error;
mod builder;
mod clock;
mod dial;
mod driver;
mod error_debug;
mod failure;
mod identify;
mod network;
mod pem;
mod proxy;
mod rest;
mod runtime;
mod set;
#[cfg(any(unix, windows))]
mod socket;
mod tls;
mod websocket;

pub use build_error::BuildError;
pub use builder::{Builder, draw_seed};
pub use clock::Clock;
pub use driver::{
    Buffer, CommandHandle, Driver, Events, HostSleep, MachineRef, Overflow, Pump, RequestFuture, Sender, TokenAnswer,
    Tokens,
};
/// The TLS library, for a TLS configuration that the application makes itself.
pub use futures_rustls::rustls;
pub use http;
pub use identify::{GateAnswer, IdentifyGate, SharedGate, SharedIdentify};
pub use network::{HeaderError, Network};
pub use pem::PemError;
pub use proxy::{Proxy, ProxyError, ProxyVariableError, UnsupportedScheme};
pub use rest::{AskError, GatewayBot, HttpClient, HttpFuture, Rest};
pub use runtime::Runtime;
pub use set::{AutoError, Member, ShardKey, ShardSet, SplitShardSet};
#[cfg(any(unix, windows))]
pub use socket::prepare_socket;
pub use tls::Tls;
pub use websocket::{WebSocket, WebSocketLayer};
