//! `zlib-stream`, and whole zlib streams, by zlib-rs at zlib's own default level: the same bytes for the same payloads.

use crate::config::Blocks;
use zlib_rs::{Deflate, DeflateFlush};

/// The largest stored block of deflate, in bytes *(RFC 1951 §3.2.4)*.
const BLOCK: usize = 65_535;
/// What an empty stored block ends with, and with it each payload of a stream.
pub(crate) const SUFFIX: [u8; 4] = [0, 0, 0xff, 0xff];
/// zlib's own default.
const LEVEL: i32 = 6;
/// 32 KiB, the largest window there is.
const WINDOW_BITS: u8 = 15;

/// One deflate context for a connection's life, flushed behind each payload and never finished.
pub(super) enum Stream {
    Compressed(Box<Deflate>),
    /// To an inflater these are blocks like any others; they cost nothing.
    Stored(Head),
}

/// Whether the two bytes in front of the first block are still to come.
#[derive(Clone, Copy)]
pub(super) enum Head {
    Due,
    Sent,
}

impl Stream {
    pub(super) fn new(blocks: Blocks) -> Self {
        match blocks {
            Blocks::Compressed => Self::Compressed(Box::new(Deflate::new(LEVEL, true, WINDOW_BITS))),
            Blocks::Stored => Self::Stored(Head::Due),
        }
    }

    pub(super) fn message(&mut self, payload: &[u8]) -> Vec<u8> {
        match self {
            Self::Compressed(deflate) => run(deflate, payload, DeflateFlush::SyncFlush),
            Self::Stored(head) => {
                let mut wire = match core::mem::replace(head, Head::Sent) {
                    Head::Due => vec![0x78, 0x01],
                    Head::Sent => Vec::new(),
                };
                stored(payload, &mut wire);
                wire.push(0);
                wire.extend(SUFFIX);
                wire
            }
        }
    }

    /// Goes on with stored blocks, which refer to nothing before them.
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

/// A payload as a zlib stream of its own.
pub(super) fn whole(payload: &[u8]) -> Vec<u8> {
    run(&mut Deflate::new(LEVEL, true, WINDOW_BITS), payload, DeflateFlush::Finish)
}

/// Bytes without head and end that refer to nothing before them: they can be repeated.
pub(super) fn unit(bytes: &[u8]) -> Vec<u8> {
    run(&mut Deflate::new(LEVEL, false, WINDOW_BITS), bytes, DeflateFlush::FullFlush)
}

/// Stored blocks, none of which is the last.
pub(super) fn stored(bytes: &[u8], wire: &mut Vec<u8>) {
    for block in bytes.chunks(BLOCK) {
        // Invariant: a chunk is no longer than a u16 can say.
        let length = u16::try_from(block.len()).unwrap_or(u16::MAX);
        wire.push(0);
        wire.extend(length.to_le_bytes());
        wire.extend((!length).to_le_bytes());
        wire.extend(block);
    }
}

/// Takes all of the bytes and flushes. A flush is whole when it leaves room.
fn run(deflate: &mut Deflate, bytes: &[u8], flush: DeflateFlush) -> Vec<u8> {
    let mut wire = vec![0; bytes.len() / 4 + 64];
    let (taken, written) = (deflate.total_in(), deflate.total_out());
    let since = |total: u64, start: u64| usize::try_from(total - start).unwrap_or(usize::MAX);
    loop {
        let (read, end) = (since(deflate.total_in(), taken), since(deflate.total_out(), written));
        // Invariant: the state is good, and want of room or of input is no error here.
        let ran = deflate.compress(&bytes[read..], &mut wire[end..], flush);
        let end = since(deflate.total_out(), written);
        if ran.is_err() || end < wire.len() {
            wire.truncate(end);
            return wire;
        }
        wire.resize(wire.len() * 2, 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use zlib_rs::{Inflate, InflateFlush};

    /// What a client's one inflater makes of a message.
    fn inflated(inflate: &mut Inflate, wire: &[u8]) -> Vec<u8> {
        let mut out = vec![0; 1 << 20];
        let before = inflate.total_out();
        inflate.decompress(wire, &mut out, InflateFlush::SyncFlush).unwrap();
        out.truncate(usize::try_from(inflate.total_out() - before).unwrap());
        out
    }

    const HELLO: &[u8] = br#"{"t":null,"s":null,"op":10,"d":{"heartbeat_interval":41250}}"#;
    const ACK: &[u8] = br#"{"t":null,"s":null,"op":11,"d":null}"#;

    #[test]
    fn each_payload_ends_in_the_suffix_and_later_ones_are_shorter() {
        let (mut stream, mut inflate) = (Stream::new(Blocks::Compressed), Inflate::new(true, 15));
        let mut lengths = Vec::new();
        for payload in [HELLO, ACK, ACK] {
            let wire = stream.message(payload);
            assert!(wire.ends_with(&SUFFIX));
            lengths.push(wire.len());
            assert_eq!(inflated(&mut inflate, &wire), payload);
        }
        // zlib's own vector on the protocol page has 62, 15 and 7.
        assert_eq!(lengths, [62, 15, 8]);
        let again = Stream::new(Blocks::Compressed).message(HELLO);
        assert_eq!((again[..2].to_vec(), again), (vec![0x78, 0x9c], Stream::new(Blocks::Compressed).message(HELLO)));
    }

    #[test]
    fn a_payload_that_hardly_compresses_comes_whole() {
        let mut state = 1_u64;
        let mut noise = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            state.to_be_bytes()[0]
        };
        let (mut stream, mut inflate) = (Stream::new(Blocks::Compressed), Inflate::new(true, 15));
        for length in [0, 1, 63, 64, 1000, 200_000] {
            let payload: Vec<u8> = (0..length).map(|_| noise()).collect();
            assert_eq!(inflated(&mut inflate, &stream.message(&payload)), payload, "{length} bytes");
        }
    }

    #[test]
    fn a_head_comes_once_and_stored_blocks_are_those_of_the_protocol_page() {
        let mut stream = Stream::new(Blocks::Stored);
        assert_eq!(stream.message(b"ab"), b"\x78\x01\0\x02\0\xfd\xffab\0\0\0\xff\xff");
        assert_eq!(stream.message(b"c"), b"\0\x01\0\xfe\xffc\0\0\0\xff\xff");
        assert_eq!(stream.message(&vec![b'x'; 200_000]).len(), 200_000 + 4 * 5 + 5);
    }

    #[test]
    fn a_whole_stream_has_its_end() {
        let mut inflate = Inflate::new(true, 15);
        assert_eq!(inflated(&mut inflate, &whole(HELLO)), HELLO);
        let mut one = inflated(&mut Inflate::new(false, 15), &unit(&[b' '; 1000]));
        one.dedup();
        assert_eq!(one, b" ");
    }
}
