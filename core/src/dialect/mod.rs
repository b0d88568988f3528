//! What differs between gateways.

mod command_error;
pub mod discord;
mod frame_error;
mod raw;
mod span;

pub use command_error::CommandError;
pub use frame_error::FrameError;
pub use raw::RawCommand;
pub use span::Span;
