//! The opening handshake, both sides: bytes in, an answer out, in any pieces. *(source: RFC 6455 §4; RFC 9110, RFC 9112)*
//!
//! A client writes its request with [`ClientHandshake::start`] and gives it what the server answers. A server gives
//! [`ServerHandshake`] what comes, and answers the [`UpgradeRequest`] that comes of it. What follows the head is left to the
//! caller: those bytes belong to the [`Connection`](crate::Connection).

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

/// What came of a piece of a handshake.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Progress<T> {
    /// The piece was taken whole, and more is needed.
    More,
    /// The head is whole.
    Done {
        /// What it says.
        outcome: T,
        /// How many bytes of the piece belonged to it. What is behind them is the first of the frames.
        consumed: usize,
    },
}

/// How many bytes a handshake may have, in all heads together: 16 KiB by default.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct HandshakeLimits {
    /// The most bytes from the peer, up to the empty line that ends its head.
    pub head: usize,
}

impl Default for HandshakeLimits {
    fn default() -> Self {
        Self { head: 16 << 10 }
    }
}

/// The most header lines of a head.
pub const HEADERS_MAX: usize = 96;
