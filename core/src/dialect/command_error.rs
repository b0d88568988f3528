//! Why a command could not be written.

use crate::shard::ShardId;
use core::fmt;

/// Why a command could not be written. It is the caller's mistake: the gateway would refuse the command or close
/// the connection.
#[derive(Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum CommandError {
    /// Its type cannot be written as JSON.
    NotJson,
    /// It is written as JSON, but not as an object.
    NotObject,
    /// Its text is not one JSON value.
    BrokenJson {
        /// The line where the parser stopped, counted from 1.
        line: usize,
        /// The column, in bytes counted from 1; 0 stands before the first.
        column: usize,
    },
    /// The field `name` is 0, which is no id.
    ZeroId {
        /// Name of the field.
        name: &'static str,
    },
    /// The nonce is `len` bytes long.
    NonceTooLong {
        /// Bytes it has.
        len: usize,
        /// Bytes it may have.
        max: usize,
    },
    /// It asks for members by their ids, and gives none.
    NoUserIds,
    /// It asks for `len` members by their ids.
    TooManyUserIds {
        /// Ids it has.
        len: usize,
        /// Ids it may have.
        max: usize,
    },
    /// It asks about guilds by their ids, and gives none.
    NoGuildIds,
    /// It is about a guild of another shard, of which this one's gateway would say nothing.
    ForeignGuild {
        /// The guild.
        guild_id: u64,
        /// The shard that it belongs to.
        shard: ShardId,
    },
    /// An activity of a presence has a name of `len` characters, or of none but white space.
    ActivityName {
        /// Characters it has.
        len: usize,
        /// The most characters it may have.
        max: usize,
    },
    /// The stream of a presence has an address that is none.
    StreamUrl,
    /// A presence has `len` activities.
    TooManyActivities {
        /// Activities it has.
        len: usize,
        /// Activities it may have.
        max: usize,
    },
    /// It asks for fields, and names none.
    NoFields,
    /// It searches members by a prefix, and the limit is 0 or above `max`.
    SearchLimit {
        /// The limit it has.
        limit: u32,
        /// The highest it may have.
        max: u32,
    },
}

impl fmt::Display for CommandError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotJson => f.write_str("the command cannot be written as json"),
            Self::NotObject => f.write_str("the command is no json object"),
            Self::BrokenJson { line, column } => {
                write!(f, "the command's text is not valid json at line {line}, column {column}")
            }
            Self::ZeroId { name } => write!(f, "{name} is 0, give the id of one"),
            Self::NonceTooLong { len, max } => write!(f, "the nonce has {len} bytes, give one of at most {max}"),
            Self::NoUserIds => f.write_str("there are no user ids, give one or ask for all members"),
            Self::TooManyUserIds { len, max } => {
                write!(f, "there are {len} user ids, ask for at most {max} at a time")
            }
            Self::NoGuildIds => f.write_str("there are no guild ids, give one"),
            Self::ForeignGuild { guild_id, shard } => {
                write!(
                    f,
                    "guild {guild_id} belongs to shard {shard}; send the command there, \
                     or let foreign guilds pass where a proxy places them"
                )
            }
            Self::ActivityName { len, max } => {
                write!(f, "an activity's name has {len} characters, give 1 to {max} that are not all white space")
            }
            Self::StreamUrl => f.write_str("the stream's url is none, give one like https://www.twitch.tv/name"),
            Self::TooManyActivities { len, max } => write!(f, "a presence has {len} activities, give at most {max}"),
            Self::NoFields => f.write_str("there are no fields, name one"),
            Self::SearchLimit { limit, max } => write!(f, "a search has the limit {limit}, give one from 1 to {max}"),
        }
    }
}

impl core::error::Error for CommandError {}

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
