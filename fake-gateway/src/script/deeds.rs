//! What happens: `drop; close 4009 "Session timed out."`.

use super::cursor::{Cursor, Read};
use super::error::Expected;
use super::parse::named;
use super::{Deed, Payload, Script, Wanted, Whom};
use crate::damage::{Damage, LastPiece};
use crate::faults::{Fate, Fault, FaultKind, Rebuff, ResumeUrl, SequenceFault, Span};
use crate::flood::Flood;
use crate::frames::Resumable;
use crate::generate::Generator;
use core::time::Duration;
use portcullis::{CloseCode, Message};

/// A deed is done so many times at most.
const TIMES_MAX: u32 = 10_000;
/// A bomb has so many megabytes at most.
const MEGABYTES_MAX: u32 = 4000;
/// A generated guild or answer has so many members at most.
pub(super) const MEMBERS_MAX: u32 = 100_000;

/// Reads the deeds of a line.
pub(super) fn line(cursor: &mut Cursor<'_>, deeds: &mut Vec<(Whom, Deed)>) -> Read<()> {
    loop {
        deeds.push(deed(cursor)?);
        if cursor.is_at_end() {
            return Ok(());
        }
        if !cursor.accept(";") {
            return Err(cursor.error(Expected::DeedEnd));
        }
        if cursor.is_at_end() {
            return Ok(());
        }
    }
}

fn deed(cursor: &mut Cursor<'_>) -> Read<(Whom, Deed)> {
    let whom = if cursor.accept("all") { Whom::Everyone } else { Whom::Cued };
    let start = cursor.clone();
    let span = span(cursor)?;
    let word = cursor.one_of(WORDS)?;
    if let Some(fault) = fault(word, cursor)? {
        return Ok((whom, Deed::Arm(fault, span)));
    }
    let deed = act(word, times(span), cursor)?;
    let repeats = matches!(deed, Deed::Dispatch { .. } | Deed::Send { .. } | Deed::RequestHeartbeat { .. });
    if span == Span::UntilLifted || (span != Span::Next && !repeats) {
        return Err(start.error(Expected::NoRepetition));
    }
    Ok((whom, deed))
}

/// `always`, `3 times`, or nothing.
fn span(cursor: &mut Cursor<'_>) -> Read<Span> {
    if cursor.accept("always") {
        return Ok(Span::UntilLifted);
    }
    if !cursor.number_ahead() {
        return Ok(Span::Next);
    }
    let times = cursor.small(1, TIMES_MAX)?;
    cursor.expect(&["times"])?;
    Ok(Span::Times(times))
}

const fn times(span: Span) -> u32 {
    match span {
        Span::Next | Span::UntilLifted => 1,
        Span::Times(times) => times,
    }
}

const WORDS: &[&str] = &[
    "dispatch",
    "send",
    "drop",
    "close",
    "op",
    "stop",
    "ack",
    "omit",
    "delay",
    "replace",
    "unnumber",
    "refuse",
    "deny",
    "repeat",
    "skip",
    "resume-url",
    "split",
    "cut",
    "coalesce",
    "stall",
    "scatter",
    "merge",
    "flip",
    "truncate",
    "append",
    "keep",
    "bomb",
    "flood",
    "rate-limit",
    "answer",
    "lift",
    "reset",
    "accept",
    "say",
    "fail",
    "expect",
    "end",
];

/// What goes wrong later: armed now.
fn fault(word: &str, cursor: &mut Cursor<'_>) -> Read<Option<Fault>> {
    Ok(Some(match word {
        "omit" if cursor.accept("suffix") => Fault::Damage(Damage::OmitSuffix),
        "omit" => {
            let frame = cursor.one_of(&["hello", "ready", "resumed", "ack", "suffix"])?;
            milestone(frame, Fate::Omit)
        }
        "unnumber" => milestone(cursor.one_of(&["ready", "resumed"])?, Fate::Unnumbered),
        "delay" if cursor.accept("frames") => Fault::Lag(cursor.wait()?.least),
        "delay" => {
            let frame = cursor.one_of(&["hello", "ready", "resumed", "ack", "frames"])?;
            milestone(frame, Fate::Delay(cursor.wait()?.least))
        }
        "replace" => {
            let frame = cursor.one_of(MILESTONES)?;
            cursor.expect(&["with"])?;
            milestone(frame, Fate::Instead(message(cursor)?))
        }
        "refuse" => {
            let status = cursor.small(300, 599)?;
            let retry_after = if cursor.accept_all(&["retry", "after"]) { Some(cursor.span()?) } else { None };
            Fault::RefuseUpgrade { status: u16::try_from(status).unwrap_or(503), retry_after }
        }
        "deny" => deny(cursor)?,
        "repeat" => match cursor.one_of(&["sequence", "suffix"])? {
            "sequence" => Fault::Sequence(SequenceFault::Repeat),
            _ => Fault::Damage(Damage::RepeatSuffix),
        },
        "skip" => {
            let numbers = cursor.number(1, 1_000_000)?;
            cursor.one_of(&["sequences", "sequence"])?;
            Fault::Sequence(SequenceFault::Skip(numbers))
        }
        "resume-url" => Fault::ResumeUrl(if cursor.accept("none") {
            ResumeUrl::Omit
        } else if cursor.accept("with") {
            ResumeUrl::Extended(cursor.quoted()?)
        } else {
            ResumeUrl::Instead(cursor.quoted()?)
        }),
        "split" => {
            cursor.expect(&["in"])?;
            let pieces = if cursor.accept("bytes") { u32::MAX } else { cursor.small(2, u32::MAX)? };
            let gap = if cursor.accept("every") { cursor.wait()?.least } else { Duration::ZERO };
            Fault::Split { pieces, gap }
        }
        "cut" => Fault::Cut { bytes: after_bytes(cursor)? },
        "coalesce" => {
            let frames = cursor.small(2, 1000)?;
            cursor.expect(&["frames"])?;
            Fault::Coalesce { frames }
        }
        "stall" => {
            let bytes = after_bytes(cursor)?;
            let pause = if cursor.accept("for") { Some(cursor.wait()?.least) } else { None };
            Fault::Stall { bytes, pause }
        }
        "scatter" => {
            cursor.expect(&["over"])?;
            let messages = if cursor.accept("bytes") { u32::MAX } else { cursor.small(2, u32::MAX)? };
            if messages != u32::MAX {
                cursor.expect(&["messages"])?;
            }
            let last =
                if cursor.accept("leaving") { LastPiece::Bytes(bytes_count(cursor, 1)?) } else { LastPiece::Fair };
            Fault::Scatter { messages, last }
        }
        "merge" => {
            let payloads = cursor.small(2, 1000)?;
            cursor.expect(&["payloads"])?;
            Fault::Merge { payloads }
        }
        "flip" => {
            cursor.expect(&["bit"])?;
            Fault::Damage(Damage::FlipBit(cursor.small(0, u32::MAX)?))
        }
        "truncate" => {
            cursor.expect(&["by"])?;
            Fault::Damage(Damage::Truncate(bytes_count(cursor, 1)?))
        }
        "append" => {
            cursor.expect(&["bytes"])?;
            Fault::Damage(Damage::Append(bytes(cursor)?.into_bytes()))
        }
        "keep" => {
            cursor.expect(&["context"])?;
            Fault::KeepContext
        }
        _ => return Ok(None),
    }))
}

const MILESTONES: &[&str] = &["hello", "ready", "resumed", "ack"];

fn milestone(frame: &str, fate: Fate) -> Fault {
    match frame {
        "hello" => Fault::Hello(fate),
        "ready" => Fault::Ready(fate),
        "resumed" => Fault::Resumed(fate),
        _ => Fault::HeartbeatAck(fate),
    }
}

/// `after 5 bytes`.
fn after_bytes(cursor: &mut Cursor<'_>) -> Read<usize> {
    cursor.expect(&["after"])?;
    bytes_count(cursor, 0)
}

/// `5 bytes`.
fn bytes_count(cursor: &mut Cursor<'_>, least: u32) -> Read<usize> {
    let bytes = cursor.small(least, 1 << 24)?;
    cursor.one_of(&["bytes", "byte"])?;
    Ok(usize::try_from(bytes).unwrap_or(usize::MAX))
}

/// `deny resume with op 9 false`.
fn deny(cursor: &mut Cursor<'_>) -> Read<Fault> {
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

/// What happens at once.
fn act(word: &str, times: u32, cursor: &mut Cursor<'_>) -> Read<Deed> {
    Ok(match word {
        "dispatch" => dispatch(times, cursor)?,
        "send" => Deed::Send { times, message: message(cursor)? },
        "drop" => Deed::Drop,
        "close" => {
            let code = close_code(cursor)?;
            let reason = if code.is_some() && cursor.peek() == "\"" { cursor.quoted()? } else { String::new() };
            Deed::Close { code, reason: reason.into() }
        }
        "op" if cursor.accept("1") => Deed::RequestHeartbeat { times },
        "op" if cursor.accept("7") => Deed::Reconnect,
        "op" if cursor.accept("9") => Deed::InvalidSession(resumable(cursor)?),
        "op" => return Err(cursor.error(Expected::GatewayOpcode)),
        "stop" => {
            cursor.expect(&["acking"])?;
            Deed::Arm(Fault::HeartbeatAck(Fate::Omit), Span::UntilLifted)
        }
        "ack" => {
            cursor.expect(&["again"])?;
            Deed::Lift(FaultKind::HeartbeatAck)
        }
        "flood" => Deed::Flood(flood(cursor)?),
        "bomb" => {
            cursor.expect(&["of"])?;
            let megabytes = cursor.small(1, MEGABYTES_MAX)?;
            cursor.expect(&["MB"])?;
            Deed::Bomb(megabytes * 1_000_000)
        }
        "rate-limit" => Deed::RateLimit(cursor.wait()?.least),
        "answer" => {
            cursor.expect(&["with"])?;
            let members = cursor.small(0, MEMBERS_MAX)?;
            cursor.one_of(&["members", "member"])?;
            Deed::AnswerMembers(members)
        }
        "lift" => {
            cursor.expect(&["faults"])?;
            Deed::LiftAll
        }
        "reset" => {
            cursor.expect(&["token"])?;
            Deed::ResetToken
        }
        "accept" => {
            cursor.expect(&["token"])?;
            Deed::AcceptToken(cursor.quoted()?.into())
        }
        "say" => Deed::Say(cursor.quoted()?.into()),
        "fail" => Deed::Fail(cursor.quoted()?.into()),
        "expect" => {
            let wanted = if cursor.accept("no") { Wanted::No } else { Wanted::Yes };
            let cue = named(cursor.one_of(&["connect", "identify", "resume", "ready", "resumed", "leave"])?);
            cursor.expect(&["within"])?;
            Deed::Expect { wanted, cue, within: cursor.wait()?.least }
        }
        _ => Deed::End,
    })
}

/// `dispatch NAME {…}`, `dispatch NAME`, `dispatch generated NAME`, `dispatch generated GUILD_CREATE with 9 members`.
fn dispatch(times: u32, cursor: &mut Cursor<'_>) -> Read<Deed> {
    if cursor.accept("generated") {
        let name = cursor.peek();
        if name != Script::TRAFFIC && !Generator::EVENTS.contains(&name) {
            return Err(cursor.error(Expected::GeneratedEvent));
        }
        cursor.accept(name);
        let members = if name == "GUILD_CREATE" && cursor.accept("with") {
            let members = cursor.small(0, MEMBERS_MAX)?;
            cursor.one_of(&["members", "member"])?;
            Some(members)
        } else {
            None
        };
        return Ok(Deed::Dispatch { times, name: name.into(), data: Payload::Generated { members } });
    }
    let name = event_name(cursor)?;
    let json = if cursor.is_at_end() || cursor.peek() == ";" { "{}" } else { cursor.json()? };
    Ok(Deed::Dispatch { times, name: name.into(), data: Payload::Given(json.into()) })
}

fn event_name<'a>(cursor: &mut Cursor<'a>) -> Read<&'a str> {
    let name = cursor.peek();
    let lawful = |letter: u8| letter.is_ascii_uppercase() || letter.is_ascii_digit() || letter == b'_';
    if name.is_empty() || !name.bytes().all(lawful) {
        return Err(cursor.error(Expected::EventName));
    }
    cursor.accept(name);
    Ok(name)
}

/// `100000 events of 2000 bytes`, `100000 events of 2000 bytes until MESSAGE_DELETE`.
fn flood(cursor: &mut Cursor<'_>) -> Read<Flood> {
    let events = cursor.number(1, u64::MAX)?;
    cursor.expect(&["events"])?;
    cursor.expect(&["of"])?;
    let size = bytes_count(cursor, 1)?;
    let flood = Flood { events, size, ..Flood::default() };
    let until = if cursor.accept("until") { event_name(cursor)?.to_owned() } else { flood.until };
    Ok(Flood { until, ..flood })
}

/// A JSON object or list as it stands, a text in quotes as what it says, or `bytes` in hexadecimal.
fn message(cursor: &mut Cursor<'_>) -> Read<Message> {
    if cursor.accept("bytes") {
        return bytes(cursor);
    }
    let text = if cursor.peek() == "\"" { cursor.quoted()? } else { cursor.json()?.to_owned() };
    Ok(Message::Text(text.into_bytes().into()))
}

fn bytes(cursor: &mut Cursor<'_>) -> Read<Message> {
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

fn resumable(cursor: &mut Cursor<'_>) -> Read<Resumable> {
    Ok(if cursor.one_of(&["true", "false"])? == "true" { Resumable::Yes } else { Resumable::No })
}

/// A code that may be on the wire; none if none is given.
fn close_code(cursor: &mut Cursor<'_>) -> Read<Option<CloseCode>> {
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
