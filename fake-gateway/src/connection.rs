//! What lives and dies with one connection.

use crate::session::SessionKey;
use core::time::Duration;
use portcullis::{Message, Timestamp};
use std::collections::VecDeque;

/// Clients may send so many frames …
const FRAMES: usize = 120;
/// … within this.
const WINDOW: Duration = Duration::from_secs(60);

#[derive(Clone, Debug)]
pub(super) struct Connection {
    pub(super) phase: Phase,
    pub(super) lane: Lane,
    /// The API version its URL named.
    pub(super) version: u8,
    /// Frames that leave together, and how many more are to come.
    pub(super) gather: Option<Gather>,
    /// What the last Request Guild Members asked for.
    pub(super) members_asked: Option<MembersAsked>,
    pace: VecDeque<Timestamp>,
}

/// Messages that wait to leave in one write.
#[derive(Clone, Debug)]
pub(super) struct Gather {
    pub(super) held: Vec<Message>,
    pub(super) more: u32,
}

/// The guild and the nonce of a request, as JSON texts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct MembersAsked {
    pub(super) guild: String,
    pub(super) nonce: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// Neither Identify nor Resume was granted.
    AwaitAuth,
    /// It has this session.
    Active(SessionKey),
}

/// The way dispatches take. Other frames have their own.
#[derive(Clone, Debug)]
pub(super) enum Lane {
    Open,
    /// A delayed frame is in front; these wait behind it.
    Held(VecDeque<Message>),
}

/// Whether a frame was within the limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pace {
    Within,
    Exceeded,
}

impl Connection {
    pub(super) fn new(version: u8) -> Self {
        Self {
            phase: Phase::AwaitAuth,
            lane: Lane::Open,
            version,
            gather: None,
            members_asked: None,
            pace: VecDeque::new(),
        }
    }

    pub(super) const fn session(&self) -> Option<SessionKey> {
        match self.phase {
            Phase::AwaitAuth => None,
            Phase::Active(key) => Some(key),
        }
    }

    /// Counts a frame: the 121st of any 60 s is one too many *(whether the window slides is not documented)*.
    pub(super) fn count(&mut self, now: Timestamp) -> Pace {
        while self.pace.front().is_some_and(|&first| now - first >= WINDOW) {
            self.pace.pop_front();
        }
        if self.pace.len() >= FRAMES {
            return Pace::Exceeded;
        }
        self.pace.push_back(now);
        Pace::Within
    }
}
