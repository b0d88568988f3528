//! Who may see an event, and how much of it: the intent it needs, and its content taken out for sessions without the
//! Message Content intent.

use crate::intents::{self, Need};
use crate::payloads::BOT;
use crate::session::Dispatch;
use serde::Deserialize;
use serde_json::value::RawValue;
use std::collections::BTreeMap;
use std::sync::Arc;

/// An event for dispatch, with what is asked about it for each session: found out once.
#[derive(Debug)]
pub(super) struct Broadcast {
    /// Any one of these intents lets it through; `None`: it needs none.
    pub(super) need: Option<u64>,
    event: Arc<Dispatch>,
    bare: Option<Arc<Dispatch>>,
}

impl Broadcast {
    pub(super) fn new(event: Arc<Dispatch>) -> Self {
        let need = intents::need(&event.name).map(|need| match need {
            Need { guild, direct } if guild == direct || in_guild(&event.data) => guild,
            Need { direct, .. } => direct,
        });
        let bare = stripped(&event);
        Self { need, event, bare }
    }

    /// The event as a session with these intents sees it.
    pub(super) fn seen_with(&self, intents: u64) -> &Arc<Dispatch> {
        match &self.bare {
            Some(bare) if intents & intents::MESSAGE_CONTENT == 0 => bare,
            Some(_) | None => &self.event,
        }
    }
}

/// Whether the event happened in a guild: whether its data has a `guild_id`.
fn in_guild(data: &[u8]) -> bool {
    #[derive(Deserialize)]
    struct Place {
        guild_id: Option<serde::de::IgnoredAny>,
    }
    serde_json::from_slice::<Place>(data).is_ok_and(|place| place.guild_id.is_some())
}

/// The event without its content; `None` if it has none to take away: another event, a direct message, the bot's own
/// message, or one that mentions the bot.
fn stripped(event: &Dispatch) -> Option<Arc<Dispatch>> {
    let name = &*event.name;
    if !matches!(name, "MESSAGE_CREATE" | "MESSAGE_UPDATE" | "AUTO_MODERATION_ACTION_EXECUTION") {
        return None;
    }
    if !in_guild(&event.data) || concerns_the_bot(&event.data) {
        return None;
    }
    let mut members: BTreeMap<String, Box<RawValue>> = serde_json::from_slice(&event.data).ok()?;
    members.remove("poll");
    for (key, member) in &mut members {
        let empty = match key.as_str() {
            "content" | "matched_content" => r#""""#,
            "embeds" | "attachments" | "components" => "[]",
            _ => continue,
        };
        *member = RawValue::from_string(empty.to_owned()).ok()?;
    }
    let data = serde_json::to_vec(&members).ok()?;
    Some(Arc::new(Dispatch { name: event.name.clone(), data: data.into() }))
}

fn concerns_the_bot(data: &[u8]) -> bool {
    #[derive(Deserialize)]
    struct Who {
        id: Option<String>,
    }
    #[derive(Deserialize)]
    struct People {
        author: Option<Who>,
        #[serde(default)]
        mentions: Vec<Who>,
    }
    let is_bot = |who: &Who| who.id.as_deref() == Some(BOT);
    serde_json::from_slice::<People>(data)
        .is_ok_and(|people| people.author.iter().any(is_bot) || people.mentions.iter().any(is_bot))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(data: &str) -> Dispatch {
        Dispatch { name: "MESSAGE_CREATE".into(), data: data.as_bytes().to_vec().into() }
    }

    #[test]
    fn content_of_a_guild_message_is_emptied_and_the_rest_stays() {
        let bare = stripped(&event(r#"{"guild_id":"1","content":"hi","embeds":[1],"poll":{},"id":"2"}"#)).unwrap();
        assert_eq!(bare.data, r#"{"content":"","embeds":[],"guild_id":"1","id":"2"}"#);
    }

    #[test]
    fn direct_messages_and_those_about_the_bot_keep_their_content() {
        assert!(stripped(&event(r#"{"content":"hi"}"#)).is_none());
        let own = format!(r#"{{"guild_id":"1","content":"hi","author":{{"id":"{BOT}"}}}}"#);
        assert!(stripped(&event(&own)).is_none());
        let mention = format!(r#"{{"guild_id":"1","content":"hi","mentions":[{{"id":"{BOT}"}}]}}"#);
        assert!(stripped(&event(&mention)).is_none());
    }
}
