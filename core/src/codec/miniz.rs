//! zlib by `miniz_oxide`, into memory that holds its history: nothing is copied on the way.

use super::CodecError;
use super::inflate::{Fed, Inflate, Purpose, USUAL_RATIO};
use super::scratch::Scratch;
use miniz_oxide::inflate::TINFLStatus;
use miniz_oxide::inflate::core::inflate_flags::{
    TINFL_FLAG_HAS_MORE_INPUT, TINFL_FLAG_IGNORE_ADLER32, TINFL_FLAG_PARSE_ZLIB_HEADER,
    TINFL_FLAG_USING_NON_WRAPPING_OUTPUT_BUF,
};
use miniz_oxide::inflate::core::{DecompressorOxide, decompress};

pub(super) struct Miniz {
    state: DecompressorOxide,
    scratch: Scratch,
    flags: u32,
}

impl Miniz {
    pub(super) fn new(purpose: Purpose) -> Self {
        let flags = TINFL_FLAG_PARSE_ZLIB_HEADER | TINFL_FLAG_HAS_MORE_INPUT | TINFL_FLAG_USING_NON_WRAPPING_OUTPUT_BUF;
        let (flags, history) = match purpose {
            Purpose::Stream => (flags | TINFL_FLAG_IGNORE_ADLER32, WINDOW),
            Purpose::Payloads => (flags, 0),
        };
        Self { state: DecompressorOxide::new(), scratch: Scratch::with_history(history), flags }
    }
}

impl Inflate for Miniz {
    fn feed(&mut self, mut input: &[u8], most: usize) -> Result<Fed, CodecError> {
        loop {
            let (memory, end) = self.scratch.room(input.len().saturating_mul(USUAL_RATIO), most);
            let (status, read, written) = decompress(&mut self.state, input, memory, end, self.flags);
            self.scratch.wrote(written);
            input = &input[read..];
            if self.scratch.pending().len() > most {
                return Err(CodecError::TooLarge { limit: most });
            }
            match status {
                TINFLStatus::HasMoreOutput => {}
                TINFLStatus::NeedsMoreInput => return Ok(Fed::All),
                TINFLStatus::Done => return Ok(Fed::Ended { left: input.len() }),
                _ => return Err(CodecError::Damaged),
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
        self.state.init();
        self.scratch.clear();
    }

    fn rest(&mut self) {
        self.scratch.rest();
    }
}

/// How far back zlib looks at the most (RFC 1950 §2.2).
const WINDOW: usize = 32 << 10;
