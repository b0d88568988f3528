//! Pages for users of the machine. The tests compile and run their code.
//!
//! * [`embedding`]: the machine in your own framework: the loop, what to do for each action, time, backpressure, shutdown,
//!   testing.
//! * [`when_it_fails`]: each way in which a shard can fail or end, what you see, and what to do.
//! * [`find_out_why`]: what you can ask a shard, and what it logs.
//!
//! For bots on tokio, `portcullis_tokio::guide` has the page `save_and_resume_sessions`.

#[doc = include_str!("../docs/embedding.md")]
pub mod embedding {}

#[doc = include_str!("../docs/find_out_why.md")]
pub mod find_out_why {}

#[doc = include_str!("../docs/when_it_fails.md")]
pub mod when_it_fails {}
