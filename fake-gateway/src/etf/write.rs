//! JSON → a term as recorded ones are: keys of known structures are atoms, in ascending order; texts are binaries; null
//! is the atom `nil`; ids are integers.
//!
//! JSON does not say which texts are ids: those under `id`, `…_id`, `…_ids` and in lists of roles are. Below `data` they
//! stay texts, as in interactions, which passed through the HTTP API.

use super::{VERSION, tag};
use serde_json::{Map, Number, Value};

/// Lists of small integers have a form of their own, up to this length.
const STRING_MAX: usize = 65_535;
/// Keys with lists of ids, beside those that end in `_ids`.
const ID_LISTS: [&str; 7] =
    ["ids", "roles", "mention_roles", "applied_tags", "not_found", "exempt_roles", "exempt_channels"];

/// What a text is, by where it stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Id,
    Text,
    /// No id is an integer, however deep.
    Http,
}

/// A payload, or none if the text is no JSON.
pub(crate) fn payload(json: &[u8]) -> Option<Vec<u8>> {
    let value: Value = serde_json::from_slice(json).ok()?;
    let mut wire = Vec::with_capacity(json.len());
    wire.push(VERSION);
    term(&value, Place::Text, &mut wire);
    Some(wire)
}

fn term(value: &Value, place: Place, wire: &mut Vec<u8>) {
    match value {
        Value::Null => atom("nil", wire),
        Value::Bool(true) => atom("true", wire),
        Value::Bool(false) => atom("false", wire),
        Value::Number(value) => number(value, wire),
        Value::String(text) => match id(text).filter(|_| place == Place::Id) {
            Some(id) => big(0, id, wire),
            None => binary(text, wire),
        },
        Value::Array(items) => list(items, place, wire),
        Value::Object(members) => map(members, place, wire),
    }
}

/// The number of an id, written as nothing but an id is.
fn id(text: &str) -> Option<u64> {
    let id = text.parse::<u64>().ok().filter(|&id| id > u64::from(u32::MAX))?;
    (!text.starts_with(['0', '+'])).then_some(id)
}

fn map(members: &Map<String, Value>, place: Place, wire: &mut Vec<u8>) {
    let mut sorted: Vec<_> = members.iter().collect();
    sorted.sort_unstable_by_key(|&(key, _)| key);
    wire.push(tag::MAP);
    wire.extend(length(sorted.len()));
    for (key, value) in sorted {
        if is_name(key) {
            atom(key, wire);
        } else {
            binary(key, wire);
        }
        term(value, below(key, value, place), wire);
    }
}

/// Whether a key is of a known structure: the others are ids, locales, what people named.
fn is_name(key: &str) -> bool {
    key.len() < 256
        && key.starts_with(|first: char| first.is_ascii_lowercase() || first == '_')
        && key.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
}

fn below(key: &str, value: &Value, place: Place) -> Place {
    let is_id = match value {
        Value::String(_) => key == "id" || key.ends_with("_id"),
        Value::Array(_) => key.ends_with("_ids") || ID_LISTS.contains(&key),
        _ => false,
    };
    match place {
        Place::Http => Place::Http,
        Place::Id | Place::Text if key == "data" && value.is_object() => Place::Http,
        Place::Id | Place::Text if is_id => Place::Id,
        Place::Id | Place::Text => Place::Text,
    }
}

fn list(items: &[Value], place: Place, wire: &mut Vec<u8>) {
    if items.is_empty() {
        return wire.push(tag::NIL);
    }
    let small = |item: &Value| item.as_u64().and_then(|number| u8::try_from(number).ok());
    if items.len() <= STRING_MAX
        && let Some(bytes) = items.iter().map(small).collect::<Option<Vec<u8>>>()
    {
        wire.push(tag::STRING);
        // Invariant: it was looked at above.
        wire.extend(u16::try_from(bytes.len()).unwrap_or(u16::MAX).to_be_bytes());
        return wire.extend(bytes);
    }
    wire.push(tag::LIST);
    wire.extend(length(items.len()));
    for item in items {
        term(item, place, wire);
    }
    wire.push(tag::NIL);
}

fn number(number: &Number, wire: &mut Vec<u8>) {
    if let Some(number) = number.as_i64() {
        if let Ok(small) = u8::try_from(number) {
            wire.extend([tag::SMALL_INTEGER, small]);
        } else if let Ok(number) = i32::try_from(number) {
            wire.push(tag::INTEGER);
            wire.extend(number.to_be_bytes());
        } else {
            big(u8::from(number < 0), number.unsigned_abs(), wire);
        }
    } else if let Some(number) = number.as_u64() {
        big(0, number, wire);
    } else {
        wire.push(tag::NEW_FLOAT);
        wire.extend(number.as_f64().unwrap_or_default().to_be_bytes());
    }
}

/// In as many bytes as it needs.
fn big(sign: u8, magnitude: u64, wire: &mut Vec<u8>) {
    let bytes = magnitude.to_le_bytes();
    let used = bytes.iter().rposition(|&byte| byte != 0).map_or(1, |last| last + 1);
    // Invariant: it is eight at most.
    wire.extend([tag::SMALL_BIG, u8::try_from(used).unwrap_or(8), sign]);
    wire.extend(&bytes[..used]);
}

fn atom(name: &str, wire: &mut Vec<u8>) {
    wire.push(tag::ATOM);
    // Invariant: names are shorter than 256 bytes.
    wire.extend(u16::try_from(name.len()).unwrap_or(u16::MAX).to_be_bytes());
    wire.extend(name.bytes());
}

fn binary(text: &str, wire: &mut Vec<u8>) {
    wire.push(tag::BINARY);
    wire.extend(length(text.len()));
    wire.extend(text.bytes());
}

/// Payloads are far from four gigabytes.
fn length(length: usize) -> [u8; 4] {
    u32::try_from(length).unwrap_or(u32::MAX).to_be_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(json: &str) -> String {
        payload(json.as_bytes()).unwrap().escape_ascii().to_string()
    }

    #[test]
    fn a_hello_is_as_recorded() {
        let hello = r#"{"t":null,"s":null,"op":10,"d":{"heartbeat_interval":41250,"_trace":["x"]}}"#;
        let trace = r"d\x00\x06_tracel\x00\x00\x00\x01m\x00\x00\x00\x01xj";
        let d = format!(r"d\x00\x01dt\x00\x00\x00\x02{trace}d\x00\x12heartbeat_intervalb\x00\x00\xa1\x22");
        let rest = r"d\x00\x02opa\nd\x00\x01sd\x00\x03nild\x00\x01td\x00\x03nil";
        assert_eq!(written(hello).replace("\\\"", "\\x22"), format!(r"\x83t\x00\x00\x00\x04{d}{rest}"));
    }

    #[test]
    fn ids_are_integers_and_only_they() {
        let id = r"n\x07\x00\x01\x00\x80\xc9eg\x94";
        assert_eq!(written(r#"{"id":"41771983423143937"}"#), format!(r"\x83t\x00\x00\x00\x01d\x00\x02id{id}"));
        assert_eq!(
            written(r#"{"roles":["41771983423143937"]}"#),
            format!(r"\x83t\x00\x00\x00\x01d\x00\x05rolesl\x00\x00\x00\x01{id}j")
        );
        let binary = r"m\x00\x00\x00\x1141771983423143937";
        for key in ["content", "permissions", "nonce", "name"] {
            let text = written(&format!(r#"{{"{key}":"41771983423143937"}}"#));
            assert!(text.ends_with(binary), "{key}: {text}");
        }
        assert!(written(r#"{"data":{"id":"41771983423143937"}}"#).ends_with(binary));
        assert!(written(r#"{"guild_id":"07"}"#).ends_with(r"m\x00\x00\x00\x0207"));
        // Keys that are ids are binaries.
        assert!(written(r#"{"resolved":{"41771983423143937":{}}}"#).contains(binary));
    }

    #[test]
    fn numbers_and_lists_have_their_short_forms() {
        for (json, term) in [
            ("255", r"a\xff"),
            ("256", r"b\x00\x00\x01\x00"),
            ("-1", r"b\xff\xff\xff\xff"),
            ("2147483648", r"n\x04\x00\x00\x00\x00\x80"),
            ("-2147483649", r"n\x04\x01\x01\x00\x00\x80"),
            ("18446744073709551615", r"n\x08\x00\xff\xff\xff\xff\xff\xff\xff\xff"),
            ("1.5", r"F?\xf8\x00\x00\x00\x00\x00\x00"),
            ("[]", "j"),
            ("[0,1]", r"k\x00\x02\x00\x01"),
            ("[0,256]", r"l\x00\x00\x00\x02a\x00b\x00\x00\x01\x00j"),
            ("{}", r"t\x00\x00\x00\x00"),
            ("true", r"d\x00\x04true"),
        ] {
            assert_eq!(written(json), format!(r"\x83{term}"), "{json}");
        }
        assert_eq!(payload(b"{,"), None);
    }
}
