//! Answers: the events they consist of, raw, to be decoded into the application's types.

use crate::dispatch::{DecodeError, Dispatch};
use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use serde::Deserialize;

/// The complete answer to a request.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Answer {
    /// To a [`RequestGuildMembers`](crate::dialect::discord::RequestGuildMembers).
    GuildMembers(GuildMembers),
    /// To a [`RequestSoundboardSounds`](crate::dialect::discord::RequestSoundboardSounds).
    SoundboardSounds(SoundboardSounds),
    /// To a [`RequestChannelInfo`](crate::dialect::discord::RequestChannelInfo).
    ChannelInfo(ChannelInfo),
}

/// Members of a guild: all chunks of the answer, raw.
///
/// ```
/// # use portcullis::requests::GuildMembers;
/// # use portcullis::dispatch::DecodeError;
/// #[derive(serde::Deserialize)]
/// struct Member<'a> {
///     #[serde(borrow)]
///     user: User<'a>,
/// }
/// #[derive(serde::Deserialize)]
/// struct User<'a> {
///     id: &'a str,
/// }
/// fn ids(answer: &GuildMembers) -> Result<Vec<&str>, DecodeError> {
///     Ok(answer.members::<Member>()?.into_iter().map(|member| member.user.id).collect())
/// }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GuildMembers {
    guild_id: u64,
    chunks: Vec<Dispatch>,
}

impl GuildMembers {
    pub(super) const fn new(guild_id: u64, chunks: Vec<Dispatch>) -> Self {
        Self { guild_id, chunks }
    }

    /// The guild.
    #[must_use]
    pub const fn guild_id(&self) -> u64 {
        self.guild_id
    }

    /// The `GUILD_MEMBERS_CHUNK` events, ordered by their index.
    #[must_use]
    pub fn chunks(&self) -> &[Dispatch] {
        &self.chunks
    }

    /// The members of all chunks, decoded. They may borrow from the answer.
    ///
    /// # Errors
    /// [`DecodeError`] for the first chunk that is not JSON, or whose members are not of the shape of `T`.
    pub fn members<'a, T: Deserialize<'a>>(&'a self) -> Result<Vec<T>, DecodeError> {
        #[derive(Deserialize)]
        struct Chunk<T> {
            members: Vec<T>,
        }
        self.gather(|chunk: Chunk<T>| chunk.members)
    }

    /// The presences of all chunks, decoded. Empty unless the request asked for presences.
    ///
    /// # Errors
    /// [`DecodeError`] for the first chunk that is not JSON, or whose presences are not of the shape of `T`.
    pub fn presences<'a, T: Deserialize<'a>>(&'a self) -> Result<Vec<T>, DecodeError> {
        #[derive(Deserialize)]
        struct Chunk<T> {
            presences: Option<Vec<T>>,
        }
        self.gather(|chunk: Chunk<T>| chunk.presences.unwrap_or_default())
    }

    /// The requested user ids that are not members of the guild.
    ///
    /// # Errors
    /// [`DecodeError`] for the first chunk that is not JSON, or that lists something other than ids.
    pub fn not_found(&self) -> Result<Vec<u64>, DecodeError> {
        #[derive(Deserialize)]
        struct Chunk {
            not_found: Option<Vec<Id>>,
        }
        let ids = self.gather(|chunk: Chunk| chunk.not_found.unwrap_or_default())?;
        Ok(ids.into_iter().map(|Id(id)| id).collect())
    }

    fn gather<'a, C: Deserialize<'a>, T>(&'a self, of: impl Fn(C) -> Vec<T>) -> Result<Vec<T>, DecodeError> {
        let mut gathered = Vec::new();
        for chunk in &self.chunks {
            gathered.extend(of(chunk.decode()?));
        }
        Ok(gathered)
    }
}

/// Soundboard sounds of guilds, raw.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SoundboardSounds {
    guild_ids: Vec<u64>,
    sounds: BTreeMap<u64, Dispatch>,
}

impl SoundboardSounds {
    pub(super) const fn new(guild_ids: Vec<u64>, sounds: BTreeMap<u64, Dispatch>) -> Self {
        Self { guild_ids, sounds }
    }

    /// The `SOUNDBOARD_SOUNDS` event of each guild that the gateway answered for, the lowest id first.
    #[must_use]
    pub fn guilds(&self) -> impl ExactSizeIterator<Item = (u64, &Dispatch)> {
        self.sounds.iter().map(|(guild_id, dispatch)| (*guild_id, dispatch))
    }

    /// The guilds that the gateway did not answer for: those that the bot is not in.
    pub fn unanswered(&self) -> impl Iterator<Item = u64> {
        self.guild_ids.iter().copied().filter(|guild_id| !self.sounds.contains_key(guild_id))
    }

    /// The sounds of all guilds, decoded. They may borrow from the answer.
    ///
    /// # Errors
    /// [`DecodeError`] for the first guild whose sounds are not JSON, or not of the shape of `T`.
    pub fn sounds<'a, T: Deserialize<'a>>(&'a self) -> Result<Vec<T>, DecodeError> {
        #[derive(Deserialize)]
        struct Sounds<T> {
            soundboard_sounds: Vec<T>,
        }
        let mut all = Vec::new();
        for dispatch in self.sounds.values() {
            all.extend(dispatch.decode::<Sounds<T>>()?.soundboard_sounds);
        }
        Ok(all)
    }
}

/// Information about a guild's channels, raw.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChannelInfo {
    guild_id: u64,
    dispatch: Dispatch,
}

impl ChannelInfo {
    pub(super) const fn new(guild_id: u64, dispatch: Dispatch) -> Self {
        Self { guild_id, dispatch }
    }

    /// The guild.
    #[must_use]
    pub const fn guild_id(&self) -> u64 {
        self.guild_id
    }

    /// The `CHANNEL_INFO` event.
    #[must_use]
    pub const fn dispatch(&self) -> &Dispatch {
        &self.dispatch
    }

    /// The channels, decoded. They may borrow from the answer.
    ///
    /// # Errors
    /// [`DecodeError`] when the event is not JSON, or its channels are not of the shape of `T`.
    pub fn channels<'a, T: Deserialize<'a>>(&'a self) -> Result<Vec<T>, DecodeError> {
        #[derive(Deserialize)]
        struct Channels<T> {
            channels: Vec<T>,
        }
        Ok(self.dispatch.decode::<Channels<T>>()?.channels)
    }
}

/// Fails with the answer itself if it is of another kind.
impl TryFrom<Answer> for GuildMembers {
    type Error = Answer;

    fn try_from(answer: Answer) -> Result<Self, Answer> {
        match answer {
            Answer::GuildMembers(members) => Ok(members),
            Answer::SoundboardSounds(_) | Answer::ChannelInfo(_) => Err(answer),
        }
    }
}

/// Fails with the answer itself if it is of another kind.
impl TryFrom<Answer> for SoundboardSounds {
    type Error = Answer;

    fn try_from(answer: Answer) -> Result<Self, Answer> {
        match answer {
            Answer::SoundboardSounds(sounds) => Ok(sounds),
            Answer::GuildMembers(_) | Answer::ChannelInfo(_) => Err(answer),
        }
    }
}

/// Fails with the answer itself if it is of another kind.
impl TryFrom<Answer> for ChannelInfo {
    type Error = Answer;

    fn try_from(answer: Answer) -> Result<Self, Answer> {
        match answer {
            Answer::ChannelInfo(info) => Ok(info),
            Answer::GuildMembers(_) | Answer::SoundboardSounds(_) => Err(answer),
        }
    }
}

/// An id as gateways write it: a string, or a number where it comes from ETF or an old server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Written<'_>")]
pub(super) struct Id(pub(super) u64);

#[derive(Deserialize)]
#[serde(untagged)]
enum Written<'a> {
    Number(u64),
    Text(&'a str),
}

impl TryFrom<Written<'_>> for Id {
    type Error = core::num::ParseIntError;

    fn try_from(written: Written<'_>) -> Result<Self, Self::Error> {
        match written {
            Written::Number(id) => Ok(Self(id)),
            Written::Text(text) => text.parse().map(Self),
        }
    }
}
