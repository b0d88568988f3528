//! What survives a link: the session, and how often it may still be tried.

use super::config::ResumePolicy;
use crate::dialect::ShardId;
use crate::message::Sequence;
use crate::time::Timestamp;
use crate::url::GatewayUrl;
use alloc::string::String;
use bytes::Bytes;
use core::fmt;
use core::time::Duration;
use serde::{Deserialize, Serialize};

/// A session at the gateway: what a Resume needs. It holds no token and no timestamp, so it can be stored.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    pub(super) id: Option<String>,
    pub(super) shard: Option<ShardId>,
    pub(super) sequence: Option<Sequence>,
    pub(super) resume_url: Option<GatewayUrl>,
    #[serde(default, skip_serializing_if = "Bytes::is_empty", with = "position")]
    pub(super) position: Bytes,
}

impl Session {
    /// A session known from elsewhere: its id, the shard it was begun for, the last sequence the application
    /// took, and where to resume it (`None`: the base URL).
    #[must_use]
    pub fn new(
        id: impl Into<String>,
        shard: Option<ShardId>,
        sequence: Sequence,
        resume_url: Option<GatewayUrl>,
    ) -> Self {
        Self { id: Some(id.into()), shard, sequence: Some(sequence), resume_url, position: Bytes::new() }
    }

    /// The gateway's id of the session; `None` where the gateway has no sessions to resume.
    #[must_use]
    pub fn id(&self) -> Option<&str> {
        self.id.as_deref()
    }

    /// The shard it was begun for.
    #[must_use]
    pub const fn shard(&self) -> Option<ShardId> {
        self.shard
    }

    /// The last sequence.
    #[must_use]
    pub const fn sequence(&self) -> Option<Sequence> {
        self.sequence
    }

    /// Where to resume.
    #[must_use]
    pub const fn resume_url(&self) -> Option<&GatewayUrl> {
        self.resume_url.as_ref()
    }

    /// Where the session stands, in the dialect's own words; empty where the sequence says it all.
    #[must_use]
    pub const fn position(&self) -> &Bytes {
        &self.position
    }

    /// Whether a Resume can be written from it.
    #[must_use]
    pub fn is_resumable(&self) -> bool {
        self.id.is_some() && (self.sequence.is_some() || !self.position.is_empty())
    }
}

/// The id and the resume URL print shortened: either is half of what a hijacker needs.
impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session")
            .field("id", &self.id.as_deref().map(Shortened))
            .field("shard", &self.shard)
            .field("sequence", &self.sequence)
            .field("resume_url", &self.resume_url)
            .finish_non_exhaustive()
    }
}

/// Prints the first four characters.
pub(super) struct Shortened<'a>(pub(super) &'a str);

impl fmt::Debug for Shortened<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("\"")?;
        self.0.chars().take(4).try_for_each(|c| write!(f, "{}", c.escape_debug()))?;
        f.write_str("…\"")
    }
}

/// What a new link is for.
#[derive(Clone, Debug)]
pub(super) enum Handshake {
    Identify,
    Resume(Resumption),
}

/// A session in hand and how its resumes went so far.
#[derive(Clone, Debug)]
pub(super) struct Resumption {
    pub(super) session: Session,
    pub(super) tries: Tries,
}

/// How often a session was tried, and where to try it next.
#[derive(Clone, Debug)]
pub(super) struct Tries {
    allowed: u32,
    failed: u32,
    unreachable: u32,
    first_failed: Option<Timestamp>,
    route: Route,
}

/// Where to resume.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Route {
    ResumeUrl,
    Base,
}

impl Resumption {
    /// A session whose link has just ended.
    pub(super) fn fresh(session: Session) -> Self {
        Self { session, tries: Tries::fresh() }
    }

    /// Where to connect; `None` stands for the base URL.
    pub(super) fn url(&self) -> Option<&GatewayUrl> {
        match self.tries.route {
            Route::ResumeUrl => self.session.resume_url.as_ref(),
            Route::Base => None,
        }
    }
}

impl Tries {
    pub(super) const fn fresh() -> Self {
        Self { allowed: u32::MAX, failed: 0, unreachable: 0, first_failed: None, route: Route::ResumeUrl }
    }

    /// No more than `tries` from here on.
    pub(super) fn at_most(&mut self, tries: u32) {
        self.allowed = self.allowed.min(self.failed.saturating_add(tries));
    }

    /// A replayed dispatch shows that the session lives: what failed before does not count.
    pub(super) fn progressed(&mut self) {
        (self.failed, self.unreachable, self.first_failed) = (0, 0, None);
    }

    /// A Resume went out and did not lead to Resumed.
    pub(super) fn note_refused(&mut self, now: Timestamp) {
        self.failed = self.failed.saturating_add(1);
        self.first_failed.get_or_insert(now);
        self.route = Route::Base;
    }

    /// No Resume could be sent: the resume URL may be the one to blame, the session is not.
    pub(super) fn note_unreachable(&mut self) {
        self.unreachable = self.unreachable.saturating_add(1);
        self.route = Route::Base;
    }

    /// Whether the session may be tried again.
    pub(super) fn may_go_on(&self, now: Timestamp, policy: &ResumePolicy) -> bool {
        let in_time = self.first_failed.is_none_or(|first| now - first < policy.within);
        self.failed < policy.tries.min(self.allowed) && self.unreachable < policy.unreachable && in_time
    }
}

/// A session from an earlier run of the process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Imported {
    /// The session, as it was exported.
    pub session: Session,
    /// How long ago that was. Unknown counts as long: the session is then tried once.
    pub age: Option<Duration>,
}

/// The position as a list of bytes: it is the dialect's own, and need not be text.
mod position {
    use alloc::vec::Vec;
    use bytes::Bytes;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(super) fn serialize<S: Serializer>(position: &Bytes, serializer: S) -> Result<S::Ok, S::Error> {
        position.as_ref().serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Bytes, D::Error> {
        Vec::<u8>::deserialize(deserializer).map(Bytes::from)
    }
}
