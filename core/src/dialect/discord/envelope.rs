//! The envelope of a frame: `t`, `s`, `op`, and where `d` is.
//!
//! Real frames start with `{"t":"NAME","s":N,"op":0,"d":` or `{"t":null,"s":null,"op":N,"d":`. Such a head is
//! scanned byte by byte, and `d` is assumed to reach up to the frame's last `}`: the work does not grow with the
//! frame, and nothing is allocated. Every other shape is parsed with `serde_json`, which accepts what the scan
//! does not: any order, white space, escapes, unknown keys.
//!
//! What an opcode or a name means is not decided here, nor whether `d` is valid JSON. The scan does not look into `d`, so
//! the span of a frame with keys behind `d` holds them too. The decoder of `d` notices, and tries again with
//! [`value_at`](crate::frame::value_at).
//!
//! Decisions where the protocol says nothing: of a repeated key the last counts in a parsed frame. An `s` that is
//! not a `u64` is not a sequence. A `t` that is not a string is not a name, nor is one that holds a quote, a backslash or a
//! control character once its escapes are decoded: it could not be written raw into a frame. A frame without `op` (or
//! with null) is a dispatch if it has a name, since only dispatches have one.
//!
//! # Invariants
//! * `within`: every span lies within the frame it was read from, or within `rewritten` where that is given.

use crate::dialect::{FrameError, Span};
use crate::message::Sequence;
use alloc::borrow::Cow;
use alloc::vec::Vec;
use core::fmt;
use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::error::Category;
use serde_json::value::RawValue;

/// What a frame has around its data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Envelope {
    /// The opcode (`op`).
    pub(super) op: u64,
    /// The sequence of a dispatch (`s`).
    pub(super) sequence: Option<Sequence>,
    /// The event's name (`t`), without quotes and escapes.
    pub(super) name: Option<Span>,
    /// The data (`d`), raw; `None` where the frame has no `d`. A null is data.
    pub(super) data: Option<Span>,
    /// The frame rewritten with its name decoded, if the name had escapes. The spans then point into this.
    pub(super) rewritten: Option<Vec<u8>>,
}

impl Envelope {
    /// Reads the envelope of a frame.
    ///
    /// # Errors
    /// A [`FrameError`] for a frame that is not UTF-8, not a JSON object, or has no opcode. A frame with the usual head is not
    /// examined beyond it, and is never an error here.
    pub(super) fn read(frame: &[u8]) -> Result<Self, FrameError> {
        match scan(frame) {
            Some(envelope) => Ok(envelope),
            None => Parsed::from_frame(frame)?.into_envelope(frame),
        }
    }
}

/// The two heads of real frames. `None` means: parse it.
fn scan(frame: &[u8]) -> Option<Envelope> {
    let (name, sequence, op, rest) = if let Some(rest) = frame.strip_prefix(b"{\"t\":\"") {
        let start = frame.len() - rest.len();
        let head = rest.get(..=NAME_LEN_MAX).unwrap_or(rest);
        let len = head.iter().position(|&byte| !IS_PLAIN[usize::from(byte)])?;
        let (sequence, rest) = scan_number(rest[len..].strip_prefix(b"\",\"s\":")?)?;
        let rest = rest.strip_prefix(b",\"op\":0")?;
        (Some(Span::new(start, start + len)?), Some(Sequence(sequence)), 0, rest)
    } else {
        let (op, rest) = scan_number(frame.strip_prefix(b"{\"t\":null,\"s\":null,\"op\":")?)?;
        (None, None, op, rest)
    };
    let rest = rest.strip_prefix(b",\"d\":")?;
    let data = rest.trim_ascii_end().strip_suffix(b"}")?;
    if data.is_empty() {
        return None;
    }
    let start = frame.len() - rest.len();
    Some(Envelope { op, sequence, name, data: Some(Span::new(start, start + data.len())?), rewritten: None })
}

/// A number of up to 19 digits as JSON writes it, and what follows; `None` for anything else. Some numbers of 20 digits fit
/// a `u64` too: they are left to the parser.
fn scan_number(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let mut number: u64 = 0;
    let mut len = 0;
    for digit in bytes.iter().map(|byte| byte.wrapping_sub(b'0')).take_while(|digit| *digit <= 9) {
        // 19 nines fit a `u64`: the arithmetic needs no overflow check.
        if len == DIGITS_MAX {
            return None;
        }
        number = number * 10 + u64::from(digit);
        len += 1;
    }
    let is_valid = match len {
        0 => false,
        1 => true,
        _ => bytes[0] != b'0',
    };
    is_valid.then_some((number, &bytes[len..]))
}

const fn is_plain(byte: u8) -> bool {
    matches!(byte, b' '..=b'~') && !matches!(byte, b'"' | b'\\')
}

/// The top level of a frame, each value raw and borrowed from the frame.
#[derive(Default)]
struct Parsed<'a> {
    t: Option<&'a RawValue>,
    s: Option<&'a RawValue>,
    op: Option<&'a RawValue>,
    d: Option<&'a RawValue>,
}

impl<'a> Parsed<'a> {
    fn from_frame(frame: &'a [u8]) -> Result<Self, FrameError> {
        let text = core::str::from_utf8(frame).map_err(|error| FrameError::NotUtf8 { at: error.valid_up_to() })?;
        serde_json::from_str(text).map_err(|error| match error.classify() {
            Category::Data => FrameError::NotObject,
            Category::Io | Category::Syntax | Category::Eof => FrameError::NotJson { at: offset_of(&error, text) },
        })
    }

    fn into_envelope(self, frame: &[u8]) -> Result<Envelope, FrameError> {
        let too_long = FrameError::TooLong { len: frame.len() };
        let name = self.t.and_then(Name::read);
        let op = match self.op.map(RawValue::get) {
            None | Some("null") if name.is_some() => 0,
            None => return Err(FrameError::NoOpcode),
            Some(op) => serde_json::from_str(op).map_err(|_| FrameError::NoOpcode)?,
        };
        let sequence = self.s.and_then(|s| serde_json::from_str(s.get()).ok());
        let name = match name {
            Some(Name::Decoded(name)) => return rewrite(op, sequence, &name, self.d).ok_or(too_long),
            Some(Name::Raw(name)) => Some(Span::of_part(frame, name).ok_or(too_long)?),
            None => None,
        };
        let data = match self.d {
            Some(d) => Some(Span::of_part(frame, d.get()).ok_or(too_long)?),
            None => None,
        };
        Ok(Envelope { op, sequence, name, data, rewritten: None })
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Parsed<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TopLevel;
        impl<'de> Visitor<'de> for TopLevel {
            type Value = Parsed<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a gateway frame")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Parsed<'de>, A::Error> {
                let mut parsed = Parsed::default();
                while let Some(key) = map.next_key::<Key>()? {
                    match key {
                        Key::T => parsed.t = Some(map.next_value()?),
                        Key::S => parsed.s = Some(map.next_value()?),
                        Key::Op => parsed.op = Some(map.next_value()?),
                        Key::D => parsed.d = Some(map.next_value()?),
                        Key::Unknown => _ = map.next_value::<IgnoredAny>()?,
                    }
                }
                Ok(parsed)
            }
        }
        deserializer.deserialize_map(TopLevel)
    }
}

#[derive(serde::Deserialize)]
#[serde(field_identifier, rename_all = "lowercase")]
enum Key {
    T,
    S,
    Op,
    D,
    #[serde(other)]
    Unknown,
}

/// An event's name: raw as in the frame, or with its escapes decoded.
enum Name<'a> {
    Raw(&'a str),
    Decoded(Cow<'a, str>),
}

impl<'a> Name<'a> {
    fn read(t: &'a RawValue) -> Option<Self> {
        let raw = t.get().strip_prefix('"')?.strip_suffix('"')?;
        if !raw.contains('\\') {
            return Some(Self::Raw(raw));
        }
        let decoded: Cow<'a, str> = serde_json::from_str(t.get()).ok()?;
        let stands_raw = decoded.bytes().all(|byte| byte >= b' ' && !matches!(byte, b'"' | b'\\'));
        stands_raw.then_some(Self::Decoded(decoded))
    }
}

/// Rewrites the frame with the usual head. `None` if it gets too long for offsets.
fn rewrite(op: u64, sequence: Option<Sequence>, name: &str, d: Option<&RawValue>) -> Option<Envelope> {
    let data = d.map_or("null", RawValue::get);
    let sequence_text = sequence.map_or_else(|| "null".into(), |sequence| alloc::format!("{sequence}"));
    let head = alloc::format!("\",\"s\":{sequence_text},\"op\":{op},\"d\":");
    let start = b"{\"t\":\"".len();
    let mut frame = Vec::with_capacity(start + name.len() + head.len() + data.len() + 1);
    frame.extend_from_slice(b"{\"t\":\"");
    frame.extend_from_slice(name.as_bytes());
    frame.extend_from_slice(head.as_bytes());
    let data_start = frame.len();
    frame.extend_from_slice(data.as_bytes());
    let data_span = Span::new(data_start, frame.len())?;
    frame.push(b'}');
    Some(Envelope {
        op,
        sequence,
        name: Some(Span::new(start, start + name.len())?),
        data: d.map(|_| data_span),
        rewritten: Some(frame),
    })
}

/// `serde_json` counts lines and columns; a frame has bytes.
fn offset_of(error: &serde_json::Error, text: &str) -> usize {
    let line_start: usize = text.split_inclusive('\n').take(error.line().saturating_sub(1)).map(str::len).sum();
    line_start.saturating_add(error.column().saturating_sub(1)).min(text.len())
}

/// 19 nines fit a `u64`, 20 do not.
const DIGITS_MAX: usize = 19;
/// The longest name that is scanned; frames with longer ones are parsed. Real names have up to 40 bytes.
const NAME_LEN_MAX: usize = 128;
/// [`is_plain`] of each byte, as a table: the scan asks it for each byte of each name.
const IS_PLAIN: [bool; 256] = {
    let mut plain = [false; 256];
    let mut byte = b' ';
    while byte <= b'~' {
        plain[byte as usize] = is_plain(byte);
        byte += 1;
    }
    plain
};

#[cfg(test)]
mod tests;
