//! One request and the parts of its answer that have come.

use super::answer::{Answer, ChannelInfo, GuildMembers, SoundboardSounds};
use super::error::RequestError;
use super::part::{CHANNEL_INFO, GUILD_MEMBERS_CHUNK, Part, RATE_LIMITED, RateLimited, SOUNDBOARD_SOUNDS};
use crate::dialect::discord::{
    Command, Intents, RequestChannelInfo, RequestGuildMembers, RequestSoundboardSounds, opcode,
};
use crate::dispatch::Dispatch;
use alloc::collections::BTreeMap;
use alloc::string::String;
use core::mem;

/// A request that the gateway answers.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Request {
    /// Members of a guild (op 8). [`Requests`](super::Requests) replaces its nonce.
    GuildMembers(RequestGuildMembers),
    /// The soundboard sounds of guilds (op 31).
    SoundboardSounds(RequestSoundboardSounds),
    /// Information about a guild's channels (op 43).
    ChannelInfo(RequestChannelInfo),
}

impl From<RequestGuildMembers> for Request {
    fn from(request: RequestGuildMembers) -> Self {
        Self::GuildMembers(request)
    }
}

impl From<RequestSoundboardSounds> for Request {
    fn from(request: RequestSoundboardSounds) -> Self {
        Self::SoundboardSounds(request)
    }
}

impl From<RequestChannelInfo> for Request {
    fn from(request: RequestChannelInfo) -> Self {
        Self::ChannelInfo(request)
    }
}

impl Request {
    /// The intent without which the gateway does not answer, if it is not among `intents`.
    pub(super) fn missing_intent(&self, intents: Intents) -> Option<&'static str> {
        let Self::GuildMembers(request) = self else { return None };
        let needs = [
            (request.is_for_all(), Intents::GUILD_MEMBERS, "GUILD_MEMBERS"),
            (request.has_presences(), Intents::GUILD_PRESENCES, "GUILD_PRESENCES"),
        ];
        needs.into_iter().find_map(|(needed, intent, name)| (needed && !intents.contains(intent)).then_some(name))
    }

    /// The events that its answer consists of.
    pub(super) const fn events(&self) -> &'static [&'static str] {
        match self {
            Self::GuildMembers(_) => &[GUILD_MEMBERS_CHUNK, RATE_LIMITED],
            Self::SoundboardSounds(_) => &[SOUNDBOARD_SOUNDS],
            Self::ChannelInfo(_) => &[CHANNEL_INFO],
        }
    }
}

/// A request and the parts of its answer.
#[derive(Clone, Debug)]
pub(super) enum Collector {
    GuildMembers { request: RequestGuildMembers, nonce: String, chunks: Chunks },
    SoundboardSounds { request: RequestSoundboardSounds, sounds: BTreeMap<u64, Dispatch> },
    ChannelInfo { request: RequestChannelInfo },
}

/// Each chunk says how many there are: before the first, the count is unknown.
#[derive(Clone, Debug)]
pub(super) enum Chunks {
    None,
    Some { count: u64, by_index: BTreeMap<u64, Dispatch> },
}

/// What a part did to the answer of a request.
#[derive(Debug)]
pub(super) enum Taken {
    /// Nothing: it came before.
    Duplicate,
    /// It was kept, and more must come.
    More,
    /// It completed the answer.
    Whole(Answer),
    /// It contradicts the other parts.
    Fault(RequestError),
}

impl Collector {
    pub(super) fn new(request: Request) -> Self {
        match request {
            Request::GuildMembers(request) => {
                Self::GuildMembers { request, nonce: String::new(), chunks: Chunks::None }
            }
            Request::SoundboardSounds(request) => Self::SoundboardSounds { request, sounds: BTreeMap::new() },
            Request::ChannelInfo(request) => Self::ChannelInfo { request },
        }
    }

    /// Starts the request, or starts it again: kept parts are dropped. The nonce is new each time, so that chunks of an earlier
    /// answer, which may be cut differently, are not mixed with those of this one.
    pub(super) fn begin(&mut self, fresh: String) -> Command {
        match self {
            Self::GuildMembers { nonce, chunks, .. } => (*nonce, *chunks) = (fresh, Chunks::None),
            Self::SoundboardSounds { sounds, .. } => sounds.clear(),
            Self::ChannelInfo { .. } => {}
        }
        self.command()
    }

    /// Takes a part that [belongs to its answer](Self::is_answered_by).
    pub(super) fn take(&mut self, part: &Part, dispatch: &Dispatch) -> Taken {
        match (self, part) {
            (Self::GuildMembers { request, chunks, .. }, Part::Chunk { index, count, .. }) => {
                chunks.take(request.guild_id(), *index, *count, dispatch)
            }
            (Self::SoundboardSounds { request, sounds }, Part::Sounds { guild_id }) => {
                if sounds.contains_key(guild_id) {
                    return Taken::Duplicate;
                }
                sounds.insert(*guild_id, dispatch.detach());
                if sounds.len() < request.guild_ids().len() {
                    return Taken::More;
                }
                let answer = SoundboardSounds::new(request.guild_ids().to_vec(), mem::take(sounds));
                Taken::Whole(Answer::SoundboardSounds(answer))
            }
            (Self::ChannelInfo { request }, Part::Info { .. }) => {
                Taken::Whole(Answer::ChannelInfo(ChannelInfo::new(request.guild_id(), dispatch.detach())))
            }
            (
                Self::GuildMembers { .. } | Self::SoundboardSounds { .. } | Self::ChannelInfo { .. },
                Part::Chunk { .. } | Part::Sounds { .. } | Part::Info { .. } | Part::RateLimited(_),
            ) => Taken::Duplicate,
        }
    }

    /// The result when no more parts come. For soundboard sounds that is an answer if any guild has one: the answer says which
    /// guilds have none.
    pub(super) fn expire(self) -> Result<Answer, RequestError> {
        match self {
            Self::GuildMembers { chunks: Chunks::Some { count, by_index }, .. } => {
                Err(RequestError::Unanswered { received: by_index.len(), expected: Some(count) })
            }
            Self::SoundboardSounds { request, sounds } if !sounds.is_empty() => {
                Ok(Answer::SoundboardSounds(SoundboardSounds::new(request.guild_ids().to_vec(), sounds)))
            }
            Self::GuildMembers { chunks: Chunks::None, .. } => {
                Err(RequestError::Unanswered { received: 0, expected: None })
            }
            Self::SoundboardSounds { request, .. } => {
                Err(RequestError::Unanswered { received: 0, expected: Some(request.guild_ids().len() as u64) })
            }
            Self::ChannelInfo { .. } => Err(RequestError::Unanswered { received: 0, expected: Some(1) }),
        }
    }

    /// Whether a part belongs to its answer. Only chunks have a nonce to tell for certain.
    pub(super) fn is_answered_by(&self, part: &Part) -> bool {
        match (self, part) {
            (Self::GuildMembers { nonce, .. }, Part::Chunk { nonce: of, .. }) => nonce == of,
            (Self::SoundboardSounds { request, .. }, Part::Sounds { guild_id }) => {
                request.guild_ids().contains(guild_id)
            }
            (Self::ChannelInfo { request }, Part::Info { guild_id }) => request.guild_id() == *guild_id,
            _ => false,
        }
    }

    /// Whether this may be the refused request, if the `RATE_LIMITED` has no nonce.
    pub(super) fn is_refused_by(&self, limited: &RateLimited) -> bool {
        let Some(guild_id) = limited.guild_id else { return false };
        let is_about = match self {
            Self::GuildMembers { request, .. } => request.guild_id() == guild_id,
            Self::SoundboardSounds { request, .. } => request.guild_ids().contains(&guild_id),
            Self::ChannelInfo { request } => request.guild_id() == guild_id,
        };
        is_about && limited.opcode == self.op()
    }

    pub(super) fn command(&self) -> Command {
        match self {
            Self::GuildMembers { request, nonce, .. } => {
                Command::RequestGuildMembers(request.clone().with_nonce(nonce.as_str()))
            }
            Self::SoundboardSounds { request, .. } => Command::RequestSoundboardSounds(request.clone()),
            Self::ChannelInfo { request } => Command::RequestChannelInfo(request.clone()),
        }
    }

    pub(super) fn has_nonce(&self, of: &str) -> bool {
        matches!(self, Self::GuildMembers { nonce, .. } if nonce == of)
    }

    pub(super) const fn op(&self) -> u64 {
        match self {
            Self::GuildMembers { .. } => opcode::REQUEST_GUILD_MEMBERS,
            Self::SoundboardSounds { .. } => opcode::REQUEST_SOUNDBOARD_SOUNDS,
            Self::ChannelInfo { .. } => opcode::REQUEST_CHANNEL_INFO,
        }
    }

    /// Whether a part of the answer has come.
    pub(super) fn has_begun(&self) -> bool {
        match self {
            Self::GuildMembers { chunks, .. } => matches!(chunks, Chunks::Some { .. }),
            Self::SoundboardSounds { sounds, .. } => !sounds.is_empty(),
            Self::ChannelInfo { .. } => false,
        }
    }

    /// The guild whose members are all requested: the gateway has a cooldown for that.
    pub(super) fn cooldown_guild(&self) -> Option<u64> {
        match self {
            Self::GuildMembers { request, .. } => request.is_for_all().then(|| request.guild_id()),
            Self::SoundboardSounds { .. } | Self::ChannelInfo { .. } => None,
        }
    }
}

impl Chunks {
    fn take(&mut self, guild_id: u64, index: u64, count: u64, dispatch: &Dispatch) -> Taken {
        if let Self::Some { count: first, .. } = self
            && *first != count
        {
            return Taken::Fault(RequestError::ChunkCount { first: *first, then: count });
        }
        if index >= count {
            return Taken::Fault(RequestError::ChunkIndex { index, count });
        }
        if matches!(self, Self::None) {
            *self = Self::Some { count, by_index: BTreeMap::new() };
        }
        let Self::Some { by_index, .. } = self else { return Taken::Duplicate };
        if by_index.contains_key(&index) {
            return Taken::Duplicate;
        }
        by_index.insert(index, dispatch.detach());
        if (by_index.len() as u64) < count {
            return Taken::More;
        }
        let chunks = mem::take(by_index).into_values().collect();
        Taken::Whole(Answer::GuildMembers(GuildMembers::new(guild_id, chunks)))
    }
}
