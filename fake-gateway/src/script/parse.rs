//! Lines → rules: settings, conditions, and which deeds belong to which condition.

use super::cursor::{Cursor, Read};
use super::error::Expected;
use super::settings::Setting;
use super::{Connections, Cue, Nth, Rule, Script, Timing, When, deeds};

pub(super) fn script(text: &str) -> Read<Script> {
    let mut script = Script::default();
    // A condition whose deeds are still to come.
    let mut bare: Option<Cursor<'_>> = None;
    let text = text.trim_start_matches('\u{feff}');
    // A script within a program is often indented as a whole.
    let indents = text.lines().filter(|line| !Cursor::new(0, line).is_at_end()).map(indent);
    let margin = indents.min().unwrap_or_default();
    for (index, text) in text.lines().enumerate() {
        let mut cursor = Cursor::new(index + 1, text.trim_end());
        if cursor.is_at_end() {
            continue;
        }
        if indent(text) > margin {
            match script.rules.last_mut() {
                Some(rule) => deeds::line(&mut cursor, &mut rule.deeds)?,
                None => return Err(cursor.error(Expected::Condition)),
            }
            bare = None;
            continue;
        }
        if let Some(cursor) = bare {
            return Err(cursor.error(Expected::Deed));
        }
        if cursor.accept("set") {
            script.settings.push(Setting::read(&mut cursor)?);
            if !cursor.is_at_end() {
                return Err(cursor.error(Expected::LineEnd));
            }
            continue;
        }
        let rule = rule(&mut cursor)?;
        bare = rule.deeds.is_empty().then_some(cursor);
        script.rules.push(rule);
    }
    match bare {
        Some(cursor) => Err(cursor.error(Expected::Deed)),
        None => Ok(script),
    }
}

fn indent(line: &str) -> usize {
    line.len() - line.trim_start().len()
}

fn rule(cursor: &mut Cursor<'_>) -> Read<Rule> {
    let line = u32::try_from(cursor.line()).unwrap_or(u32::MAX);
    let when = when(cursor)?;
    if !cursor.accept(":") {
        return Err(cursor.error(Expected::Colon));
    }
    let mut deeds = Vec::new();
    if !cursor.is_at_end() {
        deeds::line(cursor, &mut deeds)?;
    }
    Ok(Rule { line, when, deeds })
}

fn when(cursor: &mut Cursor<'_>) -> Read<When> {
    if cursor.number_ahead() {
        let wait = cursor.wait()?;
        cursor.expect(&["after"])?;
        return cue(cursor, Timing::Later(wait));
    }
    match cursor.one_of(&["start", "at", "every", "on", "after", "set"])? {
        "start" => Ok(When::Start),
        "at" => cursor.wait().map(When::At),
        "every" => every(cursor),
        "on" => cue(cursor, Timing::Before),
        _ => cue(cursor, Timing::After),
    }
}

/// `every 5 s` or `every 100 events`.
fn every(cursor: &mut Cursor<'_>) -> Read<When> {
    let mut ahead = cursor.clone();
    if let Ok(number) = ahead.number(1, u64::MAX)
        && PLURALS.contains(&ahead.peek())
    {
        *cursor = ahead;
        let cue = named(cursor.one_of(PLURALS)?);
        return Ok(When::Cue {
            cue,
            nth: Nth::Every(number),
            connections: connections(cursor)?,
            timing: Timing::After,
        });
    }
    cursor.wait().map(When::Every)
}

/// `[the third] heartbeat [on connection 2]`, or just `connection 2`.
fn cue(cursor: &mut Cursor<'_>, timing: Timing) -> Read<When> {
    if matches!(cursor.peek(), "connection" | "connections") {
        return Ok(When::Cue { cue: Cue::Connect, nth: Nth::Each, connections: numbered(cursor)?, timing });
    }
    let nth = if cursor.accept("the") { Nth::Only(cursor.ordinal()?) } else { Nth::Each };
    // A rule for each event would answer itself.
    let words = if nth == Nth::Each { CUES } else { CUES_AND_EVENT };
    let cue = match cursor.one_of(words)? {
        "op" => Cue::Op(op(cursor)?),
        word => named(word),
    };
    Ok(When::Cue { cue, nth, connections: connections(cursor)?, timing })
}

fn op(cursor: &mut Cursor<'_>) -> Read<i64> {
    const COMMANDS: [(&str, i64); 5] = [("3", 3), ("4", 4), ("8", 8), ("31", 31), ("43", 43)];
    let op = COMMANDS.into_iter().find_map(|(word, op)| cursor.accept(word).then_some(op));
    op.ok_or_else(|| cursor.error(Expected::ClientOpcode))
}

fn connections(cursor: &mut Cursor<'_>) -> Read<Connections> {
    if cursor.accept("on") { numbered(cursor) } else { Ok(Connections::ALL) }
}

/// `connection 2`, `connections 2 to 5`, `connections from 3`.
fn numbered(cursor: &mut Cursor<'_>) -> Read<Connections> {
    if cursor.one_of(&["connection", "connections"])? == "connection" {
        let only = cursor.number(1, u64::MAX)?;
        return Ok(Connections { first: only, last: only });
    }
    if cursor.accept("from") {
        return Ok(Connections { first: cursor.number(1, u64::MAX)?, last: u64::MAX });
    }
    let first = cursor.number(1, u64::MAX)?;
    cursor.expect(&["to"])?;
    Ok(Connections { first, last: cursor.number(first, u64::MAX)? })
}

const CUES: &[&str] =
    &["connect", "identify", "resume", "ready", "resumed", "heartbeat", "command", "op", "leave", "connection"];
const CUES_AND_EVENT: &[&str] =
    &["connect", "identify", "resume", "ready", "resumed", "heartbeat", "command", "op", "leave", "event"];
const PLURALS: &[&str] = &["connects", "identifies", "resumes", "heartbeats", "commands", "leaves", "events"];

pub(super) fn named(word: &str) -> Cue {
    match word {
        "connect" | "connects" => Cue::Connect,
        "identify" | "identifies" => Cue::Identify,
        "resume" | "resumes" => Cue::Resume,
        "ready" => Cue::Ready,
        "resumed" => Cue::Resumed,
        "heartbeat" | "heartbeats" => Cue::Heartbeat,
        "command" | "commands" => Cue::Command,
        "leave" | "leaves" => Cue::Leave,
        _ => Cue::Event,
    }
}
