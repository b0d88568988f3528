//! From the bytes of messages to payloads: what stands between the wire and a dialect's reader.
//!
//! A [`Format`] says how a gateway packs its payloads; the dialect names it. A link owns its codec, so a new link
//! cannot inherit an inflater. A payload comes out as JSON, in one allocation of exactly its size. A text message is a
//! payload as it stands under every format: what is compressed comes as binary.
//!
//! What is not here: what a payload says.
//!
//! # Invariants
//! * `in-order`: payloads come out in the order of their bytes, each once, and none before its last byte came.
//! * `bounded`: nothing grows beyond the `most` that a call is given, and a look at pending output starts where the
//!   last one ended, so that a peer cannot make it quadratic.

mod error;
mod extent;
mod inflate;
mod miniz;
mod scratch;
mod zlib_payload;
mod zlib_stream;

use crate::message::Message;
use alloc::boxed::Box;
use bytes::Bytes;
use core::fmt;
use extent::Extent;
use inflate::Purpose;
use zlib_payload::ZlibPayload;
use zlib_stream::ZlibStream;

pub use error::CodecError;
pub use inflate::Inflater;

/// How a gateway packs what it sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub struct Format {
    /// How payloads are compressed.
    pub compression: Compression,
}

/// How payloads from the gateway are compressed. What we send never is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Compression {
    /// Not at all.
    #[default]
    None,
    /// One zlib stream a link, with a flush at each payload's end.
    ZlibStream,
    /// Each binary message is a zlib stream of its own. Small payloads come as text.
    ZlibPayload,
}

/// The codec of one link.
pub(crate) struct Codec {
    /// `None` where a message is a payload as it stands.
    unpack: Option<Box<dyn Unpack>>,
}

impl Codec {
    pub(crate) fn new(format: Format, inflater: Inflater) -> Self {
        let unpack: Option<Box<dyn Unpack>> = match format.compression {
            Compression::None => None,
            Compression::ZlibStream => {
                Some(Box::new(ZlibStream::new(inflater.inflate(Purpose::Stream), Extent::default())))
            }
            Compression::ZlibPayload => Some(Box::new(ZlibPayload::new(inflater.inflate(Purpose::Payloads)))),
        };
        Self { unpack }
    }

    /// Takes a message, and gives it back if it is a payload as it stands. Otherwise [`next`](Self::next) gives what is
    /// in it.
    pub(crate) fn take(&mut self, message: Message) -> Option<Bytes> {
        match (message, &mut self.unpack) {
            (Message::Text(bytes), _) | (Message::Binary(bytes), None) => Some(bytes),
            (Message::Binary(bytes), Some(unpack)) => {
                unpack.take(bytes);
                None
            }
        }
    }

    /// The next payload of the message that was taken, of at most `most` bytes; `None` when it is used up. After an
    /// error the codec is spent, as its link is.
    pub(crate) fn next(&mut self, most: usize) -> Option<Result<Bytes, CodecError>> {
        let payload = self.unpack.as_mut()?.next(most).transpose()?;
        Some(payload.map(Bytes::copy_from_slice))
    }

    /// Gives back what memory it can do without: the link is quiet.
    pub(crate) fn rest(&mut self) {
        if let Some(unpack) = &mut self.unpack {
            unpack.rest();
        }
    }
}

/// Prints whether it has an inflater, never what is in it.
impl fmt::Debug for Codec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.unpack.is_some() { "Codec(packed)" } else { "Codec(plain)" })
    }
}

/// One way of packing payloads into messages, undone.
trait Unpack: Send + Sync {
    /// Takes a message. All payloads of the last one have been asked for.
    fn take(&mut self, message: Bytes);

    /// The next payload, which is gone with the next call; `None` when the message is used up.
    fn next(&mut self, most: usize) -> Result<Option<&[u8]>, CodecError>;

    /// Gives back what memory it can do without.
    fn rest(&mut self);
}
