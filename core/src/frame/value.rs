//! Finds the end of a value in a frame's object, for a reader that knows only where the value begins.

use super::Span;
use alloc::borrow::Cow;
use core::fmt;
use serde::Deserialize;
use serde::de::{Deserializer as _, MapAccess, Visitor};
use serde_json::value::RawValue;

/// The value that begins at `start`, or behind the white space there, found by a parse of the whole frame. If its key is
/// repeated, the last value of the key, as JSON parsers read it. `None` if the frame is not a JSON object, or no value begins
/// there.
///
/// A dialect that scans the head of a frame knows where the data begins, but assumes that it reaches up to the frame's last
/// brace. Only a decoder notices keys behind the data. This function gives it the true end for a second try.
pub(crate) fn value_at(frame: &[u8], start: usize) -> Option<Span> {
    let rest = frame.get(start..)?;
    let blanks = rest.iter().take_while(|byte| is_blank(**byte)).count();
    let mut parser = serde_json::Deserializer::from_slice(frame);
    let value = parser.deserialize_map(ValueAt { frame, start: start + blanks }).ok()?;
    parser.end().ok()?;
    value
}

/// White space between two tokens (RFC 8259 §2).
const fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r')
}

struct ValueAt<'a> {
    frame: &'a [u8],
    start: usize,
}

impl<'de> Visitor<'de> for ValueAt<'_> {
    type Value = Option<Span>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a frame")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        // The other values are skipped and not kept: a peer may send millions of them.
        let mut found: Option<(Key<'_>, Span)> = None;
        while let Some((key, value)) = map.next_entry::<Key<'_>, &RawValue>()? {
            let Some(span) = Span::of_part(self.frame, value.get()) else { continue };
            let is_it = match &found {
                None => span.start() == self.start,
                Some((known, _)) => *known == key,
            };
            if is_it {
                found = Some((key, span));
            }
        }
        Ok(found.map(|(_, span)| span))
    }
}

/// A key without its escapes.
#[derive(PartialEq, Eq, Deserialize)]
struct Key<'a>(#[serde(borrow)] Cow<'a, str>);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_found_by_its_start_and_ends_before_the_next_key() {
        for (frame, start, found) in [
            (r#"{"op":0,"d":{"a":1},"x":{}}"#, 12, Some(r#"{"a":1}"#)),
            (r#"{"op":0,"d": [1] ,"x":{}}"#, 12, Some("[1]")),
            (r#"{"d":1,"x":{"d":2},"\u0064":3}"#, 5, Some("3")),
            (r#"{"d":1}"#, 1, None),
            (r#"{"d":1}"#, 99, None),
            (r#"{"d":1"#, 5, None),
            (r#"{"d":1} {}"#, 5, None),
            ("[1]", 1, None),
            ("{}", 0, None),
        ] {
            let span = value_at(frame.as_bytes(), start);
            assert_eq!(span.map(|span| span.of(frame.as_bytes())), found.map(str::as_bytes), "{frame}");
        }
    }
}
