//! The session, which outlives connections, as a value that can be stored.

use crate::message::Sequence;
use crate::shard::ShardId;
use crate::url::GatewayUrl;
use alloc::string::String;
use bytes::Bytes;
use core::fmt;
use serde::{Deserialize, Serialize};

/// A session at the gateway: all that a Resume needs but the token. It holds no token and no timestamp, so it can be stored and
/// used by another process with another clock. *(source: Gateway, Resuming)*
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    pub(crate) id: Option<String>,
    pub(crate) shard: Option<ShardId>,
    pub(crate) sequence: Option<Sequence>,
    pub(crate) resume_url: Option<GatewayUrl>,
    #[serde(default, skip_serializing_if = "Bytes::is_empty", with = "position")]
    pub(crate) position: Bytes,
}

impl Session {
    /// A session of another program: its id, its shard, the sequence of the last dispatch that the application took, and the URL
    /// to resume at (`None`: the base URL).
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

    /// The shard that identified.
    #[must_use]
    pub const fn shard(&self) -> Option<ShardId> {
        self.shard
    }

    /// The sequence of the last dispatch.
    #[must_use]
    pub const fn sequence(&self) -> Option<Sequence> {
        self.sequence
    }

    /// The URL to resume at; `None` is the base URL. It becomes `None` when the resume URL failed and the base URL resumed the
    /// session.
    #[must_use]
    pub const fn resume_url(&self) -> Option<&GatewayUrl> {
        self.resume_url.as_ref()
    }

    /// The position in the event stream, in a form of the dialect's own; empty for dialects with sequences, such as Discord.
    #[must_use]
    pub const fn position(&self) -> &Bytes {
        &self.position
    }

    /// Whether it has all that a Resume needs.
    #[must_use]
    pub fn is_resumable(&self) -> bool {
        self.id.is_some() && (self.sequence.is_some() || !self.position.is_empty())
    }
}

/// The id and the resume URL print shortened: with the token, they let anyone take the session over.
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
pub(crate) struct Shortened<'a>(pub(crate) &'a str);

impl fmt::Debug for Shortened<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("\"")?;
        self.0.chars().take(4).try_for_each(|c| write!(f, "{}", c.escape_debug()))?;
        f.write_str("…\"")
    }
}

/// The position as a list of bytes: it need not be text.
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
