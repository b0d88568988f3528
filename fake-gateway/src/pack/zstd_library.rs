//! The zstd library's compressor, one for a connection's life.

use zstd_safe::{CCtx, CParameter, InBuffer, OutBuffer};

/// 256 KiB, as recorded.
const WINDOW_LOG: u32 = 18;
/// zstd's own default is 3; at 1 a context is smaller, and there may be thousands.
const LEVEL: i32 = 1;

pub(super) struct Compressor(Box<CCtx<'static>>);

impl Compressor {
    /// None where there is no memory for one.
    pub(super) fn new() -> Option<Self> {
        let mut context = CCtx::try_create()?;
        for parameter in [
            CParameter::CompressionLevel(LEVEL),
            CParameter::WindowLog(WINDOW_LOG),
            CParameter::ContentSizeFlag(false),
            CParameter::ChecksumFlag(false),
        ] {
            context.set_parameter(parameter).ok()?;
        }
        Some(Self(Box::new(context)))
    }

    /// Takes all of the bytes and flushes.
    pub(super) fn message(&mut self, payload: &[u8]) -> Vec<u8> {
        let (mut wire, mut end) = (vec![0; payload.len() / 4 + 64], 0);
        let mut input = InBuffer::around(payload);
        loop {
            let mut output = OutBuffer::around_pos(&mut wire[..], end);
            // Invariant: a context that was made well has no error but want of memory, and it has its memory.
            let left = if input.pos < payload.len() {
                self.0.compress_stream(&mut output, &mut input).map(|_| 1)
            } else {
                self.0.flush_stream(&mut output)
            };
            end = output.pos();
            if matches!(left, Ok(0) | Err(_)) {
                wire.truncate(end);
                return wire;
            }
            if end == wire.len() {
                wire.resize(end * 2, 0);
            }
        }
    }
}
