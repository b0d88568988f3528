//! What an application asks of its machine, to be done with the next input.

use super::cause::Cause;
use crate::session::Session;

/// What the application asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Requested {
    Reconnect(Cause),
    Shutdown(Shutdown),
}

/// What happens to the session when the application stops.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shutdown {
    /// It can be resumed for a few minutes: by another process, or after a restart.
    KeepSession,
    /// It ends at once: the bot goes offline.
    EndSession,
}

impl Shutdown {
    /// The session that is left, of the one in hand.
    pub(super) fn kept(self, session: Option<Session>) -> Option<Session> {
        match self {
            Self::KeepSession => session,
            Self::EndSession => None,
        }
    }
}
