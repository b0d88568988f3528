//! Writes JSON while a term is read.

use crate::codec::{CodecError, Undecoded};
use alloc::vec::Vec;
use core::fmt;

/// JSON of at most `most` bytes. At most one scalar term more is written before [`check`](Self::check) reports the excess, and
/// its JSON is at most six times as long as the term.
pub(super) struct Json<'a> {
    out: &'a mut Vec<u8>,
    most: usize,
}

impl<'a> Json<'a> {
    pub(super) const fn new(out: &'a mut Vec<u8>, most: usize) -> Self {
        Self { out, most }
    }

    /// Appends bytes that need no escape.
    pub(super) fn put(&mut self, bytes: &[u8]) {
        self.out.extend_from_slice(bytes);
    }

    pub(super) fn text(&mut self, mut text: &[u8]) -> Result<(), Undecoded> {
        self.put(b"\"");
        while let Some(len) = text.iter().position(|&byte| !STANDS_RAW[usize::from(byte)]) {
            self.put(&text[..len]);
            match text[len] {
                byte @ (b'"' | b'\\') => self.put(&[b'\\', byte]),
                byte => {
                    let digit = |nibble: u8| b"0123456789abcdef"[usize::from(nibble)];
                    self.put(&[b'\\', b'u', b'0', b'0', digit(byte >> 4), digit(byte & 15)]);
                }
            }
            text = &text[len + 1..];
            self.check()?;
        }
        self.put(text);
        self.put(b"\"");
        Ok(())
    }

    pub(super) fn integer(&mut self, number: impl itoa::Integer) {
        self.put(itoa::Buffer::new().format(number).as_bytes());
    }

    /// Appends a float as JSON writes it.
    pub(super) fn float(&mut self, float: f64) {
        // Writing to memory cannot fail.
        _ = fmt::write(self, format_args!("{float:?}"));
    }

    /// Appends an array of small integers: a `STRING_EXT` is a list of bytes, not a text.
    pub(super) fn bytes(&mut self, bytes: &[u8]) {
        self.put(b"[");
        for (index, &byte) in bytes.iter().enumerate() {
            if index > 0 {
                self.put(b",");
            }
            self.integer(byte);
        }
        self.put(b"]");
    }

    /// Ends an object each of whose entries has a comma behind it.
    pub(super) fn end_map(&mut self) {
        match self.out.last_mut() {
            Some(comma @ b',') => *comma = b'}',
            Some(_) | None => self.put(b"}"),
        }
    }

    /// The bytes written so far.
    pub(super) const fn written(&self) -> &[u8] {
        self.out.as_slice()
    }

    /// The memory that it writes to.
    pub(super) const fn memory(&mut self) -> &mut Vec<u8> {
        self.out
    }

    /// An error if more than `most` bytes were written.
    pub(super) const fn check(&self) -> Result<(), Undecoded> {
        if self.out.len() > self.most {
            Err(Undecoded::Broken(CodecError::TooLarge { limit: self.most }))
        } else {
            Ok(())
        }
    }
}

impl fmt::Write for Json<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.put(text.as_bytes());
        Ok(())
    }
}

/// Which bytes a JSON string holds without an escape (RFC 8259 §7).
const STANDS_RAW: [bool; 256] = {
    let mut raw = [true; 256];
    let mut byte = 0;
    while byte < b' ' {
        raw[byte as usize] = false;
        byte += 1;
    }
    raw[b'"' as usize] = false;
    raw[b'\\' as usize] = false;
    raw
};
