//! What differs between gateways.

pub mod discord;
mod frame_error;
mod span;

pub use frame_error::FrameError;
pub use span::Span;
