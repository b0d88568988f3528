//! What goes wrong later: a function for each word, which reads what stands behind it.

use super::cursor::{Cursor, Read};
use super::values::{bytes, bytes_count, close_code, message, resumable};
use crate::damage::{Damage, LastPiece};
use crate::faults::{Fate, Fault, Rebuff, ResumeUrl, SequenceFault};
use core::time::Duration;

/// `omit hello`, `omit suffix`.
pub(super) fn omit(cursor: &mut Cursor<'_>) -> Read<Fault> {
    match cursor.one_of(&["hello", "ready", "resumed", "ack", "suffix"])? {
        "suffix" => Ok(Fault::Damage(Damage::OmitSuffix)),
        frame => Ok(milestone(frame, Fate::Omit)),
    }
}

/// `unnumber resumed`.
pub(super) fn unnumber(cursor: &mut Cursor<'_>) -> Read<Fault> {
    Ok(milestone(cursor.one_of(&["ready", "resumed"])?, Fate::Unnumbered))
}

/// `delay hello 3 s`, `delay frames 500 ms`.
pub(super) fn delay(cursor: &mut Cursor<'_>) -> Read<Fault> {
    let frame = cursor.one_of(&["hello", "ready", "resumed", "ack", "frames"])?;
    let delay = cursor.wait()?.least;
    Ok(if frame == "frames" { Fault::Lag(delay) } else { milestone(frame, Fate::Delay(delay)) })
}

/// `replace ready with {…}`.
pub(super) fn replace(cursor: &mut Cursor<'_>) -> Read<Fault> {
    let frame = cursor.one_of(&["hello", "ready", "resumed", "ack"])?;
    cursor.expect(&["with"])?;
    Ok(milestone(frame, Fate::Instead(message(cursor)?)))
}

fn milestone(frame: &str, fate: Fate) -> Fault {
    match frame {
        "hello" => Fault::Hello(fate),
        "ready" => Fault::Ready(fate),
        "resumed" => Fault::Resumed(fate),
        _ => Fault::HeartbeatAck(fate),
    }
}

/// `refuse 503`, `refuse 429 retry after 5 s`.
pub(super) fn refuse(cursor: &mut Cursor<'_>) -> Read<Fault> {
    let status = cursor.small(300, 599)?;
    let retry_after = if cursor.accept_all(&["retry", "after"]) { Some(cursor.span()?) } else { None };
    Ok(Fault::RefuseUpgrade { status: u16::try_from(status).unwrap_or(503), retry_after })
}

/// `deny resume with op 9 false`.
pub(super) fn deny(cursor: &mut Cursor<'_>) -> Read<Fault> {
    let handshake = cursor.one_of(&["identify", "resume"])?;
    cursor.expect(&["with"])?;
    let rebuff = match cursor.one_of(&["op", "close", "drop", "silence"])? {
        "op" => {
            cursor.expect(&["9"])?;
            Rebuff::InvalidSession(resumable(cursor)?)
        }
        "close" => Rebuff::Close(close_code(cursor)?),
        "drop" => Rebuff::Drop,
        _ => Rebuff::Ignore,
    };
    Ok(if handshake == "identify" { Fault::Identify(rebuff) } else { Fault::Resume(rebuff) })
}

/// `resume-url none`, `resume-url "wss://…"`, `resume-url with "/?v=10"`.
pub(super) fn resume_url(cursor: &mut Cursor<'_>) -> Read<Fault> {
    Ok(Fault::ResumeUrl(if cursor.accept("none") {
        ResumeUrl::Omit
    } else if cursor.accept("with") {
        ResumeUrl::Extended(cursor.quoted()?)
    } else {
        ResumeUrl::Instead(cursor.quoted()?)
    }))
}

/// `repeat sequence`, `repeat suffix`.
pub(super) fn repeat(cursor: &mut Cursor<'_>) -> Read<Fault> {
    Ok(match cursor.one_of(&["sequence", "suffix"])? {
        "sequence" => Fault::Sequence(SequenceFault::Repeat),
        _ => Fault::Damage(Damage::RepeatSuffix),
    })
}

/// `skip 3 sequences`.
pub(super) fn skip(cursor: &mut Cursor<'_>) -> Read<Fault> {
    let numbers = cursor.number(1, 1_000_000)?;
    cursor.one_of(&["sequences", "sequence"])?;
    Ok(Fault::Sequence(SequenceFault::Skip(numbers)))
}

/// `split in 3 every 200 ms`, `split in bytes`.
pub(super) fn split(cursor: &mut Cursor<'_>) -> Read<Fault> {
    cursor.expect(&["in"])?;
    let pieces = if cursor.accept("bytes") { u32::MAX } else { cursor.small(2, u32::MAX)? };
    let gap = if cursor.accept("every") { cursor.wait()?.least } else { Duration::ZERO };
    Ok(Fault::Split { pieces, gap })
}

/// `cut after 5 bytes`.
pub(super) fn cut(cursor: &mut Cursor<'_>) -> Read<Fault> {
    Ok(Fault::Cut { bytes: after_bytes(cursor)? })
}

/// `coalesce 5 frames`.
pub(super) fn coalesce(cursor: &mut Cursor<'_>) -> Read<Fault> {
    let frames = cursor.small(2, 1000)?;
    cursor.expect(&["frames"])?;
    Ok(Fault::Coalesce { frames })
}

/// `stall after 5 bytes for 10 s`.
pub(super) fn stall(cursor: &mut Cursor<'_>) -> Read<Fault> {
    let bytes = after_bytes(cursor)?;
    let pause = if cursor.accept("for") { Some(cursor.wait()?.least) } else { None };
    Ok(Fault::Stall { bytes, pause })
}

/// `scatter over 3 messages leaving 2 bytes`, `scatter over bytes`.
pub(super) fn scatter(cursor: &mut Cursor<'_>) -> Read<Fault> {
    cursor.expect(&["over"])?;
    let messages = if cursor.accept("bytes") { u32::MAX } else { cursor.small(2, u32::MAX)? };
    if messages != u32::MAX {
        cursor.expect(&["messages"])?;
    }
    let last = if cursor.accept("leaving") { LastPiece::Bytes(bytes_count(cursor, 1)?) } else { LastPiece::Fair };
    Ok(Fault::Scatter { messages, last })
}

/// `merge 5 payloads`.
pub(super) fn merge(cursor: &mut Cursor<'_>) -> Read<Fault> {
    let payloads = cursor.small(2, 1000)?;
    cursor.expect(&["payloads"])?;
    Ok(Fault::Merge { payloads })
}

/// `flip bit 41`.
pub(super) fn flip(cursor: &mut Cursor<'_>) -> Read<Fault> {
    cursor.expect(&["bit"])?;
    Ok(Fault::Damage(Damage::FlipBit(cursor.small(0, u32::MAX)?)))
}

/// `truncate by 9 bytes`.
pub(super) fn truncate(cursor: &mut Cursor<'_>) -> Read<Fault> {
    cursor.expect(&["by"])?;
    Ok(Fault::Damage(Damage::Truncate(bytes_count(cursor, 1)?)))
}

/// `append bytes 00 01`.
pub(super) fn append(cursor: &mut Cursor<'_>) -> Read<Fault> {
    cursor.expect(&["bytes"])?;
    Ok(Fault::Damage(Damage::Append(bytes(cursor)?.into_bytes())))
}

/// `keep context`.
pub(super) fn keep(cursor: &mut Cursor<'_>) -> Read<Fault> {
    cursor.expect(&["context"])?;
    Ok(Fault::KeepContext)
}

/// `after 5 bytes`.
fn after_bytes(cursor: &mut Cursor<'_>) -> Read<usize> {
    cursor.expect(&["after"])?;
    bytes_count(cursor, 0)
}
