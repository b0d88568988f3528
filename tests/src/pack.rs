//! The gateway's side of compression and encoding: payloads in, the bytes of messages out. It uses the libraries' own
//! compressors.

use crate::etf;
use miniz_oxide::MZError;
pub use miniz_oxide::MZFlush;
use miniz_oxide::deflate::core::{CompressorOxide, create_comp_flags_from_zip_params};
use miniz_oxide::deflate::stream::deflate;
use portcullis::Message;
use portcullis::codec::{Compression, Encoding, Format};
use zstd_safe::{CCtx, InBuffer, OutBuffer};

/// The gateway's compressor of one connection.
pub struct Packer {
    format: Format,
    zlib: Box<CompressorOxide>,
    zstd: CCtx<'static>,
    level: i32,
}

/// zlib's own default.
pub const LEVEL: i32 = 6;

impl Packer {
    /// The compressor of a new connection. `level` is 0 (stored blocks) to 10.
    pub fn new(format: Format, level: i32) -> Self {
        let mut zstd = CCtx::create();
        zstd.init(level.max(1)).unwrap();
        Self { format, zlib: zlib(level), zstd, level }
    }

    /// Packs one payload, given as JSON: its bytes, and whether they are text.
    pub fn pack(&mut self, payload: &str) -> Packed {
        let bytes = self.encode(payload);
        if self.format == Format::default() { Packed::Text(bytes) } else { Packed::Binary(self.compress(&bytes)) }
    }

    fn encode(&self, payload: &str) -> Vec<u8> {
        match self.format.encoding {
            Encoding::Json => payload.as_bytes().to_vec(),
            Encoding::Etf => etf::written(&serde_json::from_str(payload).unwrap()),
        }
    }

    /// Compresses the bytes of a payload.
    pub fn compress(&mut self, payload: &[u8]) -> Vec<u8> {
        match self.format.compression {
            Compression::ZlibStream => deflated(&mut self.zlib, payload, MZFlush::Sync),
            Compression::ZlibPayload => deflated(&mut zlib(self.level), payload, MZFlush::Finish),
            Compression::ZstdStream => zstd_flushed(&mut self.zstd, payload),
            _ => payload.to_vec(),
        }
    }

    /// Compresses a part of a payload in a zlib stream.
    pub fn part(&mut self, part: &str) -> Vec<u8> {
        deflated(&mut self.zlib, part.as_bytes(), MZFlush::Partial)
    }

    /// Packs one payload into one message.
    pub fn message(&mut self, payload: &str) -> Message {
        match self.pack(payload) {
            Packed::Text(bytes) => Message::Text(bytes.into()),
            Packed::Binary(bytes) => Message::Binary(bytes.into()),
        }
    }
}

/// A packed payload.
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

/// A complete zlib stream.
pub fn finished(bytes: &[u8]) -> Vec<u8> {
    deflated(&mut zlib(LEVEL), bytes, MZFlush::Finish)
}

/// The first message of a connection: a payload of one key, which inflates to `len` spaces and a little more. `flush` is how
/// the stream flushes behind the payload.
pub fn bomb(format: Format, flush: MZFlush, len: usize) -> Vec<u8> {
    if format.compression == Compression::ZstdStream {
        return zstd_bomb(format, len);
    }
    let mut compressor = zlib(9);
    let flush = if format.compression == Compression::ZlibPayload { MZFlush::Finish } else { flush };
    let mut bytes = deflated(&mut compressor, head(format), MZFlush::Full);
    // A full flush resets the compressor's window, so the same bytes can be repeated.
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

/// The beginning of a payload with a text of two gigabytes.
fn head(format: Format) -> &'static [u8] {
    match format.encoding {
        Encoding::Json => b"{\"t\":\"",
        Encoding::Etf => &[131, 116, 0, 0, 0, 1, 115, 1, b't', 109, 0x7F, 0xFF, 0xFF, 0xFF],
    }
}

/// The same in RLE blocks, each 128 KiB in four bytes (RFC 8878 §3.1.1.2.2).
fn zstd_bomb(format: Format, len: usize) -> Vec<u8> {
    const BLOCK: usize = 128 << 10;
    let header = |kind: usize, size: usize| (size << 3 | kind << 1).to_le_bytes()[..3].to_vec();
    let head = head(format);
    let window_of_256_kib = [0x28, 0xB5, 0x2F, 0xFD, 0x00, 0x40];
    let repeated = [header(1, BLOCK), vec![b' ']].concat().repeat(len / BLOCK);
    [&window_of_256_kib[..], &header(0, head.len()), head, &repeated].concat()
}

fn zstd_flushed(compressor: &mut CCtx<'static>, payload: &[u8]) -> Vec<u8> {
    let (mut packed, mut room) = (Vec::new(), vec![0; 64 << 10]);
    let mut input = InBuffer::around(payload);
    while input.pos < payload.len() {
        let mut output = OutBuffer::around(&mut room[..]);
        compressor.compress_stream(&mut output, &mut input).unwrap();
        packed.extend_from_slice(output.as_slice());
    }
    loop {
        let mut output = OutBuffer::around(&mut room[..]);
        let left = compressor.flush_stream(&mut output).unwrap();
        packed.extend_from_slice(output.as_slice());
        if left == 0 {
            return packed;
        }
    }
}
