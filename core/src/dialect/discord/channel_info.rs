//! The request for information about channels that is not part of the channels themselves.

use super::command::{check_id, snowflake};
use crate::dialect::CommandError;
use alloc::vec::Vec;
use serde::Serialize;

/// Requests information about a guild's channels (op 43). The answer is one `CHANNEL_INFO` event.
///
/// ```
/// use portcullis::dialect::discord::{ChannelInfoField, Command, RequestChannelInfo};
///
/// let request = RequestChannelInfo::new(41771983444115456, [ChannelInfoField::Status]);
/// assert_eq!(
///     Command::RequestChannelInfo(request).encode()?,
///     br#"{"op":43,"d":{"guild_id":"41771983444115456","fields":["status"]}}"#,
/// );
/// # Ok::<(), portcullis::dialect::CommandError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
pub struct RequestChannelInfo {
    #[serde(serialize_with = "snowflake")]
    guild_id: u64,
    fields: Vec<ChannelInfoField>,
}

/// What can be requested about channels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ChannelInfoField {
    /// The status of a voice channel.
    Status,
    /// Since when a voice channel has been in use, in seconds since 1970.
    VoiceStartTime,
}

impl RequestChannelInfo {
    /// All fields.
    #[must_use]
    pub fn all(guild_id: u64) -> Self {
        Self::new(guild_id, [ChannelInfoField::Status, ChannelInfoField::VoiceStartTime])
    }

    /// These fields, at least one. Repeated fields are left out.
    #[must_use]
    pub fn new(guild_id: u64, fields: impl Into<Vec<ChannelInfoField>>) -> Self {
        let mut fields = fields.into();
        fields.sort_unstable();
        fields.dedup();
        Self { guild_id, fields }
    }

    /// The guild of the request.
    #[must_use]
    pub const fn guild_id(&self) -> u64 {
        self.guild_id
    }

    pub(super) fn check(&self) -> Result<(), CommandError> {
        if self.fields.is_empty() {
            return Err(CommandError::NoFields);
        }
        check_id("guild_id", self.guild_id)
    }
}

#[cfg(test)]
mod tests {
    use super::super::Command;
    use super::*;

    fn encoded(request: RequestChannelInfo) -> Result<Vec<u8>, CommandError> {
        Command::RequestChannelInfo(request).encode()
    }

    #[test]
    fn the_frame_is_the_documented_one() {
        let expected = br#"{"op":43,"d":{"guild_id":"7","fields":["status","voice_start_time"]}}"#.to_vec();
        assert_eq!(encoded(RequestChannelInfo::all(7)), Ok(expected));
        let twice = RequestChannelInfo::new(7, [ChannelInfoField::Status; 2]);
        assert_eq!(encoded(twice), Ok(br#"{"op":43,"d":{"guild_id":"7","fields":["status"]}}"#.to_vec()));
    }

    #[test]
    fn a_request_about_nothing_is_refused() {
        assert_eq!(encoded(RequestChannelInfo::new(7, [])), Err(CommandError::NoFields));
        assert_eq!(encoded(RequestChannelInfo::all(0)), Err(CommandError::ZeroId { name: "guild_id" }));
    }
}
