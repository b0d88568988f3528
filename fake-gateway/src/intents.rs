//! Which intent lets which event through. A table of names, written from the protocol's list.

/// The Guilds intent, without which no Guild Create comes.
pub(super) const GUILDS: u64 = 1;
pub(super) const GUILD_MEMBERS: u64 = 1 << 1;
pub(super) const GUILD_PRESENCES: u64 = 1 << 8;
/// Unlocks content fields; no event depends on it.
pub(super) const MESSAGE_CONTENT: u64 = 1 << 15;
/// Members, presences and message content: to be switched on for the application first.
pub(super) const PRIVILEGED: u64 = GUILD_MEMBERS | GUILD_PRESENCES | MESSAGE_CONTENT;
/// Every documented bit.
pub(super) const ALL: u64 = 0x331_FFFF;

/// Which bits let an event through: any one of them, and others for an event outside of guilds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Need {
    pub(super) guild: u64,
    pub(super) direct: u64,
}

/// What an event needs; `None` when it always passes, as unknown ones do.
pub(super) fn need(name: &str) -> Option<Need> {
    if let Some((_, bit)) = EITHER.iter().find(|(names, _)| names.contains(&name)) {
        return Some(Need { guild: *bit, direct: *bit });
    }
    BY_PLACE
        .iter()
        .find(|(names, ..)| names.contains(&name))
        .map(|&(_, guild, direct)| Need { guild: 1 << guild, direct: 1 << direct })
}

type Row = (&'static [&'static str], u64);

/// Events whose intent does not depend on where they happened.
const EITHER: &[Row] = &[
    (&["GUILD_CREATE", "GUILD_UPDATE", "GUILD_DELETE"], GUILDS),
    (&["GUILD_ROLE_CREATE", "GUILD_ROLE_UPDATE", "GUILD_ROLE_DELETE"], GUILDS),
    (&["CHANNEL_CREATE", "CHANNEL_UPDATE", "CHANNEL_DELETE"], GUILDS),
    (&["THREAD_CREATE", "THREAD_UPDATE", "THREAD_DELETE", "THREAD_LIST_SYNC", "THREAD_MEMBER_UPDATE"], GUILDS),
    (&["THREAD_MEMBERS_UPDATE"], GUILDS | GUILD_MEMBERS),
    (&["STAGE_INSTANCE_CREATE", "STAGE_INSTANCE_UPDATE", "STAGE_INSTANCE_DELETE"], GUILDS),
    (&["VOICE_CHANNEL_STATUS_UPDATE", "VOICE_CHANNEL_START_TIME_UPDATE"], GUILDS),
    (&["GUILD_MEMBER_ADD", "GUILD_MEMBER_UPDATE", "GUILD_MEMBER_REMOVE"], GUILD_MEMBERS),
    (&["GUILD_AUDIT_LOG_ENTRY_CREATE", "GUILD_BAN_ADD", "GUILD_BAN_REMOVE"], 1 << 2),
    (&["GUILD_EMOJIS_UPDATE", "GUILD_STICKERS_UPDATE", "GUILD_SOUNDBOARD_SOUNDS_UPDATE"], 1 << 3),
    (&["GUILD_SOUNDBOARD_SOUND_CREATE", "GUILD_SOUNDBOARD_SOUND_UPDATE", "GUILD_SOUNDBOARD_SOUND_DELETE"], 1 << 3),
    (&["GUILD_INTEGRATIONS_UPDATE", "INTEGRATION_CREATE", "INTEGRATION_UPDATE", "INTEGRATION_DELETE"], 1 << 4),
    (&["WEBHOOKS_UPDATE"], 1 << 5),
    (&["INVITE_CREATE", "INVITE_DELETE"], 1 << 6),
    (&["VOICE_STATE_UPDATE", "VOICE_CHANNEL_EFFECT_SEND"], 1 << 7),
    (&["PRESENCE_UPDATE"], GUILD_PRESENCES),
    (&["MESSAGE_DELETE_BULK"], 1 << 9),
    (&["GUILD_SCHEDULED_EVENT_CREATE", "GUILD_SCHEDULED_EVENT_UPDATE", "GUILD_SCHEDULED_EVENT_DELETE"], 1 << 16),
    (&["GUILD_SCHEDULED_EVENT_USER_ADD", "GUILD_SCHEDULED_EVENT_USER_REMOVE"], 1 << 16),
    (&["GUILD_SCHEDULED_EVENT_EXCEPTION_CREATE", "GUILD_SCHEDULED_EVENT_EXCEPTION_UPDATE"], 1 << 16),
    (&["GUILD_SCHEDULED_EVENT_EXCEPTION_DELETE", "GUILD_SCHEDULED_EVENT_EXCEPTIONS_DELETE"], 1 << 16),
    (&["AUTO_MODERATION_RULE_CREATE", "AUTO_MODERATION_RULE_UPDATE", "AUTO_MODERATION_RULE_DELETE"], 1 << 20),
    (&["AUTO_MODERATION_ACTION_EXECUTION"], 1 << 21),
];

/// Events with one bit for guilds and another for direct messages.
const BY_PLACE: &[(&[&str], u8, u8)] = &[
    (&["CHANNEL_PINS_UPDATE"], 0, 12),
    (&["MESSAGE_CREATE", "MESSAGE_UPDATE", "MESSAGE_DELETE"], 9, 12),
    (&["MESSAGE_REACTION_ADD", "MESSAGE_REACTION_REMOVE"], 10, 13),
    (&["MESSAGE_REACTION_REMOVE_ALL", "MESSAGE_REACTION_REMOVE_EMOJI"], 10, 13),
    (&["TYPING_START"], 11, 14),
    (&["MESSAGE_POLL_VOTE_ADD", "MESSAGE_POLL_VOTE_REMOVE"], 24, 25),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sums_of_the_protocol_page_come_out() {
        assert_eq!(ALL, 53_608_447);
        assert_eq!(PRIVILEGED, 33_026);
        assert_eq!(ALL & !PRIVILEGED, 53_575_421);
    }

    #[test]
    fn unknown_names_pass_and_known_ones_need_a_documented_bit() {
        assert_eq!(need("READY"), None);
        assert_eq!(need("A_NAME_OF_NEXT_YEAR"), None);
        assert_eq!(need("TYPING_START"), Some(Need { guild: 1 << 11, direct: 1 << 14 }));
        for (names, bits) in EITHER {
            assert_eq!(bits & !ALL, 0, "{names:?}");
        }
    }
}
