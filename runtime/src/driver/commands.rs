//! Commands of a shard of Discord, each by its name.

use super::{CommandHandle, Sender};
use portcullis::dialect::discord::{Command, Presence, UpdateVoiceState};
use portcullis::machine::SendError;

impl Sender {
    /// Shows another presence. At most 5 go out in 20 s, since the gateway drops or delays more *(observed, not
    /// documented)*. Of those that wait only the latest is sent; the others are returned as superseded.
    ///
    /// ```
    /// use portcullis::{Activity, Presence, Status};
    /// # use portcullis::machine::SendError;
    /// # use portcullis_runtime::Sender;
    ///
    /// # fn watch(sender: &Sender) -> Result<(), SendError> {
    /// let mut presence = Presence::new(Status::Idle);
    /// presence.activities.push(Activity::watching("the gate"));
    /// sender.update_presence(presence)?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`SendError`], at once, as of [`send`](Self::send).
    pub fn update_presence(&self, presence: Presence) -> Result<CommandHandle, SendError> {
        self.send(Command::UpdatePresence(presence))
    }

    /// Joins, moves between or leaves voice channels. The answers are the events `VOICE_STATE_UPDATE` and
    /// `VOICE_SERVER_UPDATE`; none when the channel is full or forbidden.
    ///
    /// ```
    /// use portcullis::dialect::discord::UpdateVoiceState;
    /// # use portcullis::machine::SendError;
    /// # use portcullis_runtime::Sender;
    ///
    /// # fn join(sender: &Sender, guild_id: u64, channel_id: u64) -> Result<(), SendError> {
    /// sender.update_voice_state(UpdateVoiceState::join(guild_id, channel_id).muted())?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`SendError`], at once, as of [`send`](Self::send).
    pub fn update_voice_state(&self, update: UpdateVoiceState) -> Result<CommandHandle, SendError> {
        self.send(Command::UpdateVoiceState(update))
    }
}
