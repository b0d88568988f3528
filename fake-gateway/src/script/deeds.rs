//! What happens: `drop; close 4009 "Session timed out."`.

use super::cursor::{Cursor, Read};
use super::error::Expected;
use super::parse::named;
use super::values::{bytes_count, close_code, event_name, message, resumable};
use super::{Deed, Payload, Script, Wanted, Whom, faults};
use crate::faults::{Fate, Fault, FaultKind, Span};
use crate::flood::Flood;
use crate::generate::Generator;

/// How often a deed is done at most.
const TIMES_MAX: u32 = 10_000;
/// The size of the largest bomb, in megabytes.
const MEGABYTES_MAX: u32 = 4000;
/// The most members of a generated guild or answer.
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
    let word = cursor.one_of(&NAMES)?;
    let reader = WORDS.iter().find(|(name, _)| *name == word).map(|(_, reader)| reader);
    let deed = match reader {
        Some(Reader::Fault(fault)) => return Ok((whom, Deed::Arm(fault(cursor)?, span))),
        Some(Reader::Repeated(deed)) => deed(times(span), cursor)?,
        Some(Reader::Once(deed)) => deed(cursor)?,
        // Invariant: `one_of` gives one of the names, which are those of the table.
        None => return Err(start.error(Expected::Word(&NAMES))),
    };
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

/// Reads what stands behind a word.
enum Reader {
    /// What goes wrong later: it is armed now, for the next time, for several, or until it is lifted.
    Fault(fn(&mut Cursor<'_>) -> Read<Fault>),
    /// What is done at once, and can be done several times.
    Repeated(fn(u32, &mut Cursor<'_>) -> Read<Deed>),
    /// What is done at once, and once.
    Once(fn(&mut Cursor<'_>) -> Read<Deed>),
}

/// Every word that a deed begins with.
const WORDS: [(&str, Reader); 37] = [
    ("dispatch", Reader::Repeated(dispatch)),
    ("send", Reader::Repeated(send)),
    ("drop", Reader::Once(drop_now)),
    ("close", Reader::Once(close)),
    ("op", Reader::Repeated(op)),
    ("stop", Reader::Once(stop_acking)),
    ("ack", Reader::Once(ack_again)),
    ("omit", Reader::Fault(faults::omit)),
    ("delay", Reader::Fault(faults::delay)),
    ("replace", Reader::Fault(faults::replace)),
    ("unnumber", Reader::Fault(faults::unnumber)),
    ("refuse", Reader::Fault(faults::refuse)),
    ("deny", Reader::Fault(faults::deny)),
    ("repeat", Reader::Fault(faults::repeat)),
    ("skip", Reader::Fault(faults::skip)),
    ("resume-url", Reader::Fault(faults::resume_url)),
    ("split", Reader::Fault(faults::split)),
    ("cut", Reader::Fault(faults::cut)),
    ("coalesce", Reader::Fault(faults::coalesce)),
    ("stall", Reader::Fault(faults::stall)),
    ("scatter", Reader::Fault(faults::scatter)),
    ("merge", Reader::Fault(faults::merge)),
    ("flip", Reader::Fault(faults::flip)),
    ("truncate", Reader::Fault(faults::truncate)),
    ("append", Reader::Fault(faults::append)),
    ("keep", Reader::Fault(faults::keep)),
    ("bomb", Reader::Once(bomb)),
    ("flood", Reader::Once(flood)),
    ("rate-limit", Reader::Once(rate_limit)),
    ("answer", Reader::Once(answer)),
    ("lift", Reader::Once(lift)),
    ("reset", Reader::Once(reset)),
    ("accept", Reader::Once(accept)),
    ("say", Reader::Once(say)),
    ("fail", Reader::Once(fail)),
    ("expect", Reader::Once(expect)),
    ("end", Reader::Once(end)),
];

/// The words alone, in the order in which an error lists them.
static NAMES: [&str; WORDS.len()] = {
    let mut names = [""; WORDS.len()];
    let mut index = 0;
    while index < names.len() {
        names[index] = WORDS[index].0;
        index += 1;
    }
    names
};

fn send(times: u32, cursor: &mut Cursor<'_>) -> Read<Deed> {
    Ok(Deed::Send { times, message: message(cursor)? })
}

#[expect(clippy::unnecessary_wraps, reason = "as all in the table")]
const fn drop_now(_: &mut Cursor<'_>) -> Read<Deed> {
    Ok(Deed::Drop)
}

/// `close`, `close 4008`, `close 4008 "Rate limited."`.
fn close(cursor: &mut Cursor<'_>) -> Read<Deed> {
    let code = close_code(cursor)?;
    let reason = if code.is_some() && cursor.peek() == "\"" { cursor.quoted()? } else { String::new() };
    Ok(Deed::Close { code, reason: reason.into() })
}

/// `op 1`, `op 7`, `op 9 true`.
fn op(times: u32, cursor: &mut Cursor<'_>) -> Read<Deed> {
    if cursor.accept("1") {
        Ok(Deed::RequestHeartbeat { times })
    } else if cursor.accept("7") {
        Ok(Deed::Reconnect)
    } else if cursor.accept("9") {
        Ok(Deed::InvalidSession(resumable(cursor)?))
    } else {
        Err(cursor.error(Expected::GatewayOpcode))
    }
}

fn stop_acking(cursor: &mut Cursor<'_>) -> Read<Deed> {
    cursor.expect(&["acking"])?;
    Ok(Deed::Arm(Fault::HeartbeatAck(Fate::Omit), Span::UntilLifted))
}

fn ack_again(cursor: &mut Cursor<'_>) -> Read<Deed> {
    cursor.expect(&["again"])?;
    Ok(Deed::Lift(FaultKind::HeartbeatAck))
}

/// `bomb of 1000 MB`.
fn bomb(cursor: &mut Cursor<'_>) -> Read<Deed> {
    cursor.expect(&["of"])?;
    let megabytes = cursor.small(1, MEGABYTES_MAX)?;
    cursor.expect(&["MB"])?;
    Ok(Deed::Bomb(megabytes * 1_000_000))
}

/// `rate-limit 5 s`.
fn rate_limit(cursor: &mut Cursor<'_>) -> Read<Deed> {
    Ok(Deed::RateLimit(cursor.wait()?.least))
}

/// `answer with 2500 members`.
fn answer(cursor: &mut Cursor<'_>) -> Read<Deed> {
    cursor.expect(&["with"])?;
    let members = cursor.small(0, MEMBERS_MAX)?;
    cursor.one_of(&["members", "member"])?;
    Ok(Deed::AnswerMembers(members))
}

fn lift(cursor: &mut Cursor<'_>) -> Read<Deed> {
    cursor.expect(&["faults"])?;
    Ok(Deed::LiftAll)
}

fn reset(cursor: &mut Cursor<'_>) -> Read<Deed> {
    cursor.expect(&["token"])?;
    Ok(Deed::ResetToken)
}

fn accept(cursor: &mut Cursor<'_>) -> Read<Deed> {
    cursor.expect(&["token"])?;
    Ok(Deed::AcceptToken(cursor.quoted()?.into()))
}

fn say(cursor: &mut Cursor<'_>) -> Read<Deed> {
    Ok(Deed::Say(cursor.quoted()?.into()))
}

fn fail(cursor: &mut Cursor<'_>) -> Read<Deed> {
    Ok(Deed::Fail(cursor.quoted()?.into()))
}

/// `expect resumed within 30 s`, `expect no connect within 60 s`.
fn expect(cursor: &mut Cursor<'_>) -> Read<Deed> {
    let wanted = if cursor.accept("no") { Wanted::No } else { Wanted::Yes };
    let cue = named(cursor.one_of(&["connect", "identify", "resume", "ready", "resumed", "leave"])?);
    cursor.expect(&["within"])?;
    Ok(Deed::Expect { wanted, cue, within: cursor.wait()?.least })
}

#[expect(clippy::unnecessary_wraps, reason = "as all in the table")]
const fn end(_: &mut Cursor<'_>) -> Read<Deed> {
    Ok(Deed::End)
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

/// `100000 events of 2000 bytes`, `100000 events of 2000 bytes until MESSAGE_DELETE`.
fn flood(cursor: &mut Cursor<'_>) -> Read<Deed> {
    let events = cursor.number(1, u64::MAX)?;
    cursor.expect(&["events"])?;
    cursor.expect(&["of"])?;
    let size = bytes_count(cursor, 1)?;
    let flood = Flood { events, size, ..Flood::default() };
    let until = if cursor.accept("until") { event_name(cursor)?.to_owned() } else { flood.until };
    Ok(Deed::Flood(Flood { until, ..flood }))
}
