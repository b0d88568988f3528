//! Why a command could not be encoded.

use crate::shard::ShardId;

/// Why a command could not be encoded. It is the caller's mistake: the gateway would refuse the command, close the
/// connection, or never answer.
#[derive(Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CommandError {
    /// The command's type cannot be written as JSON, or its JSON not in the connection's encoding.
    #[error("the command cannot be written as json")]
    NotJson,
    /// The command is JSON, but not an object.
    #[error("the command is not a json object")]
    NotObject,
    /// The command's text is not exactly one JSON value.
    #[error("the command's text is not valid json at line {line}, column {column}")]
    BrokenJson {
        /// The line where the parser stopped, counted from 1.
        line: usize,
        /// The column, in bytes counted from 1; 0 stands before the first.
        column: usize,
    },
    /// The field `name` is 0, which cannot be an id.
    #[error("{name} is 0, give the id of one")]
    ZeroId {
        /// Name of the field.
        name: &'static str,
    },
    /// The nonce is `len` bytes long.
    #[error("the nonce has {len} bytes, give one of at most {max}")]
    NonceTooLong {
        /// Bytes it has.
        len: usize,
        /// Bytes it may have.
        max: usize,
    },
    /// The request is for members by their ids, but has no ids.
    #[error("the request names no user ids, give one or ask for all members")]
    NoUserIds,
    /// The request is for more members by their ids than the gateway takes.
    #[error("there are {len} user ids, ask for at most {max} at a time")]
    TooManyUserIds {
        /// Ids it has.
        len: usize,
        /// Ids it may have.
        max: usize,
    },
    /// The request is about guilds by their ids, but has no ids.
    #[error("the request names no guild ids, give one")]
    NoGuildIds,
    /// The command is about a guild of another shard: the gateway never answers it on this one.
    #[error(
        "guild {guild_id} belongs to shard {shard}; send the command there, or let foreign guilds pass where a proxy places them"
    )]
    ForeignGuild {
        /// The guild.
        guild_id: u64,
        /// The shard that the guild belongs to.
        shard: ShardId,
    },
    /// An activity of a presence has a name that is empty, longer than `max`, or all white space.
    #[error("an activity's name has {len} characters, give 1 to {max} that are not all white space")]
    ActivityName {
        /// Characters it has.
        len: usize,
        /// The most characters it may have.
        max: usize,
    },
    /// The streaming activity of a presence has a URL that is not one of `http` or `https`.
    #[error("the stream's url is not one, give one like https://www.twitch.tv/name")]
    StreamUrl,
    /// A presence has more activities than the gateway takes.
    #[error("a presence has {len} activities, give at most {max}")]
    TooManyActivities {
        /// Activities it has.
        len: usize,
        /// Activities it may have.
        max: usize,
    },
    /// The request is for fields, but names none.
    #[error("the request names no fields, give one")]
    NoFields,
    /// The request searches members by a prefix, and its limit is 0 or above `max`.
    #[error("a search has the limit {limit}, give one from 1 to {max}")]
    SearchLimit {
        /// The limit it has.
        limit: u32,
        /// The highest it may have.
        max: u32,
    },
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString as _;

    #[test]
    fn errors_say_what_to_mend() {
        let nonce = CommandError::NonceTooLong { len: 33, max: 32 };
        assert_eq!(nonce.to_string(), "the nonce has 33 bytes, give one of at most 32");
        assert_eq!(CommandError::ZeroId { name: "guild_id" }.to_string(), "guild_id is 0, give the id of one");
    }
}
