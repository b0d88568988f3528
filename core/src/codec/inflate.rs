//! What the codecs ask of an inflater, and which there are.

use super::CodecError;
use super::miniz::Miniz;
use super::output::Output;
use alloc::boxed::Box;

/// Which library inflates zlib. All give the same payloads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Inflater {
    /// `miniz_oxide`: small, and without `std`.
    #[default]
    Miniz,
    /// `zlib-rs`: faster where the CPU has vectors. It has `unsafe` code inside.
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
    /// A stream that never ends: deflate without zlib's head. No checksum is ever made of it.
    Stream,
    /// Streams of zlib that end, each with a checksum.
    Payloads,
}

/// An inflater, and its output that was not settled yet.
pub(super) trait Inflate: Send + Sync {
    /// Inflates `input` behind what is pending.
    ///
    /// # Errors
    /// [`CodecError::TooLarge`] when more than `most` bytes would be pending. After an error it is to be reset.
    fn feed(&mut self, input: &[u8], most: usize) -> Result<Fed, CodecError>;

    /// Inflates `last`, with at most `most` bytes pending, and tells whether a block ended with it that has nothing in
    /// it. Where none did, `next` may have been read as well.
    ///
    /// An inflater finds damage when it has the bits to, and one has them later than another. Whether it is between two
    /// blocks they all know.
    ///
    /// # Errors
    /// As those of [`feed`](Self::feed).
    fn edge(&mut self, last: u8, next: u8, most: usize) -> Result<Edge, CodecError>;

    /// Begins anew.
    fn reset(&mut self);

    /// What is inflated to.
    fn output(&self) -> &Output;

    /// The same, to be lent memory.
    fn output_mut(&mut self) -> &mut Output;

    /// What was inflated and not settled.
    fn pending(&self) -> &[u8] {
        self.output().pending()
    }

    /// The first `len` bytes of what is pending have been used.
    fn settle(&mut self, len: usize) {
        self.output_mut().settle(len);
    }

    /// Gives back what memory it can do without.
    fn rest(&mut self) {
        self.output_mut().rest();
    }
}

/// How far an input went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fed {
    /// All of it, and the stream goes on.
    All,
    /// The stream ended, `left` bytes before the input did.
    Ended { left: usize },
}

/// Where an input's last byte left an inflater.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Edge {
    /// Behind a block that gave no output with that byte, before the next.
    Block,
    /// Elsewhere. It has read so many of the two bytes.
    Within { read: usize },
}

/// Payloads of gateways inflate to 5 to 20 times their size: so much room is made ahead.
pub(super) const USUAL_RATIO: usize = 8;
