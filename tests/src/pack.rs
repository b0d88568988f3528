//! The gateway's side of compression, by the libraries' own compressors: payloads in, the bytes of messages out.

use miniz_oxide::MZError;
pub use miniz_oxide::MZFlush;
use miniz_oxide::deflate::core::{CompressorOxide, create_comp_flags_from_zip_params};
use miniz_oxide::deflate::stream::deflate;
use portcullis::Message;
use portcullis::codec::{Compression, Format};

/// What the gateway keeps of one link.
pub struct Packer {
    format: Format,
    zlib: Box<CompressorOxide>,
    level: i32,
}

/// zlib's own default.
pub const LEVEL: i32 = 6;

impl Packer {
    /// A new link's. `level` is 0, which stores, to 10.
    pub fn new(format: Format, level: i32) -> Self {
        Self { format, zlib: zlib(level), level }
    }

    /// The bytes of one payload, given as JSON, and whether they are text.
    pub fn pack(&mut self, payload: &str) -> Packed {
        let bytes = payload.as_bytes().to_vec();
        match self.format.compression {
            Compression::ZlibStream => Packed::Binary(deflated(&mut self.zlib, &bytes, MZFlush::Sync)),
            Compression::ZlibPayload => Packed::Binary(deflated(&mut zlib(self.level), &bytes, MZFlush::Finish)),
            _ => Packed::Text(bytes),
        }
    }

    /// The bytes of a part of a payload, in a stream.
    pub fn part(&mut self, part: &str) -> Vec<u8> {
        deflated(&mut self.zlib, part.as_bytes(), MZFlush::Partial)
    }

    /// One message of one payload.
    pub fn message(&mut self, payload: &str) -> Message {
        match self.pack(payload) {
            Packed::Text(bytes) => Message::Text(bytes.into()),
            Packed::Binary(bytes) => Message::Binary(bytes.into()),
        }
    }
}

/// A payload as it goes out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Packed {
    /// As text, which cannot be split.
    Text(Vec<u8>),
    /// As binary.
    Binary(Vec<u8>),
}

impl Packed {
    /// The bytes.
    pub fn into_bytes(self) -> Vec<u8> {
        match self {
            Self::Text(bytes) | Self::Binary(bytes) => bytes,
        }
    }
}

/// The first message of a link: a payload of one key, which inflates to `len` bytes of blanks, and a bit. `flush` is
/// what a stream has at its end.
pub fn bomb(format: Format, flush: MZFlush, len: usize) -> Vec<u8> {
    let mut compressor = zlib(9);
    let flush = if format.compression == Compression::ZlibPayload { MZFlush::Finish } else { flush };
    let mut bytes = deflated(&mut compressor, b"{\"t\":\"", MZFlush::Full);
    // A full flush forgets what was before, so the same bytes can come again and again.
    let blanks = deflated(&mut compressor, &vec![b' '; 1 << 20], MZFlush::Full);
    bytes.extend(blanks.repeat(len >> 20));
    bytes.extend(deflated(&mut compressor, b"\"}", flush));
    bytes
}

fn zlib(level: i32) -> Box<CompressorOxide> {
    let window_bits = 15;
    Box::new(CompressorOxide::new(create_comp_flags_from_zip_params(level, window_bits, 0)))
}

fn deflated(compressor: &mut CompressorOxide, mut bytes: &[u8], flush: MZFlush) -> Vec<u8> {
    let mut packed = Vec::new();
    let mut room = vec![0; 64 << 10];
    loop {
        let result = deflate(compressor, bytes, &mut room, flush);
        packed.extend_from_slice(&room[..result.bytes_written]);
        bytes = &bytes[result.bytes_consumed..];
        match result.status {
            Ok(_) if result.bytes_written < room.len() && bytes.is_empty() => return packed,
            Ok(_) => {}
            Err(MZError::Buf) => return packed,
            Err(error) => panic!("{error:?}"),
        }
    }
}
