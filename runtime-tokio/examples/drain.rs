//! Takes all that a gateway sends, and prints what that cost: `--help` tells more.
//!
//! `cargo run --release -p portcullis-tokio --example drain -- --url ws://127.0.0.1:4000 --events 100000`

#[path = "../../runtime/drain/mod.rs"]
mod drain;

use portcullis_tokio::Tokio;
use std::process::ExitCode;

fn main() -> ExitCode {
    let args = match drain::arguments() {
        Ok(args) => args,
        Err(code) => return code,
    };
    match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime.block_on(async { drain::run(Tokio::new(), args).await }),
        Err(error) => drain::misused(&error),
    }
}
