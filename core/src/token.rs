//! The bot token: checked once, printed never.

use alloc::string::String;
use core::fmt;

/// A bot token.
///
/// `Debug` prints `Token(…)`; there is no `Display` and no `Serialize`: a token leaves in Identify and Resume only.
///
/// ```
/// use portcullis::token::Token;
///
/// let token = Token::new("Bot abc.def")?;
/// assert_eq!(token, Token::new("abc.def")?);
/// assert_eq!(format!("{token:?}"), "Token(…)");
/// # Ok::<(), portcullis::token::TokenError>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Token(String);

impl Token {
    /// The most bytes a token may have. Real ones have about 70.
    pub const LEN_MAX: usize = 1024;

    /// Checks a token. One leading `Bot ` is left out: gateways take a token with and without it, and a REST
    /// client's setting often has it. Nothing else is mended. *(source: the gateway accepts both, Discord API
    /// documentation, issue 119)*
    ///
    /// # Errors
    /// A [`TokenError`] that never holds the token.
    pub fn new(token: impl Into<String>) -> Result<Self, TokenError> {
        let mut token = token.into();
        if token.starts_with(PREFIX) {
            token.drain(..PREFIX.len());
        }
        if token.is_empty() {
            return Err(TokenError::Empty);
        }
        if token.len() > Self::LEN_MAX {
            return Err(TokenError::TooLong { len: token.len(), max: Self::LEN_MAX });
        }
        if token.trim_ascii().len() < token.len() {
            return Err(TokenError::Surrounded);
        }
        match token.bytes().position(|byte| !byte.is_ascii_graphic()) {
            Some(at) => Err(TokenError::Character { at }),
            None => Ok(Self(token)),
        }
    }

    /// The token itself: for the dialect that writes it into Identify and Resume, and for nothing else.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

/// Prints `Token(…)`.
impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

/// Why a text is no token. It never holds a part of the text.
#[derive(Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum TokenError {
    /// There is no token: an unset variable, perhaps.
    Empty,
    /// It is `len` bytes long.
    TooLong {
        /// Bytes it has, a leading `Bot ` not counted.
        len: usize,
        /// Bytes it may have.
        max: usize,
    },
    /// White space stands before or behind it: the line break of a file, perhaps.
    Surrounded,
    /// The byte at `at` is white space, a control character or not ASCII: half of a paste, perhaps.
    Character {
        /// Offset of the byte, a leading `Bot ` not counted.
        at: usize,
    },
}

impl fmt::Display for TokenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("the token is empty, check that the variable or file it comes from is set"),
            Self::TooLong { len, max } => write!(f, "the token has {len} bytes, at most {max} are plausible"),
            Self::Surrounded => f.write_str("white space stands around the token, trim it"),
            Self::Character { at } => {
                write!(f, "the token has a space, control or non-ascii character at byte {at}, copy it anew")
            }
        }
    }
}

impl core::error::Error for TokenError {}

const PREFIX: &str = "Bot ";

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;
    use alloc::string::ToString as _;

    #[test]
    fn one_prefix_is_left_out() {
        assert_eq!(Token::new("abc").unwrap().reveal(), "abc");
        assert_eq!(Token::new("Bot abc").unwrap().reveal(), "abc");
        assert_eq!(Token::new("Bot Bot abc"), Err(TokenError::Character { at: 3 }));
        assert_eq!(Token::new("Botabc").unwrap().reveal(), "Botabc");
    }

    #[test]
    fn what_is_no_token_is_refused_and_nothing_is_trimmed() {
        let long = "a".repeat(Token::LEN_MAX + 1);
        for (text, error) in [
            ("", TokenError::Empty),
            ("Bot ", TokenError::Empty),
            (long.as_str(), TokenError::TooLong { len: 1025, max: 1024 }),
            (" abc", TokenError::Surrounded),
            ("abc\n", TokenError::Surrounded),
            ("abc \r\n", TokenError::Surrounded),
            ("  ", TokenError::Surrounded),
            ("Bot  abc", TokenError::Surrounded),
            ("ab c", TokenError::Character { at: 2 }),
            ("a\0", TokenError::Character { at: 1 }),
            ("é", TokenError::Character { at: 0 }),
            ("aé", TokenError::Character { at: 1 }),
        ] {
            assert_eq!(Token::new(text), Err(error), "{text:?}");
        }
        let longest = "a".repeat(Token::LEN_MAX);
        assert_eq!(Token::new(longest.as_str()).unwrap().reveal(), longest);
    }

    #[test]
    fn neither_token_nor_error_prints_it() {
        let secret = "s3cr3t";
        assert_eq!(format!("{:?}", Token::new(secret).unwrap()), "Token(…)");
        let error = Token::new(format!("{secret} {secret}")).unwrap_err();
        assert_eq!(error.to_string(), "the token has a space, control or non-ascii character at byte 6, copy it anew");
        assert!(!format!("{error:?}").contains(secret));
    }
}
