//! Discord's commands, as methods of its machine.

use super::{RequestPolicy, Requests};
use crate::dialect::discord::{
    Command, Discord, Presence, RequestChannelInfo, RequestGuildMembers, RequestSoundboardSounds, UpdateVoiceState,
};
use crate::machine::{CommandId, GatewayMachine, SendError};
use crate::time::Timestamp;

impl GatewayMachine<Discord> {
    /// What sends this machine's requests and puts their answers together: one for a machine, since the nonces of two
    /// would be the same.
    #[must_use]
    pub fn requests(&self, policy: RequestPolicy) -> Requests {
        Requests::new(self.dialect(), self.config().events.clone(), self.seed(), policy)
    }

    /// Shows another presence, in this session and each to come.
    ///
    /// # Errors
    /// As [`send`](Self::send).
    pub fn update_presence(&mut self, now: Timestamp, presence: Presence) -> Result<CommandId, SendError> {
        self.send(now, Command::UpdatePresence(presence))
    }

    /// Asks for members of a guild. It comes back when its session is lost, since its answer would be.
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

    /// Asks for the soundboard sounds of guilds. It comes back when its session is lost, since its answer would be.
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

    /// Asks for what is said of a guild's channels. It comes back when its session is lost, since its answer would be.
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

    /// Joins, moves between or leaves voice channels. It comes back when its session is lost.
    ///
    /// # Errors
    /// As [`send`](Self::send).
    pub fn update_voice_state(&mut self, now: Timestamp, update: UpdateVoiceState) -> Result<CommandId, SendError> {
        self.send(now, Command::UpdateVoiceState(update))
    }
}
