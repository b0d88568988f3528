//! Payloads made up on the spot, in the shapes and sizes of real ones, so that a test needs no recordings: guilds with
//! channels, roles and members, messages, and what else happens in a guild. One seed gives one sequence of payloads.
//!
//! All of it is invented: names from syllables, texts from a list of words.

mod guild;
mod message;
mod person;

pub use guild::GuildBuilder;
pub(crate) use person::Person;

use core::fmt::Write as _;

/// Makes up payloads. What it gives is the `d` of a dispatch, as JSON text.
///
/// ```
/// use portcullis_fake::Generator;
///
/// let mut generator = Generator::new(7);
/// let guild = generator.guild(41_771_983_423_143_937).channels(40).roles(25).members(250).build();
/// assert!(guild.len() > 100_000);
/// assert!(generator.message(41_771_983_423_143_937).starts_with('{'));
/// assert_eq!(generator.clone().member(), generator.member());
/// ```
#[derive(Clone, Debug)]
pub struct Generator {
    draws: u64,
    /// Ids of messages grow.
    made: u64,
}

/// How many users there are to draw from: enough for the largest guild.
const USERS: u64 = 1 << 24;
/// The first user id; a snowflake of 2021.
const FIRST_USER: u64 = 800_000_000_000_000_000;
/// The first message id; a snowflake of 2026.
const FIRST_MESSAGE: u64 = 1_494_149_566_100_930_560;

impl Generator {
    /// A generator that gives the same payloads for the same seed.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self { draws: seed, made: 0 }
    }

    /// The `d` of a Guild Create: 12 channels, 8 roles and 50 members unless it is told otherwise.
    pub fn guild(&mut self, id: u64) -> GuildBuilder<'_> {
        GuildBuilder::new(self, id)
    }

    /// What the named event would hold, in this guild; `{}` for a name it does not know.
    #[must_use]
    pub fn event(&mut self, name: &str, guild: u64) -> String {
        match name {
            "MESSAGE_CREATE" => self.message(guild),
            "MESSAGE_UPDATE" => self.message_update(guild),
            "MESSAGE_DELETE" => self.message_delete(guild),
            "MESSAGE_REACTION_ADD" => self.reaction(guild),
            "TYPING_START" => self.typing(guild),
            "PRESENCE_UPDATE" => self.presence(guild),
            "GUILD_MEMBER_ADD" | "GUILD_MEMBER_UPDATE" => self.member_of(guild),
            "GUILD_MEMBER_REMOVE" => {
                let user = self.user();
                format!(r#"{{"user":{user},"guild_id":"{guild}"}}"#)
            }
            "GUILD_CREATE" => self.guild(guild).build(),
            "CHANNEL_CREATE" | "CHANNEL_UPDATE" | "CHANNEL_DELETE" => {
                let index = self.below(1000);
                self.channel(guild, index)
            }
            "GUILD_ROLE_CREATE" | "GUILD_ROLE_UPDATE" => {
                let index = self.below(250);
                let role = self.role(guild, index);
                format!(r#"{{"role":{role},"guild_id":"{guild}"}}"#)
            }
            _ => "{}".to_owned(),
        }
    }

    /// The events that [`Generator::event`] knows.
    pub const EVENTS: [&'static str; 15] = [
        "MESSAGE_CREATE",
        "MESSAGE_UPDATE",
        "MESSAGE_DELETE",
        "MESSAGE_REACTION_ADD",
        "TYPING_START",
        "PRESENCE_UPDATE",
        "GUILD_MEMBER_ADD",
        "GUILD_MEMBER_UPDATE",
        "GUILD_MEMBER_REMOVE",
        "GUILD_CREATE",
        "CHANNEL_CREATE",
        "CHANNEL_UPDATE",
        "CHANNEL_DELETE",
        "GUILD_ROLE_CREATE",
        "GUILD_ROLE_UPDATE",
    ];

    /// The name of an event as they come in a busy guild: of twenty nine messages, five presences, three typings.
    #[must_use]
    pub fn traffic(&mut self) -> &'static str {
        match self.below(20) {
            0..9 => "MESSAGE_CREATE",
            9..14 => "PRESENCE_UPDATE",
            14..17 => "TYPING_START",
            17 => "MESSAGE_REACTION_ADD",
            18 => "MESSAGE_UPDATE",
            _ => "MESSAGE_DELETE",
        }
    }

    /// `SplitMix64`. Not a secret: a fake has none to keep.
    pub(super) fn draw(&mut self) -> u64 {
        self.draws = self.draws.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.draws;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// A number below `bound`, evenly enough; 0 below 0.
    pub(super) fn below(&mut self, bound: u64) -> u64 {
        self.draw().checked_rem(bound).unwrap_or(0)
    }

    fn one_in(&mut self, chances: u64) -> bool {
        self.below(chances) == 0
    }

    fn user_id(&mut self) -> u64 {
        FIRST_USER + (self.below(USERS) << 22)
    }

    fn channel_id(&mut self, guild: u64) -> u64 {
        guild + 1 + self.below(12)
    }

    fn next_message_id(&mut self) -> u64 {
        self.made += 1;
        FIRST_MESSAGE + (self.made << 22)
    }

    fn hash(&mut self) -> String {
        format!("{:016x}{:016x}", self.draw(), self.draw())
    }

    fn hash_or_null(&mut self) -> String {
        if self.one_in(4) { "null".to_owned() } else { format!("\"{}\"", self.hash()) }
    }

    fn name(&mut self) -> String {
        let syllables = 2 + self.below(3);
        (0..syllables).map(|_| self.pick(&SYLLABLES)).collect()
    }

    /// This many words, with a capital first letter.
    fn words(&mut self, count: u64) -> String {
        let mut text = String::new();
        for index in 0..count {
            if index > 0 {
                text.push(' ');
            }
            text.push_str(self.pick(&WORDS));
        }
        text
    }

    /// A moment of 2021 to 2026, as the gateway writes them.
    fn moment(&mut self) -> String {
        let (year, month, day) = (2021 + self.below(6), 1 + self.below(12), 1 + self.below(28));
        let (hour, minute, second) = (self.below(24), self.below(60), self.below(60));
        let micros = self.below(1000) * 1000;
        format!("{year}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{micros:06}+00:00")
    }

    fn pick<'a>(&mut self, list: &[&'a str]) -> &'a str {
        let index = self.below(list.len() as u64);
        usize::try_from(index).ok().and_then(|index| list.get(index)).copied().unwrap_or_default()
    }

    /// A list of this many items, as JSON.
    fn list(&mut self, count: u64, mut item: impl FnMut(&mut Self, u64) -> String) -> String {
        let mut text = String::from("[");
        for index in 0..count {
            let separator = if index > 0 { "," } else { "" };
            // Writing to a string does not fail.
            let _ = write!(text, "{separator}{}", item(self, index));
        }
        text.push(']');
        text
    }
}

const SYLLABLES: [&str; 24] = [
    "ka", "ro", "mi", "ten", "lu", "sa", "vel", "dor", "na", "pi", "qua", "zo", "he", "bri", "sto", "wen", "ya", "gil",
    "fo", "xan", "ur", "thi", "jo", "cle",
];

const WORDS: [&str; 40] = [
    "tower", "river", "moat", "bridge", "candle", "guard", "morning", "silver", "lantern", "market", "stone", "winter",
    "apple", "quiet", "letter", "window", "garden", "copper", "thunder", "paper", "velvet", "harbour", "feather",
    "mountain", "cellar", "banner", "kettle", "meadow", "anchor", "orchard", "schön", "café", "gate", "and", "the",
    "of", "with", "never", "again", "🦆",
];

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    #[test]
    fn every_event_is_json_of_a_likely_size_and_the_same_for_one_seed() {
        let [mut one, mut other] = [Generator::new(3), Generator::new(3)];
        for name in Generator::EVENTS {
            for _ in 0..50 {
                let text = one.event(name, 1 << 22);
                assert_eq!(text, other.event(name, 1 << 22), "{name}");
                let value: Value = serde_json::from_str(&text).unwrap();
                assert!(value.is_object() && text.len() > 50 && text.len() < 200_000, "{name}: {}", text.len());
                assert!(value["guild_id"] == "4194304" || name == "GUILD_CREATE", "{name}");
            }
        }
        assert_eq!(one.event("NEXT_YEARS", 1), "{}");
        assert_ne!(Generator::new(4).message(1), Generator::new(5).message(1));
    }

    #[test]
    fn messages_are_a_kilobyte_or_so_in_the_middle() {
        let mut generator = Generator::new(1);
        let mut sizes: Vec<_> = (0..1001).map(|_| generator.message(1 << 22).len()).collect();
        sizes.sort_unstable();
        assert!((800..1600).contains(&sizes[500]), "{}", sizes[500]);
        assert!(sizes[1000] > 2000, "some have embeds: {}", sizes[1000]);
    }

    #[test]
    fn traffic_is_of_known_events() {
        let mut generator = Generator::new(1);
        assert!((0..200).all(|_| Generator::EVENTS.contains(&generator.traffic())));
    }
}
