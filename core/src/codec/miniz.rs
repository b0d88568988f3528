//! zlib by `miniz_oxide`. It inflates into memory that also holds its window, so no output is copied; the stream interface of
//! `miniz_oxide` would copy each byte out of a window of its own.

use super::CodecError;
use super::inflate::{Edge, Fed, Inflate, Purpose, USUAL_RATIO};
use super::output::Output;
use miniz_oxide::inflate::TINFLStatus;
use miniz_oxide::inflate::core::inflate_flags::{
    TINFL_FLAG_HAS_MORE_INPUT, TINFL_FLAG_PARSE_ZLIB_HEADER, TINFL_FLAG_STOP_ON_BLOCK_BOUNDARY,
    TINFL_FLAG_USING_NON_WRAPPING_OUTPUT_BUF,
};
use miniz_oxide::inflate::core::{DecompressorOxide, decompress};

pub(super) struct Miniz {
    state: DecompressorOxide,
    output: Output,
    flags: u32,
}

impl Miniz {
    pub(super) fn new(purpose: Purpose) -> Self {
        let flags = TINFL_FLAG_HAS_MORE_INPUT | TINFL_FLAG_USING_NON_WRAPPING_OUTPUT_BUF;
        let (flags, history) = match purpose {
            Purpose::Stream => (flags, WINDOW),
            Purpose::Payloads => (flags | TINFL_FLAG_PARSE_ZLIB_HEADER, 0),
        };
        Self { state: DecompressorOxide::new(), output: Output::with_history(history), flags }
    }

    /// Inflates until the input or the room is used up. Returns the status, and the number of bytes read and written.
    fn step(&mut self, input: &[u8], most: usize, flags: u32) -> Result<(TINFLStatus, usize, usize), CodecError> {
        let (memory, end) = self.output.room(input.len().saturating_mul(USUAL_RATIO), most);
        let (status, read, written) = decompress(&mut self.state, input, memory, end, self.flags | flags);
        self.output.wrote(written);
        if self.output.pending().len() > most {
            return Err(CodecError::TooLarge { limit: most });
        }
        Ok((status, read, written))
    }
}

impl Inflate for Miniz {
    fn feed(&mut self, mut input: &[u8], most: usize) -> Result<Fed, CodecError> {
        loop {
            let (status, read, _) = self.step(input, most, 0)?;
            input = &input[read..];
            match status {
                TINFLStatus::HasMoreOutput => {}
                TINFLStatus::NeedsMoreInput => return Ok(Fed::All),
                TINFLStatus::Done => return Ok(Fed::Ended { left: input.len() }),
                _ => return Err(CodecError::Damaged),
            }
        }
    }

    fn edge(&mut self, last: u8, _: u8, most: usize) -> Result<Edge, CodecError> {
        let (mut read, mut written) = (0, 0);
        loop {
            let step = self.step(&[last][read..], most, TINFL_FLAG_STOP_ON_BLOCK_BOUNDARY)?;
            (read, written) = (read + step.1, written + step.2);
            match step.0 {
                // The stream's last block counts as well: bytes behind it fail in the next `feed`.
                TINFLStatus::BlockBoundary | TINFLStatus::Done if read == 1 && written == 0 => return Ok(Edge::Block),
                TINFLStatus::BlockBoundary | TINFLStatus::Done | TINFLStatus::NeedsMoreInput if read == 1 => {
                    return Ok(Edge::Within { read });
                }
                TINFLStatus::BlockBoundary | TINFLStatus::HasMoreOutput => {}
                _ => return Err(CodecError::Damaged),
            }
        }
    }

    fn output(&self) -> &Output {
        &self.output
    }

    fn output_mut(&mut self) -> &mut Output {
        &mut self.output
    }

    fn reset(&mut self) {
        self.state.init();
        self.output.clear();
    }
}

/// zlib's largest window, the distance that deflate may refer back to (RFC 1950 §2.2, RFC 1951 §2).
const WINDOW: usize = 32 << 10;
