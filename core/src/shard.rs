//! A shard's id: which slice of the guilds a session receives.

use core::fmt;
use core::str::FromStr;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// One shard out of `count`. It is parsed from `0/2`, is `[0,2]` in JSON, and prints as `[0, 2]`. *(source: Gateway, Sharding)*
///
/// # Invariants
/// * `below-count`: `id` is below `count`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ShardId {
    id: u32,
    count: u32,
}

impl ShardId {
    /// The only shard of a bot that is not sharded.
    pub const ONE: Self = Self { id: 0, count: 1 };

    /// Shard `id` of `count`; ids start at zero.
    ///
    /// # Errors
    /// [`ShardIdError::NoShards`] for a count of zero, [`ShardIdError::NotBelow`] for an id that is not below the count:
    /// the gateway would close with 4010.
    pub const fn new(id: u32, count: u32) -> Result<Self, ShardIdError> {
        if count == 0 {
            return Err(ShardIdError::NoShards);
        }
        if id >= count {
            return Err(ShardIdError::NotBelow { id, count });
        }
        Ok(Self { id, count })
    }

    /// The shard, out of `count`, that receives the events of a guild: `(guild_id >> 22) % count`. Shard 0 receives the events
    /// without a guild. *(source: Gateway, Sharding)*
    ///
    /// # Errors
    /// [`ShardIdError::NoShards`] for a count of zero.
    pub fn of_guild(guild_id: u64, count: u32) -> Result<Self, ShardIdError> {
        let remainder = (guild_id >> 22).checked_rem(u64::from(count)).ok_or(ShardIdError::NoShards)?;
        // The remainder is below `count`, so it fits into a `u32`.
        Ok(Self { id: u32::try_from(remainder).unwrap_or(0), count })
    }

    /// The shard's id; ids start at zero.
    #[must_use]
    pub const fn id(self) -> u32 {
        self.id
    }

    /// The number of shards; at least one.
    #[must_use]
    pub const fn count(self) -> u32 {
        self.count
    }
}

impl fmt::Display for ShardId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{}, {}]", self.id, self.count)
    }
}

impl FromStr for ShardId {
    type Err = ShardIdError;

    fn from_str(text: &str) -> Result<Self, ShardIdError> {
        let (id, count) = text.split_once('/').ok_or(ShardIdError::Text)?;
        Self::new(number(id)?, number(count)?)
    }
}

impl Serialize for ShardId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        [self.id, self.count].serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for ShardId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let [id, count] = <[u32; 2]>::deserialize(deserializer)?;
        Self::new(id, count).map_err(de::Error::custom)
    }
}

/// Why a shard id is invalid.
#[derive(Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ShardIdError {
    /// The count is zero.
    #[error("the number of shards is 0, give at least 1")]
    NoShards,
    /// The id is not below the count.
    #[error("there is no shard {id} of {count}, shards are counted from 0 to {}", .count.saturating_sub(1))]
    NotBelow {
        /// The id; ids start at zero.
        id: u32,
        /// The number of shards.
        count: u32,
    },
    /// The text is not two numbers with a `/` between them.
    #[error("a shard is written as id/count, for example 0/2")]
    Text,
}

fn number(text: &str) -> Result<u32, ShardIdError> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| digits).ok_or(ShardIdError::Text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString as _;

    #[test]
    fn a_guild_is_routed_as_documented() {
        for (guild_id, routes) in [
            (41_771_983_423_143_937, [(3, 0), (5, 4), (16, 6)]),
            (81_384_788_765_712_384, [(3, 1), (5, 3), (16, 2)]),
            (613_425_648_685_547_541, [(3, 2), (5, 4), (16, 8)]),
            (175_928_847_299_117_063, [(3, 2), (5, 1), (16, 4)]),
        ] {
            for (count, id) in routes {
                assert_eq!(ShardId::of_guild(guild_id, count), ShardId::new(id, count), "{guild_id}");
            }
        }
        assert_eq!(ShardId::of_guild(u64::MAX, 1), Ok(ShardId::ONE));
        assert_eq!(ShardId::of_guild(1, 0), Err(ShardIdError::NoShards));
    }

    #[test]
    fn a_shard_is_below_its_count() {
        let last = ShardId::new(1, 2).unwrap();
        assert_eq!((last.id(), last.count()), (1, 2));
        assert_eq!(ShardId::new(0, 0), Err(ShardIdError::NoShards));
        let error = ShardIdError::NotBelow { id: 2, count: 2 };
        assert_eq!(ShardId::new(2, 2), Err(error));
        assert_eq!(error.to_string(), "there is no shard 2 of 2, shards are counted from 0 to 1");
    }

    #[test]
    fn text_and_json_are_checked() {
        let first = ShardId::new(0, 2).unwrap();
        assert_eq!("0/2".parse(), Ok(first));
        assert_eq!(first.to_string(), "[0, 2]");
        for text in ["", "0", "/2", "+0/2", "0/2/3", "0 / 2", "0/4294967296"] {
            assert_eq!(text.parse::<ShardId>(), Err(ShardIdError::Text), "{text}");
        }
        assert_eq!("2/2".parse::<ShardId>(), Err(ShardIdError::NotBelow { id: 2, count: 2 }));
        assert_eq!(serde_json::to_string(&first).unwrap(), "[0,2]");
        assert_eq!(serde_json::from_str::<ShardId>("[0,2]").unwrap(), first);
        let error = serde_json::from_str::<ShardId>("[0,0]").unwrap_err();
        assert_eq!(error.to_string(), "the number of shards is 0, give at least 1");
    }
}
