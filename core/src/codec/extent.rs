//! Where a payload ends, from its own bytes: brackets are counted and strings passed over, nothing more.

use memchr::memchr2;

/// How far a look at pending output has come. The next one goes on from there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub(super) struct Extent {
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
    /// It is the beginning of no payload.
    Garbled,
}

impl Extent {
    /// Looks at what is pending, which begins as it did at the last look.
    pub(super) fn look(&mut self, pending: &[u8]) -> Verdict {
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

    /// Whether a payload that came alone is all there, by its first and its last byte.
    pub(super) fn is_likely_whole(pending: &[u8]) -> bool {
        let payload = pending.trim_ascii();
        payload.first() == Some(&b'{') && payload.len() > 1 && payload.last() == Some(&b'}')
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
            assert_eq!(Extent::default().look(whole.as_bytes()), Verdict::Whole { len: payload.len() }, "{whole}");
        }
    }

    #[test]
    fn a_look_goes_on_where_the_last_one_ended() {
        let payload = r#" {"a":[{"b":"}\"]\\"}],"é":"\u0000\\"}"#.as_bytes();
        let mut extent = Extent::default();
        for len in 0..payload.len() {
            assert_eq!(extent.look(&payload[..len]), Verdict::Partial, "{len}");
        }
        assert_eq!(extent.look(payload), Verdict::Whole { len: payload.len() });
    }

    #[test]
    fn what_is_no_object_is_garbled() {
        for text in ["nothing", "[]", " }", "\0{}", "\"{}\""] {
            assert_eq!(Extent::default().look(text.as_bytes()), Verdict::Garbled, "{text}");
        }
        assert_eq!(Extent::default().look(b""), Verdict::Partial);
        assert!(!Extent::is_likely_whole(b"{"));
        assert!(Extent::is_likely_whole(b"{}\n"));
    }
}
