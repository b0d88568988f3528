//! The commands that an application can send to the gateway.
//!
//! Identify, Resume and Heartbeat are not here: the machine sends them itself. A command is checked when it is encoded: one
//! that the gateway would answer with a close frame, or never, is an error of the call, and nothing is sent.
//! *(source: Gateway Events, send events)*

use super::{Presence, RequestChannelInfo, RequestSoundboardSounds, opcode};
use crate::dialect::{CommandError, RawCommand};
use alloc::string::String;
use alloc::vec::Vec;
use serde::ser::SerializeSeq as _;
use serde::{Deserialize, Serialize, Serializer};
use serde_json::value::RawValue;

/// A command to the gateway.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Command {
    /// Show another presence (op 3). At most 5 are sent in 20 s, since the gateway ignores more; of those that have to wait
    /// only the latest is sent, and the others come back as superseded.
    UpdatePresence(Presence),
    /// Request members of a guild (op 8).
    RequestGuildMembers(RequestGuildMembers),
    /// Request the soundboard sounds of guilds (op 31).
    RequestSoundboardSounds(RequestSoundboardSounds),
    /// Request information about a guild's channels (op 43).
    RequestChannelInfo(RequestChannelInfo),
    /// Join, move between or leave voice channels (op 4).
    UpdateVoiceState(UpdateVoiceState),
    /// Send a whole frame as it is.
    Raw(RawCommand),
}

impl Command {
    /// Writes the command as the frame that is sent.
    ///
    /// # Errors
    /// [`CommandError`] for a command that the gateway is known to refuse. The data of a raw command is not examined.
    pub fn encode(&self) -> Result<Vec<u8>, CommandError> {
        match self {
            Self::UpdatePresence(presence) => presence.check().and_then(|()| frame(opcode::UPDATE_PRESENCE, presence)),
            Self::RequestGuildMembers(request) => {
                request.check().and_then(|()| frame(opcode::REQUEST_GUILD_MEMBERS, request))
            }
            Self::RequestSoundboardSounds(request) => {
                request.check().and_then(|()| frame(opcode::REQUEST_SOUNDBOARD_SOUNDS, request))
            }
            Self::RequestChannelInfo(request) => {
                request.check().and_then(|()| frame(opcode::REQUEST_CHANNEL_INFO, request))
            }
            Self::UpdateVoiceState(update) => update.check().and_then(|()| frame(opcode::UPDATE_VOICE_STATE, update)),
            Self::Raw(raw) => Ok(raw.bytes().to_vec()),
        }
    }
}

/// Requests members of a guild (op 8). The answers are `GUILD_MEMBERS_CHUNK` events of up to 1000 members each.
///
/// For a guild that the bot is not in, the gateway does not answer.
///
/// ```
/// use portcullis::dialect::discord::{Command, RequestGuildMembers};
///
/// let request = RequestGuildMembers::by_query(41771983444115456, "ad", 5).with_nonce("a1");
/// assert_eq!(
///     Command::RequestGuildMembers(request).encode()?,
///     br#"{"op":8,"d":{"guild_id":"41771983444115456","query":"ad","limit":5,"nonce":"a1"}}"#,
/// );
/// # Ok::<(), portcullis::dialect::CommandError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
pub struct RequestGuildMembers {
    #[serde(serialize_with = "snowflake")]
    guild_id: u64,
    #[serde(flatten)]
    wanted: Wanted,
    #[serde(skip_serializing_if = "Option::is_none")]
    presences: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    nonce: Option<String>,
}

/// Which members: the gateway takes a query or ids, not both.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(untagged)]
enum Wanted {
    Matching {
        query: String,
        limit: u32,
    },
    These {
        #[serde(serialize_with = "snowflakes")]
        user_ids: Vec<u64>,
    },
}

impl RequestGuildMembers {
    /// The most bytes a nonce may have; the gateway ignores a longer one.
    pub const NONCE_MAX: usize = 32;
    /// The most user ids in one request.
    pub const USER_IDS_MAX: usize = 100;
    /// The highest limit of a search by prefix.
    pub const SEARCH_MAX: u32 = 100;

    /// All members. This needs [`Intents::GUILD_MEMBERS`](super::Intents::GUILD_MEMBERS), and the gateway answers it once
    /// in 30 s for each guild.
    #[must_use]
    pub fn all(guild_id: u64) -> Self {
        Self::by_query(guild_id, "", 0)
    }

    /// Up to `limit` members whose user name or nickname starts with `prefix`. The limit is 1 to
    /// [`Self::SEARCH_MAX`]; with an empty prefix it may be any number, and 0 means all members.
    #[must_use]
    pub fn by_query(guild_id: u64, prefix: impl Into<String>, limit: u32) -> Self {
        Self::of(guild_id, Wanted::Matching { query: prefix.into(), limit })
    }

    /// The members with these ids, 1 to [`Self::USER_IDS_MAX`] of them. The last chunk lists those not found.
    #[must_use]
    pub fn by_user_ids(guild_id: u64, user_ids: impl Into<Vec<u64>>) -> Self {
        Self::of(guild_id, Wanted::These { user_ids: user_ids.into() })
    }

    /// Requests the members' presences too. This needs
    /// [`Intents::GUILD_PRESENCES`](super::Intents::GUILD_PRESENCES).
    #[must_use]
    pub fn with_presences(self) -> Self {
        Self { presences: Some(true), ..self }
    }

    /// Sets a text that each chunk of the answer repeats; at most [`Self::NONCE_MAX`] bytes.
    #[must_use]
    pub fn with_nonce(self, nonce: impl Into<String>) -> Self {
        Self { nonce: Some(nonce.into()), ..self }
    }

    /// The guild of the request.
    #[must_use]
    pub const fn guild_id(&self) -> u64 {
        self.guild_id
    }

    /// Whether it requests all members: the gateway answers that once in 30 s for each guild.
    pub(crate) fn is_for_all(&self) -> bool {
        matches!(&self.wanted, Wanted::Matching { query, limit: 0 } if query.is_empty())
    }

    pub(crate) fn has_presences(&self) -> bool {
        self.presences == Some(true)
    }

    fn of(guild_id: u64, wanted: Wanted) -> Self {
        Self { guild_id, wanted, presences: None, nonce: None }
    }

    fn check(&self) -> Result<(), CommandError> {
        check_id("guild_id", self.guild_id)?;
        let nonce_len = self.nonce.as_ref().map_or(0, String::len);
        if nonce_len > Self::NONCE_MAX {
            return Err(CommandError::NonceTooLong { len: nonce_len, max: Self::NONCE_MAX });
        }
        match &self.wanted {
            Wanted::Matching { query, limit } => {
                let is_valid = query.is_empty() || (1..=Self::SEARCH_MAX).contains(limit);
                let error = CommandError::SearchLimit { limit: *limit, max: Self::SEARCH_MAX };
                is_valid.then_some(()).ok_or(error)
            }
            Wanted::These { user_ids } if user_ids.is_empty() => Err(CommandError::NoUserIds),
            Wanted::These { user_ids } if user_ids.len() > Self::USER_IDS_MAX => {
                Err(CommandError::TooManyUserIds { len: user_ids.len(), max: Self::USER_IDS_MAX })
            }
            Wanted::These { user_ids } => user_ids.iter().try_for_each(|&id| check_id("user_ids", id)),
        }
    }
}

/// Joins, moves between or leaves voice channels (op 4). The answers are `VOICE_STATE_UPDATE` and `VOICE_SERVER_UPDATE`, in
/// either order. The gateway does not answer when the channel is full or the bot may not join it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
pub struct UpdateVoiceState {
    #[serde(serialize_with = "snowflake")]
    guild_id: u64,
    #[serde(serialize_with = "snowflake_or_null")]
    channel_id: Option<u64>,
    self_mute: bool,
    self_deaf: bool,
}

impl UpdateVoiceState {
    /// Joins a voice channel, or moves to it, neither muted nor deafened.
    #[must_use]
    pub const fn join(guild_id: u64, channel_id: u64) -> Self {
        Self { guild_id, channel_id: Some(channel_id), self_mute: false, self_deaf: false }
    }

    /// Leaves the guild's voice channel.
    #[must_use]
    pub const fn leave(guild_id: u64) -> Self {
        Self { guild_id, channel_id: None, self_mute: false, self_deaf: false }
    }

    /// Mutes the bot: its audio is not sent.
    #[must_use]
    pub const fn muted(self) -> Self {
        Self { self_mute: true, ..self }
    }

    /// Deafens the bot: it receives no audio.
    #[must_use]
    pub const fn deafened(self) -> Self {
        Self { self_deaf: true, ..self }
    }

    /// The guild of the voice channel.
    #[must_use]
    pub const fn guild_id(self) -> u64 {
        self.guild_id
    }

    fn check(self) -> Result<(), CommandError> {
        check_id("guild_id", self.guild_id)?;
        self.channel_id.map_or(Ok(()), |id| check_id("channel_id", id))
    }
}

fn frame<T: Serialize>(op: u64, d: &T) -> Result<Vec<u8>, CommandError> {
    #[derive(Serialize)]
    struct Frame<'a, T> {
        op: u64,
        d: &'a T,
    }
    serde_json::to_vec(&Frame { op, d }).map_err(|_| CommandError::NotJson)
}

/// The data of a frame that [`Command::encode`] wrote.
pub(super) fn data_of(frame: &[u8]) -> Option<&RawValue> {
    #[derive(Deserialize)]
    struct Frame<'a> {
        #[serde(borrow)]
        d: &'a RawValue,
    }
    serde_json::from_slice(frame).ok().map(|Frame { d }| d)
}

pub(super) fn check_id(name: &'static str, id: u64) -> Result<(), CommandError> {
    if id == 0 { Err(CommandError::ZeroId { name }) } else { Ok(()) }
}

// Ids are decimal strings in JSON: many readers keep numbers in 53 bits.

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde gives fields by reference")]
pub(super) fn snowflake<S: Serializer>(id: &u64, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(id)
}

#[allow(clippy::ref_option, reason = "serde gives fields by reference")]
fn snowflake_or_null<S: Serializer>(id: &Option<u64>, serializer: S) -> Result<S::Ok, S::Error> {
    match id {
        Some(id) => serializer.collect_str(id),
        None => serializer.serialize_none(),
    }
}

pub(super) fn snowflakes<S: Serializer>(ids: &[u64], serializer: S) -> Result<S::Ok, S::Error> {
    let mut sequence = serializer.serialize_seq(Some(ids.len()))?;
    ids.iter().try_for_each(|id| sequence.serialize_element(&format_args!("{id}")))?;
    sequence.end()
}

#[cfg(test)]
mod tests {
    use super::super::{Activity, Status};
    use super::*;
    use alloc::vec;

    fn written(command: &Command) -> String {
        String::from_utf8(command.encode().unwrap()).unwrap()
    }

    fn refused(request: RequestGuildMembers) -> CommandError {
        Command::RequestGuildMembers(request).encode().unwrap_err()
    }

    #[test]
    fn frames_are_the_documented_ones() {
        let mut presence = Presence::new(Status::Dnd);
        presence.activities.push(Activity::custom("busy"));
        for (command, expected) in [
            (
                Command::UpdateVoiceState(UpdateVoiceState::leave(967_500_967_257_968_680)),
                r#"{"op":4,"d":{"guild_id":"967500967257968680","channel_id":null,"self_mute":false,"self_deaf":false}}"#,
            ),
            (
                Command::UpdateVoiceState(UpdateVoiceState::join(1, u64::MAX).muted().deafened()),
                r#"{"op":4,"d":{"guild_id":"1","channel_id":"18446744073709551615","self_mute":true,"self_deaf":true}}"#,
            ),
            (
                Command::UpdatePresence(presence),
                r#"{"op":3,"d":{"since":null,"activities":[{"name":"Custom Status","type":4,"state":"busy"}],"status":"dnd","afk":false}}"#,
            ),
            (
                Command::RequestGuildMembers(RequestGuildMembers::all(967_500_967_257_968_680).with_nonce("a1")),
                r#"{"op":8,"d":{"guild_id":"967500967257968680","query":"","limit":0,"nonce":"a1"}}"#,
            ),
            (
                Command::RequestGuildMembers(RequestGuildMembers::by_user_ids(1, [2, 3]).with_presences()),
                r#"{"op":8,"d":{"guild_id":"1","user_ids":["2","3"],"presences":true}}"#,
            ),
            (Command::Raw(RawCommand::new(&Presence::new(Status::Idle)).unwrap()), {
                r#"{"since":null,"activities":[],"status":"idle","afk":false}"#
            }),
        ] {
            assert_eq!(written(&command), expected);
        }
    }

    #[test]
    fn a_search_has_a_limit_and_an_empty_prefix_any() {
        for limit in [0, 101, u32::MAX] {
            let error = CommandError::SearchLimit { limit, max: 100 };
            assert_eq!(refused(RequestGuildMembers::by_query(1, "a", limit)), error);
            let request = Command::RequestGuildMembers(RequestGuildMembers::by_query(1, "", limit));
            assert!(written(&request).contains("\"query\":\"\""), "{limit}");
        }
        for limit in [1, 100] {
            let request = Command::RequestGuildMembers(RequestGuildMembers::by_query(1, "a", limit));
            assert!(written(&request).contains("\"query\":\"a\""), "{limit}");
        }
    }

    #[test]
    fn user_ids_are_one_to_a_hundred() {
        assert_eq!(refused(RequestGuildMembers::by_user_ids(1, [])), CommandError::NoUserIds);
        let error = CommandError::TooManyUserIds { len: 101, max: 100 };
        assert_eq!(refused(RequestGuildMembers::by_user_ids(1, vec![7; 101])), error);
        let request = Command::RequestGuildMembers(RequestGuildMembers::by_user_ids(1, vec![7; 100]));
        assert_eq!(written(&request).matches("\"7\"").count(), 100);
    }

    #[test]
    fn a_nonce_has_at_most_32_bytes() {
        let error = CommandError::NonceTooLong { len: 34, max: 32 };
        assert_eq!(refused(RequestGuildMembers::all(1).with_nonce("é".repeat(17))), error);
        let request = RequestGuildMembers::all(1).with_nonce("é".repeat(16));
        assert!(written(&Command::RequestGuildMembers(request)).contains("\"nonce\":\"éé"));
    }

    #[test]
    fn zero_is_no_id() {
        let zero = |name| CommandError::ZeroId { name };
        assert_eq!(refused(RequestGuildMembers::all(0)), zero("guild_id"));
        assert_eq!(refused(RequestGuildMembers::by_user_ids(1, [2, 0])), zero("user_ids"));
        for (update, name) in [
            (UpdateVoiceState::leave(0), "guild_id"),
            (UpdateVoiceState::join(0, 1), "guild_id"),
            (UpdateVoiceState::join(1, 0), "channel_id"),
        ] {
            assert_eq!(Command::UpdateVoiceState(update).encode(), Err(zero(name)));
        }
    }

    #[test]
    fn the_guild_of_a_request_can_be_asked_for() {
        assert_eq!(RequestGuildMembers::all(7).guild_id(), 7);
        assert_eq!(UpdateVoiceState::leave(8).guild_id(), 8);
    }
}
