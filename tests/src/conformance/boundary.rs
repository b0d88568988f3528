//! Where the frames of a WebSocket server begin and end, for a relay that puts some of its own between them.

/// The position in a connection's bytes: in the answer to the upgrade, then in frames. *(source: RFC 6455 §5.2)*
#[derive(Debug, Default)]
pub(super) struct Boundary {
    part: Part,
    /// The bytes of the current header so far.
    head: Vec<u8>,
}

#[derive(Clone, Copy, Debug, Default)]
enum Part {
    /// The answer to the upgrade.
    #[default]
    Upgrade,
    /// A frame's header.
    Header,
    /// A frame's payload, of which this many bytes are missing.
    Payload(u64),
}

impl Boundary {
    /// Follows bytes that were forwarded.
    pub(super) fn note(&mut self, mut bytes: &[u8]) {
        while let [byte, rest @ ..] = bytes {
            self.part = match self.part {
                Part::Payload(missing) => {
                    let len = bytes.len().min(usize::try_from(missing).unwrap_or(usize::MAX));
                    bytes = &bytes[len..];
                    self.next(missing - len as u64)
                }
                part => {
                    self.head.push(*byte);
                    bytes = rest;
                    self.after_head(part)
                }
            };
        }
    }

    /// Whether the next byte begins a frame.
    pub(super) fn is_between_frames(&self) -> bool {
        matches!(self.part, Part::Header) && self.head.is_empty()
    }

    fn next(&mut self, missing: u64) -> Part {
        self.head.clear();
        if missing == 0 { Part::Header } else { Part::Payload(missing) }
    }

    fn after_head(&mut self, part: Part) -> Part {
        let missing = match (part, self.head.as_slice()) {
            (Part::Upgrade, head) if head.ends_with(b"\r\n\r\n") => 0,
            (Part::Header, [_, len @ 0..=125]) => u64::from(*len),
            (Part::Header, [_, 126, high, low]) => u64::from(u16::from_be_bytes([*high, *low])),
            (Part::Header, [_, 127, len @ ..]) if len.len() == 8 => {
                len.iter().fold(0, |missing, byte| missing << 8 | u64::from(*byte))
            }
            _ => return part,
        };
        self.next(missing)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_of_all_lengths_are_told_apart_however_they_come() {
        let upgrade = b"HTTP/1.1 101 X\r\nA: b\r\n\r\n".to_vec();
        let small = [&[0x81, 3][..], b"abc"].concat();
        let medium = [&[0x81, 126, 0x01, 0x00][..], &[b'x'; 256]].concat();
        let large = [&[0x82, 127, 0, 0, 0, 0, 0, 1, 0, 0][..], &vec![b'x'; 65536]].concat();
        for size in [1, 2, 7, 100_000] {
            let mut boundary = Boundary::default();
            for part in [&upgrade, &small, &medium, &vec![0x8a, 0], &large, &small] {
                let (head, last) = part.split_at(part.len() - 1);
                head.chunks(size).for_each(|piece| boundary.note(piece));
                assert!(!boundary.is_between_frames());
                boundary.note(last);
                assert!(boundary.is_between_frames());
            }
        }
    }
}
