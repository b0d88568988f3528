//! The example `drain`, whole but for the runtime: each adapter's `examples/drain.rs` takes it in by path, so that what
//! is measured differs in the runtime alone.
//!
//! It takes all that a gateway sends and prints one line about what that cost. The line is on stdout, all else on
//! stderr. What is in it is measured from the Ready of the last shard to the last dispatch that counted.

mod args;
mod fleet;
mod tally;
mod usage;

pub(crate) use args::{Args, parse};
pub(crate) use fleet::Fleet;

use portcullis_runtime::Runtime;
use std::io::{self, Write as _};
use std::process::ExitCode;

/// The line was printed.
const DONE: u8 = 0;
/// A shard ended before there was anything to print.
const FAILED: u8 = 1;
/// The arguments make no sense, or the runtime did not start.
const MISUSED: u8 = 2;

/// The arguments, or how the program is to end without them.
pub(crate) fn arguments() -> Result<Args, ExitCode> {
    match parse(std::env::args_os()) {
        Ok(Some(args)) => Ok(args),
        Ok(None) => {
            print!("{}", args::HELP);
            Err(ExitCode::from(DONE))
        }
        Err(error) => Err(misused(&error)),
    }
}

/// Says why it could not begin.
pub(crate) fn misused(error: &dyn core::fmt::Display) -> ExitCode {
    eprintln!("drain: {error}; --help tells what it takes");
    ExitCode::from(MISUSED)
}

/// Takes what comes, prints the line, and holds the shards online as long as was asked for.
pub(crate) async fn run<R: Runtime>(runtime: R, args: Args) -> ExitCode {
    let hold = args.hold;
    let mut fleet = match Fleet::new(&runtime, args) {
        Ok(fleet) => fleet,
        Err(error) => return misused(&error),
    };
    let line = match fleet.drain().await {
        Ok(line) => line,
        Err(error) => {
            eprintln!("drain: {error}");
            return ExitCode::from(FAILED);
        }
    };
    // Whoever waits for the line is to have it before the hold.
    let mut stdout = io::stdout().lock();
    if writeln!(stdout, "{line}").and_then(|()| stdout.flush()).is_err() {
        return ExitCode::from(FAILED);
    }
    drop(stdout);
    fleet.hold(runtime.sleep_until(runtime.now() + hold)).await;
    ExitCode::from(DONE)
}
