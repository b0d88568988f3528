//! A payload of any size in few bytes, made without ever holding it.

use super::{Encoding, Packer, Transport, zlib, zstd};

/// How many blanks are compressed at a time.
const UNIT: usize = 1 << 20;

impl Packer {
    /// The bytes of one dispatch named `BOMB` whose data is this many blanks: a thousandth of them by zlib, a
    /// thirty-thousandth by zstd. None where nothing is compressed. What is sent behind it is still right.
    pub(crate) fn bomb(&mut self, blanks: u32) -> Option<Vec<u8>> {
        let (head, tail) = around(self.encoding, blanks);
        Some(match &mut self.transport {
            Transport::Plain if self.encoding == Encoding::Json => return None,
            Transport::Plain => compressed_term(&head, blanks, &tail),
            Transport::Payloads => whole(&head, blanks, &tail),
            Transport::Zlib(stream) => {
                let mut wire = stream.message(&head);
                wire.extend(deflated(blanks));
                stream.store_on();
                wire.extend(stream.message(&tail));
                wire
            }
            Transport::Zstd(stream) => {
                let mut wire = stream.message(&head);
                let blanks = usize::try_from(blanks).unwrap_or(usize::MAX);
                let block = |size| [zstd::block_head(zstd::Kind::Repeated, size).as_slice(), b" "].concat();
                wire.extend(block(zstd::BLOCK).repeat(blanks / zstd::BLOCK));
                if blanks % zstd::BLOCK > 0 {
                    wire.extend(block(blanks % zstd::BLOCK));
                }
                stream.store_on();
                wire.extend(stream.message(&tail));
                wire
            }
        })
    }
}

/// What stands before the blanks, and what behind.
fn around(encoding: Encoding, blanks: u32) -> (Vec<u8>, Vec<u8>) {
    match encoding {
        Encoding::Json => (br#"{"t":"BOMB","s":null,"op":0,"d":""#.to_vec(), br#""}"#.to_vec()),
        Encoding::Etf => {
            let head = [b"\x83t\0\0\0\x04d\0\x01dm".as_slice(), &blanks.to_be_bytes()].concat();
            (head, b"d\0\x02opa\0d\0\x01sd\0\x03nild\0\x01tm\0\0\0\x04BOMB".to_vec())
        }
    }
}

/// This many blanks in blocks of deflate, none of which is the last.
fn deflated(blanks: u32) -> Vec<u8> {
    let blanks = usize::try_from(blanks).unwrap_or(usize::MAX);
    let unit = vec![b' '; UNIT];
    let mut wire = zlib::unit(&unit).repeat(blanks / UNIT);
    if blanks % UNIT > 0 {
        wire.extend(zlib::unit(&unit[..blanks % UNIT]));
    }
    wire
}

/// A zlib stream with its end.
fn whole(head: &[u8], blanks: u32, tail: &[u8]) -> Vec<u8> {
    let mut wire = vec![0x78, 0x9c];
    zlib::stored(head, &mut wire);
    wire.extend(deflated(blanks));
    zlib::stored(tail, &mut wire);
    // The last block is an empty one.
    wire.extend([1, 0, 0, 0xff, 0xff]);
    let mut sum = Adler::default();
    sum.add(head);
    sum.add_blanks(blanks);
    sum.add(tail);
    wire.extend(sum.bytes());
    wire
}

/// COMPRESSED has the whole term in it, without the version.
fn compressed_term(head: &[u8], blanks: u32, tail: &[u8]) -> Vec<u8> {
    let inner = &head[1..];
    let around = u32::try_from(inner.len() + tail.len()).unwrap_or(u32::MAX);
    let size = blanks.saturating_add(around);
    [b"\x83P".as_slice(), &size.to_be_bytes(), &whole(inner, blanks, tail)].concat()
}

/// Adler-32 *(RFC 1950)*.
struct Adler {
    low: u64,
    high: u64,
}

const MODULUS: u64 = 65_521;

impl Default for Adler {
    fn default() -> Self {
        Self { low: 1, high: 0 }
    }
}

impl Adler {
    fn add(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.low = (self.low + u64::from(byte)) % MODULUS;
            self.high = (self.high + self.low) % MODULUS;
        }
    }

    /// As many blanks at once.
    fn add_blanks(&mut self, blanks: u32) {
        let (count, blank) = (u64::from(blanks), u64::from(b' '));
        let triangle = (count * (count + 1) / 2) % MODULUS;
        self.high = (self.high + count % MODULUS * self.low + triangle * blank) % MODULUS;
        self.low = (self.low + count % MODULUS * blank) % MODULUS;
    }

    fn bytes(&self) -> [u8; 4] {
        u32::try_from(self.high << 16 | self.low).unwrap_or_default().to_be_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Blocks;
    use crate::pack::Compression;
    use zlib_rs::{Inflate, InflateFlush, Status};

    /// What comes out of a zlib stream, and whether it ended well, with 64 KiB held.
    fn inflated(wire: &[u8], ends: &mut (Vec<u8>, Vec<u8>)) -> (u64, Status) {
        let (mut inflate, mut out) = (Inflate::new(true, 15), vec![0; 64 << 10]);
        loop {
            let (read, written) = (inflate.total_in(), inflate.total_out());
            let rest = &wire[usize::try_from(read).unwrap()..];
            let status = inflate.decompress(rest, &mut out, InflateFlush::SyncFlush).unwrap();
            let new = &out[..usize::try_from(inflate.total_out() - written).unwrap()];
            if ends.0.is_empty() {
                ends.0 = new[..new.len().min(40)].to_vec();
            }
            if new.len() >= 2 {
                ends.1 = new[new.len() - 2..].to_vec();
            }
            if new.is_empty() || status == Status::StreamEnd {
                return (inflate.total_out(), status);
            }
        }
    }

    #[test]
    fn a_gigabyte_is_a_megabyte_of_zlib_and_32_kilobytes_of_zstd() {
        let around = 33 + 2;
        for blanks in [1, 999_999, 9_000_000] {
            let mut payloads = Packer::new(Encoding::Json, Compression::None, Blocks::Compressed);
            payloads.compress_payloads();
            let stream = Packer::new(Encoding::Json, Compression::ZlibStream, Blocks::Compressed);
            for (mut packer, end) in [(payloads, Status::StreamEnd), (stream, Status::Ok)] {
                let wire = packer.bomb(blanks).unwrap();
                let mut ends = Default::default();
                let (size, status) = inflated(&wire, &mut ends);
                assert_eq!(size, u64::from(blanks) + around, "{packer:?}");
                assert!(status == end || status == Status::BufError && end == Status::Ok, "{packer:?}: {status:?}");
                assert!(ends.0.starts_with(br#"{"t":"BOMB","s":null,"op":0,"d":" "#), "{packer:?}");
                assert_eq!(ends.1, br#""}"#, "{packer:?}");
                assert!(wire.len() < 1_200_000, "{packer:?}: {}", wire.len());
            }
        }
        for (compression, length) in [(Compression::ZlibStream, 1_100_000), (Compression::ZstdStream, 33_000)] {
            let wire = Packer::new(Encoding::Json, compression, Blocks::Compressed).bomb(1 << 30).unwrap();
            assert!(wire.len() < length, "{compression:?}: {}", wire.len());
        }
        assert_eq!(Packer::new(Encoding::Json, Compression::None, Blocks::Compressed).bomb(1), None);
    }

    #[test]
    fn a_bomb_of_etf_is_a_term_that_says_its_size() {
        let mut packer = Packer::new(Encoding::Etf, Compression::None, Blocks::Compressed);
        let wire = packer.bomb(5_000_000).unwrap();
        let (said, stream) = wire.split_at(6);
        let (size, status) = inflated(stream, &mut Default::default());
        assert_eq!((said[..2].to_vec(), status), (b"\x83P".to_vec(), Status::StreamEnd));
        assert_eq!(u64::from(u32::from_be_bytes(said[2..].try_into().unwrap())), size);
    }
}
