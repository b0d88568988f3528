//! The request for soundboard sounds of guilds.

use super::command::{check_id, snowflakes};
use crate::dialect::CommandError;
use alloc::vec::Vec;
use serde::Serialize;

/// Requests the soundboard sounds of guilds (op 31). The answers are `SOUNDBOARD_SOUNDS` events, one for each guild.
///
/// ```
/// use portcullis::dialect::discord::{Command, RequestSoundboardSounds};
///
/// let request = RequestSoundboardSounds::new([613425648685547541]);
/// assert_eq!(
///     Command::RequestSoundboardSounds(request).encode()?,
///     br#"{"op":31,"d":{"guild_ids":["613425648685547541"]}}"#,
/// );
/// # Ok::<(), portcullis::dialect::CommandError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
pub struct RequestSoundboardSounds {
    #[serde(serialize_with = "snowflakes")]
    guild_ids: Vec<u64>,
}

impl RequestSoundboardSounds {
    /// The sounds of these guilds, at least one. Repeated ids are left out. About 190 ids fit in a frame.
    #[must_use]
    pub fn new(guild_ids: impl Into<Vec<u64>>) -> Self {
        let mut guild_ids = guild_ids.into();
        guild_ids.sort_unstable();
        guild_ids.dedup();
        Self { guild_ids }
    }

    /// The guilds of the request, the lowest id first.
    #[must_use]
    pub fn guild_ids(&self) -> &[u64] {
        &self.guild_ids
    }

    pub(super) fn check(&self) -> Result<(), CommandError> {
        if self.guild_ids.is_empty() {
            return Err(CommandError::NoGuildIds);
        }
        self.guild_ids.iter().try_for_each(|&id| check_id("guild_ids", id))
    }
}

#[cfg(test)]
mod tests {
    use super::super::Command;
    use super::*;

    fn encoded(guild_ids: &[u64]) -> Result<Vec<u8>, CommandError> {
        Command::RequestSoundboardSounds(RequestSoundboardSounds::new(guild_ids)).encode()
    }

    #[test]
    fn each_guild_is_asked_about_once() {
        assert_eq!(encoded(&[3, 1, 3]), Ok(br#"{"op":31,"d":{"guild_ids":["1","3"]}}"#.to_vec()));
        assert_eq!(RequestSoundboardSounds::new([3, 1, 3]).guild_ids(), [1, 3]);
    }

    #[test]
    fn a_request_about_nothing_is_refused() {
        assert_eq!(encoded(&[]), Err(CommandError::NoGuildIds));
        assert_eq!(encoded(&[1, 0]), Err(CommandError::ZeroId { name: "guild_ids" }));
    }
}
