//! Deeds that are done at once, while clients are connected: a line of standard input, or the body of a request.

use super::cursor::{Cursor, Read};
use super::{Deed, ScriptError, Whom, deeds};
use crate::input::ConnectionId;

/// Deeds that were read without an error, to be done at once by
/// [`FakeGateway::carry_out`](crate::FakeGateway::carry_out).
///
/// ```
/// use portcullis_fake::{Deeds, FakeConfig, FakeGateway, Timestamp};
///
/// let mut gateway = FakeGateway::new(FakeConfig::default());
/// let deeds = Deeds::parse("all op 7; 3 times omit ack")?;
/// gateway.carry_out(Timestamp::ZERO, &deeds)?;
/// assert_eq!(Deeds::parse("op 7; drob").unwrap_err().near, Some("drop"));
/// # Ok::<(), Box<dyn core::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Deeds {
    pub(crate) lines: Vec<Line>,
}

/// One line of deeds.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Line {
    /// Its number, from 1.
    pub(crate) number: usize,
    /// What was written, without blanks around it.
    pub(crate) text: Box<str>,
    /// The connection that it is about; everyone, if there is none.
    pub(crate) connection: Option<ConnectionId>,
    pub(crate) deeds: Vec<(Whom, Deed)>,
}

impl Deeds {
    /// Reads lines of deeds: `drop`, `omit ack; op 1`, `connection 2: close 4008`. Blank lines and comments are passed
    /// over.
    ///
    /// # Errors
    /// The first place that is not understood.
    pub fn parse(text: &str) -> Result<Self, ScriptError> {
        Self::parse_from(1, text)
    }

    /// Reads lines of deeds that stand somewhere in a longer input: the first line has this number, in errors.
    ///
    /// # Errors
    /// The first place that is not understood.
    pub fn parse_from(number: usize, text: &str) -> Result<Self, ScriptError> {
        let mut lines = Vec::new();
        for (index, text) in text.lines().enumerate() {
            let mut cursor = Cursor::new(number.saturating_add(index), text.trim_end());
            if !cursor.is_at_end() {
                lines.push(line(&mut cursor, text)?);
            }
        }
        Ok(Self { lines })
    }

    /// How many lines have deeds.
    #[must_use]
    pub fn len(&self) -> usize {
        self.lines.len()
    }

    /// Whether there is nothing to do.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }
}

fn line(cursor: &mut Cursor<'_>, text: &str) -> Read<Line> {
    let number = cursor.line();
    let connection = if cursor.accept("connection") {
        let connection = ConnectionId(cursor.number(1, u64::MAX)?);
        cursor.expect(&[":"])?;
        Some(connection)
    } else {
        None
    };
    let mut done = Vec::new();
    deeds::line(cursor, &mut done)?;
    Ok(Line { number, text: text.trim().into(), connection, deeds: done })
}
