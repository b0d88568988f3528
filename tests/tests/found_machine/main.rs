//! Faults found with other clients, servers and reports, each by its number: what the machine must do.

#![allow(clippy::unwrap_used)]

mod bounds;
mod commands;
mod flood;
mod heart;
mod mutants;
mod rate_limited;
mod resume_host;
mod sequence;
