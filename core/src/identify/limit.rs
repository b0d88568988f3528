//! The limits that the gateway sets, and the config of a queue that keeps to them.

use core::time::Duration;
use serde::{Deserialize, Serialize};

/// What a gateway allows an application: the `session_start_limit` of `GET /gateway/bot`, which deserializes into this type.
/// *(source: Gateway, Session Start Limit Object)*
///
/// The default is the limit of a new application: one identify at a time, 1,000 a day.
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
    /// How many shards may identify at a time, one in each bucket; a shard's bucket is `shard_id % max_concurrency`. Zero counts
    /// as one.
    pub max_concurrency: u32,
    /// The number of identifies a day.
    pub total: u32,
    /// How many of them are left.
    pub remaining: u32,
    /// How long it is until `remaining` resets to `total`; milliseconds in JSON. Zero if no identify was used: the day then
    /// begins with the first.
    #[serde(with = "millis")]
    pub reset_after: Duration,
}

impl Default for SessionStartLimit {
    fn default() -> Self {
        Self { max_concurrency: 1, total: 1000, remaining: 1000, reset_after: Duration::ZERO }
    }
}

/// How a queue keeps to a [`SessionStartLimit`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QueueConfig {
    /// The time between two identifies of a bucket: 5.25 s by default. The gateway requires 5 s *(source: Gateway, Rate Limiting)*.
    /// The rest is for the network: if the first frame is delayed more than the second, they arrive less than 5 s apart.
    pub spacing: Duration,
    /// How many of the day's identifies the queue never grants: 5 by default. If an application exceeds its budget, the gateway ends
    /// all its sessions and resets its token, which is much worse than a wait. So an identify that the queue does not know of, of
    /// another process or a test, must not exceed the budget. With a reserve of `total` or more the queue grants none.
    pub reserve: u32,
    /// Whether a permit that was given back unused is free again: [`Returned::Free`] by default.
    pub returned: Returned,
    /// How long a granted permit keeps its bucket without a call of `spent` or `give_back`: 15 s by default, longer than a machine's
    /// deadlines let it hold one. Then the permit counts as used, and its bucket is free. Without this limit, a shard whose process
    /// died would block its bucket forever.
    pub lease: Duration,
    /// How many permit requests may wait: 65,536 by default, which bounds the queue's memory.
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

/// What a permit counts as that was granted and given back unused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Returned {
    /// As free: the shard sent no byte of an Identify.
    Free,
    /// As used: for owners that cannot be sure of that.
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
