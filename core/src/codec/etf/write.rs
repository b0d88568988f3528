//! From a JSON frame to a term. Keys and strings are binaries: the gateway closes with 4002 over keys that are atoms. *(source:
//! Gateway, Using ETF Encoding)*

use super::{BINARY, INTEGER, LIST, MAP, NEW_FLOAT, NIL, SMALL_ATOM, SMALL_BIG, SMALL_INTEGER, VERSION};
use alloc::vec::Vec;
use core::fmt;
use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

/// The frame as a term; `None` if it is not JSON, or nested too deeply, or too long.
pub(in crate::codec) fn write(json: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(json.len() + json.len() / 2 + 16);
    out.push(VERSION);
    let mut parser = serde_json::Deserializer::from_slice(json);
    Term(&mut out).deserialize(&mut parser).ok()?;
    parser.end().ok()?;
    Some(out)
}

/// Writes one JSON value as a term.
struct Term<'a>(&'a mut Vec<u8>);

impl Term<'_> {
    fn atom(self, name: &str) {
        // The names are `nil`, `true` and `false`.
        self.0.extend_from_slice(&[SMALL_ATOM, u8::try_from(name.len()).unwrap_or(0)]);
        self.0.extend_from_slice(name.as_bytes());
    }

    fn big(self, magnitude: u64, sign: u8) {
        let bytes = magnitude.to_le_bytes();
        let len = bytes.len() - bytes.iter().rev().take_while(|&&byte| byte == 0).count();
        self.0.extend_from_slice(&[SMALL_BIG, u8::try_from(len).unwrap_or(8), sign]);
        self.0.extend_from_slice(&bytes[..len]);
    }

    fn text<E: Error>(self, text: &str) -> Result<(), E> {
        self.0.push(BINARY);
        self.0.extend_from_slice(&u32::try_from(text.len()).map_err(E::custom)?.to_be_bytes());
        self.0.extend_from_slice(text.as_bytes());
        Ok(())
    }

    /// Sets the count of the list or map that began at `start`.
    fn count<E: Error>(&mut self, start: usize, count: usize) -> Result<(), E> {
        let count = u32::try_from(count).map_err(E::custom)?;
        self.0[start + 1..start + 5].copy_from_slice(&count.to_be_bytes());
        Ok(())
    }
}

impl<'de> DeserializeSeed<'de> for Term<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Term<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("json")
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        self.atom("nil");
        Ok(())
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<(), E> {
        self.atom(if value { "true" } else { "false" });
        Ok(())
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<(), E> {
        if let Ok(small) = u8::try_from(value) {
            self.0.extend_from_slice(&[SMALL_INTEGER, small]);
            Ok(())
        } else if let Ok(value) = i32::try_from(value) {
            self.visit_i32(value)
        } else {
            self.big(value, 0);
            Ok(())
        }
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<(), E> {
        match (u64::try_from(value), i32::try_from(value)) {
            (Ok(value), _) => self.visit_u64(value),
            (Err(_), Ok(value)) => self.visit_i32(value),
            (Err(_), Err(_)) => {
                self.big(value.unsigned_abs(), 1);
                Ok(())
            }
        }
    }

    fn visit_i32<E: Error>(self, value: i32) -> Result<(), E> {
        self.0.push(INTEGER);
        self.0.extend_from_slice(&value.to_be_bytes());
        Ok(())
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<(), E> {
        self.0.push(NEW_FLOAT);
        self.0.extend_from_slice(&value.to_be_bytes());
        Ok(())
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<(), E> {
        self.text(value)
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut items: A) -> Result<(), A::Error> {
        let start = self.0.len();
        self.0.extend_from_slice(&[LIST, 0, 0, 0, 0]);
        let mut count = 0;
        while items.next_element_seed(Term(self.0))?.is_some() {
            count += 1;
        }
        // An empty list is NIL alone; any other has NIL as its tail.
        if count == 0 {
            self.0.truncate(start);
        } else {
            self.count(start, count)?;
        }
        self.0.push(NIL);
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut entries: A) -> Result<(), A::Error> {
        let start = self.0.len();
        self.0.extend_from_slice(&[MAP, 0, 0, 0, 0]);
        let mut count = 0;
        while entries.next_key_seed(Term(self.0))?.is_some() {
            entries.next_value_seed(Term(self.0))?;
            count += 1;
        }
        self.count(start, count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;
    use alloc::string::String;

    fn written(json: &str) -> String {
        let bytes: Vec<String> = write(json.as_bytes()).unwrap().iter().map(|byte| format!("{byte:02x}")).collect();
        bytes.concat()
    }

    #[test]
    fn the_documented_heartbeats_are_written() {
        let head = "8374000000026d000000026f7061016d0000000164";
        assert_eq!(written(r#"{"op":1,"d":null}"#), format!("{head}73036e696c"));
        assert_eq!(written(r#"{"op":1,"d":251}"#), format!("{head}61fb"));
        assert_eq!(written(r#"{"op":1,"d":1337}"#), format!("{head}6200000539"));
    }

    #[test]
    fn numbers_have_their_shortest_term() {
        for (json, term) in [
            ("0", "6100"),
            ("255", "61ff"),
            ("256", "6200000100"),
            ("-1", "62ffffffff"),
            ("2147483647", "627fffffff"),
            ("-2147483648", "6280000000"),
            ("2147483648", "6e040000000080"),
            ("-2147483649", "6e040101000080"),
            ("41771983423143937", "6e07000100 80c9656794"),
            ("18446744073709551615", "6e0800ffffffffffffffff"),
            ("1.5", "463ff8000000000000"),
        ] {
            assert_eq!(written(json), format!("83{}", term.replace(' ', "")), "{json}");
        }
    }

    #[test]
    fn lists_have_a_tail_and_an_empty_one_is_nil() {
        assert_eq!(written("[]"), "836a");
        assert_eq!(written("[0,[]]"), "836c0000000261006a6a");
        assert_eq!(
            written(r#"{"a":{},"b":"é"}"#),
            "8374000000026d00000001617400000000 6d00000001626d00000002c3a9".replace(' ', "")
        );
    }

    #[test]
    fn what_is_no_json_is_not_written() {
        for json in ["", "{", "{} {}", "{\"a\":tru}", "\u{0}"] {
            assert_eq!(write(json.as_bytes()), None, "{json}");
        }
        assert_eq!(write("[".repeat(1000).as_bytes()), None);
    }
}
