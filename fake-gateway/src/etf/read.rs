//! A client's term → JSON. Keys must be binaries: atoms there cost the connection. No compressed terms come from clients.

use super::{VERSION, tag};
use serde_json::{Map, Number, Value};

/// Terms nest no deeper, as those of the encoder most clients use.
const DEPTH_MAX: usize = 256;

/// The payload as JSON, or none if it is no term that the gateway takes.
pub(crate) fn json(payload: &[u8]) -> Option<Vec<u8>> {
    let mut rest = payload.strip_prefix(&[VERSION])?;
    let value = term(&mut rest, DEPTH_MAX)?;
    rest.is_empty().then(|| value.to_string().into_bytes())
}

fn term(rest: &mut &[u8], depth: usize) -> Option<Value> {
    let depth = depth.checked_sub(1)?;
    Some(match byte(rest)? {
        tag::NEW_FLOAT => float(f64::from_be_bytes(take(rest, 8)?.try_into().ok()?))?,
        tag::FLOAT => float(text(take(rest, 31)?)?.trim_end_matches('\0').parse().ok()?)?,
        tag::SMALL_INTEGER => byte(rest)?.into(),
        tag::INTEGER => i32::from_be_bytes(take(rest, 4)?.try_into().ok()?).into(),
        tag::ATOM => {
            let length = length(rest, 2)?;
            atom(&latin(take(rest, length)?))
        }
        tag::SMALL_ATOM => {
            let length = length(rest, 1)?;
            atom(&latin(take(rest, length)?))
        }
        tag::ATOM_UTF8 => {
            let length = length(rest, 2)?;
            atom(text(take(rest, length)?)?)
        }
        tag::SMALL_ATOM_UTF8 => {
            let length = length(rest, 1)?;
            atom(text(take(rest, length)?)?)
        }
        tag::SMALL_TUPLE => {
            let length = length(rest, 1)?;
            items(rest, length, depth)?
        }
        tag::LARGE_TUPLE => {
            let length = length(rest, 4)?;
            items(rest, length, depth)?
        }
        tag::NIL => Value::Array(Vec::new()),
        tag::STRING => {
            let length = length(rest, 2)?;
            Value::from(take(rest, length)?)
        }
        tag::LIST => {
            let length = length(rest, 4)?;
            let list = items(rest, length, depth)?;
            (byte(rest)? == tag::NIL).then_some(list)?
        }
        tag::BINARY => {
            let length = length(rest, 4)?;
            text(take(rest, length)?)?.into()
        }
        tag::SMALL_BIG => {
            let length = length(rest, 1)?;
            big(rest, length)?
        }
        tag::LARGE_BIG => {
            let length = length(rest, 4)?;
            big(rest, length)?
        }
        tag::MAP => {
            let length = length(rest, 4)?;
            map(rest, length, depth)?
        }
        _ => return None,
    })
}

/// Each item takes a byte at least, so a length that lies runs out of bytes before it runs out of memory.
fn items(rest: &mut &[u8], length: usize, depth: usize) -> Option<Value> {
    (0..length).map(|_| term(rest, depth)).collect::<Option<Vec<_>>>().map(Value::Array)
}

fn map(rest: &mut &[u8], length: usize, depth: usize) -> Option<Value> {
    let mut members = Map::new();
    for _ in 0..length {
        if rest.first() != Some(&tag::BINARY) {
            return None;
        }
        let Value::String(key) = term(rest, depth)? else { return None };
        members.insert(key, term(rest, depth)?);
    }
    Some(Value::Object(members))
}

/// An integer of eight bytes at most.
fn big(rest: &mut &[u8], length: usize) -> Option<Value> {
    let sign = byte(rest)?;
    let mut magnitude = [0; 8];
    magnitude.get_mut(..length)?.copy_from_slice(take(rest, length)?);
    let magnitude = u64::from_le_bytes(magnitude);
    match sign {
        0 => Some(magnitude.into()),
        1 => i64::try_from(-i128::from(magnitude)).ok().map(Value::from),
        _ => None,
    }
}

fn float(number: f64) -> Option<Value> {
    Number::from_f64(number).map(Value::Number)
}

fn atom(name: &str) -> Value {
    match name {
        "nil" | "null" => Value::Null,
        "true" => true.into(),
        "false" => false.into(),
        name => name.into(),
    }
}

fn latin(bytes: &[u8]) -> String {
    bytes.iter().copied().map(char::from).collect()
}

fn text(bytes: &[u8]) -> Option<&str> {
    core::str::from_utf8(bytes).ok()
}

fn length(rest: &mut &[u8], size: usize) -> Option<usize> {
    take(rest, size)?.iter().try_fold(0_usize, |length, &byte| length.checked_mul(256)?.checked_add(byte.into()))
}

fn byte(rest: &mut &[u8]) -> Option<u8> {
    take(rest, 1)?.first().copied()
}

fn take<'a>(rest: &mut &'a [u8], length: usize) -> Option<&'a [u8]> {
    let (taken, behind) = rest.split_at_checked(length)?;
    *rest = behind;
    Some(taken)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(payload: &[u8]) -> Option<String> {
        json(payload).map(|json| String::from_utf8(json).unwrap())
    }

    #[test]
    fn the_vectors_of_the_protocol_page_are_read() {
        let beat = |d: &[u8]| read(&[b"\x83t\0\0\0\x02m\0\0\0\x02opa\x01m\0\0\0\x01d".as_slice(), d].concat());
        assert_eq!(beat(b"s\x03nil").as_deref(), Some(r#"{"d":null,"op":1}"#));
        assert_eq!(beat(b"a\xfb").as_deref(), Some(r#"{"d":251,"op":1}"#));
        assert_eq!(beat(b"b\0\0\x05\x39").as_deref(), Some(r#"{"d":1337,"op":1}"#));
    }

    #[test]
    fn every_tag_is_read() {
        for (term, json) in [
            (b"n\x07\0\x01\0\x80\xc9\x65\x67\x94".as_slice(), "41771983423143937"),
            (b"n\x01\x01\x05", "-5"),
            (b"o\0\0\0\x01\0\x05", "5"),
            (b"n\x08\0\xff\xff\xff\xff\xff\xff\xff\xff", "18446744073709551615"),
            (b"F?\xf8\0\0\0\0\0\0", "1.5"),
            (b"c1.50000000000000000000e+00\0\0\0\0\0", "1.5"),
            (b"k\0\x02\0\x01", "[0,1]"),
            (b"j", "[]"),
            (b"l\0\0\0\x01s\x04truej", "[true]"),
            (b"h\x02a\x01d\0\x05false", "[1,false]"),
            (b"i\0\0\0\x01w\x04null", "[null]"),
            (b"v\0\x02ok", r#""ok""#),
            (b"s\x01\xe4", r#""ä""#),
            (b"m\0\0\0\x02\xc3\xa4", r#""ä""#),
            (b"t\0\0\0\0", "{}"),
        ] {
            assert_eq!(read(&[b"\x83", term].concat()).as_deref(), Some(json), "{}", term.escape_ascii());
        }
    }

    #[test]
    fn what_the_gateway_does_not_take_is_not_read() {
        for (why, payload) in [
            ("empty", b"".as_slice()),
            ("json", b"{\"op\":1}"),
            ("another version", b"\x84j"),
            ("bytes behind", b"\x83jj"),
            ("an atom as a key", b"\x83t\0\0\0\x01s\x02opa\x01"),
            ("an integer as a key", b"\x83t\0\0\0\x01a\x01a\x01"),
            ("an improper list", b"\x83l\0\0\0\x01a\x01a\x02"),
            ("a length that lies", b"\x83l\xff\xff\xff\xffa\x01"),
            ("a text that ends early", b"\x83m\0\0\0\x05abc"),
            ("no utf-8", b"\x83m\0\0\0\x01\xff"),
            ("nine bytes", b"\x83n\x09\0\0\0\0\0\0\0\0\0\x01"),
            ("a sign of its own", b"\x83n\x01\x02\x05"),
            ("too low", b"\x83n\x08\x01\xff\xff\xff\xff\xff\xff\xff\xff"),
            ("not a number", b"\x83F\x7f\xf8\0\0\0\0\0\0"),
            ("compressed", b"\x83P\0\0\0\x0bx\x9c+a```,f\xca/H\xe4\x06\0\x0b\xa3\x026"),
            ("a process", b"\x83g"),
        ] {
            assert_eq!(read(payload), None, "{why}");
        }
        let deep = |depth| [b"\x83".as_slice(), &b"h\x01".repeat(depth), b"j"].concat();
        assert_eq!((read(&deep(255)).is_some(), read(&deep(256))), (true, None));
        assert_eq!(read(&deep(100_000)), None);
    }
}
