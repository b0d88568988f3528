//! The fake gateway on a virtual clock, a story a test.
#![expect(clippy::unwrap_used, reason = "the helpers are test code as well")]

mod answers;
mod at_run_time;
mod codecs;
mod damage;
mod faults;
mod flood;
mod habits;
mod named;
mod ready_made;
mod record;
mod right_client;
mod rules;
mod script_text;
mod scripts;
mod sessions;
mod walk;
mod wild;
mod world;
