//! Terms as the gateway writes and reads them. Written from the protocol page, not from core, so that one misreading is not on
//! both sides.

use serde_json::{Map, Number, Value};

/// A payload as the gateway writes it: keys of known structures are atoms, the others binaries; ids are integers.
pub fn written(payload: &Value) -> Vec<u8> {
    let mut bytes = vec![131];
    write(payload, &mut bytes);
    bytes
}

/// Which terms a key may be.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Keys {
    /// Atoms and binaries, as a gateway writes them.
    Any,
    /// Binaries only, as a gateway reads them.
    Binaries,
}

/// Reads a term; `None` if it is invalid. Integers above 32 bits become strings.
pub fn read(payload: &[u8], keys: Keys) -> Option<Value> {
    let (131, mut rest) = payload.split_first().map(|(&version, rest)| (version, rest))? else { return None };
    let value = term(&mut rest, keys)?;
    rest.is_empty().then_some(value)
}

fn write(value: &Value, bytes: &mut Vec<u8>) {
    match value {
        Value::Null => atom("nil", bytes),
        Value::Bool(true) => atom("true", bytes),
        Value::Bool(false) => atom("false", bytes),
        Value::Number(number) => write_number(number, bytes),
        Value::String(text) => match text.parse::<u64>() {
            // An id: only ids are written like this.
            Ok(id) if id > u64::from(u32::MAX) && id.to_string() == *text => {
                bytes.extend([110, 8, 0]);
                bytes.extend(id.to_le_bytes());
            }
            _ => binary(text, bytes),
        },
        Value::Array(items) if items.is_empty() => bytes.push(106),
        Value::Array(items) => {
            let small: Option<Vec<u8>> =
                items.iter().map(|item| item.as_u64().and_then(|number| u8::try_from(number).ok())).collect();
            if let Some(small) = small {
                bytes.push(107);
                bytes.extend(u16::try_from(small.len()).unwrap().to_be_bytes());
                bytes.extend(small);
                return;
            }
            bytes.push(108);
            bytes.extend(u32::try_from(items.len()).unwrap().to_be_bytes());
            for item in items {
                write(item, bytes);
            }
            bytes.push(106);
        }
        Value::Object(entries) => {
            bytes.push(116);
            bytes.extend(u32::try_from(entries.len()).unwrap().to_be_bytes());
            for (key, value) in entries {
                if !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_') {
                    bytes.extend([100, 0, u8::try_from(key.len()).unwrap()]);
                    bytes.extend(key.bytes());
                } else {
                    binary(key, bytes);
                }
                write(value, bytes);
            }
        }
    }
}

fn write_number(number: &Number, bytes: &mut Vec<u8>) {
    match number.as_i64() {
        Some(small @ 0..=255) => bytes.extend([97, small.to_le_bytes()[0]]),
        Some(number) => {
            if let Ok(number) = i32::try_from(number) {
                bytes.push(98);
                bytes.extend(number.to_be_bytes());
            } else {
                bytes.extend([110, 8, u8::from(number < 0)]);
                bytes.extend(number.unsigned_abs().to_le_bytes());
            }
        }
        None => {
            bytes.push(70);
            bytes.extend(number.as_f64().unwrap().to_be_bytes());
        }
    }
}

fn atom(name: &str, bytes: &mut Vec<u8>) {
    bytes.extend([115, u8::try_from(name.len()).unwrap()]);
    bytes.extend(name.bytes());
}

fn binary(text: &str, bytes: &mut Vec<u8>) {
    bytes.push(109);
    bytes.extend(u32::try_from(text.len()).unwrap().to_be_bytes());
    bytes.extend(text.bytes());
}

fn term(rest: &mut &[u8], keys: Keys) -> Option<Value> {
    let [tag] = *take(rest, 1)? else { return None };
    Some(match tag {
        70 => Value::from(f64::from_be_bytes(take(rest, 8)?.try_into().ok()?)),
        97 => Value::from(take(rest, 1)?[0]),
        98 => Value::from(i32::from_be_bytes(take(rest, 4)?.try_into().ok()?)),
        100 | 115 => {
            let len = length(rest, if tag == 100 { 2 } else { 1 })?;
            match take(rest, len)? {
                b"nil" => Value::Null,
                b"true" => Value::Bool(true),
                b"false" => Value::Bool(false),
                name => Value::from(core::str::from_utf8(name).ok()?),
            }
        }
        106 => Value::Array(Vec::new()),
        107 => {
            let len = length(rest, 2)?;
            Value::from(take(rest, len)?)
        }
        108 => {
            let len = length(rest, 4)?;
            let items = (0..len).map(|_| term(rest, keys)).collect::<Option<Vec<_>>>()?;
            (take(rest, 1)? == [106]).then_some(Value::Array(items))?
        }
        109 => {
            let len = length(rest, 4)?;
            Value::from(core::str::from_utf8(take(rest, len)?).ok()?)
        }
        110 => {
            let len = length(rest, 1)?;
            let sign = if take(rest, 1)? == [0] { "" } else { "-" };
            let mut magnitude = [0; 8];
            magnitude.get_mut(..len)?.copy_from_slice(take(rest, len)?);
            Value::from(format!("{sign}{}", u64::from_le_bytes(magnitude)))
        }
        116 => {
            let len = length(rest, 4)?;
            let mut entry = || {
                let is_lawful = keys == Keys::Any || rest.first() == Some(&109);
                Some((term(rest, keys).filter(|_| is_lawful)?.as_str()?.to_owned(), term(rest, keys)?))
            };
            Value::Object((0..len).map(|_| entry()).collect::<Option<Map<_, _>>>()?)
        }
        _ => return None,
    })
}

fn length(rest: &mut &[u8], size: usize) -> Option<usize> {
    Some(take(rest, size)?.iter().fold(0, |length, &byte| length << 8 | usize::from(byte)))
}

fn take<'a>(rest: &mut &'a [u8], len: usize) -> Option<&'a [u8]> {
    let (taken, behind) = rest.split_at_checked(len)?;
    *rest = behind;
    Some(taken)
}
