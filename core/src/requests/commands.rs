//! Discord's commands, as methods of its machine.

use super::{RequestPolicy, Requests};
use crate::dialect::discord::{
    Command, Discord, Presence, RequestChannelInfo, RequestGuildMembers, RequestSoundboardSounds, UpdateVoiceState,
};
use crate::machine::{CommandId, GatewayMachine, SendError};
use crate::time::Timestamp;

impl GatewayMachine<Discord> {
    /// A [`Requests`] for this machine. Make one only: a second would use the same nonces.
    #[must_use]
    pub fn requests(&self, policy: RequestPolicy) -> Requests {
        Requests::new(self.dialect(), self.config().events.clone(), self.seed(), policy)
    }

    /// Changes the presence, in this session and each to come.
    ///
    /// # Errors
    /// As [`send`](Self::send).
    pub fn update_presence(&mut self, now: Timestamp, presence: Presence) -> Result<CommandId, SendError> {
        self.send(now, Command::UpdatePresence(presence))
    }

    /// Requests members of a guild. The command is handed back when its session is lost: the answer would be
    /// lost too.
    ///
    /// # Errors
    /// As [`send`](Self::send).
    pub fn request_guild_members(
        &mut self,
        now: Timestamp,
        request: RequestGuildMembers,
    ) -> Result<CommandId, SendError> {
        self.send(now, Command::RequestGuildMembers(request))
    }

    /// Requests the soundboard sounds of guilds. The command is handed back when its session is lost: the answer would be
    /// lost too.
    ///
    /// # Errors
    /// As [`send`](Self::send).
    pub fn request_soundboard_sounds(
        &mut self,
        now: Timestamp,
        request: RequestSoundboardSounds,
    ) -> Result<CommandId, SendError> {
        self.send(now, Command::RequestSoundboardSounds(request))
    }

    /// Requests information about a guild's channels. The command is handed back when its session is lost: the answer would be
    /// lost too.
    ///
    /// # Errors
    /// As [`send`](Self::send).
    pub fn request_channel_info(
        &mut self,
        now: Timestamp,
        request: RequestChannelInfo,
    ) -> Result<CommandId, SendError> {
        self.send(now, Command::RequestChannelInfo(request))
    }

    /// Joins, moves between or leaves voice channels. The command is handed back when its session is lost.
    ///
    /// # Errors
    /// As [`send`](Self::send).
    pub fn update_voice_state(&mut self, now: Timestamp, update: UpdateVoiceState) -> Result<CommandId, SendError> {
        self.send(now, Command::UpdateVoiceState(update))
    }
}
