//! UTF-8, checked as it arrives: a character may be split anywhere, between reads and between fragments.
//!
//! The first byte that makes the text invalid, whatever follows, is an error at once. *(source: RFC 6455 §8.1; RFC 3629
//! §4)*

use core::str;

/// Whether a complete text is UTF-8.
pub(crate) fn is_valid(bytes: &[u8]) -> bool {
    simdutf8::basic::from_utf8(bytes).is_ok()
}

/// The text is not UTF-8, whatever follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Invalid;

/// A check that continues with the next piece of a text.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Utf8 {
    /// An incomplete character: at most three bytes, and a fourth while it is being checked.
    begun: [u8; 4],
    len: u8,
}

impl Utf8 {
    /// Checks the next piece.
    pub(crate) fn check(&mut self, mut bytes: &[u8]) -> Result<(), Invalid> {
        while self.len > 0 {
            let Some((&byte, rest)) = bytes.split_first() else { return Ok(()) };
            self.begun[usize::from(self.len)] = byte;
            self.len += 1;
            bytes = rest;
            match state_of(&self.begun[..usize::from(self.len)])? {
                State::Whole => self.len = 0,
                State::Begun => {}
            }
        }
        let len = begun_at_the_end(bytes);
        let (whole, begun) = bytes.split_at(bytes.len() - usize::from(len));
        if !is_valid(whole) {
            return Err(Invalid);
        }
        if !begun.is_empty() {
            state_of(begun)?;
            self.begun[..begun.len()].copy_from_slice(begun);
            self.len = len;
        }
        Ok(())
    }

    /// Whether the text may end here: not inside a character.
    pub(crate) const fn is_whole(self) -> bool {
        self.len == 0
    }
}

enum State {
    Whole,
    Begun,
}

fn state_of(character: &[u8]) -> Result<State, Invalid> {
    match str::from_utf8(character) {
        Ok(_) => Ok(State::Whole),
        // No error length: the bytes end inside a character that may still become valid.
        Err(error) if error.error_len().is_none() => Ok(State::Begun),
        Err(_) => Err(Invalid),
    }
}

/// How many bytes at the end belong to an incomplete character: 0 to 3.
fn begun_at_the_end(bytes: &[u8]) -> u8 {
    for (byte, len) in bytes.iter().rev().zip(1..=3) {
        let width = match byte {
            0x80..=0xbf => continue,
            0xc0..=0xdf => 2,
            0xe0..=0xef => 3,
            0xf0..=0xf7 => 4,
            _ => 1,
        };
        return if len < width { len } else { 0 };
    }
    0
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    /// After how many bytes a text is known to be wrong, given one at a time.
    fn wrong_at(text: &[u8]) -> Option<usize> {
        let mut utf8 = Utf8::default();
        text.iter().position(|byte| utf8.check(&[*byte]).is_err())
    }

    #[test]
    fn every_split_of_a_text_gives_the_same() {
        let texts: [&[u8]; 8] = [
            "κόσμε, 日本, 𝄞 and plain".as_bytes(),
            b"\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5\xed\xa0\x80edited",
            b"\xf4\x8f\xbf\xbf",
            b"\xf4\x90\x80\x80",
            b"abc\x80",
            b"\xc3",
            b"\xf0\x9d\x84",
            b"a long ascii text that is longer than one vector of sixty-four bytes is \xff, and goes on",
        ];
        for text in texts {
            let expected = str::from_utf8(text).is_ok();
            for first in 0..=text.len() {
                for second in first..=text.len() {
                    let mut utf8 = Utf8::default();
                    let pieces = [&text[..first], &text[first..second], &text[second..]];
                    let checked = pieces.into_iter().all(|piece| utf8.check(piece).is_ok());
                    assert_eq!(checked && utf8.is_whole(), expected, "{text:02x?} at {first} and {second}");
                }
            }
        }
    }

    #[test]
    fn the_first_byte_that_cannot_be_mended_is_told() {
        for (text, at) in [
            (&b"\xce\xba\xed\xa0\x80"[..], Some(3)),
            (b"\xf4\x90\x80\x80", Some(1)),
            (b"\xe0\x9f\xbf", Some(1)),
            (b"\xf0\x8f\xbf\xbf", Some(1)),
            (b"a\xc0\xaf", Some(1)),
            (b"\xf5", Some(0)),
            (b"\xf8\x88", Some(0)),
            (b"\x80", Some(0)),
            (b"\xf0\x9d\x84a", Some(3)),
            (b"\xf0\x9d\x84\x9e", None),
        ] {
            assert_eq!(wrong_at(text), at, "{text:02x?}");
        }
    }

    #[test]
    fn each_scalar_value_passes_and_no_surrogate() {
        let all: Vec<u8> = (0..=0x10_ffff_u32)
            .step_by(61)
            .filter_map(char::from_u32)
            .flat_map(|scalar| scalar.encode_utf8(&mut [0; 4]).as_bytes().to_vec())
            .collect();
        let mut utf8 = Utf8::default();
        assert!(all.chunks(7).all(|piece| utf8.check(piece).is_ok()) && utf8.is_whole());
        for surrogate in 0xd800_u32..=0xdfff {
            let second = 0x80 | u8::try_from(surrogate >> 6 & 0x3f).unwrap();
            assert_eq!(wrong_at(&[0xed, second, 0x80]), Some(1), "{surrogate:x}");
        }
    }
}
