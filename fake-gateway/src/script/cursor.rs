//! A place in a line of a script, and what can be read from there.

use super::Wait;
use super::error::{Expected, ScriptError, nearest};
use core::time::Duration;
use serde::de::IgnoredAny;

/// No time in a script is longer.
const LONGEST: Duration = Duration::from_secs(365 * 24 * 60 * 60);

pub(super) type Read<T> = Result<T, ScriptError>;

/// Reads one line from left to right. Whether a word is what is wanted is seen before it is taken.
#[derive(Clone, Debug)]
pub(super) struct Cursor<'a> {
    line: usize,
    text: &'a str,
    at: usize,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(line: usize, text: &'a str) -> Self {
        let mut cursor = Self { line, text, at: 0 };
        cursor.skip_blanks();
        cursor
    }

    pub(super) const fn line(&self) -> usize {
        self.line
    }

    /// Whether nothing is left but a comment.
    pub(super) fn is_at_end(&self) -> bool {
        self.rest().is_empty() || self.rest().starts_with('#')
    }

    /// The next word, number with its sign, or mark, without taking it.
    pub(super) fn peek(&self) -> &'a str {
        let rest = self.rest();
        if self.is_at_end() {
            return "";
        }
        let end = rest.find([' ', '\t', ':', ';', '"', '{', '[', '%', '#']).unwrap_or(rest.len());
        if end == 0 { &rest[..rest.chars().next().map_or(0, char::len_utf8)] } else { &rest[..end] }
    }

    /// Takes the word if it comes next.
    pub(super) fn accept(&mut self, word: &str) -> bool {
        let is_next = self.peek() == word;
        if is_next {
            self.take(word.len());
        }
        is_next
    }

    /// Takes several words if all of them come next, one after another.
    pub(super) fn accept_all(&mut self, words: &[&str]) -> bool {
        let mut ahead = self.clone();
        let are_next = words.iter().all(|word| ahead.accept(word));
        if are_next {
            *self = ahead;
        }
        are_next
    }

    /// Takes this word.
    pub(super) fn expect(&mut self, word: &'static [&'static str; 1]) -> Read<()> {
        self.one_of(word).map(|_| ())
    }

    /// Takes one of these words.
    pub(super) fn one_of(&mut self, words: &'static [&'static str]) -> Read<&'static str> {
        let next = self.peek();
        match words.iter().find(|&&word| word == next) {
            Some(word) => {
                self.take(next.len());
                Ok(word)
            }
            None => Err(self.error(Expected::Word(words))),
        }
    }

    pub(super) fn number(&mut self, least: u64, most: u64) -> Read<u64> {
        match self.peek().parse() {
            Ok(number) if (least..=most).contains(&number) => {
                self.take(self.peek().len());
                Ok(number)
            }
            Ok(_) | Err(_) => Err(self.error(Expected::Number { least, most })),
        }
    }

    /// A number that fits a `u32`.
    pub(super) fn small(&mut self, least: u32, most: u32) -> Read<u32> {
        let number = self.number(u64::from(least), u64::from(most))?;
        // Invariant: it is at most `most`, a u32.
        Ok(u32::try_from(number).unwrap_or(u32::MAX))
    }

    /// A number if one comes next, whatever is behind it.
    pub(super) fn number_ahead(&self) -> bool {
        self.peek().bytes().next().is_some_and(|digit| digit.is_ascii_digit())
    }

    /// `2 s`, `2s`, `250 ms`, `1.5 s`, `3 min`, `1 h`.
    pub(super) fn span(&mut self) -> Read<Duration> {
        let mut ahead = self.clone();
        let word = ahead.peek();
        let digits =
            word.len() - word.trim_start_matches(|letter: char| letter.is_ascii_digit() || letter == '.').len();
        let (number, mut unit) = word.split_at(digits);
        ahead.take(word.len());
        if unit.is_empty() {
            unit = ahead.peek();
            ahead.take(unit.len());
        }
        match duration(number, unit) {
            Some(span) => {
                *self = ahead;
                Ok(span)
            }
            None => Err(self.error(Expected::Time)),
        }
    }

    /// A span from one millisecond on, or two with `to` between them.
    pub(super) fn wait(&mut self) -> Read<Wait> {
        let start = self.clone();
        let least = self.span()?;
        if least < Duration::from_millis(1) || least > LONGEST {
            return Err(start.error(Expected::TimeAboveZero));
        }
        if !self.accept("to") {
            return Ok(Wait::exactly(least));
        }
        let second = self.clone();
        let most = self.span()?;
        if most < least || most > LONGEST {
            return Err(second.error(Expected::LaterTime));
        }
        Ok(Wait { least, most })
    }

    /// `first` to `tenth`, or a number with its ending.
    pub(super) fn ordinal(&mut self) -> Read<u64> {
        let word = self.peek();
        let in_words = ORDINALS.iter().zip(1..).find(|&(ordinal, _)| *ordinal == word).map(|(_, number)| number);
        let in_digits = || {
            let number = ["st", "nd", "rd", "th"].iter().find_map(|ending| word.strip_suffix(ending))?;
            number.parse().ok().filter(|&number: &u64| number > 0)
        };
        match in_words.or_else(in_digits) {
            Some(number) => {
                self.take(word.len());
                Ok(number)
            }
            None => Err(self.error(Expected::Ordinal)),
        }
    }

    pub(super) fn quoted(&mut self) -> Read<String> {
        if !self.rest().starts_with('"') {
            return Err(self.error(Expected::Quoted));
        }
        let mut values = serde_json::Deserializer::from_str(self.rest()).into_iter::<String>();
        match values.next() {
            Some(Ok(text)) => {
                let end = values.byte_offset();
                self.take(end);
                Ok(text)
            }
            Some(Err(_)) | None => Err(self.error(Expected::Quoted)),
        }
    }

    /// A JSON value, as it stands.
    pub(super) fn json(&mut self) -> Read<&'a str> {
        let rest = self.rest();
        let mut values = serde_json::Deserializer::from_str(rest).into_iter::<IgnoredAny>();
        match values.next() {
            Some(Ok(_)) => {
                let end = values.byte_offset();
                self.take(end);
                Ok(&rest[..end])
            }
            Some(Err(error)) => {
                // The parser counts columns in bytes, from 1; the value stands on one line.
                let column = if error.line() == 1 { error.column().saturating_sub(1) } else { 0 };
                let mut place = self.clone();
                place.at = (self.at + column).min(self.text.len());
                while !self.text.is_char_boundary(place.at) {
                    place.at -= 1;
                }
                Err(place.error(Expected::Json))
            }
            None => Err(self.error(Expected::Json)),
        }
    }

    pub(super) fn error(&self, expected: Expected) -> ScriptError {
        let found = self.peek();
        let near = if let Expected::Word(words) = expected { nearest(found, words) } else { None };
        ScriptError {
            line: self.line,
            column: self.text[..self.at].chars().count() + 1,
            expected,
            found: found.chars().take(40).collect(),
            near,
            text: self.text.to_owned(),
        }
    }

    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn take(&mut self, bytes: usize) {
        self.at += bytes;
        self.skip_blanks();
    }

    fn skip_blanks(&mut self) {
        let rest = self.rest();
        self.at += rest.len() - rest.trim_start().len();
    }
}

const ORDINALS: [&str; 10] =
    ["first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth"];

/// At most three digits behind a point.
fn duration(number: &str, unit: &str) -> Option<Duration> {
    let millis_of_unit: u64 = match unit {
        "ms" => 1,
        "s" => 1000,
        "min" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return None,
    };
    let (whole, behind) = number.split_once('.').unwrap_or((number, "0"));
    if whole.is_empty() || behind.is_empty() || behind.len() > 3 || behind.contains('.') {
        return None;
    }
    let thousandths = format!("{behind:0<3}").parse::<u64>().ok()?;
    let whole = whole.parse::<u64>().ok()?.checked_mul(millis_of_unit)?;
    let part = thousandths.checked_mul(millis_of_unit)? / 1000;
    Some(Duration::from_millis(whole.checked_add(part)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_with_their_units() {
        for (text, millis) in [
            ("2 s", 2000),
            ("250ms", 250),
            ("1.5 s", 1500),
            ("3 min", 180_000),
            ("0.25 h", 900_000),
            ("1 d", 86_400_000),
        ] {
            assert_eq!(Cursor::new(1, text).span(), Ok(Duration::from_millis(millis)), "{text}");
        }
        for text in ["", "2", "s", "2 x", "-1 s", "1.2345 s", "1. s", ".5 s", "1.2.3 s", "99999999999999999 d"] {
            assert_eq!(Cursor::new(1, text).span().map_err(|error| error.expected), Err(Expected::Time), "{text}");
        }
    }

    #[test]
    fn ordinals_are_words_or_digits_with_an_ending() {
        for (text, number) in [("third", 3), ("tenth", 10), ("21st", 21), ("100th", 100)] {
            assert_eq!(Cursor::new(1, text).ordinal(), Ok(number));
        }
        for text in ["eleventh", "0th", "3", "th"] {
            assert!(Cursor::new(1, text).ordinal().is_err(), "{text}");
        }
    }

    #[test]
    fn json_ends_where_it_ends() {
        let mut cursor = Cursor::new(1, r#"{"a":"; #"} ; drop"#);
        assert_eq!(cursor.json(), Ok(r#"{"a":"; #"}"#));
        assert_eq!(cursor.peek(), ";");
        let error = Cursor::new(1, r#"{"ä":x}"#).json().unwrap_err();
        assert_eq!((error.column, error.expected), (6, Expected::Json));
    }
}
