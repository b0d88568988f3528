//! Portcullis: a sans-IO gateway protocol crate.

#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;
#[cfg(feature = "std")]
extern crate std;

pub mod dialect;
pub mod dispatch;
pub mod machine;
pub mod message;
mod rng;
mod time;
pub mod token;
pub mod url;

pub use dialect::discord::Discord;
pub use dispatch::Dispatch;
pub use machine::{Action, Config, Event, GatewayMachine, Input};
pub use message::{CloseCode, CloseFrame, Closure, LinkId, Message, Sequence};
pub use rng::Seed;
pub use time::Timestamp;
