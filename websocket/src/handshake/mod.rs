//! The opening handshake of both sides, fed with bytes in pieces of any size. *(source: RFC 6455 §4; RFC 9110, RFC
//! 9112)*
//!
//! A client writes its request with [`ClientHandshake::start`] and feeds it the server's answer. A server feeds
//! [`ServerHandshake`] the client's request, and accepts or refuses the resulting [`UpgradeRequest`]. Bytes after the
//! head stay with the caller: they belong to the [`Connection`](crate::Connection).

mod client;
mod error;
mod field;
mod head;
mod headers;
mod key;
mod refusal;
mod request;
mod response;
mod server;

pub use client::{Accepted, ClientHandshake};
pub use error::{HandshakeError, HeadError, RequestError};
pub use headers::Headers;
pub use key::accept_key;
pub use refusal::Refusal;
pub use request::{ClientRequest, Scheme};
pub use response::{Rejection, ResponseError, write_response};
pub use server::{ServerHandshake, UpgradeRequest};

/// The result of feeding a piece of a handshake.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Progress<T> {
    /// The whole piece was consumed and more bytes are needed.
    More,
    /// The head is complete.
    Done {
        /// Its meaning.
        outcome: T,
        /// How many bytes of the piece belong to the head. The bytes after them are frames.
        consumed: usize,
    },
}

/// The bounds of a handshake.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct HandshakeLimits {
    /// The most bytes the peer may send up to the end of its head, interim answers (1xx) included: 16 KiB by default.
    pub head: usize,
}

impl Default for HandshakeLimits {
    fn default() -> Self {
        Self { head: 16 << 10 }
    }
}

/// The most header lines of a head.
pub const HEADERS_MAX: usize = 96;
