//! Errors print their message by `Debug` as well.
//!
//! A `main` that returns `Result<(), Box<dyn Error>>` prints the `Debug` of its error, and `unwrap` and `expect` do so
//! too. The user who reads it made a mistake, and must learn what to mend: the names of our variants do not tell. Code
//! that wants to know the variant matches on the error.
//!
//! Here are the errors that calls return. What a peer did wrong comes in events, and those print their fields.

use crate::build_error::BuildError;
use crate::network::HeaderError;
use crate::pem::PemError;
use crate::proxy::{ProxyError, ProxyVariableError};
use crate::rest::AskError;
use crate::set::AutoError;
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
    AskError,
    AutoError,
    BuildError,
    HeaderError,
    PemError,
    ProxyError,
    ProxyVariableError,
}
