//! The WebSocket as a driver sees it: one small trait, and the layers behind it that a config can choose.

#[cfg(feature = "tungstenite")]
mod counted;
mod native;
mod random;
#[cfg(feature = "tungstenite")]
mod tungstenite;
mod unread;

use crate::network::Network;
use core::task::{Context, Poll};
use futures_io::{AsyncRead, AsyncWrite};
use portcullis::machine::ConnectFailure;
use portcullis::url::GatewayUrl;
use portcullis::{CloseCode, CloseReason, Message};

/// Which implementation of WebSocket (RFC 6455) a connection is made with. See [`Network::with_websocket`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum WebSocketLayer {
    /// `portcullis-websocket`: a connection at rest holds no buffer, and nothing is logged.
    #[default]
    Native,
    /// `async-tungstenite`, with its buffers and limits set on purpose. At log level `TRACE` it logs whole frames, the
    /// Identify and its token among them.
    #[cfg(feature = "tungstenite")]
    Tungstenite,
}

/// The most bytes that go over a connection in one piece.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SocketLimits {
    /// An incoming message.
    pub(crate) message: usize,
    /// A message of ours.
    #[cfg_attr(not(feature = "tungstenite"), expect(dead_code, reason = "the machine sends one at a time"))]
    pub(crate) payload: usize,
}

/// Makes the handshake over a connected stream, with the layer of the network's choice.
pub(crate) async fn open<S>(
    url: &GatewayUrl,
    network: &Network,
    stream: S,
    limits: SocketLimits,
) -> Result<Box<dyn WebSocket>, ConnectFailure>
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    match network.websocket() {
        WebSocketLayer::Native => native::open(url, network, stream, limits).await,
        #[cfg(feature = "tungstenite")]
        WebSocketLayer::Tungstenite => tungstenite::open(url, network, stream, limits).await,
    }
}

/// One open WebSocket connection, polled by one task.
///
/// Nothing here waits by itself: what cannot be done at once is kept inside and goes on with the next poll, so that no
/// future has to be held.
pub trait WebSocket: Send {
    /// Begins to send a message. The last one must have been sent whole, and no close begun.
    fn start_send(&mut self, message: Message);

    /// Ready when the socket has the message whole. When it failed this is never ready: the reason comes from
    /// [`poll_message`](Self::poll_message), behind what there is left to read.
    fn poll_sent(&mut self, cx: &mut Context<'_>) -> Poll<()>;

    /// Begins to send a close frame, once. [`poll_message`](Self::poll_message) carries it out.
    fn start_close(&mut self, code: CloseCode, reason: &'static str);

    /// The next message, or how the connection ended, which is last. It answers pings, and the peer's close frame by
    /// one flush before it tells of it. `None` stands for a ping, a pong or part of a message, so that a flood of them
    /// is seen by the driver. Pending says truly that the stream below has nothing to read; that stream itself says so,
    /// too, when enough was read for one turn, which its driver knows.
    ///
    /// # Errors
    /// The [`CloseReason`], after the last message. It is not to be polled again then.
    fn poll_message(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Message>, CloseReason>>;
}
