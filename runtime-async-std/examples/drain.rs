//! Takes all that a gateway sends, and prints what that cost: `--help` tells more.
//!
//! `cargo run --release -p portcullis-async-std --example drain -- --url ws://127.0.0.1:4000 --events 100000`
//!
//! The shards are polled on the main thread; async-std has a thread of its own for sockets and timers.

#[path = "../../runtime/drain/mod.rs"]
mod drain;

use portcullis_async_std::AsyncStd;
use std::process::ExitCode;

fn main() -> ExitCode {
    match drain::arguments() {
        Ok(args) => async_std::task::block_on(drain::run(AsyncStd::new(), args)),
        Err(code) => code,
    }
}
