//! The bot token. It is checked when it is made, and never printed.

use alloc::string::String;
use core::fmt;

/// A bot token.
///
/// `Debug` prints `Token(…)`, and there is no `Display` and no `Serialize`, so that a token leaves the process in Identify and
/// Resume only.
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

    /// Checks a token, and removes one leading `Bot `: the gateway accepts a token with and without it, and settings for REST
    /// clients often have it. Nothing else is corrected, because a token that looks wrong is a mistake to report: the gateway
    /// would close with 4004, and the shard would end. *(source: Discord API documentation, issue 119)*
    ///
    /// # Errors
    /// A [`TokenError`] that never holds the token.
    pub fn new(token: impl Into<String>) -> Result<Self, TokenError> {
        let mut token = token.into();
        if token.starts_with(PREFIX) {
            token.drain(..PREFIX.len());
        }
        if token.is_empty() || token == PREFIX.trim_ascii_end() {
            return Err(TokenError::Empty);
        }
        if token.len() > Self::LEN_MAX {
            return Err(TokenError::TooLong { len: token.len(), max: Self::LEN_MAX });
        }
        if token.trim_ascii().len() < token.len() {
            return Err(TokenError::Surrounded);
        }
        if let Some(at) = token.find(char::is_whitespace) {
            return Err(TokenError::Space { at });
        }
        if let Some(at) = token.bytes().position(|byte| !byte.is_ascii_graphic()) {
            return Err(TokenError::Character { at });
        }
        if token.contains(['"', '\'', '`']) {
            return Err(TokenError::Quoted);
        }
        if token.contains(['$', '{', '}', '<', '>', '%'])
            || NOTHINGS.iter().any(|word| token.eq_ignore_ascii_case(word))
        {
            return Err(TokenError::Placeholder);
        }
        Ok(Self(token))
    }

    /// The token as text, for a dialect to write it into Identify and Resume. Do not use it elsewhere.
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

/// Why a text is not a token. The error never holds a part of the text, which may be a token with a mistake.
#[derive(Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TokenError {
    /// The text is empty. Perhaps a variable is not set.
    #[error("the token is empty, check that the variable or file it comes from is set")]
    Empty,
    /// The text is longer than any token.
    #[error("the token has {len} bytes, give one of at most {max}")]
    TooLong {
        /// Its length in bytes, without a leading `Bot `.
        len: usize,
        /// The maximum, in bytes.
        max: usize,
    },
    /// The text has white space before or after the token. Perhaps it is the line break of a file.
    #[error("white space stands around the token, trim it")]
    Surrounded,
    /// The text has white space inside. Perhaps two lines were pasted, or a word other than `Bot` stands before the token.
    #[error("the token has white space inside, at byte {at}, give the token alone")]
    Space {
        /// Offset of the white space in bytes, a leading `Bot ` not counted.
        at: usize,
    },
    /// The text has a control character or a character that is not ASCII. Perhaps it was pasted wrongly.
    #[error("the token has a control or non-ascii character at byte {at}, copy it again")]
    Character {
        /// Offset of the byte, a leading `Bot ` not counted.
        at: usize,
    },
    /// The text has quotes. Perhaps they are from an `.env` file that was read without removing them.
    #[error("the token has quotes, leave them out")]
    Quoted,
    /// The text is a placeholder: `null`, or a variable such as `${TOKEN}` that was not expanded.
    #[error("the token is a placeholder, check that the variable it comes from is set and expanded")]
    Placeholder,
}

/// The scheme of Discord's `Authorization` header. *(source: Reference, Authentication)*
const PREFIX: &str = "Bot ";
/// What programs print for a missing value.
const NOTHINGS: [&str; 4] = ["null", "none", "nil", "undefined"];

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;
    use alloc::string::ToString as _;

    #[test]
    fn one_prefix_is_left_out() {
        assert_eq!(Token::new("abc").unwrap().reveal(), "abc");
        assert_eq!(Token::new("Bot abc").unwrap().reveal(), "abc");
        assert_eq!(Token::new("Bot Bot abc"), Err(TokenError::Space { at: 3 }));
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
            ("Bot", TokenError::Empty),
            ("ab c", TokenError::Space { at: 2 }),
            ("ab\tc", TokenError::Space { at: 2 }),
            ("ab\nc", TokenError::Space { at: 2 }),
            ("ab\u{a0}c", TokenError::Space { at: 2 }),
            ("Bearer a.b.c", TokenError::Space { at: 6 }),
            ("\"a.b.c\"", TokenError::Quoted),
            ("'a.b.c'", TokenError::Quoted),
            ("Bot \"a.b.c\"", TokenError::Quoted),
            ("`a.b.c`", TokenError::Quoted),
            ("null", TokenError::Placeholder),
            ("Bot None", TokenError::Placeholder),
            ("undefined", TokenError::Placeholder),
            ("${TOKEN}", TokenError::Placeholder),
            ("$TOKEN", TokenError::Placeholder),
            ("%TOKEN%", TokenError::Placeholder),
            ("{{token}}", TokenError::Placeholder),
            ("<token>", TokenError::Placeholder),
            ("a\0", TokenError::Character { at: 1 }),
            ("é", TokenError::Character { at: 0 }),
            ("aé", TokenError::Character { at: 1 }),
        ] {
            assert_eq!(Token::new(text), Err(error), "{text:?}");
        }
        for text in ["nullable", "a-b_c.d+e/f=", "abc"] {
            assert_eq!(Token::new(text).unwrap().reveal(), text);
        }
        let longest = "a".repeat(Token::LEN_MAX);
        assert_eq!(Token::new(longest.as_str()).unwrap().reveal(), longest);
    }

    #[test]
    fn neither_token_nor_error_prints_it() {
        let secret = "s3cr3t";
        assert_eq!(format!("{:?}", Token::new(secret).unwrap()), "Token(…)");
        let error = Token::new(format!("{secret} {secret}")).unwrap_err();
        assert_eq!(error.to_string(), "the token has white space inside, at byte 6, give the token alone");
        assert!(!format!("{error:?}").contains(secret));
    }
}
