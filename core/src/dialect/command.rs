//! What a dialect makes of a command: its frame, and what becomes of it when session or connection end.

use super::PaceLimit;
use alloc::boxed::Box;
use bytes::Bytes;

/// A command as its dialect wrote it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Encoded {
    /// The frame.
    pub payload: Bytes,
    /// Whether it stands, that is, holds for each session to come.
    pub standing: Standing,
    /// What becomes of it when its session is lost while it waits.
    pub on_new_session: OnNewSession,
    /// Whether it may be sent again when its connection died during the write.
    pub repeat: Repeat,
    /// How often commands of its standing key may be sent, on top of what the gateway allows all frames. While one is
    /// held back by it the next of its key takes its place, so the latest goes out; what is queued behind it overtakes
    /// it. It means nothing without a key.
    pub pace: Option<PaceLimit>,
}

impl Encoded {
    /// A command that does not stand, waits for the next session if need be, and is never sent twice.
    #[must_use]
    pub const fn once(payload: Bytes) -> Self {
        Self { payload, standing: Standing::No, on_new_session: OnNewSession::Keep, repeat: Repeat::Never, pace: None }
    }
}

/// Whether a command holds for each session to come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It is sent once and forgotten.
    No,
    /// The latest of its key is kept, goes into Identify where the gateway takes it, and is otherwise sent again
    /// on each new session. A presence is one, a subscription is one.
    Set(StandingKey),
    /// It takes back what stands under its key.
    Clear(StandingKey),
}

/// What a standing command is the latest of: `presence`, or one subscription.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StandingKey(pub Box<str>);

/// What an Identify carries beside what the handshake needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extras<'a> {
    /// Those of these standing commands that the gateway takes there, and what the dialect was made with.
    Standing(&'a [(StandingKey, Bytes)]),
    /// Nothing: the gateway has refused several in a row, and what they carried may be why.
    LeftOut,
}

/// What becomes of a command that waits when its session is lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnNewSession {
    /// It goes out on the next session.
    Keep,
    /// It is handed back: its answer could not arrive, or its sense was the session.
    Return,
}

/// Whether a command may go out again when its connection died during the write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Repeat {
    /// Never: its outcome is then unknown.
    Never,
    /// Yes: to send it twice does no harm.
    Harmless,
}
