//! Each binary message is one payload, a zlib stream of its own. *(source: Gateway, Payload Compression)*

use super::inflate::{Fed, Inflate};
use super::output::Output;
use super::{CodecError, Unpack};
use alloc::boxed::Box;
use bytes::Bytes;

pub(super) struct ZlibPayload {
    inflate: Box<dyn Inflate>,
    message: Bytes,
}

impl ZlibPayload {
    pub(super) fn new(inflate: Box<dyn Inflate>) -> Self {
        Self { inflate, message: Bytes::new() }
    }
}

impl Unpack for ZlibPayload {
    fn take(&mut self, message: Bytes) {
        self.message = message;
    }

    fn next(&mut self, most: usize) -> Result<Option<&[u8]>, CodecError> {
        self.inflate.settle(self.inflate.pending().len());
        if self.message.is_empty() {
            return Ok(None);
        }
        self.inflate.reset();
        // A stream that ends before its message would leave bytes that no payload owns; both ends must agree.
        match self.inflate.feed(&core::mem::take(&mut self.message), most)? {
            Fed::Ended { left: 0 } => Ok(Some(self.inflate.pending())),
            Fed::Ended { .. } | Fed::All => Err(CodecError::Cut),
        }
    }

    fn output(&mut self) -> Option<&mut Output> {
        Some(self.inflate.output_mut())
    }

    fn rest(&mut self) {
        self.inflate.rest();
    }
}
