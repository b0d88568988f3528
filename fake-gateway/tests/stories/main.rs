//! The fake gateway on a virtual clock, a story a test.
#![expect(clippy::unwrap_used, reason = "the helpers are test code as well")]

mod faults;
mod record;
mod rules;
mod scripts;
mod sessions;
mod walk;
mod world;
