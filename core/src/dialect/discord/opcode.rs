//! The opcodes of Discord's gateway that are read or written here. *(source: Opcodes and Status Codes)*
//!
//! Identify, Resume and Heartbeat are whole texts in `payload.rs`, and have theirs there.

pub(crate) const DISPATCH: u64 = 0;
pub(crate) const HEARTBEAT: u64 = 1;
pub(crate) const UPDATE_PRESENCE: u64 = 3;
pub(crate) const UPDATE_VOICE_STATE: u64 = 4;
pub(crate) const RECONNECT: u64 = 7;
pub(crate) const REQUEST_GUILD_MEMBERS: u64 = 8;
pub(crate) const INVALID_SESSION: u64 = 9;
pub(crate) const HELLO: u64 = 10;
pub(crate) const HEARTBEAT_ACK: u64 = 11;
pub(crate) const REQUEST_SOUNDBOARD_SOUNDS: u64 = 31;
pub(crate) const REQUEST_CHANNEL_INFO: u64 = 43;
