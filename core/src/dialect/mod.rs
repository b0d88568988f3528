//! What differs between gateways.
//!
//! A [`Dialect`] knows how a gateway is addressed, how its frames are read into [`Signal`]s and how ours are written, what
//! its close codes mean and which limits it sets. It keeps no state and never decides when something happens: the machine does,
//! and the machine knows no opcode and no JSON key.

mod command;
mod command_error;
pub mod discord;
mod raw;
mod recovery;
mod signal;

use crate::frame::Format;
use crate::message::{CloseCode, Sequence};
use crate::session::Session;
use crate::token::Token;
use crate::url::GatewayUrl;
use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use bytes::Bytes;
use core::time::Duration;

pub use crate::frame::{FrameError, Span};
pub use crate::shard::{ShardId, ShardIdError};
pub use command::{Encoded, Extras, OnNewSession, Repeat, Standing, StandingKey};
pub use command_error::CommandError;
pub use raw::RawCommand;
pub use recovery::{CloseRow, Plan, Recovery, TokenFate};
pub use signal::{Fate, HeartRate, Reading, SessionStart, Signal, Spans};

/// One gateway's way of speaking. See the [module](self).
///
/// No method has a default: a wrapper that forgets to forward a method would silently answer with the default.
///
/// A dialect owns what it holds (`'static`), so that the machine can work with a `dyn Dialect`: its code exists once,
/// however many dialects there are.
pub trait Dialect: Send + Sync + 'static {
    /// The commands an application can send. `Box<dyn Dialect>` and `Arc<dyn Dialect>` send [`RawCommand`]s.
    type Command
    where
        Self: Sized;

    /// Writes a command as one frame, and says what the machine does with it when its session or connection ends.
    ///
    /// # Errors
    /// [`CommandError`] when the command breaks a limit of the gateway.
    fn encode(&self, command: Self::Command) -> Result<Encoded, CommandError>
    where
        Self: Sized;

    /// The name for logs, in lower case: `discord`.
    fn name(&self) -> &'static str;

    /// The limits that this gateway sets.
    fn limits(&self) -> GatewayLimits;

    /// The shard that this connection serves; `None` where a gateway has no shards.
    fn shard(&self) -> Option<ShardId>;

    /// The URL for connections without a session, as configured.
    fn base_url(&self) -> &GatewayUrl;

    /// `url` with the query that this gateway wants, each key once.
    fn connect_url(&self, url: &GatewayUrl) -> GatewayUrl;

    /// How the gateway packs its messages on a connection that was opened with [`connect_url`](Self::connect_url) and
    /// [`identify`](Self::identify).
    fn format(&self) -> Format;

    /// Whether a resume URL names a host of the gateway's own: the machine sends the token nowhere else.
    fn is_own_host(&self, url: &GatewayUrl) -> bool;

    /// Whether the dialect holds the token, or the machine requests it from the driver because it expires.
    fn token_source(&self) -> TokenSource;

    /// The names of all events that the gateway is known to send; `None` where applications choose the names, as on a hub. An
    /// event filter that names another event is refused, unless the name was given by `with_custom`.
    fn events(&self) -> Option<&'static [&'static str]>;

    /// The intent (or what else this gateway calls it) that the gateway sends an event of this name for, if this dialect does
    /// not request it: such an event never comes. `None` for an event that is always sent, and for an unknown one.
    fn missing_intent(&self, event: &str) -> Option<&'static str>;

    /// Reads one frame.
    ///
    /// # Errors
    /// [`FrameError`] when not even the envelope can be read, or when a frame of the handshake lacks what the
    /// handshake needs.
    fn read(&self, frame: &[u8]) -> Result<Reading, FrameError>;

    /// Writes an Identify that carries `extras`: the standing commands that the gateway takes there, or nothing beyond what the
    /// handshake needs.
    fn identify(&self, token: Option<&Token>, extras: Extras<'_>) -> IdentifyFrame;

    /// Writes a Resume of `session`.
    fn resume(&self, token: Option<&Token>, session: &Session) -> Bytes;

    /// Writes a heartbeat of ours: a periodic one, or one that the gateway requested.
    fn heartbeat(&self, sequence: Option<Sequence>) -> Bytes;

    /// Writes the answer to a heartbeat of the gateway's ([`Signal::Beat`]).
    fn beat_answer(&self) -> Bytes;

    /// The row of a close code, or of a connection that ended without one (`None`). A code that is not in the table has the
    /// row for unknown codes.
    fn close_row(&self, code: Option<CloseCode>) -> &'static CloseRow;
}

/// The limits that one gateway sets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GatewayLimits {
    /// How many frames may be sent in a sliding window; `None` where the gateway sets no limit.
    pub pace: Option<PaceLimit>,
    /// The most bytes a frame of ours may have.
    pub payload: usize,
    /// The bounds of the random wait after an Invalid Session: shortest, longest.
    pub invalid_session_wait: (Duration, Duration),
    /// How long a session can be resumed after its connection was lost.
    pub session_life: Duration,
    /// The close code of ours after which the gateway keeps the session for a resume.
    pub close_keep: CloseCode,
    /// The close code of ours that ends the session.
    pub close_end: CloseCode,
}

/// At most `frames` frames in any `window`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PaceLimit {
    /// How many frames.
    pub frames: u32,
    /// The length of the sliding window.
    pub window: Duration,
}

/// Where the token of Identify and Resume comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenSource {
    /// The dialect holds the token, which does not expire.
    Held,
    /// The machine requests the token from the driver, since it expires.
    Requested,
}

/// An Identify, ready to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdentifyFrame {
    /// The frame.
    pub payload: Bytes,
    /// The standing commands in the frame: the machine does not send them again after it.
    pub carried: Vec<StandingKey>,
}

/// Forwards every method to the dialect behind a pointer, which then takes raw commands.
macro_rules! forward_dialect {
    ($($pointer:ty),*) => {$(
        impl Dialect for $pointer {
            type Command = RawCommand;

            fn encode(&self, command: RawCommand) -> Result<Encoded, CommandError> {
                Ok(Encoded::once(command.bytes().clone()))
            }
            fn name(&self) -> &'static str {
                (**self).name()
            }
            fn limits(&self) -> GatewayLimits {
                (**self).limits()
            }
            fn shard(&self) -> Option<ShardId> {
                (**self).shard()
            }
            fn base_url(&self) -> &GatewayUrl {
                (**self).base_url()
            }
            fn connect_url(&self, url: &GatewayUrl) -> GatewayUrl {
                (**self).connect_url(url)
            }
            fn format(&self) -> Format {
                (**self).format()
            }
            fn is_own_host(&self, url: &GatewayUrl) -> bool {
                (**self).is_own_host(url)
            }
            fn token_source(&self) -> TokenSource {
                (**self).token_source()
            }
            fn events(&self) -> Option<&'static [&'static str]> {
                (**self).events()
            }
            fn missing_intent(&self, event: &str) -> Option<&'static str> {
                (**self).missing_intent(event)
            }
            fn read(&self, frame: &[u8]) -> Result<Reading, FrameError> {
                (**self).read(frame)
            }
            fn identify(&self, token: Option<&Token>, extras: Extras<'_>) -> IdentifyFrame {
                (**self).identify(token, extras)
            }
            fn resume(&self, token: Option<&Token>, session: &Session) -> Bytes {
                (**self).resume(token, session)
            }
            fn heartbeat(&self, sequence: Option<Sequence>) -> Bytes {
                (**self).heartbeat(sequence)
            }
            fn beat_answer(&self) -> Bytes {
                (**self).beat_answer()
            }
            fn close_row(&self, code: Option<CloseCode>) -> &'static CloseRow {
                (**self).close_row(code)
            }
        }
    )*};
}

forward_dialect!(Box<dyn Dialect>, Arc<dyn Dialect>);
