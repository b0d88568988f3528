//! Portcullis: a sans-IO gateway protocol crate.

#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;
#[cfg(feature = "std")]
extern crate std;

#[allow(dead_code, reason = "the machine is its user")]
pub mod dialect;
pub mod message;
mod rng;
mod time;
#[allow(dead_code, reason = "the machine is its user")]
pub mod token;
#[allow(dead_code, reason = "the machine is its user")]
pub mod url;

pub use message::{CloseCode, CloseFrame, Closure, LinkId, Message, Sequence};
pub use rng::Seed;
pub use time::Timestamp;
