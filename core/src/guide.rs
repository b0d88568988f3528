//! Pages for those who build on the machine. Their code is compiled and run with the tests.
//!
//! * [`embedding`]: the machine in a framework of your own: the loop, what each action obliges you to, time,
//!   backpressure, shutdown, testing.
//! * [`when_it_fails`]: each way in which a shard can fail or end, what you see of it, and what to do.
//! * [`find_out_why`]: what a shard can be asked, and what it logs.
//!
//! For bots on tokio `portcullis_tokio::guide` has the page `save_and_resume_sessions`.

#[doc = include_str!("../docs/embedding.md")]
pub mod embedding {}

#[doc = include_str!("../docs/find_out_why.md")]
pub mod find_out_why {}

#[doc = include_str!("../docs/when_it_fails.md")]
pub mod when_it_fails {}
