//! What every adapter hands on, listed once: `pub use portcullis_runtime::adapter::*` and a `Shard` of its own make an
//! adapter whole.

pub use crate::builder::BuildError;
pub use crate::driver::{Events, MachineRef, Sender, Ticket, TokenAnswer, Tokens};
pub use crate::identify::{GateAnswer, IdentifyGate, SharedGate, SharedIdentify};
pub use crate::tls::Tls;
pub use futures_rustls::rustls;
