//! From WebSocket messages to payloads: decompression, and ETF read into JSON.
//!
//! # Theory of operation
//! The dialect names a [`Format`]: how its gateway compresses and encodes payloads. A codec splits messages into payloads, and
//! returns each as JSON. The machine's connection owns its codec, so that a new connection never continues a decompressor of an
//! old one: the gateway starts a new stream with each connection. *(source: Gateway, Transport Compression)*
//!
//! A text message is one uncompressed JSON payload under every format, since gateways send compressed and ETF payloads as binary
//! messages only. *(source: Gateway, Payload Compression; for transport compression observed)*
//!
//! A codec does not read what a payload says, and decides nothing about the connection: an error tells the machine that the
//! payload (`Malformed`) or the stream (`Broken`) cannot be read.
//!
//! # Invariants
//! * `in-order`: payloads come out in the order of their bytes, each once, and none before its last byte has come.
//! * `bounded`: output never grows beyond the `most` of a call. A search in pending output starts where the last one ended, so
//!   work is linear in the bytes even if a peer splits a payload into many messages.

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

/// The codec of one connection. By default each message is one JSON payload.
#[derive(Default)]
pub(crate) struct Codec {
    /// `None` for uncompressed JSON, so that such a machine pays one pointer.
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

    /// Takes a message. Returns it unchanged if it is one JSON payload; otherwise [`next`](Self::next) returns its payloads.
    pub(crate) fn take(&mut self, message: Message) -> Option<Bytes> {
        match (message, &mut self.packed) {
            (Message::Text(bytes), _) | (Message::Binary(bytes), None) => Some(bytes),
            (Message::Binary(bytes), Some(packed)) => {
                packed.unpack.take(bytes);
                None
            }
        }
    }

    /// The next payload of the message that was taken, of at most `most` bytes; `None` when the message has no more. The next
    /// call overwrites the payload.
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

    /// Writes output into `scratch` until [`give_back`](Self::give_back).
    pub(crate) fn lend(&mut self, scratch: &mut Scratch) {
        let Some(packed) = &mut self.packed else { return };
        if let Some(output) = packed.unpack.output() {
            output.lend(&mut scratch.output);
        }
        if let Some(transcoder) = &mut packed.transcoder {
            transcoder.swap(&mut scratch.json);
        }
    }

    /// Writes output into its own memory again.
    pub(crate) fn give_back(&mut self, scratch: &mut Scratch) {
        let Some(packed) = &mut self.packed else { return };
        if let Some(output) = packed.unpack.output() {
            output.give_back(&mut scratch.output);
        }
        if let Some(transcoder) = &mut packed.transcoder {
            transcoder.swap(&mut scratch.json);
        }
    }

    /// Frees the memory that it does not need between payloads. The machine calls this at each heartbeat: a connection that had
    /// one large payload would keep its memory for hours otherwise.
    pub(crate) fn rest(&mut self) {
        if let Some(packed) = &mut self.packed {
            packed.unpack.rest();
            if let Some(transcoder) = &mut packed.transcoder {
                transcoder.rest();
            }
        }
    }
}

/// Why a payload could not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Undecoded {
    /// This payload cannot be read; the next ones can.
    Malformed(FrameError),
    /// The start of the next payload cannot be found either, so the connection must close.
    Broken(CodecError),
}

/// Prints whether payloads are compressed or encoded, never their bytes.
impl fmt::Debug for Codec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.packed.is_some() { "Codec(packed)" } else { "Codec(plain)" })
    }
}

/// Splits the messages of one [`Compression`] into payloads.
trait Unpack: Send + Sync {
    /// Takes a message. The caller has taken all payloads of the message before.
    fn take(&mut self, message: Bytes);

    /// The next payload; `None` when the message has no more. The next call overwrites the payload.
    fn next(&mut self, most: usize) -> Result<Option<&[u8]>, CodecError>;

    /// Where it inflates to; `None` where it does not inflate.
    fn output(&mut self) -> Option<&mut Output>;

    /// Frees the memory that it does not need between payloads.
    fn rest(&mut self);
}

#[cfg(test)]
mod tests;
