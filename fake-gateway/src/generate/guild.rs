//! Guilds and what is in them: channels, roles, members, users, presences.

use super::Generator;
use crate::payloads::BOT;
use core::fmt::Display;

/// Makes the `d` of a Guild Create.
#[derive(Debug)]
pub struct GuildBuilder<'a> {
    generator: &'a mut Generator,
    id: u64,
    channels: u32,
    roles: u32,
    members: u32,
}

impl<'a> GuildBuilder<'a> {
    pub(super) fn new(generator: &'a mut Generator, id: u64) -> Self {
        Self { generator, id, channels: 12, roles: 8, members: 50 }
    }

    /// How many channels it has; some 700 bytes each.
    #[must_use]
    pub const fn channels(mut self, channels: u32) -> Self {
        self.channels = channels;
        self
    }

    /// How many roles beside everyone's; some 350 bytes each.
    #[must_use]
    pub const fn roles(mut self, roles: u32) -> Self {
        self.roles = roles;
        self
    }

    /// How many members beside the bot are listed, one in three with a presence; some 600 bytes each.
    #[must_use]
    pub const fn members(mut self, members: u32) -> Self {
        self.members = members;
        self
    }

    /// The payload, as JSON text.
    #[must_use]
    pub fn build(self) -> String {
        let Self { generator, id, channels, roles, members } = self;
        let name = generator.words(2);
        let (icon, owner, joined) = (generator.hash_or_null(), generator.user_id(), generator.moment());
        let roles = generator.list(u64::from(roles) + 1, |generator, index| generator.role(id, index));
        let channels = generator.list(u64::from(channels), |generator, index| generator.channel(id, index));
        let own = format!(
            r#"{{"user":{{"username":"TestBot","public_flags":0,"id":"{BOT}","global_name":null,"discriminator":"0861","bot":true,"avatar":null}},"roles":[],"premium_since":null,"pending":false,"nick":null,"mute":false,"joined_at":"{joined}","flags":0,"deaf":false,"communication_disabled_until":null,"banner":null,"avatar":null}}"#
        );
        let listed = generator.list(
            u64::from(members) + 1,
            |generator, index| {
                if index == 0 { own.clone() } else { generator.member() }
            },
        );
        let presences = generator.list(u64::from(members / 3), |generator, _| generator.presence(id));
        let emojis = generator.list(u64::from(members).min(30), |generator, index| {
            let emoji = id + 5000 + index;
            let name = generator.name();
            format!(r#"{{"version":0,"roles":[],"require_colons":true,"name":"{name}","managed":false,"id":"{emoji}","available":true,"animated":false}}"#)
        });
        let count = members.saturating_add(1);
        let large = count > 250;
        format!(
            r#"{{"id":"{id}","name":"{name}","icon":{icon},"owner_id":"{owner}","region":"deprecated","afk_channel_id":null,"afk_timeout":300,"verification_level":1,"default_message_notifications":1,"explicit_content_filter":2,"roles":{roles},"emojis":{emojis},"features":["COMMUNITY","NEWS"],"mfa_level":0,"application_id":null,"system_channel_id":null,"system_channel_flags":0,"rules_channel_id":null,"max_members":500000,"vanity_url_code":null,"description":null,"banner":null,"premium_tier":1,"premium_subscription_count":3,"preferred_locale":"en-US","public_updates_channel_id":null,"nsfw_level":0,"premium_progress_bar_enabled":false,"safety_alerts_channel_id":null,"incidents_data":null,"stickers":[],"joined_at":"{joined}","large":{large},"unavailable":false,"member_count":{count},"voice_states":[],"members":{listed},"channels":{channels},"threads":[],"presences":{presences},"stage_instances":[],"guild_scheduled_events":[],"soundboard_sounds":[]}}"#
        )
    }
}

impl Generator {
    /// A guild's member, without the guild's id.
    #[must_use]
    pub fn member(&mut self) -> String {
        self.member_with("")
    }

    /// A member as Guild Member Add has one, with the guild's id.
    #[must_use]
    pub fn member_of(&mut self, guild: u64) -> String {
        self.member_with(&format!(r#","guild_id":"{guild}""#))
    }

    /// The chunk of members that answers a request, `index` of `count`. The guild's id and the nonce are JSON texts.
    pub(crate) fn chunk(&mut self, guild: &str, nonce: Option<&str>, members: u64, index: u64, count: u64) -> String {
        let members = self.list(members, |generator, _| generator.member());
        format!("{{{}", Self::chunk_tail(guild, nonce, &members, index, count))
    }

    /// What a chunk has behind its presences and those who were not found.
    pub(crate) fn chunk_tail(
        guild: &str,
        nonce: Option<&str>,
        members: &str,
        index: impl Display,
        count: impl Display,
    ) -> String {
        let nonce = nonce.map_or_else(String::new, |nonce| format!(r#""nonce":{nonce},"#));
        format!(r#"{nonce}"members":{members},"guild_id":{guild},"chunk_index":{index},"chunk_count":{count}}}"#)
    }

    fn member_with(&mut self, tail: &str) -> String {
        let (user, rest) = (self.user(), self.member_rest());
        format!(r#"{{"user":{user},{rest}{tail}}}"#)
    }

    /// A member's keys without its user, as a message has them too.
    pub(super) fn member_rest(&mut self) -> String {
        self.member_keys().0
    }

    /// The same, and the nick among them.
    pub(super) fn member_keys(&mut self) -> (String, Option<String>) {
        let amount = self.below(5);
        let roles = self.list(amount, |generator, _| format!(r#""{}""#, 970_723_029_262_942_248 + generator.below(99)));
        let nick = self.one_in(3).then(|| self.name());
        let shown = nick.as_ref().map_or_else(|| "null".to_owned(), |nick| format!("\"{nick}\""));
        let joined = self.moment();
        let keys = format!(
            r#""roles":{roles},"premium_since":null,"pending":false,"nick":{shown},"mute":false,"joined_at":"{joined}","flags":0,"deaf":false,"communication_disabled_until":null,"banner":null,"avatar":null"#
        );
        (keys, nick)
    }

    /// A user.
    #[must_use]
    pub fn user(&mut self) -> String {
        let (id, name) = (self.user_id(), self.name());
        self.user_named(id, &name)
    }

    pub(super) fn user_named(&mut self, id: u64, name: &str) -> String {
        let (shown, avatar) = (self.name(), self.hash_or_null());
        format!(
            r#"{{"username":"{name}","public_flags":0,"primary_guild":null,"id":"{id}","global_name":"{shown}","discriminator":"0","collectibles":null,"clan":null,"avatar_decoration_data":null,"avatar":{avatar}}}"#
        )
    }

    /// A guild's channel, the one of this index.
    #[must_use]
    pub fn channel(&mut self, guild: u64, index: u64) -> String {
        let id = guild.wrapping_add(1).wrapping_add(index);
        let kind = if self.one_in(4) { 2 } else { 0 };
        let (name, count, amount) = (self.name(), 3 + self.below(9), self.below(5));
        let topic = self.words(count);
        let overwrites = self.list(amount, |generator, _| {
            let role = 970_723_029_262_942_248 + generator.below(99);
            format!(r#"{{"type":0,"id":"{role}","deny":"1024","allow":"3072"}}"#)
        });
        let last = self.next_message_id();
        format!(
            r#"{{"version":0,"type":{kind},"topic":"{topic}","rate_limit_per_user":0,"position":{index},"permission_overwrites":{overwrites},"parent_id":null,"name":"{name}","last_message_id":"{last}","id":"{id}","guild_id":"{guild}","flags":0}}"#
        )
    }

    /// A guild's role, the one of this index; 0 is everyone's.
    #[must_use]
    pub fn role(&mut self, guild: u64, index: u64) -> String {
        let id = if index == 0 { guild } else { 970_723_029_262_942_248_u64.saturating_add(index) };
        let name = if index == 0 { "@everyone".to_owned() } else { self.name() };
        let colour = self.below(1 << 24);
        format!(
            r#"{{"version":0,"unicode_emoji":null,"tags":{{}},"position":{index},"permissions":"1071698529857","name":"{name}","mentionable":false,"managed":false,"id":"{id}","icon":null,"hoist":false,"flags":0,"colors":{{"primary_color":{colour},"secondary_color":null,"tertiary_color":null}},"color":{colour}}}"#
        )
    }

    /// The `d` of a Presence Update.
    #[must_use]
    pub fn presence(&mut self, guild: u64) -> String {
        let id = self.user_id();
        self.presence_of(id, guild)
    }

    pub(super) fn presence_of(&mut self, id: u64, guild: u64) -> String {
        let status = self.pick(&["online", "idle", "dnd"]);
        let activities = if self.one_in(2) {
            let state = self.words(3);
            format!(
                r#"[{{"type":4,"state":"{state}","name":"Custom Status","id":"custom","created_at":1776303416000}}]"#
            )
        } else {
            "[]".to_owned()
        };
        format!(
            r#"{{"user":{{"id":"{id}"}},"status":"{status}","guild_id":"{guild}","client_status":{{"desktop":"{status}"}},"activities":{activities}}}"#
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    #[test]
    fn a_guild_has_what_it_was_told_to_have() {
        let mut generator = Generator::new(1);
        let text = generator.guild(9 << 22).channels(3).roles(2).members(300).build();
        let guild: Value = serde_json::from_str(&text).unwrap();
        let count = |key: &str| guild[key].as_array().unwrap().len();
        assert_eq!((count("channels"), count("roles"), count("members"), count("presences")), (3, 3, 301, 100));
        assert_eq!((&guild["member_count"], &guild["large"]), (&301.into(), &true.into()));
        assert_eq!(guild["members"][0]["user"]["id"], BOT);
        assert_eq!(guild["roles"][0]["id"], guild["id"]);
    }

    #[test]
    fn a_chunk_answers_its_request() {
        let text = Generator::new(1).chunk("\"7\"", Some("\"a\""), 5, 1, 2);
        let chunk: Value = serde_json::from_str(&text).unwrap();
        assert_eq!((&chunk["guild_id"], &chunk["nonce"]), (&"7".into(), &"a".into()));
        assert_eq!((&chunk["chunk_index"], &chunk["chunk_count"]), (&1.into(), &2.into()));
        assert_eq!(chunk["members"].as_array().unwrap().len(), 5);
    }
}
