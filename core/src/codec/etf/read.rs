//! From a term to JSON. The keys of a frame come out in the order of the dialect's fast scan: `t`, `s`, `op`, `d`.
//!
//! Text is not checked for UTF-8 here, as JSON payloads are not: decoding a dispatch checks it.

use super::heads::{Head, Heads};
use super::json::Json;
use super::{
    ATOM, ATOM_UTF8, BINARY, COMPRESSED, FLOAT, FLOAT_LEN, INTEGER, LARGE_BIG, LARGE_TUPLE, LIST, MAP, NEW_FLOAT, NIL,
    SMALL_ATOM, SMALL_ATOM_UTF8, SMALL_BIG, SMALL_INTEGER, SMALL_TUPLE, STRING, VERSION,
};
use crate::codec::inflate::{Fed, Inflate, Inflater, Purpose};
use crate::codec::output::KEPT_MAX;
use crate::codec::{CodecError, Undecoded};
use crate::frame::FrameError;
use alloc::boxed::Box;
use alloc::vec::Vec;

/// Reads the terms of one connection into JSON.
pub(in crate::codec) struct Transcoder {
    out: Vec<u8>,
    inflater: Inflater,
    inflate: Option<Box<dyn Inflate>>,
}

impl Transcoder {
    pub(in crate::codec) const fn new(inflater: Inflater) -> Self {
        Self { out: Vec::new(), inflater, inflate: None }
    }

    /// Converts a payload, which is one term, to a JSON frame. The next call overwrites the frame.
    pub(in crate::codec) fn json(&mut self, payload: &[u8], most: usize) -> Result<&[u8], Undecoded> {
        self.out.clear();
        let out = Json::new(&mut self.out, most);
        match payload {
            [VERSION, COMPRESSED, rest @ ..] => {
                let inflate = self.inflate.get_or_insert_with(|| self.inflater.inflate(Purpose::Payloads));
                inflated(&mut **inflate, rest, most).and_then(|bytes| Reader { bytes, at: 0, out }.frame())
            }
            [VERSION, ..] => Reader { bytes: payload, at: 1, out }.frame(),
            _ => Err(Undecoded::Malformed(FrameError::NotEtf { at: 0 })),
        }?;
        Ok(&self.out)
    }

    /// The caller has used the last frame. Large memory is freed.
    pub(in crate::codec) fn settle(&mut self) {
        if self.out.capacity() > KEPT_MAX {
            self.out = Vec::new();
        }
        if let Some(inflate) = &mut self.inflate {
            inflate.settle(inflate.pending().len());
        }
    }

    /// Swaps the memory that it writes to. Between two frames that memory holds nothing of use.
    pub(in crate::codec) const fn swap(&mut self, memory: &mut Vec<u8>) {
        core::mem::swap(&mut self.out, memory);
    }

    /// Frees the memory that it does not need between payloads.
    pub(in crate::codec) fn rest(&mut self) {
        self.out = Vec::new();
        self.inflate = None;
    }
}

/// Inflates a compressed term; `bytes` begins behind version and tag. The stated size must be exact: it is checked against the
/// limit before anything is inflated.
fn inflated<'a>(inflate: &'a mut dyn Inflate, bytes: &[u8], most: usize) -> Result<&'a [u8], Undecoded> {
    let malformed = Undecoded::Malformed(FrameError::NotEtf { at: 1 });
    let (size, bytes) = bytes.split_first_chunk().ok_or(malformed)?;
    let size = usize::try_from(u32::from_be_bytes(*size)).unwrap_or(usize::MAX);
    if size > most {
        return Err(Undecoded::Broken(CodecError::TooLarge { limit: most }));
    }
    inflate.reset();
    match inflate.feed(bytes, size) {
        Ok(Fed::Ended { left: 0 }) if inflate.pending().len() == size => Ok(inflate.pending()),
        Ok(_) | Err(_) => Err(malformed),
    }
}

/// A term being read.
struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
    out: Json<'a>,
}

/// How an integer of more than 32 bits is written.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Wide {
    /// As a string, as ids are in JSON: numbers above 2^53 are not exact in many JSON readers.
    Text,
    Number,
}

impl<'a> Reader<'a> {
    /// Reads the whole term, which must be a map.
    fn frame(mut self) -> Result<(), Undecoded> {
        if self.byte()? != MAP {
            return Err(Undecoded::Malformed(FrameError::NotObject));
        }
        let mut heads = Heads::default();
        self.out.put(b"{");
        for _ in 0..self.u32()? {
            let start = self.out.written().len();
            self.key()?;
            let head = Head::of(&self.out.written()[start..]);
            match head {
                Some(Head::Sequence | Head::Opcode) => self.number_or_term()?,
                Some(Head::Name | Head::Data) | None => self.term(0)?,
            }
            self.out.put(b",");
            if let Some(head) = head {
                heads.note(head, start, self.out.memory());
            }
        }
        if self.at < self.bytes.len() {
            return Err(self.wrong());
        }
        heads.sort(1, self.out.memory());
        self.out.end_map();
        self.out.check()
    }

    fn term(&mut self, depth: usize) -> Result<(), Undecoded> {
        if depth > DEPTH_MAX {
            return Err(self.wrong());
        }
        self.out.check()?;
        match self.byte()? {
            tag @ (SMALL_INTEGER | INTEGER | SMALL_BIG | LARGE_BIG) => self.integer(tag, Wide::Text)?,
            NEW_FLOAT => {
                let float = f64::from_be_bytes(self.array()?);
                self.float(Some(float))?;
            }
            FLOAT => {
                let text = core::str::from_utf8(self.take(FLOAT_LEN)?).ok();
                self.float(text.and_then(|text| text.trim_end_matches('\0').parse().ok()))?;
            }
            tag @ (ATOM | SMALL_ATOM | ATOM_UTF8 | SMALL_ATOM_UTF8) => match self.atom(tag)? {
                b"nil" | b"null" => self.out.put(b"null"),
                b"true" => self.out.put(b"true"),
                b"false" => self.out.put(b"false"),
                name => self.atom_text(tag, name)?,
            },
            BINARY => self.binary()?,
            NIL => self.out.put(b"[]"),
            STRING => {
                let len = self.u16()?;
                let bytes = self.take(usize::from(len))?;
                self.out.bytes(bytes);
            }
            SMALL_TUPLE => {
                let count = self.byte()?;
                self.items(u32::from(count), depth)?;
            }
            LARGE_TUPLE => {
                let count = self.u32()?;
                self.items(count, depth)?;
            }
            LIST => {
                let count = self.u32()?;
                self.items(count, depth)?;
                if self.byte()? != NIL {
                    return Err(self.wrong());
                }
            }
            MAP => self.map(depth)?,
            _ => return Err(self.wrong()),
        }
        Ok(())
    }

    fn items(&mut self, count: u32, depth: usize) -> Result<(), Undecoded> {
        self.out.put(b"[");
        for index in 0..count {
            if index > 0 {
                self.out.put(b",");
            }
            self.term(depth + 1)?;
        }
        self.out.put(b"]");
        Ok(())
    }

    fn map(&mut self, depth: usize) -> Result<(), Undecoded> {
        self.out.put(b"{");
        for index in 0..self.u32()? {
            if index > 0 {
                self.out.put(b",");
            }
            self.key()?;
            self.term(depth + 1)?;
        }
        self.out.put(b"}");
        Ok(())
    }

    /// Reads a key, and writes it with its colon.
    fn key(&mut self) -> Result<(), Undecoded> {
        match self.byte()? {
            tag @ (ATOM | SMALL_ATOM | ATOM_UTF8 | SMALL_ATOM_UTF8) => {
                let name = self.atom(tag)?;
                self.atom_text(tag, name)?;
            }
            BINARY => self.binary()?,
            tag @ (SMALL_INTEGER | INTEGER | SMALL_BIG | LARGE_BIG) => {
                self.out.put(b"\"");
                self.integer(tag, Wide::Number)?;
                self.out.put(b"\"");
            }
            _ => return Err(self.wrong()),
        }
        self.out.put(b":");
        Ok(())
    }

    /// Reads a sequence or an opcode, which is a JSON number even above 32 bits.
    fn number_or_term(&mut self) -> Result<(), Undecoded> {
        match self.bytes.get(self.at) {
            Some(&tag @ (SMALL_BIG | LARGE_BIG)) => {
                self.at += 1;
                self.integer(tag, Wide::Number)
            }
            Some(_) | None => self.term(0),
        }
    }

    fn integer(&mut self, tag: u8, wide: Wide) -> Result<(), Undecoded> {
        let len = match tag {
            SMALL_INTEGER => {
                let small = self.byte()?;
                self.out.integer(small);
                return Ok(());
            }
            INTEGER => {
                let value = i32::from_be_bytes(self.array()?);
                self.out.integer(value);
                return Ok(());
            }
            SMALL_BIG => usize::from(self.byte()?),
            _ => usize::try_from(self.u32()?).unwrap_or(usize::MAX),
        };
        let is_negative = self.byte()? != 0;
        let bytes = self.take(len)?;
        // Leading zeros (the bytes are little endian) carry no value: a longer integer with them still fits.
        let zeros = bytes.iter().rev().take_while(|&&byte| byte == 0).count();
        let mut magnitude = [0; 16];
        let Some(low) = magnitude.get_mut(..len - zeros) else { return Err(self.wrong()) };
        low.copy_from_slice(&bytes[..len - zeros]);
        let magnitude = u128::from_le_bytes(magnitude);
        let quote = if wide == Wide::Text && magnitude > u128::from(u32::MAX) { &b"\""[..] } else { b"" };
        self.out.put(quote);
        if is_negative && magnitude > 0 {
            self.out.put(b"-");
        }
        self.out.integer(magnitude);
        self.out.put(quote);
        Ok(())
    }

    fn float(&mut self, float: Option<f64>) -> Result<(), Undecoded> {
        match float {
            Some(float) if float.is_finite() => {
                self.out.float(float);
                Ok(())
            }
            Some(_) | None => Err(self.wrong()),
        }
    }

    fn binary(&mut self) -> Result<(), Undecoded> {
        let len = self.u32()?;
        let text = self.take(usize::try_from(len).unwrap_or(usize::MAX))?;
        self.out.text(text)
    }

    /// Reads the name of an atom.
    fn atom(&mut self, tag: u8) -> Result<&'a [u8], Undecoded> {
        let len = match tag {
            ATOM | ATOM_UTF8 => usize::from(self.u16()?),
            _ => usize::from(self.byte()?),
        };
        self.take(len)
    }

    /// Writes an atom's name as a string. The older tags encode it in Latin-1, the newer ones in UTF-8.
    fn atom_text(&mut self, tag: u8, name: &[u8]) -> Result<(), Undecoded> {
        if matches!(tag, ATOM | SMALL_ATOM) && !name.is_ascii() {
            let mut text = alloc::string::String::with_capacity(name.len() * 2);
            text.extend(name.iter().map(|&byte| char::from(byte)));
            self.out.text(text.as_bytes())
        } else {
            self.out.text(name)
        }
    }

    fn byte(&mut self) -> Result<u8, Undecoded> {
        self.array::<1>().map(|[byte]| byte)
    }

    fn u16(&mut self) -> Result<u16, Undecoded> {
        self.array().map(u16::from_be_bytes)
    }

    fn u32(&mut self) -> Result<u32, Undecoded> {
        self.array().map(u32::from_be_bytes)
    }

    fn array<const LEN: usize>(&mut self) -> Result<[u8; LEN], Undecoded> {
        let array = self.bytes.get(self.at..).and_then(<[u8]>::first_chunk).copied().ok_or_else(|| self.wrong())?;
        self.at += LEN;
        Ok(array)
    }

    fn take(&mut self, len: usize) -> Result<&'a [u8], Undecoded> {
        let bytes = self.bytes.get(self.at..).and_then(|rest| rest.get(..len)).ok_or_else(|| self.wrong())?;
        self.at += len;
        Ok(bytes)
    }

    const fn wrong(&self) -> Undecoded {
        Undecoded::Malformed(FrameError::NotEtf { at: self.at })
    }
}

/// The deepest nesting, so that a peer cannot exhaust the stack: as deep as `erlpack`, the usual writer of terms, goes.
const DEPTH_MAX: usize = 256;

#[cfg(test)]
mod tests;
