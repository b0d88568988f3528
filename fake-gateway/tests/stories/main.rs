//! The fake gateway on a virtual clock, a story a test.
#![expect(clippy::unwrap_used, reason = "the helpers are test code as well")]

mod faults;
mod named;
mod record;
mod rules;
mod scripts;
mod sessions;
mod walk;
mod wild;
mod world;
