//! The driver on a runtime in memory: every wake-up, every partial write, every phase.
#![expect(clippy::unwrap_used, reason = "helpers are test code as well")]

mod addresses;
mod cancel;
mod flood;
mod identify;
mod memory;
mod names;
mod phases;
mod proxies;
mod pump;
mod requests;
mod rest;
mod set;
mod sockets;
mod stage;
mod suspend;
mod tokens;
