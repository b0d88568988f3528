//! Standard input: a line of deeds each, done at once, by a thread of its own. Its end ends nothing else.

use core::fmt::Display;
use portcullis_fake::{Deeds, FakeHandle};
use std::io::{self, BufRead as _, Read as _};

/// The longest line, in bytes.
const LINE_MAX: u64 = 4 << 20;

/// Does what standard input says, from now on.
pub(crate) fn read(handle: FakeHandle) {
    // The thread is not waited for: a read cannot be called off, and the end of the program ends it.
    std::thread::spawn(move || {
        let mut input = io::stdin().lock();
        for number in 1.. {
            let mut line = Vec::new();
            match input.by_ref().take(LINE_MAX).read_until(b'\n', &mut line) {
                Ok(0) | Err(_) => return,
                Ok(_) => carry_out(&handle, number, &String::from_utf8_lossy(&line)),
            }
        }
    });
}

/// A line that is not understood is told of on standard error, and makes the verdict bad: the run was not the one that
/// was meant.
fn carry_out(handle: &FakeHandle, number: usize, line: &str) {
    let tell = |error: &dyn Display| {
        let text = format!("standard input:{error}");
        eprintln!("portcullis-fake: {text}");
        let first = text.lines().next().unwrap_or_default();
        handle.with(|gateway, now| gateway.fail(now, first));
    };
    match Deeds::parse_from(number, line) {
        Ok(deeds) => {
            if let Err(error) = handle.with(|gateway, now| gateway.carry_out(now, &deeds)) {
                tell(&error);
            }
        }
        Err(error) => tell(&error),
    }
}
