//! How far an application has come: what a session is exported at.

use portcullis::Event;
use portcullis::dispatch::Mark;
use portcullis::machine::Session;

/// The last dispatch that the application took.
pub(super) enum Taken {
    /// None so far: the session is the one to resume from.
    None(Option<Session>),
    UpTo(Mark),
}

impl Taken {
    pub(super) fn note(&mut self, event: &Event) {
        match event {
            Event::SessionLost { .. } => *self = Self::None(None),
            event => {
                if let Some(mark) = mark_of(event) {
                    *self = Self::UpTo(mark);
                }
            }
        }
    }

    pub(super) fn session(&self, at: impl FnOnce(&Mark) -> Option<Session>) -> Option<Session> {
        match self {
            Self::None(resume_from) => resume_from.clone(),
            Self::UpTo(mark) => at(mark),
        }
    }
}

/// Where the session stood after an event, if it moved with it.
pub(super) fn mark_of(event: &Event) -> Option<Mark> {
    match event {
        Event::Ready(dispatch) | Event::Resumed(dispatch) | Event::Dispatch(dispatch) => Some(dispatch.mark()),
        _ => None,
    }
}
