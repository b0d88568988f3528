//! Finds the end of a payload in decompressed bytes: counts brackets and skips strings. It does not check the JSON otherwise;
//! the dialect's reader does.
//!
//! The decompressors need this because a flush may come in the middle of a payload, and because one message may hold several.

use super::Encoding;
use super::etf::EtfExtent;
use memchr::memchr2;

/// How far the search for the end of a payload has come. The next search continues there, so that a payload in many messages
/// is searched once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Extent {
    Json(JsonExtent),
    Etf(EtfExtent),
}

impl Extent {
    pub(super) fn of(encoding: Encoding) -> Self {
        match encoding {
            Encoding::Json => Self::Json(JsonExtent::default()),
            Encoding::Etf => Self::Etf(EtfExtent::default()),
        }
    }

    /// Searches `pending`, which begins with the bytes of the last search.
    pub(super) fn look(&mut self, pending: &[u8]) -> Verdict {
        match self {
            Self::Json(extent) => extent.look(pending),
            Self::Etf(extent) => extent.look(pending),
        }
    }

    /// The next search is of another payload.
    pub(super) fn restart(&mut self) {
        match self {
            Self::Json(extent) => *extent = JsonExtent::default(),
            Self::Etf(extent) => *extent = EtfExtent::default(),
        }
    }

    /// Whether the first and the last byte say that a payload alone in its message is complete. In the usual case
    /// this spares the search of the whole payload. A flush in the middle of a payload, right behind an inner `}` and at the end
    /// of a message, would deceive it; gateways were not seen to flush there.
    pub(super) fn is_likely_whole(self, pending: &[u8]) -> bool {
        let payload = pending.trim_ascii();
        let has_ends = payload.first() == Some(&b'{') && payload.len() > 1 && payload.last() == Some(&b'}');
        has_ends && matches!(self, Self::Json(_))
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub(super) struct JsonExtent {
    at: usize,
    depth: usize,
    within: Within,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
enum Within {
    #[default]
    Value,
    Text,
}

/// What a search of pending output found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It is empty, or the beginning of a payload.
    Partial,
    /// Its first `len` bytes are a payload.
    Whole { len: usize },
    /// Its end cannot be found without reading it: it is a payload if the message ends with it.
    Unclear,
    /// No payload begins like this.
    Garbled,
}

impl JsonExtent {
    fn look(&mut self, pending: &[u8]) -> Verdict {
        while let Some(&byte) = pending.get(self.at) {
            match (self.within, byte) {
                (Within::Text, _) => match memchr2(b'"', b'\\', &pending[self.at..]) {
                    None => self.at = pending.len(),
                    Some(ahead) if pending[self.at + ahead] == b'"' => {
                        self.at += ahead + 1;
                        self.within = Within::Value;
                    }
                    // The escape is incomplete: the next search starts at its backslash.
                    Some(ahead) if self.at + ahead + 1 == pending.len() => {
                        self.at += ahead;
                        return Verdict::Partial;
                    }
                    Some(ahead) => self.at += ahead + 2,
                },
                (Within::Value, b' ' | b'\t' | b'\n' | b'\r') if self.depth == 0 => self.at += 1,
                (Within::Value, byte) if self.depth == 0 && byte != b'{' => return Verdict::Garbled,
                (Within::Value, b'"') => {
                    self.at += 1;
                    self.within = Within::Text;
                }
                (Within::Value, b'{' | b'[') => {
                    self.at += 1;
                    self.depth += 1;
                }
                (Within::Value, b'}' | b']') => {
                    self.at += 1;
                    self.depth -= 1;
                    if self.depth == 0 {
                        return Verdict::Whole { len: self.at + blanks(&pending[self.at..]) };
                    }
                }
                (Within::Value, _) => self.at += 1,
            }
        }
        Verdict::Partial
    }
}

fn blanks(bytes: &[u8]) -> usize {
    bytes.len() - bytes.trim_ascii_start().len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_ends_with_its_last_bracket() {
        for (payload, behind) in [
            ("{}", ""),
            (r#"{"a":[{"b":"}\"]\\"}],"c":"\\"}"#, ""),
            ("\n {\"a\":{}} \r\n", "{"),
            (r#"{"t":null}"#, r#"{"t":null}"#),
            (r#"{"a":1}"#, "nothing"),
        ] {
            let whole = [payload, behind].concat();
            assert_eq!(JsonExtent::default().look(whole.as_bytes()), Verdict::Whole { len: payload.len() }, "{whole}");
        }
    }

    #[test]
    fn a_look_goes_on_where_the_last_one_ended() {
        let payload = r#" {"a":[{"b":"}\"]\\"}],"é":"\u0000\\"}"#.as_bytes();
        let mut extent = JsonExtent::default();
        for len in 0..payload.len() {
            assert_eq!(extent.look(&payload[..len]), Verdict::Partial, "{len}");
        }
        assert_eq!(extent.look(payload), Verdict::Whole { len: payload.len() });
    }

    #[test]
    fn what_is_no_object_is_garbled() {
        for text in ["nothing", "[]", " }", "\0{}", "\"{}\""] {
            assert_eq!(JsonExtent::default().look(text.as_bytes()), Verdict::Garbled, "{text}");
        }
        assert_eq!(JsonExtent::default().look(b""), Verdict::Partial);
        assert!(!Extent::of(Encoding::Json).is_likely_whole(b"{"));
        assert!(Extent::of(Encoding::Json).is_likely_whole(b"{}\n"));
    }
}
