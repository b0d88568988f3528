//! What every adapter hands on, listed once: `pub use portcullis_runtime::adapter::*` and a `Shard` of its own make an
//! adapter whole.

pub use crate::builder::BuildError;
pub use crate::driver::{Asked, Buffer, Events, HostSleep, MachineRef, Overflow, Sender, Ticket, TokenAnswer, Tokens};
pub use crate::identify::{GateAnswer, IdentifyGate, SharedGate, SharedIdentify};
pub use crate::network::{HeaderError, Network};
pub use crate::proxy::{Proxy, ProxyError, UnsupportedScheme};
pub use crate::rest::{AskError, GatewayBot, HttpClient, HttpFuture, Rest};
pub use crate::set::{AutoError, Member, ShardKey};
pub use crate::tls::Tls;
pub use crate::websocket::WebSocketLayer;
pub use futures_rustls::rustls;
pub use http;
