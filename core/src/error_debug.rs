//! `Debug` of errors prints the same message as `Display`.
//!
//! A `main` that returns `Result<(), Box<dyn Error>>` prints its error with `Debug`, and so do `unwrap` and `expect`. The reader
//! is a user who made a mistake and needs to know what to correct; the name of a variant does not say that. Code that needs the
//! variant matches on the error.
//!
//! This covers the errors that calls return. Faults of a peer come as events, whose `Debug` prints their fields.

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
