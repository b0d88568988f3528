//! A command that is known to be a JSON object, and no more.

use super::CommandError;
use bytes::Bytes;
use core::fmt;
use serde::Serialize;
use serde_json::value::RawValue;

/// A whole frame to send as it is, for commands that this crate does not have.
///
/// `Debug` prints its size only.
///
/// ```
/// use portcullis::dialect::RawCommand;
///
/// #[derive(serde::Serialize)]
/// struct Frame { op: u8, d: Option<u64> }
///
/// let command = RawCommand::new(&Frame { op: 1, d: None })?;
/// assert_eq!(command.bytes(), r#"{"op":1,"d":null}"#);
/// # Ok::<(), portcullis::dialect::CommandError>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct RawCommand(Bytes);

impl RawCommand {
    /// Serializes a value as the whole frame, including its envelope (`op` and `d`).
    ///
    /// # Errors
    /// [`CommandError::NotJson`] if the value cannot be written as JSON, [`CommandError::NotObject`] if its JSON is not an
    /// object.
    pub fn new<T: Serialize + ?Sized>(frame: &T) -> Result<Self, CommandError> {
        let json = serde_json::to_vec(frame).map_err(|_| CommandError::NotJson)?;
        if json.first() == Some(&b'{') { Ok(Self(json.into())) } else { Err(CommandError::NotObject) }
    }

    /// Takes the JSON text of the whole frame, including its envelope (`op` and `d`). The text is checked, and sent without the
    /// white space around it and otherwise unchanged.
    ///
    /// ```
    /// use portcullis::dialect::RawCommand;
    ///
    /// let command = RawCommand::from_json(r#"{"op": 31, "d": {"guild_ids": ["81384788765712384"]}}"#)?;
    /// # let _ = command;
    /// # Ok::<(), portcullis::dialect::CommandError>(())
    /// ```
    ///
    /// # Errors
    /// [`CommandError::BrokenJson`] if the text is not exactly one JSON value, [`CommandError::NotObject`] if the value is not
    /// an object.
    pub fn from_json(text: &str) -> Result<Self, CommandError> {
        let value: &RawValue = serde_json::from_str(text)
            .map_err(|error| CommandError::BrokenJson { line: error.line(), column: error.column() })?;
        let json = value.get();
        if json.starts_with('{') {
            Ok(Self(Bytes::copy_from_slice(json.as_bytes())))
        } else {
            Err(CommandError::NotObject)
        }
    }

    /// The frame as it will be sent.
    #[must_use]
    pub const fn bytes(&self) -> &Bytes {
        &self.0
    }
}

impl fmt::Debug for RawCommand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RawCommand({} bytes)", self.0.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::collections::BTreeMap;
    use alloc::format;

    #[test]
    fn an_object_is_taken_and_printed_as_its_size() {
        let command = RawCommand::new(&BTreeMap::from([("op", 1)])).unwrap();
        assert_eq!(command.bytes(), &b"{\"op\":1}"[..]);
        assert_eq!(format!("{command:?}"), "RawCommand(8 bytes)");
    }

    #[test]
    fn found_22_a_text_is_checked_and_sent_as_it_is() {
        let text = " {\"op\": 1, \"d\": [\"\\u00e9\", 1e400]}\r\n";
        assert_eq!(RawCommand::from_json(text).unwrap().bytes(), text.trim());
        for (text, line, column) in [("", 1, 0), ("{\"op\":1", 1, 7), ("{}\n{}", 2, 1), ("{\"op\":01}", 1, 8)] {
            let broken = CommandError::BrokenJson { line, column };
            assert_eq!(RawCommand::from_json(text), Err(broken), "{text}");
        }
        for text in ["[1]", "\"{}\"", "null"] {
            assert_eq!(RawCommand::from_json(text), Err(CommandError::NotObject), "{text}");
        }
        let deep = "[".repeat(100_000);
        assert!(matches!(RawCommand::from_json(&deep), Err(CommandError::BrokenJson { .. })));
    }

    #[test]
    fn what_is_no_object_is_refused() {
        assert_eq!(RawCommand::new(&[1]), Err(CommandError::NotObject));
        assert_eq!(RawCommand::new("{}"), Err(CommandError::NotObject));
        assert_eq!(RawCommand::new(&BTreeMap::from([((1, 2), 3)])), Err(CommandError::NotJson));
    }
}
