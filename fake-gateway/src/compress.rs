//! Transport compression, without compressing: `zlib-stream` and `zstd-stream` with blocks that are stored as they are.
//! To an inflater they are like any others; what they cost on loopback is nothing.

use portcullis::Message;

/// Stored blocks of deflate have so many bytes at most.
const ZLIB_BLOCK: usize = 65_535;
/// Blocks of zstd have so many bytes at most.
const ZSTD_BLOCK: usize = 128 << 10;

/// How frames go out on a connection. A stream has its head in front of the first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Transport {
    Plain,
    Zlib(Stream),
    Zstd(Stream),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stream {
    New,
    Begun,
}

impl Transport {
    /// A frame as it goes onto the wire. Binary messages are sent as they are: they are made by tests.
    pub(super) fn wrap(&mut self, message: Message) -> Message {
        let Message::Text(text) = &message else { return message };
        match self {
            Self::Plain => message,
            Self::Zlib(stream) => {
                let mut wire = stream.begin(&[0x78, 0x01]);
                for block in text.chunks(ZLIB_BLOCK) {
                    // Invariant: a chunk is no longer than a u16 can say.
                    let length = u16::try_from(block.len()).unwrap_or(u16::MAX);
                    wire.push(0);
                    wire.extend_from_slice(&length.to_le_bytes());
                    wire.extend_from_slice(&(!length).to_le_bytes());
                    wire.extend_from_slice(block);
                }
                wire.extend_from_slice(&[0, 0, 0, 0xff, 0xff]);
                Message::Binary(wire.into())
            }
            Self::Zstd(stream) => {
                let mut wire = stream.begin(&[0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x40]);
                for block in text.chunks(ZSTD_BLOCK) {
                    // Invariant: a chunk is no longer than 17 bits can say; three more say that it is raw, not the last.
                    let head = u32::try_from(block.len()).unwrap_or_default() << 3;
                    wire.extend_from_slice(&head.to_le_bytes()[..3]);
                    wire.extend_from_slice(block);
                }
                Message::Binary(wire.into())
            }
        }
    }
}

impl Stream {
    fn begin(&mut self, head: &[u8]) -> Vec<u8> {
        match core::mem::replace(self, Self::Begun) {
            Self::New => head.to_vec(),
            Self::Begun => Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrapped(transport: &mut Transport, text: &str) -> Vec<u8> {
        transport.wrap(Message::Text(text.as_bytes().to_vec().into())).into_bytes().to_vec()
    }

    #[test]
    fn a_head_comes_once_and_blocks_are_those_of_the_protocol_page() {
        let hello = r#"{"t":null,"s":null,"op":10,"d":{"heartbeat_interval":41250}}"#;
        let mut zstd = Transport::Zstd(Stream::New);
        assert_eq!(wrapped(&mut zstd, hello)[..9], [0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x40, 0xe0, 0x01, 0x00]);
        assert_eq!(wrapped(&mut zstd, "ab"), b"\x10\0\0ab");
        let mut zlib = Transport::Zlib(Stream::New);
        assert_eq!(wrapped(&mut zlib, "ab"), b"\x78\x01\0\x02\0\xfd\xffab\0\0\0\xff\xff");
        assert_eq!(wrapped(&mut zlib, "c"), b"\0\x01\0\xfe\xffc\0\0\0\xff\xff");
        assert_eq!(wrapped(&mut Transport::Plain, "c"), b"c");
    }

    #[test]
    fn large_frames_have_several_blocks() {
        let text = "x".repeat(200_000);
        assert_eq!(wrapped(&mut Transport::Zlib(Stream::Begun), &text).len(), 200_000 + 4 * 5 + 5);
        assert_eq!(wrapped(&mut Transport::Zstd(Stream::Begun), &text).len(), 200_000 + 2 * 3);
    }
}
