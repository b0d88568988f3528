//! No compression: each message is one payload. Used for uncompressed ETF, where only the encoding is left to do.

use super::output::Output;
use super::{CodecError, Unpack};
use bytes::Bytes;

#[derive(Default)]
pub(super) struct Uncompressed {
    message: Bytes,
    step: Step,
}

#[derive(Clone, Copy, PartialEq, Eq, Default)]
enum Step {
    #[default]
    Used,
    Taken,
}

impl Unpack for Uncompressed {
    fn take(&mut self, message: Bytes) {
        self.step = if message.is_empty() { Step::Used } else { Step::Taken };
        self.message = message;
    }

    fn next(&mut self, most: usize) -> Result<Option<&[u8]>, CodecError> {
        match core::mem::replace(&mut self.step, Step::Used) {
            Step::Taken if self.message.len() > most => Err(CodecError::TooLarge { limit: most }),
            Step::Taken => Ok(Some(&self.message)),
            Step::Used => {
                self.message = Bytes::new();
                Ok(None)
            }
        }
    }

    fn output(&mut self) -> Option<&mut Output> {
        None
    }

    fn rest(&mut self) {}
}
