//! zstd by the C library, which keeps its own window, so the output needs no history.

use super::CodecError;
use super::inflate::USUAL_RATIO;
use super::output::Output;
use zstd_safe::{DCtx, DParameter, InBuffer, OutBuffer};

pub(super) struct Zstd {
    /// `None` if the library could not allocate one; every message is then an error.
    state: Option<DCtx<'static>>,
    output: Output,
}

impl Zstd {
    pub(super) fn new() -> Self {
        let state = DCtx::try_create().and_then(|mut state| {
            state.set_parameter(DParameter::WindowLogMax(WINDOW_LOG_MAX)).ok()?;
            Some(state)
        });
        Self { state, output: Output::with_history(0) }
    }

    /// Decompresses `input`, and appends the output to what is pending. A stream may have several frames (RFC 8878 §3): the
    /// library starts the next one by itself, and skips skippable frames (§3.1.2).
    ///
    /// # Errors
    /// [`CodecError::TooLarge`] when more than `most` bytes would be pending.
    pub(super) fn feed(&mut self, input: &[u8], most: usize) -> Result<(), CodecError> {
        let state = self.state.as_mut().ok_or(CodecError::Damaged)?;
        let mut input = InBuffer::around(input);
        loop {
            let left = input.src.len() - input.pos;
            let (memory, end) = self.output.room(left.saturating_mul(USUAL_RATIO), most);
            let mut output = OutBuffer::around_pos(memory, end);
            let hint = state.decompress_stream(&mut output, &mut input).map_err(|_| CodecError::Damaged)?;
            let (written, room) = (output.pos() - end, output.capacity() - output.pos());
            self.output.wrote(written);
            if self.output.pending().len() > most {
                return Err(CodecError::TooLarge { limit: most });
            }
            match (hint, input.src.len() - input.pos) {
                // A hint of 0 is the end of a frame: the library holds no more output, even if the room is full.
                (0, 0) => return Ok(()),
                (_, 0) if room > 0 => return Ok(()),
                // The library stopped with input and room left: another call would not advance either.
                (_, now) if now == left && written == 0 && room > 0 => return Err(CodecError::Damaged),
                _ => {}
            }
        }
    }

    pub(super) fn pending(&self) -> &[u8] {
        self.output.pending()
    }

    pub(super) fn output(&mut self) -> &mut Output {
        &mut self.output
    }

    pub(super) fn settle(&mut self, len: usize) {
        self.output.settle(len);
    }

    pub(super) fn rest(&mut self) {
        self.output.rest();
    }
}

/// The largest window, as a power of two: 8 MiB, the size that RFC 8878 §3.1.1.1.2 recommends to support. The library refuses a
/// frame with a larger one before it allocates memory.
const WINDOW_LOG_MAX: u32 = 23;

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    /// A frame of this window, and 64 MiB in blocks of one byte that is repeated.
    fn repeated(window: u8) -> Vec<u8> {
        const BLOCK: usize = 128 << 10;
        let block = [&(BLOCK << 3 | 1 << 1).to_le_bytes()[..3], b"x"].concat();
        [&[0x28, 0xB5, 0x2F, 0xFD, 0x00, window], &*block.repeat((64 << 20) / BLOCK)].concat()
    }

    #[test]
    fn the_library_holds_a_window_and_no_more() {
        for (descriptor, window) in [(0x40, 256 << 10), (0x68, 8 << 20)] {
            let mut zstd = Zstd::new();
            for part in repeated(descriptor).chunks(100) {
                assert_eq!(zstd.feed(part, 64 << 20), Ok(()));
                zstd.settle(zstd.pending().len());
            }
            let held = zstd.state.as_ref().map_or(0, DCtx::sizeof);
            // Beside the window it has two blocks, and its tables.
            assert!((window..window + (768 << 10)).contains(&held), "{held} bytes for a window of {window}");
        }
    }

    #[test]
    fn a_larger_window_is_refused_before_there_is_memory_for_it() {
        let mut zstd = Zstd::new();
        assert_eq!(zstd.feed(&repeated(0x70), 64 << 20), Err(CodecError::Damaged));
        let held = zstd.state.as_ref().map_or(0, DCtx::sizeof);
        assert!(held < 512 << 10, "{held} bytes");
    }
}
