//! What `codec` and `dialect` both need to speak of a frame: how it is packed, a part of it,
//! where a value in it ends, and why it cannot be read.
//!
//! This folder knows neither of the two, so that they need not point at each other. It has no public path:
//! [`codec`](crate::codec) exports what says how frames are packed, [`dialect`](crate::dialect) exports the rest.

mod error;
mod format;
mod span;
mod value;

pub use error::FrameError;
pub use format::{Compression, Encoding, Format, FormatError};
pub use span::Span;
pub(crate) use value::value_at;
