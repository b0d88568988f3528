//! What every adapter re-exports, listed once. `pub use portcullis_runtime::adapter::*`,
//! `pub use {portcullis, portcullis_runtime}` and a `Shard` of its own make an adapter complete: an application that
//! depends on it needs no other crate of ours, and every path that a compiler prints can be named.

pub use crate::build_error::BuildError;
pub use crate::driver::{
    Buffer, CommandHandle, Driver, Events, HostSleep, MachineRef, Overflow, RequestFuture, Sender, TokenAnswer, Tokens,
};
pub use crate::identify::{GateAnswer, IdentifyGate, SharedGate, SharedIdentify};
pub use crate::network::{HeaderError, Network};
pub use crate::pem::PemError;
pub use crate::proxy::{Proxy, ProxyError, ProxyVariableError, UnsupportedScheme};
pub use crate::rest::{AskError, GatewayBot, HttpClient, HttpFuture, Rest};
pub use crate::runtime::Runtime;
pub use crate::set::{AutoError, Member, ShardKey, SplitShardSet};
pub use crate::tls::Tls;
pub use crate::websocket::WebSocketLayer;
/// The TLS library, for a TLS configuration that the application makes itself.
pub use futures_rustls::rustls;
pub use http;
