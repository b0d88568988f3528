//! The objects a new session is given: the bot, its guilds, and what Ready says of them.

use crate::config::FakeConfig;
use crate::intents;
use crate::request::{ChannelFields, VoiceState};
use crate::session::{Dispatch, SessionId, Shard};
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

/// What a Guild Create says of a small guild; whether it is large is given as JSON.
pub(super) fn guild(config: &FakeConfig, id: u64, large: &str) -> String {
    GUILD
        .replace("GUILD", &id.to_string())
        .replace("CHANNEL", &(id + 1).to_string())
        .replace("VOICE", &(id + 2).to_string())
        .replace("BOT", BOT)
        .replace(r#""MEMBERS""#, &config.members.to_string())
        .replace(r#""LARGE""#, large)
}

/// The Guild Delete of a guild in an outage.
pub(super) fn outage(id: u64) -> Arc<Dispatch> {
    let data = format!(r#"{{"unavailable":true,"id":"{id}"}}"#);
    Arc::new(Dispatch { name: "GUILD_DELETE".into(), data: data.into_bytes().into() })
}

/// Whether the guild is the bot's, on this shard, and within reach.
pub(super) fn is_available(config: &FakeConfig, shard: Shard, guild: u64) -> bool {
    let reachable = config.guilds.saturating_sub(config.guilds_unavailable);
    let index = (guild >> 22).checked_sub(guild_id(0) >> 22).and_then(|index| u32::try_from(index).ok());
    shard.holds(guild) && index.is_some_and(|index| index < reachable && guild_id(index) == guild)
}

/// The one sound that each guild has.
pub(super) fn sounds(guild: u64) -> String {
    let sound = guild + 3;
    format!(
        r#"{{"soundboard_sounds":[{{"volume":1.0,"sound_id":"{sound}","name":"quack","guild_id":"{guild}","emoji_name":"🦆","emoji_id":null,"available":true}}],"guild_id":"{guild}"}}"#
    )
}

/// What is asked about voice channels; the others come with their id only.
pub(super) fn channel_info(guild: u64, ChannelFields { status, voice_start_time }: ChannelFields) -> String {
    let (text, voice) = (guild + 1, guild + 2);
    let status = if status { r#","status":"standup""# } else { "" };
    let start = if voice_start_time { r#","voice_start_time":1776303416"# } else { "" };
    format!(r#"{{"guild_id":"{guild}","channels":[{{"id":"{text}"}},{{"id":"{voice}"{status}{start}}}]}}"#)
}

/// The bot's own voice state.
pub(super) fn voice_state(voice: &VoiceState, session: SessionId) -> String {
    let VoiceState { guild, channel, self_mute, self_deaf } = voice;
    let channel = channel.map_or_else(|| "null".to_owned(), |channel| format!("\"{channel}\""));
    let session = voice_session(session);
    format!(
        r#"{{"user_id":"{BOT}","suppress":false,"session_id":"{session}","self_video":false,"self_mute":{self_mute},"self_deaf":{self_deaf},"request_to_speak_timestamp":null,"mute":false,"guild_id":"{guild}","deaf":false,"channel_id":{channel}}}"#
    )
}

/// Where its voice is to connect. No voice server listens there.
pub(super) fn voice_server(guild: u64, session: SessionId) -> String {
    let token = &voice_session(session)[..16];
    format!(r#"{{"token":"{token}","guild_id":"{guild}","endpoint":"voice.fake.invalid:2048"}}"#)
}

/// A voice session has an id of its own.
fn voice_session(SessionId(id): SessionId) -> String {
    SessionId(!id).to_string()
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
) -> Arc<Dispatch> {
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
    Arc::new(Dispatch { name: "READY".into(), data: object(&members) })
}

pub(super) fn resumed() -> Arc<Dispatch> {
    Arc::new(Dispatch {
        name: "RESUMED".into(),
        data: object(&[("_trace", Some(format!("[{}]", Value::from(TRACE))))]),
    })
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

const GUILD: &str = r#"{"id":"GUILD","name":"Lab GUILD","icon":null,"owner_id":"290483761559240704","region":"deprecated","afk_channel_id":null,"afk_timeout":300,"verification_level":1,"default_message_notifications":1,"explicit_content_filter":2,"roles":[{"version":0,"unicode_emoji":null,"tags":{},"position":0,"permissions":"1071698529857","name":"@everyone","mentionable":false,"managed":false,"id":"GUILD","icon":null,"hoist":false,"flags":0,"colors":{"primary_color":0,"secondary_color":null,"tertiary_color":null},"color":0}],"emojis":[],"features":["COMMUNITY"],"mfa_level":0,"application_id":null,"system_channel_id":"CHANNEL","system_channel_flags":0,"rules_channel_id":null,"max_members":500000,"vanity_url_code":null,"description":null,"banner":null,"premium_tier":0,"premium_subscription_count":0,"preferred_locale":"en-US","public_updates_channel_id":null,"nsfw_level":0,"premium_progress_bar_enabled":false,"safety_alerts_channel_id":null,"incidents_data":null,"stickers":[],"joined_at":"2022-10-13T09:59:16.364000+00:00","large":"LARGE","unavailable":false,"member_count":"MEMBERS","voice_states":[],"members":[{"user":{"username":"TestBot","public_flags":0,"id":"BOT","global_name":null,"discriminator":"0861","bot":true,"avatar":null},"roles":[],"premium_since":null,"pending":false,"nick":null,"mute":false,"joined_at":"2022-10-13T09:59:16.364000+00:00","flags":0,"deaf":false,"communication_disabled_until":null,"banner":null,"avatar":null}],"channels":[{"version":0,"type":0,"topic":null,"rate_limit_per_user":0,"position":0,"permission_overwrites":[],"parent_id":null,"name":"general","last_message_id":null,"id":"CHANNEL","flags":0},{"version":0,"user_limit":0,"type":2,"rtc_region":null,"rate_limit_per_user":0,"position":0,"permission_overwrites":[],"parent_id":null,"name":"talk","last_message_id":null,"id":"VOICE","flags":0,"bitrate":64000}],"threads":[],"presences":[],"stage_instances":[],"guild_scheduled_events":[],"soundboard_sounds":[]}"#;

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
        let data = guild(&FakeConfig::default(), guild_id(0), "false");
        let data: Value = serde_json::from_str(&data).unwrap();
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
