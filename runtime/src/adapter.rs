//! What every adapter hands on, listed once: `pub use portcullis_runtime::adapter::*`, a `Shard` of its own, and
//! `pub use {portcullis, portcullis_runtime}` make an adapter whole. Who depends on one needs no other crate of ours, and no path
//! that a compiler prints is private.

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
pub use futures_rustls::rustls;
pub use http;
