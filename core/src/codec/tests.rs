//! What lending costs: payloads that come in pieces are not carried to and fro with each of them.

use super::*;
use alloc::vec;
use alloc::vec::Vec;

/// `payload` as a stream of blocks that are stored, in pieces of `size` bytes of it, with a flush at its end.
fn stored(payload: &[u8], size: usize) -> Vec<Vec<u8>> {
    let block = |part: &[u8]| {
        let len = u16::try_from(part.len()).unwrap();
        [&[0], &len.to_le_bytes()[..], &(!len).to_le_bytes(), part].concat()
    };
    let mut pieces: Vec<Vec<u8>> = payload.chunks(size).map(block).collect();
    pieces[0].splice(0..0, [0x78, 0x01]);
    pieces.push(block(&[]));
    pieces
}

/// The same by raw blocks of zstd (RFC 8878 §3.1.1.2), in a window of 256 KiB.
#[cfg(feature = "zstd")]
fn raw(payload: &[u8], size: usize) -> Vec<Vec<u8>> {
    let block = |part: &[u8]| [&(part.len() << 3).to_le_bytes()[..3], part].concat();
    let mut pieces: Vec<Vec<u8>> = payload.chunks(size).map(block).collect();
    pieces[0].splice(0..0, [0x28, 0xB5, 0x2F, 0xFD, 0x00, 0x40]);
    pieces
}

/// The payloads that come of the messages in memory that is lent, and how many bytes were moved.
fn lent(mut codec: Codec, messages: &[Vec<u8>]) -> (Vec<Vec<u8>>, usize) {
    let (mut scratch, mut came) = (Scratch::default(), vec![]);
    for message in messages {
        assert_eq!(codec.take(Message::Binary(message.clone().into())), None);
        codec.lend(&mut scratch);
        while let Some(payload) = codec.next(1 << 30) {
            came.push(payload.unwrap().to_vec());
        }
        codec.give_back(&mut scratch);
    }
    let output = codec.packed.as_mut().unwrap().unpack.output().unwrap();
    (came, output.copied())
}

/// A payload, and how many bytes of it go into a message: the messages.
type Pack = fn(&[u8], usize) -> Vec<Vec<u8>>;

fn codecs() -> Vec<(Codec, Pack)> {
    let format = |compression| Format { compression, encoding: Encoding::Json };
    let zlib = |inflater| (Codec::new(format(Compression::ZlibStream), inflater), stored as Pack);
    vec![
        zlib(Inflater::Miniz),
        #[cfg(feature = "zlib-rs")]
        zlib(Inflater::ZlibRs),
        #[cfg(feature = "zstd")]
        (Codec::new(format(Compression::ZstdStream), Inflater::Miniz), raw as Pack),
    ]
}

#[test]
fn found_29_a_payload_in_pieces_is_not_moved_with_each_of_them() {
    const LEN: usize = 4 << 20;
    const SIZE: usize = 4 << 10;
    let payload = [b"{\"t\":\"".to_vec(), vec![b'x'; LEN], b"\"}".to_vec()].concat();
    for (index, (codec, pack)) in codecs().into_iter().enumerate() {
        let (came, moved) = lent(codec, &pack(&payload, SIZE));
        assert_eq!(came, [&*payload], "{index}");
        // Memory that doubles moves what it holds once in all, and once more when it grows to its limit.
        assert!(moved < 4 * LEN, "{moved} bytes were moved of a payload of {LEN}, by codec {index}");
    }
}

#[test]
fn found_29_small_messages_behind_a_large_beginning_move_nothing_of_it() {
    const LEN: usize = 4 << 20;
    let begun = [b"{\"t\":\"".to_vec(), vec![b'x'; LEN]].concat();
    for (index, (codec, pack)) in codecs().into_iter().enumerate() {
        let mut messages = vec![pack(&begun, 32 << 10).concat()];
        let mut rest = pack(&[b'y'; 1000], 1);
        // The head came before.
        rest[0] = rest[1].clone();
        messages.extend(rest);
        let (came, moved) = lent(codec, &messages);
        assert_eq!(came, [[0; 0]; 0], "{index}");
        assert!(moved < 4 * LEN, "{moved} bytes were moved of {LEN}, by codec {index}");
    }
}
