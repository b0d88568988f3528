//! What the gateway allows, and by which config a queue keeps to it.

use core::time::Duration;
use serde::{Deserialize, Serialize};

/// What a gateway allows an application: the `session_start_limit` of `GET /gateway/bot`, and read from its JSON.
///
/// The default is that of an application which has not identified: one at a time, 1,000 a day.
///
/// ```
/// use core::time::Duration;
/// use portcullis::identify::SessionStartLimit;
///
/// let json = r#"{"total":1000,"remaining":999,"reset_after":14400000,"max_concurrency":1}"#;
/// let limit: SessionStartLimit = serde_json::from_str(json)?;
/// assert_eq!(limit.reset_after, Duration::from_secs(4 * 60 * 60));
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionStartLimit {
    /// How many may identify at a time, one a bucket: a shard's is `shard_id % max_concurrency`. Zero counts as one.
    pub max_concurrency: u32,
    /// How many identifies a day has.
    pub total: u32,
    /// How many of them are left.
    pub remaining: u32,
    /// When there are `total` again, in milliseconds on the wire. Zero where none was used: the day then begins with
    /// the first.
    #[serde(with = "millis")]
    pub reset_after: Duration,
}

impl Default for SessionStartLimit {
    fn default() -> Self {
        Self { max_concurrency: 1, total: 1000, remaining: 1000, reset_after: Duration::ZERO }
    }
}

/// By which config a queue keeps to a [`SessionStartLimit`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QueueConfig {
    /// From one identify of a bucket to the next: 5.25 s. The gateway asks for 5 s *(source: Gateway, Rate limiting)*;
    /// the rest is for a network that brings one frame later than the next.
    pub spacing: Duration,
    /// Identifies that are never given out: 5. What the gateway does to an application that goes beyond its budget (all
    /// its sessions end, its token is reset) is so much worse than a wait that an identify nobody told the queue of, of
    /// another process or of a test at home, should not lead to it. A reserve of `total` or more leaves nothing.
    pub reserve: u32,
    /// What becomes of a permit that was granted and not used: it is free again.
    pub returned: Returned,
    /// How long a permit may be out without word of its use: 15 s, which is more than a machine can be kept from
    /// writing. Then it counts as used, and its bucket is free.
    pub lease: Duration,
    /// How many may wait: 65,536.
    pub waiting: usize,
}

impl Default for QueueConfig {
    fn default() -> Self {
        Self {
            spacing: Duration::from_millis(5250),
            reserve: 5,
            returned: Returned::Free,
            lease: Duration::from_secs(15),
            waiting: 65_536,
        }
    }
}

/// What becomes of a permit that was granted and not used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Returned {
    /// It is free again: no byte of an Identify left.
    Free,
    /// It counts as used: for those who cannot be sure of that.
    Used,
}

mod millis {
    use core::time::Duration;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(span: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(u64::try_from(span.as_millis()).unwrap_or(u64::MAX))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
        u64::deserialize(deserializer).map(Duration::from_millis)
    }
}
