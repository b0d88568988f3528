//! zlib by `zlib-rs`, which keeps its own window, so the output needs no history.

use super::CodecError;
use super::inflate::{Edge, Fed, Inflate, Purpose, USUAL_RATIO};
use super::output::Output;
use zlib_rs::{InflateFlush, Status};

pub(super) struct ZlibRs {
    state: zlib_rs::Inflate,
    output: Output,
    purpose: Purpose,
}

impl ZlibRs {
    pub(super) fn new(purpose: Purpose) -> Self {
        let state = zlib_rs::Inflate::new(purpose == Purpose::Payloads, WINDOW_BITS);
        Self { state, output: Output::with_history(0), purpose }
    }

    /// Inflates until the input, or `room_max` bytes of room, are used up. Returns the status, the number of bytes read and
    /// written, and the size of the room.
    fn step(&mut self, input: &[u8], room_max: usize, flush: InflateFlush, most: usize) -> Result<Step, CodecError> {
        let (memory, end) = self.output.room(input.len().saturating_mul(USUAL_RATIO), most);
        let room = room_max.min(memory.len() - end);
        let before = (self.state.total_in(), self.state.total_out());
        let status = self.state.decompress(input, &mut memory[end..end + room], flush);
        let since = |now: u64, before: u64| usize::try_from(now - before).unwrap_or(usize::MAX);
        let (read, written) = (since(self.state.total_in(), before.0), since(self.state.total_out(), before.1));
        self.output.wrote(written);
        if self.output.pending().len() > most {
            return Err(CodecError::TooLarge { limit: most });
        }
        Ok(Step { status: status.map_err(|_| CodecError::Damaged)?, read, written, room })
    }
}

/// The result of one call of the library.
struct Step {
    status: Status,
    read: usize,
    written: usize,
    room: usize,
}

impl Inflate for ZlibRs {
    fn feed(&mut self, mut input: &[u8], most: usize) -> Result<Fed, CodecError> {
        loop {
            let Step { status, read, written, room } = self.step(input, usize::MAX, InflateFlush::SyncFlush, most)?;
            input = input.get(read..).unwrap_or_default();
            match status {
                Status::StreamEnd => return Ok(Fed::Ended { left: input.len() }),
                Status::Ok | Status::BufError if written < room && input.is_empty() => return Ok(Fed::All),
                // The library stopped with input and room left: another call would not advance either.
                Status::BufError if written < room => return Err(CodecError::Damaged),
                Status::Ok | Status::BufError => {}
            }
        }
    }

    fn edge(&mut self, last: u8, next: u8, most: usize) -> Result<Edge, CodecError> {
        // The library stops between blocks without saying so, but then it leaves `next` unread. It also leaves `next` in a stored
        // block without room for it; that case has written a byte.
        let Step { status, read, written, .. } = self.step(&[last, next], 1, InflateFlush::Block, most)?;
        match (status, read, written) {
            (Status::StreamEnd, ..) | (_, 0, _) => Err(CodecError::Damaged),
            (Status::Ok | Status::BufError, 1, 0) => Ok(Edge::Block),
            (Status::Ok | Status::BufError, ..) => Ok(Edge::Within { read }),
        }
    }

    fn output(&self) -> &Output {
        &self.output
    }

    fn output_mut(&mut self) -> &mut Output {
        &mut self.output
    }

    fn reset(&mut self) {
        self.state.reset(self.purpose == Purpose::Payloads);
        self.output.clear();
    }
}

/// zlib's largest window, 32 KiB (RFC 1950 §2.2).
const WINDOW_BITS: u8 = 15;
