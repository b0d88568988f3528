//! Gateway intents: which groups of events a shard is sent.

use alloc::string::String;
use core::fmt;
use core::str::FromStr;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

bitflags::bitflags! {
    /// Which groups of events the gateway sends. *(source: Gateway, list of intents)*
    ///
    /// Bits that are not documented can be set, by number or by `from_bits_retain`, for intents that are newer than this crate.
    /// With the feature `tracing`, [`Discord::new`](super::Discord::new) warns of them. The gateway closes with 4013 for bits
    /// that it does not know.
    ///
    /// The default is [`Intents::UNPRIVILEGED`]. The text form is names with `|` or `,` between them, or a number. The JSON
    /// form is a number; the text form is read too.
    ///
    /// ```
    /// use portcullis::dialect::discord::Intents;
    ///
    /// let intents: Intents = "GUILDS|GUILD_MESSAGES".parse()?;
    /// assert_eq!(intents, Intents::GUILDS | Intents::GUILD_MESSAGES);
    /// assert_eq!(intents.bits(), 513);
    /// # Ok::<(), portcullis::dialect::discord::IntentsError>(())
    /// ```
    #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
    pub struct Intents: u64 {
        /// Guilds, roles, channels, threads, stages, and voice channel status.
        const GUILDS = 1 << 0;
        /// Members that join, change and leave. Privileged.
        const GUILD_MEMBERS = 1 << 1;
        /// Bans and the audit log; formerly `GUILD_BANS`.
        const GUILD_MODERATION = 1 << 2;
        /// Emojis, stickers and sounds; formerly `GUILD_EMOJIS_AND_STICKERS`.
        const GUILD_EXPRESSIONS = 1 << 3;
        /// Integrations.
        const GUILD_INTEGRATIONS = 1 << 4;
        /// Webhooks of channels.
        const GUILD_WEBHOOKS = 1 << 5;
        /// Invites made and deleted.
        const GUILD_INVITES = 1 << 6;
        /// Who is in which voice channel, and effects sent there.
        const GUILD_VOICE_STATES = 1 << 7;
        /// Presences of members. Privileged.
        const GUILD_PRESENCES = 1 << 8;
        /// Messages in guilds.
        const GUILD_MESSAGES = 1 << 9;
        /// Reactions in guilds.
        const GUILD_MESSAGE_REACTIONS = 1 << 10;
        /// Who types in guilds.
        const GUILD_MESSAGE_TYPING = 1 << 11;
        /// Direct and ephemeral messages.
        const DIRECT_MESSAGES = 1 << 12;
        /// Reactions to direct messages.
        const DIRECT_MESSAGE_REACTIONS = 1 << 13;
        /// Who types to the bot.
        const DIRECT_MESSAGE_TYPING = 1 << 14;
        /// No event of its own: fills content, embeds, attachments, components and poll of messages. Privileged.
        const MESSAGE_CONTENT = 1 << 15;
        /// Scheduled events and who is interested.
        const GUILD_SCHEDULED_EVENTS = 1 << 16;
        /// Rules of the automatic moderation.
        const AUTO_MODERATION_CONFIGURATION = 1 << 20;
        /// What the automatic moderation did.
        const AUTO_MODERATION_EXECUTION = 1 << 21;
        /// Votes in polls of guilds.
        const GUILD_MESSAGE_POLLS = 1 << 24;
        /// Votes in polls of direct messages.
        const DIRECT_MESSAGE_POLLS = 1 << 25;
    }
}

impl Intents {
    /// The three intents that must be enabled for the application first: otherwise the gateway closes with 4014.
    pub const PRIVILEGED: Self = Self::GUILD_MEMBERS.union(Self::GUILD_PRESENCES).union(Self::MESSAGE_CONTENT);
    /// All documented intents that need not be enabled first.
    pub const UNPRIVILEGED: Self = Self::all().difference(Self::PRIVILEGED);
}

/// [`Intents::UNPRIVILEGED`].
impl Default for Intents {
    fn default() -> Self {
        Self::UNPRIVILEGED
    }
}

/// Names with `|` between them, then the bits without a name as one number; `0` for no intents.
impl fmt::Display for Intents {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut names = self.iter_names();
        let mut separator = "";
        for (name, _) in names.by_ref() {
            write!(f, "{separator}{name}")?;
            separator = "|";
        }
        match names.remaining().bits() {
            0 if separator.is_empty() => f.write_str("0"),
            0 => Ok(()),
            unnamed => write!(f, "{separator}{unnamed}"),
        }
    }
}

/// Names or numbers with `|` or `,` between them. White space around them is ignored.
impl FromStr for Intents {
    type Err = IntentsError;

    fn from_str(text: &str) -> Result<Self, IntentsError> {
        text.split(['|', ',']).map(|part| part_of(part.trim())).try_fold(Self::empty(), |sum, part| Ok(sum | part?))
    }
}

impl Serialize for Intents {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(self.bits())
    }
}

impl<'de> Deserialize<'de> for Intents {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct NumberOrNames;
        impl de::Visitor<'_> for NumberOrNames {
            type Value = Intents;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("the number of the intents, or their names")
            }

            fn visit_u64<E: de::Error>(self, bits: u64) -> Result<Intents, E> {
                Ok(Intents::from_bits_retain(bits))
            }

            fn visit_i64<E: de::Error>(self, bits: i64) -> Result<Intents, E> {
                let invalid = || E::invalid_value(de::Unexpected::Signed(bits), &self);
                u64::try_from(bits).map_err(|_| invalid()).and_then(|bits| self.visit_u64(bits))
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Intents, E> {
                text.parse().map_err(E::custom)
            }
        }
        deserializer.deserialize_any(NumberOrNames)
    }
}

/// Why a text cannot be read as intents.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum IntentsError {
    /// There is no intent of this name.
    #[error("there is no intent {name:?}, give names like GUILDS|GUILD_MESSAGES or a number")]
    UnknownName {
        /// The name as given.
        name: String,
    },
}

fn part_of(part: &str) -> Result<Intents, IntentsError> {
    match (part.parse(), Intents::from_name(part)) {
        (Ok(bits), _) => Ok(Intents::from_bits_retain(bits)),
        (_, Some(intent)) => Ok(intent),
        (Err(_), None) => Err(IntentsError::UnknownName { name: part.into() }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString as _;

    #[test]
    fn sums_are_the_documented_ones() {
        assert_eq!(Intents::all().bits(), 53_608_447);
        assert_eq!(Intents::UNPRIVILEGED.bits(), 53_575_421);
        assert_eq!(Intents::PRIVILEGED.bits(), 33_026);
        assert_eq!(Intents::default(), Intents::UNPRIVILEGED);
        assert_eq!((Intents::GUILDS | Intents::GUILD_MESSAGES | Intents::MESSAGE_CONTENT).bits(), 33_281);
        assert_eq!(Intents::all().iter().count(), 21);
    }

    #[test]
    fn names_and_numbers_are_read() {
        let expected = Intents::GUILDS | Intents::GUILD_MESSAGES;
        for text in ["GUILDS|GUILD_MESSAGES", "GUILDS, GUILD_MESSAGES", "513", " 1 | GUILD_MESSAGES "] {
            assert_eq!(text.parse(), Ok(expected), "{text}");
        }
        assert_eq!("0".parse(), Ok(Intents::empty()));
    }

    #[test]
    fn what_is_unknown_is_named() {
        let unknown = |name: &str| Err(IntentsError::UnknownName { name: name.into() });
        assert_eq!("GUILDS|GUILDZ".parse::<Intents>(), unknown("GUILDZ"));
        assert_eq!("guilds".parse::<Intents>(), unknown("guilds"));
        assert_eq!("".parse::<Intents>(), unknown(""));
        assert_eq!("-1".parse::<Intents>(), unknown("-1"));
    }

    #[test]
    fn text_goes_there_and_back() {
        let undocumented = Intents::from_bits_retain(1 | 1 << 17 | 1 << 52);
        for intents in [Intents::empty(), Intents::GUILDS, Intents::PRIVILEGED, Intents::all(), undocumented] {
            assert_eq!(intents.to_string().parse(), Ok(intents));
        }
        assert_eq!(Intents::PRIVILEGED.to_string(), "GUILD_MEMBERS|GUILD_PRESENCES|MESSAGE_CONTENT");
        assert_eq!(Intents::from_bits_retain(1 | 1 << 17).to_string(), "GUILDS|131072");
        assert_eq!(Intents::empty().to_string(), "0");
    }

    #[test]
    fn json_is_a_number_and_names_are_taken_too() {
        assert_eq!(serde_json::to_string(&Intents::PRIVILEGED).unwrap(), "33026");
        for json in ["33026", "\"33026\"", "\"GUILD_MEMBERS,GUILD_PRESENCES,MESSAGE_CONTENT\""] {
            assert_eq!(serde_json::from_str::<Intents>(json).unwrap(), Intents::PRIVILEGED, "{json}");
        }
        assert_eq!(serde_json::from_str::<Intents>("131073").unwrap().bits(), 131_073);
        for json in ["-1", "1.0", "null", "\"GUILDZ\""] {
            assert!(serde_json::from_str::<Intents>(json).is_err(), "{json}");
        }
    }
}
