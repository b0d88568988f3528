//! Pages for those who write a bot. Their code is compiled, and run against a fake gateway, with the tests.
//!
//! * [`save_and_resume_sessions`]: restart a bot without a new Identify, and without missing an event.
//!
//! More pages, for every runtime, are in `portcullis::guide`: embedding the machine, when it fails, find out why.

#[doc = include_str!("../docs/save_and_resume_sessions.md")]
pub mod save_and_resume_sessions {}
