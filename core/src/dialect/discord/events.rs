//! The names of Discord's events, and the intents that the gateway sends them for. *(source: Gateway, list of intents)*

use super::Intents;

/// Events, the intents of which any one is enough for them, and the names of these intents.
type Row = (&'static [&'static str], Intents, &'static str);

/// An event that is in no row is always sent, or not known to us. `GUILD_MEMBER_UPDATE` is in no row since the gateway
/// sends that of the bot itself without an intent.
const TABLE: &[Row] = &[
    (
        &[
            "GUILD_CREATE",
            "GUILD_UPDATE",
            "GUILD_DELETE",
            "GUILD_ROLE_CREATE",
            "GUILD_ROLE_UPDATE",
            "GUILD_ROLE_DELETE",
            "CHANNEL_CREATE",
            "CHANNEL_UPDATE",
            "CHANNEL_DELETE",
            "THREAD_CREATE",
            "THREAD_UPDATE",
            "THREAD_DELETE",
            "THREAD_LIST_SYNC",
            "THREAD_MEMBER_UPDATE",
            "STAGE_INSTANCE_CREATE",
            "STAGE_INSTANCE_UPDATE",
            "STAGE_INSTANCE_DELETE",
            "VOICE_CHANNEL_STATUS_UPDATE",
            "VOICE_CHANNEL_START_TIME_UPDATE",
        ],
        Intents::GUILDS,
        "GUILDS",
    ),
    (&["CHANNEL_PINS_UPDATE"], Intents::GUILDS.union(Intents::DIRECT_MESSAGES), "GUILDS or DIRECT_MESSAGES"),
    (&["THREAD_MEMBERS_UPDATE"], Intents::GUILDS.union(Intents::GUILD_MEMBERS), "GUILDS or GUILD_MEMBERS"),
    (&["GUILD_MEMBER_ADD", "GUILD_MEMBER_REMOVE"], Intents::GUILD_MEMBERS, "GUILD_MEMBERS"),
    (
        &["GUILD_AUDIT_LOG_ENTRY_CREATE", "GUILD_BAN_ADD", "GUILD_BAN_REMOVE"],
        Intents::GUILD_MODERATION,
        "GUILD_MODERATION",
    ),
    (
        &[
            "GUILD_EMOJIS_UPDATE",
            "GUILD_STICKERS_UPDATE",
            "GUILD_SOUNDBOARD_SOUND_CREATE",
            "GUILD_SOUNDBOARD_SOUND_UPDATE",
            "GUILD_SOUNDBOARD_SOUND_DELETE",
            "GUILD_SOUNDBOARD_SOUNDS_UPDATE",
        ],
        Intents::GUILD_EXPRESSIONS,
        "GUILD_EXPRESSIONS",
    ),
    (
        &["GUILD_INTEGRATIONS_UPDATE", "INTEGRATION_CREATE", "INTEGRATION_UPDATE", "INTEGRATION_DELETE"],
        Intents::GUILD_INTEGRATIONS,
        "GUILD_INTEGRATIONS",
    ),
    (&["WEBHOOKS_UPDATE"], Intents::GUILD_WEBHOOKS, "GUILD_WEBHOOKS"),
    (&["INVITE_CREATE", "INVITE_DELETE"], Intents::GUILD_INVITES, "GUILD_INVITES"),
    (&["VOICE_STATE_UPDATE", "VOICE_CHANNEL_EFFECT_SEND"], Intents::GUILD_VOICE_STATES, "GUILD_VOICE_STATES"),
    (&["PRESENCE_UPDATE"], Intents::GUILD_PRESENCES, "GUILD_PRESENCES"),
    (
        &["MESSAGE_CREATE", "MESSAGE_UPDATE", "MESSAGE_DELETE"],
        Intents::GUILD_MESSAGES.union(Intents::DIRECT_MESSAGES),
        "GUILD_MESSAGES or DIRECT_MESSAGES",
    ),
    (&["MESSAGE_DELETE_BULK"], Intents::GUILD_MESSAGES, "GUILD_MESSAGES"),
    (
        &[
            "MESSAGE_REACTION_ADD",
            "MESSAGE_REACTION_REMOVE",
            "MESSAGE_REACTION_REMOVE_ALL",
            "MESSAGE_REACTION_REMOVE_EMOJI",
        ],
        Intents::GUILD_MESSAGE_REACTIONS.union(Intents::DIRECT_MESSAGE_REACTIONS),
        "GUILD_MESSAGE_REACTIONS or DIRECT_MESSAGE_REACTIONS",
    ),
    (
        &["TYPING_START"],
        Intents::GUILD_MESSAGE_TYPING.union(Intents::DIRECT_MESSAGE_TYPING),
        "GUILD_MESSAGE_TYPING or DIRECT_MESSAGE_TYPING",
    ),
    (
        &[
            "GUILD_SCHEDULED_EVENT_CREATE",
            "GUILD_SCHEDULED_EVENT_UPDATE",
            "GUILD_SCHEDULED_EVENT_DELETE",
            "GUILD_SCHEDULED_EVENT_USER_ADD",
            "GUILD_SCHEDULED_EVENT_USER_REMOVE",
        ],
        Intents::GUILD_SCHEDULED_EVENTS,
        "GUILD_SCHEDULED_EVENTS",
    ),
    (
        &["AUTO_MODERATION_RULE_CREATE", "AUTO_MODERATION_RULE_UPDATE", "AUTO_MODERATION_RULE_DELETE"],
        Intents::AUTO_MODERATION_CONFIGURATION,
        "AUTO_MODERATION_CONFIGURATION",
    ),
    (&["AUTO_MODERATION_ACTION_EXECUTION"], Intents::AUTO_MODERATION_EXECUTION, "AUTO_MODERATION_EXECUTION"),
    (
        &["MESSAGE_POLL_VOTE_ADD", "MESSAGE_POLL_VOTE_REMOVE"],
        Intents::GUILD_MESSAGE_POLLS.union(Intents::DIRECT_MESSAGE_POLLS),
        "GUILD_MESSAGE_POLLS or DIRECT_MESSAGE_POLLS",
    ),
];

/// All documented events, followed by those that the gateway sends though they are not documented. *(source: Gateway Events,
/// receive events; the last ten are observed, not documented)*
pub(super) const ALL: &[&str] = &[
    "READY",
    "RESUMED",
    "RATE_LIMITED",
    "APPLICATION_COMMAND_PERMISSIONS_UPDATE",
    "AUTO_MODERATION_RULE_CREATE",
    "AUTO_MODERATION_RULE_UPDATE",
    "AUTO_MODERATION_RULE_DELETE",
    "AUTO_MODERATION_ACTION_EXECUTION",
    "CHANNEL_CREATE",
    "CHANNEL_UPDATE",
    "CHANNEL_DELETE",
    "CHANNEL_INFO",
    "VOICE_CHANNEL_STATUS_UPDATE",
    "VOICE_CHANNEL_START_TIME_UPDATE",
    "CHANNEL_PINS_UPDATE",
    "THREAD_CREATE",
    "THREAD_UPDATE",
    "THREAD_DELETE",
    "THREAD_LIST_SYNC",
    "THREAD_MEMBER_UPDATE",
    "THREAD_MEMBERS_UPDATE",
    "ENTITLEMENT_CREATE",
    "ENTITLEMENT_UPDATE",
    "ENTITLEMENT_DELETE",
    "SUBSCRIPTION_CREATE",
    "SUBSCRIPTION_UPDATE",
    "SUBSCRIPTION_DELETE",
    "GUILD_CREATE",
    "GUILD_UPDATE",
    "GUILD_DELETE",
    "GUILD_AUDIT_LOG_ENTRY_CREATE",
    "GUILD_BAN_ADD",
    "GUILD_BAN_REMOVE",
    "GUILD_EMOJIS_UPDATE",
    "GUILD_STICKERS_UPDATE",
    "GUILD_INTEGRATIONS_UPDATE",
    "GUILD_MEMBER_ADD",
    "GUILD_MEMBER_REMOVE",
    "GUILD_MEMBER_UPDATE",
    "GUILD_MEMBERS_CHUNK",
    "GUILD_ROLE_CREATE",
    "GUILD_ROLE_UPDATE",
    "GUILD_ROLE_DELETE",
    "GUILD_SCHEDULED_EVENT_CREATE",
    "GUILD_SCHEDULED_EVENT_UPDATE",
    "GUILD_SCHEDULED_EVENT_DELETE",
    "GUILD_SCHEDULED_EVENT_USER_ADD",
    "GUILD_SCHEDULED_EVENT_USER_REMOVE",
    "GUILD_SCHEDULED_EVENT_EXCEPTION_CREATE",
    "GUILD_SCHEDULED_EVENT_EXCEPTION_UPDATE",
    "GUILD_SCHEDULED_EVENT_EXCEPTION_DELETE",
    "GUILD_SCHEDULED_EVENT_EXCEPTIONS_DELETE",
    "GUILD_SOUNDBOARD_SOUND_CREATE",
    "GUILD_SOUNDBOARD_SOUND_UPDATE",
    "GUILD_SOUNDBOARD_SOUND_DELETE",
    "GUILD_SOUNDBOARD_SOUNDS_UPDATE",
    "SOUNDBOARD_SOUNDS",
    "INTEGRATION_CREATE",
    "INTEGRATION_UPDATE",
    "INTEGRATION_DELETE",
    "INTERACTION_CREATE",
    "INVITE_CREATE",
    "INVITE_DELETE",
    "MESSAGE_CREATE",
    "MESSAGE_UPDATE",
    "MESSAGE_DELETE",
    "MESSAGE_DELETE_BULK",
    "MESSAGE_REACTION_ADD",
    "MESSAGE_REACTION_REMOVE",
    "MESSAGE_REACTION_REMOVE_ALL",
    "MESSAGE_REACTION_REMOVE_EMOJI",
    "MESSAGE_POLL_VOTE_ADD",
    "MESSAGE_POLL_VOTE_REMOVE",
    "PRESENCE_UPDATE",
    "STAGE_INSTANCE_CREATE",
    "STAGE_INSTANCE_UPDATE",
    "STAGE_INSTANCE_DELETE",
    "TYPING_START",
    "USER_UPDATE",
    "VOICE_CHANNEL_EFFECT_SEND",
    "VOICE_STATE_UPDATE",
    "VOICE_SERVER_UPDATE",
    "WEBHOOKS_UPDATE",
    "GUILD_JOIN_REQUEST_CREATE",
    "GUILD_JOIN_REQUEST_UPDATE",
    "GUILD_JOIN_REQUEST_DELETE",
    "GUILD_APPLICATION_COMMAND_INDEX_UPDATE",
    "EMBEDDED_ACTIVITY_UPDATE",
    "EMBEDDED_ACTIVITY_UPDATE_V2",
    "GUILD_FEATURE_ACK",
    "GUILD_APPLIED_BOOSTS_UPDATE",
    "CONVERSATION_SUMMARY_UPDATE",
    "AUTO_MODERATION_MENTION_RAID_DETECTION",
];

/// The names of the intents that the gateway sends this event for, if none of them is among `intents`.
pub(super) fn missing_intent(event: &str, intents: Intents) -> Option<&'static str> {
    let (_, needs, names) = TABLE.iter().find(|(events, ..)| events.contains(&event))?;
    (!intents.intersects(*needs)).then_some(names)
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::collections::BTreeSet;

    #[test]
    fn every_row_names_the_intents_that_it_needs_and_no_event_is_in_two() {
        let mut seen = BTreeSet::new();
        for (events, needs, names) in TABLE {
            let named: Intents = names.split(" or ").map(|name| name.parse::<Intents>().unwrap()).collect();
            assert_eq!(named, *needs);
            for event in *events {
                assert!(seen.insert(*event) && ALL.contains(event), "{event}");
                assert_eq!(missing_intent(event, Intents::all()), None);
                assert_eq!(missing_intent(event, Intents::all() - *needs), Some(*names));
                assert!(needs.iter().all(|one| missing_intent(event, one).is_none()), "any of them is enough");
            }
        }
        let brought: Intents = TABLE.iter().map(|(_, needs, _)| *needs).collect();
        assert_eq!(Intents::all() - brought, Intents::MESSAGE_CONTENT, "it brings no event of its own");
    }

    #[test]
    fn each_event_is_listed_once() {
        let seen: BTreeSet<_> = ALL.iter().collect();
        assert_eq!(seen.len(), ALL.len());
        assert!(
            ALL.iter().all(|name| name.bytes().all(|byte| byte.is_ascii_uppercase() || matches!(byte, b'_' | b'2')))
        );
    }

    #[test]
    fn what_is_always_sent_and_what_is_not_known_needs_no_intent() {
        for event in ["READY", "RESUMED", "INTERACTION_CREATE", "GUILD_MEMBER_UPDATE", "GUILD_MEMBERS_CHUNK", "NEW"] {
            assert_eq!(missing_intent(event, Intents::empty()), None, "{event}");
        }
    }
}
