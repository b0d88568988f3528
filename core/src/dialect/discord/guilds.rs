//! Which guilds a shard can say anything about: the gateway gives the others' events to other shards, and answers a
//! command about one of them with silence. *(source: Gateway, Sharding; the silence is observed)*

use super::Command;
use crate::dialect::{CommandError, ShardId};

/// What becomes of a command about a guild that belongs to another shard, by `(guild_id >> 22) % count`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum ForeignGuilds {
    /// It is refused at once, with the right shard in the error: the gateway would never answer.
    #[default]
    Refuse,
    /// It is sent, for a gateway proxy that spreads guilds over its shards by a rule of its own.
    Send,
}

/// The guilds of one shard.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OwnGuilds {
    pub(super) shard: ShardId,
    pub(super) foreign: ForeignGuilds,
}

impl OwnGuilds {
    /// Whether the command is about guilds of this shard only. A raw one is not looked into.
    pub(crate) fn check(self, command: &Command) -> Result<(), CommandError> {
        match self.foreign {
            ForeignGuilds::Send => Ok(()),
            ForeignGuilds::Refuse => match command {
                Command::RequestGuildMembers(request) => self.check_guild(request.guild_id()),
                Command::RequestSoundboardSounds(request) => {
                    request.guild_ids().iter().try_for_each(|&guild_id| self.check_guild(guild_id))
                }
                Command::RequestChannelInfo(request) => self.check_guild(request.guild_id()),
                Command::UpdateVoiceState(update) => self.check_guild(update.guild_id()),
                Command::UpdatePresence(_) | Command::Raw(_) => Ok(()),
            },
        }
    }

    fn check_guild(self, guild_id: u64) -> Result<(), CommandError> {
        match ShardId::of_guild(guild_id, self.shard.count()) {
            Ok(shard) if shard != self.shard => Err(CommandError::ForeignGuild { guild_id, shard }),
            // A shard's count is above zero.
            Ok(_) | Err(_) => Ok(()),
        }
    }
}
