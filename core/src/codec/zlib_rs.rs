//! zlib by `zlib-rs`, which keeps its own history.

use super::CodecError;
use super::inflate::{Fed, Inflate, USUAL_RATIO};
use super::scratch::Scratch;
use zlib_rs::{InflateFlush, Status};

pub(super) struct ZlibRs {
    state: zlib_rs::Inflate,
    scratch: Scratch,
}

impl ZlibRs {
    pub(super) fn new() -> Self {
        Self { state: zlib_rs::Inflate::new(true, WINDOW_BITS), scratch: Scratch::with_history(0) }
    }
}

impl Inflate for ZlibRs {
    fn feed(&mut self, mut input: &[u8], most: usize) -> Result<Fed, CodecError> {
        loop {
            let (memory, end) = self.scratch.room(input.len().saturating_mul(USUAL_RATIO), most);
            let room = memory.len() - end;
            let before = (self.state.total_in(), self.state.total_out());
            let status = self.state.decompress(input, &mut memory[end..], InflateFlush::SyncFlush);
            let step = |now: u64, before: u64| usize::try_from(now - before).unwrap_or(usize::MAX);
            let written = step(self.state.total_out(), before.1);
            self.scratch.wrote(written);
            input = input.get(step(self.state.total_in(), before.0)..).unwrap_or_default();
            if self.scratch.pending().len() > most {
                return Err(CodecError::TooLarge { limit: most });
            }
            match status.map_err(|_| CodecError::Damaged)? {
                Status::StreamEnd => return Ok(Fed::Ended { left: input.len() }),
                Status::Ok | Status::BufError if written < room && input.is_empty() => return Ok(Fed::All),
                // It stopped with input and room: no call would bring it on.
                Status::BufError if written < room => return Err(CodecError::Damaged),
                Status::Ok | Status::BufError => {}
            }
        }
    }

    fn pending(&self) -> &[u8] {
        self.scratch.pending()
    }

    fn settle(&mut self, len: usize) {
        self.scratch.settle(len);
    }

    fn reset(&mut self) {
        self.state.reset(true);
        self.scratch.clear();
    }

    fn rest(&mut self) {
        self.scratch.rest();
    }
}

/// zlib's largest window, 32 KiB (RFC 1950 §2.2).
const WINDOW_BITS: u8 = 15;
