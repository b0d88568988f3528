//! The objects a new session is given: the bot, its guilds, and what Ready says of them.

use crate::config::FakeConfig;
use crate::intents;
use crate::session::{Event, SessionId, Shard};
use bytes::Bytes;
use serde_json::Value;
use std::sync::Arc;

/// The bot's own user id, and its application's.
pub(super) const BOT: &str = "1030118727418646629";

/// The id of a guild: consecutive ones are one millisecond apart, so they spread evenly over the shards.
pub(super) const fn guild_id(index: u32) -> u64 {
    (230_000_000_000 + index as u64) << 22
}

/// The guilds on this shard, each with whether it is within reach.
pub(super) fn guilds_of(config: &FakeConfig, shard: Shard) -> impl Iterator<Item = (u64, Availability)> {
    let reachable = config.guilds.saturating_sub(config.guilds_unavailable);
    (0..config.guilds)
        .map(move |index| {
            (guild_id(index), if index < reachable { Availability::Available } else { Availability::Outage })
        })
        .filter(move |&(id, _)| shard.holds(id))
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Availability {
    Available,
    Outage,
}

/// The Guild Create of a small guild, or the Guild Delete of one in an outage.
pub(super) fn guild(id: u64, availability: Availability) -> Arc<Event> {
    let (name, data) = match availability {
        Availability::Available => {
            let data = GUILD.replace("GUILD", &id.to_string()).replace("CHANNEL", &(id + 1).to_string());
            ("GUILD_CREATE", data.replace("BOT", BOT))
        }
        Availability::Outage => ("GUILD_DELETE", format!(r#"{{"unavailable":true,"id":"{id}"}}"#)),
    };
    Arc::new(Event { name: name.into(), data: data.into_bytes().into() })
}

/// The bot's own user object.
pub(super) fn user() -> String {
    USER.replace("BOT", BOT)
}

/// The bot's application, as far as clients ask for it.
pub(super) fn application(config: &FakeConfig) -> String {
    let flags = application_flags(config.privileged);
    format!(
        r#"{{"id":"{BOT}","name":"TestBot","icon":null,"description":"","bot_public":true,"bot_require_code_grant":false,"verify_key":"","flags":{flags},"owner":{},"team":null,"summary":""}}"#,
        user()
    )
}

/// What Ready says. The keys of an object are in descending order, as observed.
pub(super) fn ready(
    config: &FakeConfig,
    version: u8,
    session_id: SessionId,
    shard: Option<Shard>,
    resume_url: Option<&str>,
) -> Arc<Event> {
    let guilds: Vec<String> = guilds_of(config, shard.unwrap_or(Shard::WHOLE))
        .map(|(id, _)| format!(r#"{{"unavailable":true,"id":"{id}"}}"#))
        .collect();
    let flags = application_flags(config.privileged);
    let members = [
        ("v", Some(version.to_string())),
        ("user_settings", Some("{}".into())),
        ("user", Some(user())),
        ("shard", shard.map(|shard| format!("[{},{}]", shard.id, shard.count))),
        ("session_type", Some(r#""normal""#.into())),
        ("session_id", Some(format!(r#""{session_id}""#))),
        ("resume_gateway_url", resume_url.map(|url| Value::from(url).to_string())),
        ("relationships", Some("[]".into())),
        ("private_channels", Some("[]".into())),
        ("presences", Some("[]".into())),
        ("guilds", Some(format!("[{}]", guilds.join(",")))),
        ("guild_join_requests", Some("[]".into())),
        ("geo_ordered_rtc_regions", Some(r#"["milan","rotterdam"]"#.into())),
        ("auth", Some("{}".into())),
        ("application", Some(format!(r#"{{"id":"{BOT}","flags":{flags}}}"#))),
        ("_trace", Some(format!("[{}]", Value::from(TRACE)))),
    ];
    Arc::new(Event { name: "READY".into(), data: object(&members) })
}

pub(super) fn resumed() -> Arc<Event> {
    Arc::new(Event { name: "RESUMED".into(), data: object(&[("_trace", Some(format!("[{}]", Value::from(TRACE))))]) })
}

/// The flags that say which privileged intents are allowed, in their "limited" form.
fn application_flags(privileged: u64) -> u64 {
    let flag = |intent: u64, bit: u32| if privileged & intent == 0 { 0 } else { 1 << bit };
    flag(1 << 8, 13) | flag(1 << 1, 15) | flag(intents::MESSAGE_CONTENT, 19)
}

/// Writes the members that there are, in the order given.
fn object(members: &[(&str, Option<String>)]) -> Bytes {
    let present = members.iter().filter_map(|(key, value)| value.as_ref().map(|value| format!(r#""{key}":{value}"#)));
    format!("{{{}}}", present.collect::<Vec<_>>().join(",")).into_bytes().into()
}

const TRACE: &str = r#"["gateway-test",{"micros":0,"calls":[]}]"#;

const USER: &str = r#"{"verified":true,"username":"TestBot","mfa_enabled":true,"id":"BOT","global_name":null,"flags":0,"email":null,"discriminator":"0861","bot":true,"avatar":null}"#;

const GUILD: &str = r#"{"id":"GUILD","name":"Lab GUILD","icon":null,"owner_id":"290483761559240704","region":"deprecated","afk_channel_id":null,"afk_timeout":300,"verification_level":1,"default_message_notifications":1,"explicit_content_filter":2,"roles":[{"version":0,"unicode_emoji":null,"tags":{},"position":0,"permissions":"1071698529857","name":"@everyone","mentionable":false,"managed":false,"id":"GUILD","icon":null,"hoist":false,"flags":0,"colors":{"primary_color":0,"secondary_color":null,"tertiary_color":null},"color":0}],"emojis":[],"features":["COMMUNITY"],"mfa_level":0,"application_id":null,"system_channel_id":"CHANNEL","system_channel_flags":0,"rules_channel_id":null,"max_members":500000,"vanity_url_code":null,"description":null,"banner":null,"premium_tier":0,"premium_subscription_count":0,"preferred_locale":"en-US","public_updates_channel_id":null,"nsfw_level":0,"premium_progress_bar_enabled":false,"safety_alerts_channel_id":null,"incidents_data":null,"stickers":[],"joined_at":"2022-10-13T09:59:16.364000+00:00","large":false,"unavailable":false,"member_count":2,"voice_states":[],"members":[{"user":{"username":"TestBot","public_flags":0,"id":"BOT","global_name":null,"discriminator":"0861","bot":true,"avatar":null},"roles":[],"premium_since":null,"pending":false,"nick":null,"mute":false,"joined_at":"2022-10-13T09:59:16.364000+00:00","flags":0,"deaf":false,"communication_disabled_until":null,"banner":null,"avatar":null}],"channels":[{"version":0,"type":0,"topic":null,"rate_limit_per_user":0,"position":0,"permission_overwrites":[],"parent_id":null,"name":"general","last_message_id":null,"id":"CHANNEL","flags":0}],"threads":[],"presences":[],"stage_instances":[],"guild_scheduled_events":[],"soundboard_sounds":[]}"#;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_privileged_intents_show_in_the_application_flags() {
        assert_eq!(application_flags(intents::PRIVILEGED), 565_248);
        assert_eq!(application_flags(0), 0);
    }

    #[test]
    fn a_guild_is_json_and_guilds_are_dealt_evenly() {
        let event = guild(guild_id(0), Availability::Available);
        let data: Value = serde_json::from_slice(&event.data).unwrap();
        assert_eq!(data["id"], guild_id(0).to_string());
        assert_eq!(data["members"][0]["user"]["id"], BOT);
        let config = FakeConfig { guilds: 9, guilds_unavailable: 1, ..FakeConfig::default() };
        for id in 0..3 {
            assert_eq!(guilds_of(&config, Shard { id, count: 3 }).count(), 3);
        }
        let outages = guilds_of(&config, Shard::WHOLE).filter(|&(_, state)| state == Availability::Outage);
        assert_eq!(outages.map(|(id, _)| id).collect::<Vec<_>>(), [guild_id(8)]);
    }
}
