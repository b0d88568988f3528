//! Where a payload ends, from its own bytes: brackets are counted and strings passed over, nothing more.

use super::Encoding;
use super::etf::EtfExtent;
use memchr::memchr2;

/// How far a look at pending output has come. The next one goes on from there.
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

    /// Looks at what is pending, which begins as it did at the last look.
    pub(super) fn look(&mut self, pending: &[u8]) -> Verdict {
        match self {
            Self::Json(extent) => extent.look(pending),
            Self::Etf(extent) => extent.look(pending),
        }
    }

    /// Another payload is looked at.
    pub(super) fn restart(&mut self) {
        match self {
            Self::Json(extent) => *extent = JsonExtent::default(),
            Self::Etf(extent) => *extent = EtfExtent::default(),
        }
    }

    /// Whether a payload that came alone is all there, where that can be told without a look: by the first and the last
    /// byte.
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

/// What a look at pending output found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It is a part of a payload, or nothing yet.
    Partial,
    /// Its first `len` bytes are a payload.
    Whole { len: usize },
    /// It has no end of its own: it is a payload if the message ends with it.
    Unclear,
    /// It is the beginning of no payload.
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
                    // The escape is looked at again when its letter is there.
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
