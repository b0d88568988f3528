//! What lives and dies with one connection.

use crate::context::Context;
use crate::faults::Who;
use crate::flood::Flooding;
use crate::input::ConnectionId;
use crate::outgoing::{Outgoing, Sent};
use crate::pack::Packer;
use crate::session::{SessionId, SessionKey, Shard};
use core::time::Duration;
use portcullis::{Message, Timestamp};
use std::collections::VecDeque;

/// How many frames a client may send …
const FRAMES: usize = 120;
/// … within this time *(documented)*.
const WINDOW: Duration = Duration::from_secs(60);

#[derive(Debug)]
pub(super) struct Connection {
    id: ConnectionId,
    pub(super) phase: Phase,
    /// The API version its URL named.
    pub(super) version: u8,
    pub(super) outgoing: Outgoing,
    /// Dispatches that go on as they are read.
    pub(super) flood: Option<Flooding>,
    /// What the last Request Guild Members asked for.
    pub(super) members_asked: Option<MembersAsked>,
    frames: VecDeque<Timestamp>,
    presences: VecDeque<Timestamp>,
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
    Active(Attached),
}

/// The session on a connection: what never changes of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Attached {
    pub(super) key: SessionKey,
    pub(super) id: SessionId,
    pub(super) shard: Shard,
}

/// How many presence updates a client may send …
const PRESENCES: usize = 5;
/// … within this time *(documented)*.
const PRESENCE_WINDOW: Duration = Duration::from_secs(20);

/// Whether a frame was within the limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pace {
    Within,
    Exceeded,
}

impl Connection {
    pub(super) const fn new(id: ConnectionId, version: u8, packer: Packer) -> Self {
        Self {
            id,
            phase: Phase::AwaitAuth,
            version,
            outgoing: Outgoing::new(id, packer),
            flood: None,
            members_asked: None,
            frames: VecDeque::new(),
            presences: VecDeque::new(),
        }
    }

    /// The same once more; none where its compressor cannot be copied.
    pub(super) fn fork(&self) -> Option<Self> {
        Some(Self {
            id: self.id,
            phase: self.phase,
            version: self.version,
            outgoing: self.outgoing.fork()?,
            flood: self.flood.clone(),
            members_asked: self.members_asked.clone(),
            frames: self.frames.clone(),
            presences: self.presences.clone(),
        })
    }

    /// Sends a message now.
    pub(super) fn send(&mut self, cx: &mut Context, message: Message) -> Sent {
        self.outgoing.send(cx, self.who(), message)
    }

    /// Sends a dispatch, behind those that are held.
    pub(super) fn send_dispatch(&mut self, cx: &mut Context, message: Message) -> Sent {
        self.outgoing.send_dispatch(cx, self.who(), message)
    }

    /// Sends what waits to leave together.
    pub(super) fn release(&mut self, cx: &mut Context) {
        self.outgoing.release(cx, self.who());
    }

    /// Who stands here, for faults and targets.
    pub(super) const fn who(&self) -> Who {
        let session = match self.phase {
            Phase::AwaitAuth | Phase::Revoked => None,
            Phase::Active(Attached { id, shard, .. }) => Some((id, shard)),
        };
        Who { connection: Some(self.id), session }
    }

    pub(super) const fn session(&self) -> Option<SessionKey> {
        match self.phase {
            Phase::AwaitAuth | Phase::Revoked => None,
            Phase::Active(Attached { key, .. }) => Some(key),
        }
    }

    /// Counts a frame: the 121st of any 60 s is one too many *(whether the window slides is not documented)*.
    pub(super) fn count(&mut self, now: Timestamp) -> Pace {
        count(&mut self.frames, now, FRAMES, WINDOW)
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
