//! Which guilds belong to a shard. The gateway sends the events of other guilds to other shards, and does not answer a
//! command about them. *(source: Gateway, Sharding; that it does not answer is observed)*

use super::Command;
use crate::dialect::{CommandError, ShardId};

/// What is done with a command about a guild of another shard. A guild's shard is `(guild_id >> 22) % count`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum ForeignGuilds {
    /// The command is refused at once, and the error names the right shard: the gateway would never answer.
    #[default]
    Refuse,
    /// The command is sent, for a gateway proxy that distributes guilds over its shards by another rule.
    Send,
}

/// The guilds of one shard.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OwnGuilds {
    pub(super) shard: ShardId,
    pub(super) foreign: ForeignGuilds,
}

impl OwnGuilds {
    /// Refuses a command about a guild of another shard. The data of raw commands is not examined.
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
