//! `zstd-stream`: one frame for a connection's life, flushed behind each payload, in the window that the protocol page
//! has. The zstd library compresses it, where the feature `zstd` has it; blocks that are stored need none.

use super::zlib::Head;
#[cfg(not(feature = "zstd"))]
use super::zstd_absent::Compressor;
#[cfg(feature = "zstd")]
use super::zstd_library::Compressor;
use crate::config::Blocks;

/// The largest block, in bytes *(RFC 8878 §3.1.1.2.4)*.
pub(super) const BLOCK: usize = 128 << 10;
/// The head of a frame with a window of 256 KiB, no content size and no checksum.
const HEAD: [u8; 6] = [0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x40];

/// One compression context for a connection's life.
pub(super) enum Stream {
    Compressed(Compressor),
    /// Raw blocks are blocks like any others; they cost nothing.
    Stored(Head),
}

impl Stream {
    /// Raw blocks also where there is no library, or no memory for its context.
    pub(super) fn new(blocks: Blocks) -> Self {
        match blocks {
            Blocks::Compressed => Compressor::new().map_or(Self::Stored(Head::Due), Self::Compressed),
            Blocks::Stored => Self::Stored(Head::Due),
        }
    }

    pub(super) fn message(&mut self, payload: &[u8]) -> Vec<u8> {
        match self {
            Self::Compressed(compressor) => compressor.message(payload),
            Self::Stored(head) => {
                let mut wire = match core::mem::replace(head, Head::Sent) {
                    Head::Due => HEAD.to_vec(),
                    Head::Sent => Vec::new(),
                };
                for block in payload.chunks(BLOCK) {
                    wire.extend(block_head(Kind::Raw, block.len()));
                    wire.extend(block);
                }
                wire
            }
        }
    }

    /// Goes on with raw blocks, which refer to nothing before them.
    pub(super) fn store_on(&mut self) {
        *self = Self::Stored(Head::Sent);
    }

    pub(super) fn fork(&self) -> Option<Self> {
        match self {
            Self::Compressed(_) => None,
            Self::Stored(head) => Some(Self::Stored(*head)),
        }
    }
}

/// What a block holds *(RFC 8878 §3.1.1.2.2)*.
#[derive(Clone, Copy)]
pub(super) enum Kind {
    /// The bytes.
    Raw,
    /// One byte that is repeated.
    Repeated,
}

/// The head of a block that is not the last.
pub(super) fn block_head(kind: Kind, size: usize) -> [u8; 3] {
    let kind = match kind {
        Kind::Raw => 0,
        Kind::Repeated => 1 << 1,
    };
    // Invariant: a block's size has 17 bits.
    let [one, two, three, ..] = (u32::try_from(size).unwrap_or_default() << 3 | kind).to_le_bytes();
    [one, two, three]
}

#[cfg(test)]
mod tests {
    use super::*;
    use zstd_safe::{DCtx, InBuffer, OutBuffer};

    fn inflated(state: &mut DCtx<'static>, wire: &[u8]) -> Vec<u8> {
        let mut out = vec![0; 1 << 20];
        let (mut output, mut input) = (OutBuffer::around(&mut out[..]), InBuffer::around(wire));
        while input.pos < wire.len() {
            state.decompress_stream(&mut output, &mut input).unwrap();
        }
        let end = output.pos();
        out.truncate(end);
        out
    }

    const HELLO: &[u8] = br#"{"t":null,"s":null,"op":10,"d":{"heartbeat_interval":41250}}"#;

    #[test]
    fn a_payload_comes_out_at_its_flush_in_a_frame_that_never_ends() {
        for blocks in [Blocks::Compressed, Blocks::Stored] {
            let (mut stream, mut state) = (Stream::new(blocks), DCtx::create());
            let first = stream.message(HELLO);
            assert_eq!(first[..6], HEAD, "{blocks:?}");
            assert_eq!(inflated(&mut state, &first), HELLO);
            for length in [1_usize, 300, 300, 200_000] {
                let payload: Vec<u8> = HELLO.iter().copied().cycle().take(length).collect();
                let wire = stream.message(&payload);
                assert_eq!(inflated(&mut state, &wire), payload, "{blocks:?}, {length}");
                let is_compressed = blocks == Blocks::Compressed && cfg!(feature = "zstd");
                assert_eq!(wire.len() < length / 4, is_compressed && length >= 300, "{length}: {}", wire.len());
            }
        }
    }

    #[test]
    fn raw_blocks_are_those_of_the_protocol_page() {
        let mut stream = Stream::new(Blocks::Stored);
        assert_eq!(stream.message(HELLO)[..9], [0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x40, 0xe0, 0x01, 0x00]);
        assert_eq!(stream.message(b"ab"), b"\x10\0\0ab");
        assert_eq!(stream.message(&vec![b'x'; 200_000]).len(), 200_000 + 2 * 3);
    }
}
