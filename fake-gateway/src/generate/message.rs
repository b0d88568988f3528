//! Messages and what happens around them.

use super::Generator;

impl Generator {
    /// The `d` of a Message Create: one line mostly, one in ten with an embed or an attachment.
    #[must_use]
    pub fn message(&mut self, guild: u64) -> String {
        let id = self.next_message_id();
        self.message_with(guild, id, "null")
    }

    /// The `d` of a Message Update: a whole message, edited.
    #[must_use]
    pub fn message_update(&mut self, guild: u64) -> String {
        let (id, edited) = (self.earlier_message_id(), self.moment());
        self.message_with(guild, id, &format!("\"{edited}\""))
    }

    /// The `d` of a Message Delete.
    #[must_use]
    pub fn message_delete(&mut self, guild: u64) -> String {
        let (id, channel) = (self.earlier_message_id(), self.channel_id(guild));
        format!(r#"{{"id":"{id}","guild_id":"{guild}","channel_id":"{channel}"}}"#)
    }

    /// The `d` of a Message Reaction Add.
    #[must_use]
    pub fn reaction(&mut self, guild: u64) -> String {
        let (id, channel, author) = (self.earlier_message_id(), self.channel_id(guild), self.user_id());
        let (user, member) = (self.user_id(), self.member());
        format!(
            r#"{{"user_id":"{user}","type":0,"message_id":"{id}","message_author_id":"{author}","member":{member},"emoji":{{"name":"🦆","id":null}},"channel_id":"{channel}","burst":false,"guild_id":"{guild}"}}"#
        )
    }

    /// The `d` of a Typing Start.
    #[must_use]
    pub fn typing(&mut self, guild: u64) -> String {
        let (user, channel, member) = (self.user_id(), self.channel_id(guild), self.member());
        format!(
            r#"{{"user_id":"{user}","timestamp":1776303416,"member":{member},"channel_id":"{channel}","guild_id":"{guild}"}}"#
        )
    }

    /// The `d` of a Message Create of this size in bytes, by the length of its content; a message of few keys where a
    /// whole one has no room.
    #[must_use]
    pub fn message_of_size(&mut self, guild: u64, size: usize) -> String {
        let (id, at) = (self.next_message_id(), self.moment());
        let (channel, author, member) = (self.channel_id(guild), self.user(), self.member_rest());
        let letters = |room: usize| WORDS.chars().cycle().skip(usize::try_from(id >> 22).unwrap_or(0) % 64).take(room);
        let whole = message(&Parts { at, guild, channel, author, member, id, ..Parts::default() });
        let bare = format!(r#"{{"id":"{id}","content":"","channel_id":"{channel}","guild_id":"{guild}"}}"#);
        let text = if whole.len() <= size { whole } else { bare };
        let content: String = letters(size.saturating_sub(text.len())).collect();
        text.replacen(r#""content":"""#, &format!(r#""content":"{content}""#), 1)
    }

    fn earlier_message_id(&mut self) -> u64 {
        super::FIRST_MESSAGE + (self.below(self.made + 1) << 22)
    }

    fn message_with(&mut self, guild: u64, id: u64, edited: &str) -> String {
        let (at, channel, author, member) = (self.moment(), self.channel_id(guild), self.user(), self.member_rest());
        let count = match self.below(10) {
            0..6 => 1 + self.below(12),
            6..9 => 12 + self.below(30),
            _ => 50 + self.below(150),
        };
        let content = self.words(count);
        let embeds = if self.one_in(10) { self.embed() } else { String::new() };
        let attachments = if self.one_in(10) { self.attachment(channel) } else { String::new() };
        let edited = edited.to_owned();
        message(&Parts { at, guild, channel, author, member, id, edited, content, embeds, attachments })
    }

    fn embed(&mut self) -> String {
        let (title, text) = (self.words(4), self.words(40));
        let fields = self.list(3, |generator, _| {
            let (name, value) = (generator.words(2), generator.words(8));
            format!(r#"{{"value":"{value}","name":"{name}","inline":true}}"#)
        });
        format!(
            r#"{{"type":"rich","url":"https://example.org/{title}","title":"{title}","fields":{fields},"description":"{text}","content_scan_version":0,"color":5814783}}"#
        )
    }

    fn attachment(&mut self, channel: u64) -> String {
        let (id, name, size) = (self.next_message_id(), self.name(), 1000 + self.below(4_000_000));
        format!(
            r#"{{"width":1280,"url":"https://cdn.example.org/attachments/{channel}/{id}/{name}.png","size":{size},"proxy_url":"https://media.example.org/attachments/{channel}/{id}/{name}.png","placeholder_version":1,"id":"{id}","height":720,"filename":"{name}.png","content_type":"image/png","content_scan_version":0}}"#
        )
    }
}

/// What differs between messages; as JSON where it is no text.
struct Parts {
    at: String,
    guild: u64,
    channel: u64,
    author: String,
    member: String,
    id: u64,
    edited: String,
    content: String,
    embeds: String,
    attachments: String,
}

impl Default for Parts {
    fn default() -> Self {
        let empty = String::new;
        let (at, author, member, content, embeds, attachments) = (empty(), empty(), empty(), empty(), empty(), empty());
        Self { at, guild: 0, channel: 0, author, member, id: 0, edited: "null".into(), content, embeds, attachments }
    }
}

fn message(parts: &Parts) -> String {
    let Parts { at, guild, channel, author, member, id, edited, content, embeds, attachments } = parts;
    let nonce = id.wrapping_add(11);
    format!(
        r#"{{"type":0,"tts":false,"timestamp":"{at}","pinned":false,"nonce":"{nonce}","mentions":[],"mention_roles":[],"mention_everyone":false,"member":{{{member}}},"id":"{id}","flags":0,"embeds":[{embeds}],"edited_timestamp":{edited},"content":"{content}","components":[],"channel_type":0,"channel_id":"{channel}","author":{author},"attachments":[{attachments}],"guild_id":"{guild}"}}"#
    )
}

/// What fills a message.
const WORDS: &str = "the tower by the river has a lantern and a quiet guard with a silver key to the garden gate ";

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    #[test]
    fn a_message_has_the_bytes_it_is_to_have() {
        let mut generator = Generator::new(1);
        for size in [150, 400, 1200, 2000, 70_000] {
            let text = generator.message_of_size(7 << 22, size);
            let message: Value = serde_json::from_str(&text).unwrap();
            assert_eq!((text.len(), message["guild_id"].as_str()), (size, Some("29360128")));
            assert_eq!(message["author"].is_object(), size >= 1200, "{size}");
        }
        assert!(generator.message_of_size(7 << 22, 0).len() < 150);
    }
}
