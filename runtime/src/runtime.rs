//! What a driver needs of an async runtime.

use core::future::Future;
use core::time::Duration;
use futures_io::{AsyncRead, AsyncWrite};
use portcullis::Timestamp;
use std::io;
use std::net::SocketAddr;

/// An async runtime, as far as a driver needs it: names, sockets, a clock and timers.
///
/// An adapter is a small value that can be copied; its futures own what they need. TLS, the WebSocket handshake and
/// the choice among a host's addresses are done once for all runtimes, above it.
pub trait Runtime: Clone + Send + Sync + Unpin + 'static {
    /// A connected TCP stream, or what stands for one.
    type Stream: AsyncRead + AsyncWrite + Send + Unpin + 'static;

    /// A timer.
    type Sleep: Future<Output = ()> + Send;

    /// The time it is.
    fn now(&self) -> Timestamp;

    /// How long the host has slept, so far, while the clock of [`now`](Self::now) stood still: zero where nothing tells
    /// it. [`Clock::slept`](crate::Clock::slept) is an answer. A wall clock alone is none: it leaps when it is set.
    fn slept(&self) -> Duration;

    /// A timer that is done at `until`, on the clock of [`now`](Self::now), and never before.
    fn sleep_until(&self, until: Timestamp) -> Self::Sleep;

    /// Resolves a host, which may be an IP address (an IPv6 one without brackets).
    fn resolve(&self, host: &str, port: u16) -> impl Future<Output = io::Result<Vec<SocketAddr>>> + Send + 'static;

    /// Connects to an address. The stream is to send small messages at once:
    /// [`prepare_socket`](crate::prepare_socket) sees to that.
    fn connect(&self, address: SocketAddr) -> impl Future<Output = io::Result<Self::Stream>> + Send + 'static;
}
