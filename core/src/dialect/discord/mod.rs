//! The Discord gateway, API v10.

mod envelope;
mod intents;

pub use intents::{Intents, IntentsError};
