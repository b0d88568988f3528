//! What several deeds have behind their word: frames, bytes, names of events, close codes.

use super::cursor::{Cursor, Read};
use super::error::Expected;
use crate::frames::Resumable;
use portcullis::{CloseCode, Message};

/// `5 bytes`.
pub(super) fn bytes_count(cursor: &mut Cursor<'_>, least: u32) -> Read<usize> {
    let bytes = cursor.small(least, 1 << 24)?;
    cursor.one_of(&["bytes", "byte"])?;
    Ok(usize::try_from(bytes).unwrap_or(usize::MAX))
}

pub(super) fn event_name<'a>(cursor: &mut Cursor<'a>) -> Read<&'a str> {
    let name = cursor.peek();
    let fits = |letter: u8| letter.is_ascii_uppercase() || letter.is_ascii_digit() || letter == b'_';
    if name.is_empty() || !name.bytes().all(fits) {
        return Err(cursor.error(Expected::EventName));
    }
    cursor.accept(name);
    Ok(name)
}

/// A JSON object or list as it stands, a text in quotes as what it says, or `bytes` in hexadecimal.
pub(super) fn message(cursor: &mut Cursor<'_>) -> Read<Message> {
    if cursor.accept("bytes") {
        return bytes(cursor);
    }
    let text = if cursor.peek() == "\"" { cursor.quoted()? } else { cursor.json()?.to_owned() };
    Ok(Message::Text(text.into_bytes().into()))
}

pub(super) fn bytes(cursor: &mut Cursor<'_>) -> Read<Message> {
    let mut bytes = Vec::new();
    while !cursor.is_at_end() && cursor.peek() != ";" {
        let word = cursor.peek();
        let pairs = word.as_bytes().chunks(2);
        for pair in pairs {
            let byte = core::str::from_utf8(pair).ok().filter(|pair| pair.len() == 2);
            match byte.and_then(|pair| u8::from_str_radix(pair, 16).ok()) {
                Some(byte) => bytes.push(byte),
                None => return Err(cursor.error(Expected::Bytes)),
            }
        }
        cursor.accept(word);
    }
    Ok(Message::Binary(bytes.into()))
}

pub(super) fn resumable(cursor: &mut Cursor<'_>) -> Read<Resumable> {
    Ok(if cursor.one_of(&["true", "false"])? == "true" { Resumable::Yes } else { Resumable::No })
}

/// A code that may be on the wire; none if none is given.
pub(super) fn close_code(cursor: &mut Cursor<'_>) -> Read<Option<CloseCode>> {
    if !cursor.number_ahead() {
        return Ok(None);
    }
    let start = cursor.clone();
    let code = cursor.number(0, u64::MAX).ok().and_then(|code| u16::try_from(code).ok());
    match code {
        Some(code @ (1000..=1003 | 1007..=1014 | 3000..=4999)) => Ok(Some(CloseCode(code))),
        Some(_) | None => Err(start.error(Expected::CloseCode)),
    }
}
