//! What the codecs need of an inflater, and which inflaters there are.

use super::CodecError;
use super::miniz::Miniz;
use super::output::Output;
use alloc::boxed::Box;

/// Which library inflates zlib. All return the same payloads, and report damage at the same message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Inflater {
    /// `miniz_oxide`: small, without `std` and without `unsafe` code.
    #[default]
    Miniz,
    /// `zlib-rs`: faster on CPUs with vector instructions. It contains `unsafe` code.
    #[cfg(feature = "zlib-rs")]
    ZlibRs,
}

impl Inflater {
    pub(super) fn inflate(self, purpose: Purpose) -> Box<dyn Inflate> {
        match self {
            Self::Miniz => Box::new(Miniz::new(purpose)),
            #[cfg(feature = "zlib-rs")]
            Self::ZlibRs => Box::new(super::zlib_rs::ZlibRs::new(purpose)),
        }
    }
}

/// What an inflater is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// A stream that lasts as long as the connection: raw deflate (RFC 1951), because the codec reads the zlib header itself. The
    /// stream never ends, so computing its checksum would be wasted work.
    Stream,
    /// Complete zlib streams, each with a header and a checksum (RFC 1950 §2.2).
    Payloads,
}

/// An inflater, and its output that was not used yet.
pub(super) trait Inflate: Send + Sync {
    /// Inflates `input`, and appends the output to what is pending.
    ///
    /// # Errors
    /// [`CodecError::TooLarge`] when more than `most` bytes would be pending. After an error the inflater must be reset.
    fn feed(&mut self, input: &[u8], most: usize) -> Result<Fed, CodecError>;

    /// Inflates `last`, with at most `most` bytes pending, and returns whether an empty block ended with it (RFC 1951 §3.2.4;
    /// that is what a sync flush writes). If none did, the inflater may have read `next` as well.
    ///
    /// The codec asks this question because the libraries answer it alike. They do not report damage at the same byte: one reads
    /// further ahead than another. But all know when they are between two blocks.
    ///
    /// # Errors
    /// Those of [`feed`](Self::feed).
    fn edge(&mut self, last: u8, next: u8, most: usize) -> Result<Edge, CodecError>;

    /// Starts a new stream, and forgets all output.
    fn reset(&mut self);

    /// Where it inflates to.
    fn output(&self) -> &Output;

    /// The same, to change its memory.
    fn output_mut(&mut self) -> &mut Output;

    /// The output that was not used yet.
    fn pending(&self) -> &[u8] {
        self.output().pending()
    }

    /// The caller has used the first `len` pending bytes.
    fn settle(&mut self, len: usize) {
        self.output_mut().settle(len);
    }

    /// Frees the memory that it does not need between payloads.
    fn rest(&mut self) {
        self.output_mut().rest();
    }
}

/// How much of an input was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fed {
    /// All of it, and the stream continues.
    All,
    /// The stream ended, `left` bytes before the input did.
    Ended { left: usize },
}

/// Where an inflater stands after the last byte of an input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Edge {
    /// Between two blocks; the byte made no output.
    Block,
    /// Within a block. The inflater has read `read` of the two bytes.
    Within { read: usize },
}

/// Room reserved ahead, in multiples of the compressed size: gateway payloads inflate to 5 to 20 times their size, so most need
/// the memory to grow once at most.
pub(super) const USUAL_RATIO: usize = 8;
