//! An encoded command: its frame, and what the machine does with it when its session or connection ends.

use super::PaceLimit;
use alloc::boxed::Box;
use bytes::Bytes;

/// A command as its dialect encoded it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Encoded {
    /// The frame.
    pub payload: Bytes,
    /// Whether the command stands: it then applies to each session to come.
    pub standing: Standing,
    /// What the machine does with the command when the session is lost while the command is queued.
    pub on_new_session: OnNewSession,
    /// Whether the command may be sent again when its connection died during the write.
    pub repeat: Repeat,
    /// How often commands of the same standing key may be sent, on top of the gateway's limit for all frames. A command that is
    /// held back by this limit is replaced by the next of its key, so that the latest is sent; commands queued behind it
    /// overtake it. Ignored without a standing key.
    pub pace: Option<PaceLimit>,
}

impl Encoded {
    /// A command that does not stand, is kept for the next session if this one is lost, and is never sent twice.
    #[must_use]
    pub const fn once(payload: Bytes) -> Self {
        Self { payload, standing: Standing::No, on_new_session: OnNewSession::Keep, repeat: Repeat::Never, pace: None }
    }
}

/// Whether a command applies to each session to come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// The command is sent once and forgotten.
    No,
    /// The machine keeps the latest command of this key. Each new session gets it: in the Identify where the gateway takes it
    /// there, otherwise after the handshake. Presences and subscriptions are such commands.
    Set(StandingKey),
    /// The command takes back what stands under this key, as an unsubscribe does.
    Clear(StandingKey),
}

/// What a standing command replaces the previous one of: `presence`, or the name of one subscription.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StandingKey(pub Box<str>);

/// What an Identify carries beyond what the handshake needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extras<'a> {
    /// What the dialect was configured with, and those of these standing commands that the gateway takes in an Identify.
    Standing(&'a [(StandingKey, Bytes)]),
    /// Nothing: the gateway refused several Identifies in a row, and what they carried may be the reason.
    LeftOut,
}

/// What the machine does with a queued command when its session is lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnNewSession {
    /// The command is sent on the next session.
    Keep,
    /// The command is handed back to the application: its answer could not arrive, or it made sense in that session only.
    Return,
}

/// Whether a command may be sent again when its connection died during the write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Repeat {
    /// Never: the gateway may have received it. Its outcome is then `Unknown`.
    Never,
    /// Yes: sending it twice does no harm.
    Harmless,
}
