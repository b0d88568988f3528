//! Errors print their message by `Debug` as well.
//!
//! A `main` that returns `Result<(), Box<dyn Error>>` prints the `Debug` of its error, and `unwrap` and `expect` do so too. The user
//! who reads it made a mistake, and must learn what to mend: the names of our variants do not tell. Code that wants to
//! know the variant matches on the error.
//!
//! Here are the errors that calls return. What a peer did wrong comes in events, and those print their fields.

use crate::codec::FormatError;
use crate::dialect::discord::{DiscordError, IntentsError};
use crate::dialect::{CommandError, ShardIdError};
use crate::dispatch::DecodeError;
use crate::identify::QueueFull;
use crate::machine::{ConfigError, SendError};
use crate::requests::RequestError;
use crate::token::TokenError;
use crate::url::UrlError;
use core::fmt;

macro_rules! print_the_message {
    ($($error:ty),+ $(,)?) => {$(
        impl fmt::Debug for $error {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }
    )+};
}

print_the_message! {
    CommandError,
    ConfigError,
    DecodeError,
    DiscordError,
    FormatError,
    IntentsError,
    QueueFull,
    RequestError,
    SendError,
    ShardIdError,
    TokenError,
    UrlError,
}
