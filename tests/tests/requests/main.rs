//! Scenarios 28, 55 and 69: requests and their answers, on a virtual clock.

#![allow(clippy::unwrap_used)]

mod chunks;
mod connections;
mod limits;
mod other_kinds;
mod property;
mod rate_limited;
mod stage;
mod time;
