//! From the bytes of messages to payloads: what stands between the wire and a dialect's reader.
//!
//! A [`Format`] says how a gateway packs its payloads; the dialect names it. A connection owns its codec, so a new connection
//! cannot inherit an inflater. A payload comes out as JSON, in one allocation of exactly its size. A text message is a
//! payload as it stands under every format: what is compressed comes as binary.
//!
//! What is not here: what a payload says.
//!
//! # Invariants
//! * `in-order`: payloads come out in the order of their bytes, each once, and none before its last byte came.
//! * `bounded`: nothing grows beyond the `most` that a call is given, and a look at pending output starts where the
//!   last one ended, so that a peer cannot make it quadratic.

mod copies;
mod error;
mod etf;
mod extent;
mod inflate;
mod miniz;
mod outgoing;
mod output;
mod scratch;
mod uncompressed;
mod zlib_payload;
#[cfg(feature = "zlib-rs")]
mod zlib_rs;
mod zlib_stream;
#[cfg(feature = "zstd")]
mod zstd;
#[cfg(feature = "zstd")]
mod zstd_stream;

use crate::frame::FrameError;
use crate::message::Message;
use alloc::boxed::Box;
use bytes::Bytes;
use core::fmt;
use etf::Transcoder;
use extent::Extent;
use inflate::Purpose;
use output::Output;
use uncompressed::Uncompressed;
use zlib_payload::ZlibPayload;
use zlib_stream::ZlibStream;

pub use crate::frame::{Compression, Encoding, Format, FormatError};
pub use error::CodecError;
pub use inflate::Inflater;
pub use scratch::Scratch;

/// The codec of one connection. By default a message is a payload as it stands.
#[derive(Default)]
pub(crate) struct Codec {
    /// `None` where a message is a payload as it stands.
    packed: Option<Box<Packed>>,
}

/// How messages become payloads, and payloads JSON.
struct Packed {
    unpack: Box<dyn Unpack>,
    transcoder: Option<Transcoder>,
}

impl Codec {
    pub(crate) fn new(format: Format, inflater: Inflater) -> Self {
        let Format { compression, encoding } = format;
        let unpack: Box<dyn Unpack> = match compression {
            Compression::None if encoding == Encoding::Json => return Self { packed: None },
            Compression::None => Box::new(Uncompressed::default()),
            Compression::ZlibStream => {
                Box::new(ZlibStream::new(inflater.inflate(Purpose::Stream), Extent::of(encoding)))
            }
            #[cfg(feature = "zstd")]
            Compression::ZstdStream => Box::new(zstd_stream::ZstdStream::new(encoding)),
            Compression::ZlibPayload => Box::new(ZlibPayload::new(inflater.inflate(Purpose::Payloads))),
        };
        let transcoder = match encoding {
            Encoding::Json => None,
            Encoding::Etf => Some(Transcoder::new(inflater)),
        };
        Self { packed: Some(Box::new(Packed { unpack, transcoder })) }
    }

    /// Takes a message, and gives it back if it is a payload as it stands. Otherwise [`next`](Self::next) gives what is
    /// in it.
    pub(crate) fn take(&mut self, message: Message) -> Option<Bytes> {
        match (message, &mut self.packed) {
            (Message::Text(bytes), _) | (Message::Binary(bytes), None) => Some(bytes),
            (Message::Binary(bytes), Some(packed)) => {
                packed.unpack.take(bytes);
                None
            }
        }
    }

    /// The next payload of the message that was taken, of at most `most` bytes; `None` when it is used up.
    /// It is gone with the next call.
    pub(crate) fn next(&mut self, most: usize) -> Option<Result<&[u8], Undecoded>> {
        let Packed { unpack, transcoder } = &mut **self.packed.as_mut()?;
        if let Some(transcoder) = transcoder {
            transcoder.settle();
        }
        let payload = match unpack.next(most).transpose()? {
            Ok(payload) => payload,
            Err(error) => return Some(Err(Undecoded::Broken(error))),
        };
        Some(match transcoder {
            None => Ok(payload),
            Some(transcoder) => transcoder.json(payload, most),
        })
    }

    /// Goes on in memory that is lent, until it is given back.
    pub(crate) fn lend(&mut self, scratch: &mut Scratch) {
        let Some(packed) = &mut self.packed else { return };
        if let Some(output) = packed.unpack.output() {
            output.lend(&mut scratch.output);
        }
        if let Some(transcoder) = &mut packed.transcoder {
            transcoder.swap(&mut scratch.json);
        }
    }

    /// Goes on in memory of its own.
    pub(crate) fn give_back(&mut self, scratch: &mut Scratch) {
        let Some(packed) = &mut self.packed else { return };
        if let Some(output) = packed.unpack.output() {
            output.give_back(&mut scratch.output);
        }
        if let Some(transcoder) = &mut packed.transcoder {
            transcoder.swap(&mut scratch.json);
        }
    }

    /// Gives back what memory it can do without: the connection is quiet.
    pub(crate) fn rest(&mut self) {
        if let Some(packed) = &mut self.packed {
            packed.unpack.rest();
            if let Some(transcoder) = &mut packed.transcoder {
                transcoder.rest();
            }
        }
    }
}

/// Why a payload did not come out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Undecoded {
    /// It alone cannot be read.
    Malformed(FrameError),
    /// What follows cannot be found either: the codec is spent, as its connection is.
    Broken(CodecError),
}

/// Prints whether it has an inflater, never what is in it.
impl fmt::Debug for Codec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.packed.is_some() { "Codec(packed)" } else { "Codec(plain)" })
    }
}

/// One way of packing payloads into messages, undone.
trait Unpack: Send + Sync {
    /// Takes a message. All payloads of the last one have been asked for.
    fn take(&mut self, message: Bytes);

    /// The next payload, which is gone with the next call; `None` when the message is used up.
    fn next(&mut self, most: usize) -> Result<Option<&[u8]>, CodecError>;

    /// What it inflates to, if it does.
    fn output(&mut self) -> Option<&mut Output>;

    /// Gives back what memory it can do without.
    fn rest(&mut self);
}

#[cfg(test)]
mod tests;
