//! What is wrong with a script, and where.

use core::fmt;

/// The first place of a script that is not understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScriptError {
    /// The line, from 1.
    pub line: usize,
    /// The column in characters, from 1.
    pub column: usize,
    /// What should be there.
    pub expected: Expected,
    /// What is there; empty at the end of a line.
    pub found: String,
    /// A word that is close to it, if there is one.
    pub near: Option<&'static str>,
    /// The whole line.
    pub text: String,
}

/// What a script should have at some place.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Expected {
    /// One of these words.
    Word(&'static [&'static str]),
    /// A whole number from one to another.
    Number {
        /// The least.
        least: u64,
        /// The most.
        most: u64,
    },
    /// A time with its unit.
    Time,
    /// A time from one millisecond on.
    TimeAboveZero,
    /// The second of two times is below the first.
    LaterTime,
    /// An ordinal: `third`, `21st`.
    Ordinal,
    /// A text in double quotes.
    Quoted,
    /// A JSON value.
    Json,
    /// Bytes in hexadecimal digits.
    Bytes,
    /// The name of an event: capitals and underscores.
    EventName,
    /// An event that can be generated.
    GeneratedEvent,
    /// A close code that may be on the wire.
    CloseCode,
    /// An opcode that the gateway sends by itself.
    GatewayOpcode,
    /// An opcode of a client's command.
    ClientOpcode,
    /// A colon behind the condition.
    Colon,
    /// A semicolon or the end of the line behind a deed.
    DeedEnd,
    /// The end of the line.
    LineEnd,
    /// A deed: the condition above has none.
    Deed,
    /// A condition: an indented line has none above it.
    Condition,
    /// Nothing: `always` or a number of times is no use here.
    NoRepetition,
}

impl fmt::Display for Expected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Word([only]) => write!(f, "`{only}`"),
            Self::Word(words) => {
                f.write_str("one of ")?;
                words.iter().enumerate().try_for_each(|(index, word)| {
                    let separator = if index == 0 { "" } else { ", " };
                    write!(f, "{separator}`{word}`")
                })
            }
            Self::Number { least, most: u64::MAX } => write!(f, "a whole number from {least} on"),
            Self::Number { least, most } => write!(f, "a whole number from {least} to {most}"),
            Self::Time => f.write_str("a time such as `2 s` or `250 ms`"),
            Self::TimeAboveZero => f.write_str("a time from `1 ms` to `365 d`"),
            Self::LaterTime => f.write_str("a time that is not below the first"),
            Self::Ordinal => f.write_str("an ordinal such as `third` or `21st`"),
            Self::Quoted => f.write_str("a text in double quotes"),
            Self::Json => f.write_str("a json value"),
            Self::Bytes => f.write_str("bytes such as `78 9c ff`"),
            Self::EventName => f.write_str("the name of an event such as `MESSAGE_CREATE`"),
            Self::GeneratedEvent => {
                f.write_str("`traffic` or an event that can be generated, such as `MESSAGE_CREATE`")
            }
            Self::CloseCode => f.write_str("a close code that may be sent: 1000 to 1003, 1007 to 1014, 3000 to 4999"),
            Self::GatewayOpcode => f.write_str("an opcode that the gateway sends: `1`, `7` or `9`"),
            Self::ClientOpcode => f.write_str("the opcode of a command: `3`, `4`, `8`, `31` or `43`"),
            Self::Colon => f.write_str("`:` and what happens then"),
            Self::DeedEnd => f.write_str("`;` and another deed, or the end of the line"),
            Self::LineEnd => f.write_str("the end of the line"),
            Self::Deed => f.write_str("what happens then, behind the `:` or in indented lines"),
            Self::Condition => f.write_str("a condition in a line before this indented one"),
            Self::NoRepetition => f.write_str("a deed that can be repeated; this one happens once"),
        }
    }
}

/// `3:7: expected …, found …`, then the line with a mark below the place, then the hint.
impl fmt::Display for ScriptError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { line, column, expected, found, near, text } = self;
        write!(f, "{line}:{column}: expected {expected}, found ")?;
        if found.is_empty() {
            f.write_str("the end of the line")?;
        } else {
            write!(f, "`{found}`")?;
        }
        let mark = "^".repeat(found.chars().count().max(1));
        write!(f, "\n{line:>4} | {text}\n     | {:1$}{mark}", "", column.saturating_sub(1))?;
        if let Some(near) = near {
            write!(f, "\nhint: did you mean `{near}`?")?;
        }
        match self.opcode_hint() {
            Some(hint) => write!(f, "\nhint: {hint}"),
            None => Ok(()),
        }
    }
}

impl ScriptError {
    /// What to write instead of an opcode that is no deed, or no condition.
    fn opcode_hint(&self) -> Option<String> {
        let op = self.found.parse::<u64>().ok()?;
        let any_frame = format!(r#"`send {{"op":{op},"d":null}}` sends any frame"#);
        match (&self.expected, op) {
            (Expected::GatewayOpcode, 3 | 4 | 8 | 31 | 43) => {
                Some(format!("clients send op {op}: `on op {op}:` is a condition; {any_frame}"))
            }
            (Expected::GatewayOpcode, _) => Some(any_frame),
            (Expected::ClientOpcode, 1) => Some("the condition for op 1 is `heartbeat`".into()),
            (Expected::ClientOpcode, 2) => Some("the condition for op 2 is `identify`".into()),
            (Expected::ClientOpcode, 6) => Some("the condition for op 6 is `resume`".into()),
            (Expected::ClientOpcode, _) => Some(format!("no client may send op {op}")),
            (_, _) => None,
        }
    }
}

impl core::error::Error for ScriptError {}

/// The word closest to what was written, if they differ in no more than a third of their letters. A number is close to
/// none: one digit instead of another is no slip of the pen.
pub(super) fn nearest(found: &str, words: &'static [&'static str]) -> Option<&'static str> {
    if found.bytes().all(|letter| letter.is_ascii_digit()) {
        return None;
    }
    let found = found.to_ascii_lowercase();
    words
        .iter()
        .map(|&word| (distance(&found, word), word))
        .filter(|&(distance, word)| distance <= word.len().max(3) / 3)
        .min_by_key(|&(distance, _)| distance)
        .map(|(_, word)| word)
}

/// How many letters to insert, delete or replace.
fn distance(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().take(40).collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (index, letter) in one.chars().take(40).enumerate() {
        let mut corner = row[0];
        row[0] = index + 1;
        for (place, &wanted) in other.iter().enumerate() {
            let replaced = corner + usize::from(letter != wanted);
            corner = row[place + 1];
            row[place + 1] = replaced.min(row[place] + 1).min(corner + 1);
        }
    }
    row[other.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_the_pen_is_recognized() {
        const WORDS: &[&str] = &["resume", "resumed", "heartbeat", "drop"];
        assert_eq!(nearest("hartbeat", WORDS), Some("heartbeat"));
        assert_eq!(nearest("Drop", WORDS), Some("drop"));
        assert_eq!(nearest("resumme", WORDS), Some("resume"));
        assert_eq!(nearest("explode", WORDS), None);
        assert_eq!(nearest("8", &["1", "7", "9"]), None);
    }
}
