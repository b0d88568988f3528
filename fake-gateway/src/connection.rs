//! What lives and dies with one connection.

use crate::flood::Flooding;
use crate::pack::Packer;
use crate::script::Cue;
use crate::session::SessionKey;
use core::time::Duration;
use portcullis::{Message, Timestamp};
use std::collections::VecDeque;

/// Clients may send so many frames …
const FRAMES: usize = 120;
/// … within this.
const WINDOW: Duration = Duration::from_secs(60);

#[derive(Debug)]
pub(super) struct Connection {
    pub(super) phase: Phase,
    pub(super) lane: Lane,
    /// The API version its URL named.
    pub(super) version: u8,
    pub(super) packer: Packer,
    /// Frames that leave together, and how many more are to come.
    pub(super) gather: Option<Gather>,
    /// Dispatches that go on as they are read.
    pub(super) flood: Option<Flooding>,
    /// What the last Request Guild Members asked for.
    pub(super) members_asked: Option<MembersAsked>,
    pace: VecDeque<Timestamp>,
    presences: VecDeque<Timestamp>,
}

/// Messages that wait to leave in one write.
#[derive(Clone, Debug)]
pub(super) struct Gather {
    pub(super) together: Together,
    pub(super) held: Vec<Outgoing>,
    pub(super) more: u32,
}

/// How gathered messages leave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Together {
    /// In one write.
    Written,
    /// In one WebSocket message.
    Merged,
}

/// A frame, and how it goes onto the wire.
#[derive(Clone, Debug)]
pub(super) struct Outgoing {
    pub(super) plain: Message,
    pub(super) wire: Message,
}

/// The guild and the nonce of a request, as JSON texts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct MembersAsked {
    pub(super) guild: String,
    /// None if it was too long, too.
    pub(super) nonce: Option<String>,
    pub(super) nonce_bytes: usize,
    /// Whether all members were asked for.
    pub(super) all: bool,
    pub(super) answered: Answered,
    /// How much too soon it came, as of before a script answered it.
    pub(super) too_soon: Option<Duration>,
}

/// Who answers a request of members, and whether it is refused. Of several answers the last one here counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Answered {
    ByGateway,
    ByScript,
    RefusedByScript,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// Neither Identify nor Resume was granted.
    AwaitAuth,
    /// Op 9 took its session. What the client sent before it saw that is passed over; it may Identify or Resume.
    Revoked,
    /// It has this session.
    Active(SessionKey),
}

/// The way dispatches take. Other frames have their own.
#[derive(Clone, Debug)]
pub(super) enum Lane {
    Open,
    /// A delayed Ready or Resumed is in front; the others wait behind it.
    Held {
        waiting: VecDeque<Message>,
        cue: Cue,
    },
}

/// Presence updates: so many …
const PRESENCES: usize = 5;
/// … within this.
const PRESENCE_WINDOW: Duration = Duration::from_secs(20);

/// Whether a frame was within the limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pace {
    Within,
    Exceeded,
}

impl Connection {
    pub(super) fn new(version: u8, packer: Packer) -> Self {
        Self {
            phase: Phase::AwaitAuth,
            lane: Lane::Open,
            version,
            packer,
            gather: None,
            flood: None,
            members_asked: None,
            pace: VecDeque::new(),
            presences: VecDeque::new(),
        }
    }

    /// The same once more; none where its compressor cannot be copied.
    pub(super) fn fork(&self) -> Option<Self> {
        Some(Self {
            phase: self.phase,
            lane: self.lane.clone(),
            version: self.version,
            packer: self.packer.fork()?,
            gather: self.gather.clone(),
            flood: self.flood.clone(),
            members_asked: self.members_asked.clone(),
            pace: self.pace.clone(),
            presences: self.presences.clone(),
        })
    }

    pub(super) const fn session(&self) -> Option<SessionKey> {
        match self.phase {
            Phase::AwaitAuth | Phase::Revoked => None,
            Phase::Active(key) => Some(key),
        }
    }

    /// Counts a frame: the 121st of any 60 s is one too many *(whether the window slides is not documented)*.
    pub(super) fn count(&mut self, now: Timestamp) -> Pace {
        count(&mut self.pace, now, FRAMES, WINDOW)
    }

    /// Counts a presence update: the sixth of any 20 s is one too many.
    pub(super) fn count_presence(&mut self, now: Timestamp) -> Pace {
        count(&mut self.presences, now, PRESENCES, PRESENCE_WINDOW)
    }
}

/// A log that slides: what is one too many is not in it.
fn count(log: &mut VecDeque<Timestamp>, now: Timestamp, most: usize, window: Duration) -> Pace {
    while log.front().is_some_and(|&first| now - first >= window) {
        log.pop_front();
    }
    if log.len() >= most {
        return Pace::Exceeded;
    }
    log.push_back(now);
    Pace::Within
}
