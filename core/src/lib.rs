//! Portcullis: a gateway client without I/O.
//!
//! A [`GatewayMachine`] takes what happened ([`Input`]) and when ([`Timestamp`]), and returns what to do
//! ([`Action`]). It opens no socket, reads no clock, and takes all randomness from its [`Seed`], so the same calls
//! give the same actions, byte for byte. If you want a socket with it, use `portcullis-tokio`.
//!
//! # The loop
//!
//! A driver carries out the actions in order, gives the input that answers an action, and calls again no later than
//! `Wait` says. This is a complete driver, with a simulated connection:
//!
//! ```
//! use portcullis::{Action, Config, Discord, Event, GatewayMachine, Input, Intents, Message, Seed, Timestamp};
//! use std::collections::VecDeque;
//!
//! let discord = Discord::new("a.bot.token", Intents::GUILDS)?;
//! let mut machine = GatewayMachine::new(discord, Config::default(), Seed(7))?;
//!
//! let mut inputs = VecDeque::from([Input::Start]);
//! let mut names = Vec::new();
//! while let Some(input) = inputs.pop_front() {
//!     for action in machine.handle(Timestamp::ZERO, input) {
//!         match action {
//!             Action::Connect { connection, .. } => {
//!                 let hello = r#"{"t":null,"s":null,"op":10,"d":{"heartbeat_interval":41250}}"#;
//!                 inputs.push_back(Input::Opened(connection));
//!                 inputs.push_back(Input::Message(connection, Message::Text(hello.into())));
//!             }
//!             Action::RequestIdentify { connection } => inputs.push_back(Input::IdentifyGranted(connection)),
//!             Action::Send { connection, .. } => {
//!                 let ready = r#"{"t":"READY","s":1,"op":0,"d":{"session_id":"5e551011"}}"#;
//!                 inputs.push_back(Input::Sent(connection));
//!                 inputs.push_back(Input::Message(connection, Message::Text(ready.into())));
//!             }
//!             Action::Event(Event::Ready(dispatch)) => names.push(dispatch.name().to_string()),
//!             // In this simulation no connection closes and no time passes.
//!             _ => {}
//!         }
//!     }
//! }
//! assert_eq!(names, ["READY"]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Features
//!
//! | feature | adds |
//! |---|---|
//! | `std` (default) | `std` in dependencies; the behaviour is the same without |
//! | `zlib-rs` | `Inflater::ZlibRs`, a faster inflater than the default |
//! | `zstd` | `Compression::ZstdStream`, with the C library |
//! | `tracing` | a `tracing` event for each transition and fault, and at `TRACE` for each frame |

#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;
#[cfg(feature = "std")]
extern crate std;

pub mod codec;
pub mod dialect;
pub mod dispatch;
mod error_debug;
mod frame;
pub mod guide;
pub mod identify;
pub mod machine;
pub mod message;
pub mod requests;
mod rng;
mod session;
mod shard;
mod time;
pub mod token;
pub mod url;

pub use dialect::discord::{Activity, Command, Discord, Intents, Presence, Status};
pub use dispatch::Dispatch;
pub use machine::{Action, Config, Event, GatewayMachine, Input, Shutdown};
pub use message::{CloseCode, CloseFrame, CloseReason, ConnectionId, Message, Sequence};
pub use rng::Seed;
pub use session::Session;
pub use shard::ShardId;
pub use time::Timestamp;
