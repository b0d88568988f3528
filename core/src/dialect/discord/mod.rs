//! The Discord gateway, API v10.

mod envelope;
