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

// What the adapters re-export too is listed there, once.
#[doc(inline)]
pub use adapter::*;
pub use builder::{Builder, draw_seed};
pub use clock::Clock;
pub use driver::Pump;
pub use set::ShardSet;
#[cfg(any(unix, windows))]
pub use socket::prepare_socket;
pub use websocket::WebSocket;
