//! The presence of a bot: its status and activities.

use crate::dialect::CommandError;
use alloc::string::String;
use alloc::vec::Vec;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// The presence of a bot: its status and what it is doing. The data of Update Presence, and part of Identify.
///
/// [`Command::encode`](super::Command::encode) and [`Discord::with_presence`](super::Discord::with_presence) refuse a presence
/// that the gateway is known to refuse: since it stands, it would be in every Identify, and each would be refused.
///
/// All four keys are always written: without one of them the gateway closes with 4001. *(source: Gateway Events,
/// Update Presence; Discord API documentation, issue 2226)*
///
/// ```
/// use portcullis::dialect::discord::{Activity, Presence, Status};
///
/// let mut presence = Presence::new(Status::Idle);
/// presence.activities.push(Activity::watching("the gate"));
/// ```
///
/// It can be deserialized from a configuration, where each key may be left out:
///
/// ```
/// use portcullis::dialect::discord::{Activity, Presence, Status};
///
/// let presence: Presence = serde_json::from_str(r#"{"status":"idle","activities":[{"name":"the gate","type":3}]}"#)?;
/// assert_eq!((presence.status, &presence.activities[..]), (Status::Idle, &[Activity::watching("the gate")][..]));
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Presence {
    /// Since when the bot is idle, in milliseconds since 1970; `None` when it is not.
    #[serde(default)]
    pub since: Option<u64>,
    /// What it is doing.
    #[serde(default)]
    pub activities: Vec<Activity>,
    /// How it appears.
    #[serde(default)]
    pub status: Status,
    /// Whether it is away from the keyboard.
    #[serde(default)]
    pub afk: bool,
}

impl Presence {
    /// The most activities a presence may have. Discord shows one of a bot's.
    pub const ACTIVITIES_MAX: usize = 32;

    /// A presence with this status, no activity, and neither idle nor away.
    #[must_use]
    pub const fn new(status: Status) -> Self {
        Self { since: None, activities: Vec::new(), status, afk: false }
    }

    pub(super) fn check(&self) -> Result<(), CommandError> {
        let (len, max) = (self.activities.len(), Self::ACTIVITIES_MAX);
        if len > max {
            return Err(CommandError::TooManyActivities { len, max });
        }
        self.activities.iter().try_for_each(Activity::check)
    }
}

/// How a bot appears.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Status {
    /// Online.
    #[default]
    Online,
    /// Do not disturb.
    Dnd,
    /// Idle.
    Idle,
    /// Online, but shown as offline.
    Invisible,
    /// Offline.
    Offline,
}

/// What a bot is doing. An activity has more fields; these are the ones that a bot may set.
///
/// # Invariants
/// * `kind-has-its-fields`: streaming has a URL, custom has its text in `state`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "Written")]
pub struct Activity {
    name: String,
    #[serde(rename = "type")]
    kind: ActivityKind,
    #[serde(skip_serializing_if = "Option::is_none")]
    state: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<String>,
}

impl Activity {
    /// The most characters a name may have. At least one must not be white space.
    pub const NAME_MAX: usize = 128;

    /// "Playing {name}".
    #[must_use]
    pub fn playing(name: impl Into<String>) -> Self {
        Self::of(ActivityKind::Playing, name)
    }

    /// "Streaming {name}". The URL's scheme is `https` or `http`; Discord shows it for twitch.tv and youtube.com only.
    #[must_use]
    pub fn streaming(name: impl Into<String>, url: impl Into<String>) -> Self {
        Self { url: Some(url.into()), ..Self::of(ActivityKind::Streaming, name) }
    }

    /// "Listening to {name}".
    #[must_use]
    pub fn listening(name: impl Into<String>) -> Self {
        Self::of(ActivityKind::Listening, name)
    }

    /// "Watching {name}".
    #[must_use]
    pub fn watching(name: impl Into<String>) -> Self {
        Self::of(ActivityKind::Watching, name)
    }

    /// The text alone. The gateway requires a name, but Discord does not show it: `Custom Status`, as other clients send.
    #[must_use]
    pub fn custom(text: impl Into<String>) -> Self {
        Self { state: Some(text.into()), ..Self::of(ActivityKind::Custom, "Custom Status") }
    }

    /// "Competing in {name}".
    #[must_use]
    pub fn competing(name: impl Into<String>) -> Self {
        Self::of(ActivityKind::Competing, name)
    }

    /// Sets the second line. For a custom activity this is its text.
    #[must_use]
    pub fn with_state(self, state: impl Into<String>) -> Self {
        Self { state: Some(state.into()), ..self }
    }

    /// The kind of activity.
    #[must_use]
    pub const fn kind(&self) -> ActivityKind {
        self.kind
    }

    fn check(&self) -> Result<(), CommandError> {
        let (len, max) = (self.name.chars().count(), Self::NAME_MAX);
        if len > max || self.name.trim().is_empty() {
            return Err(CommandError::ActivityName { len, max });
        }
        if self.url.as_deref().is_some_and(|url| !is_web_url(url)) {
            return Err(CommandError::StreamUrl);
        }
        Ok(())
    }

    fn of(kind: ActivityKind, name: impl Into<String>) -> Self {
        Self { name: name.into(), kind, state: None, url: None }
    }
}

/// An activity as deserialized, not yet checked for `kind-has-its-fields`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    name: Option<String>,
    #[serde(rename = "type")]
    kind: ActivityKind,
    state: Option<String>,
    url: Option<String>,
}

impl TryFrom<Written> for Activity {
    type Error = &'static str;

    fn try_from(Written { name, kind, state, url }: Written) -> Result<Self, &'static str> {
        let activity = match (kind, name, state.as_deref(), url) {
            (ActivityKind::Streaming, Some(name), _, Some(url)) => Self::streaming(name, url),
            (ActivityKind::Streaming, Some(_), _, None) => return Err("an activity of type 1 needs a url"),
            (_, _, _, Some(_)) => return Err("only an activity of type 1 has a url"),
            (ActivityKind::Custom, _, None, None) => return Err("an activity of type 4 needs its text, in state"),
            (ActivityKind::Custom, None, Some(text), None) => Self::custom(text),
            (_, None, _, None) => return Err("an activity needs a name"),
            (kind, Some(name), _, None) => Self::of(kind, name),
        };
        Ok(Self { state, ..activity })
    }
}

/// The kind of an activity. In JSON it is its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum ActivityKind {
    /// 0.
    Playing,
    /// 1.
    Streaming,
    /// 2.
    Listening,
    /// 3.
    Watching,
    /// 4.
    Custom,
    /// 5.
    Competing,
}

impl ActivityKind {
    const ALL: [Self; 6] =
        [Self::Playing, Self::Streaming, Self::Listening, Self::Watching, Self::Custom, Self::Competing];

    /// Its number (`type`).
    #[must_use]
    pub const fn number(self) -> u8 {
        match self {
            Self::Playing => 0,
            Self::Streaming => 1,
            Self::Listening => 2,
            Self::Watching => 3,
            Self::Custom => 4,
            Self::Competing => 5,
        }
    }
}

impl<'de> Deserialize<'de> for ActivityKind {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let number = u8::deserialize(deserializer)?;
        let kind = Self::ALL.into_iter().find(|kind| kind.number() == number);
        kind.ok_or_else(|| de::Error::custom(format_args!("there is no activity of type {number}, give 0 to 5")))
    }
}

impl Serialize for ActivityKind {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u8(self.number())
    }
}

/// Whether it is a URL of `http` or `https` with a host, without white space or control characters.
fn is_web_url(url: &str) -> bool {
    let (scheme, rest) = url.split_once("://").unwrap_or_default();
    let is_web = ["https", "http"].iter().any(|known| known.eq_ignore_ascii_case(scheme));
    let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let has_host = host.starts_with(|first: char| first.is_alphanumeric() || first == '[');
    is_web && has_host && !url.contains(|letter: char| letter.is_whitespace() || letter.is_control())
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString as _;

    fn json(value: &impl Serialize) -> String {
        serde_json::to_string(value).unwrap()
    }

    #[test]
    fn all_four_keys_are_always_there() {
        assert_eq!(
            json(&Presence::new(Status::default())),
            r#"{"since":null,"activities":[],"status":"online","afk":false}"#
        );
        let presence = Presence {
            since: Some(91_879_201),
            activities: [Activity::watching("w")].into(),
            status: Status::Dnd,
            afk: true,
        };
        assert_eq!(
            json(&presence),
            r#"{"since":91879201,"activities":[{"name":"w","type":3}],"status":"dnd","afk":true}"#
        );
    }

    #[test]
    fn statuses_are_the_documented_words() {
        let all = [Status::Online, Status::Dnd, Status::Idle, Status::Invisible, Status::Offline];
        assert_eq!(json(&all), r#"["online","dnd","idle","invisible","offline"]"#);
    }

    #[test]
    fn activities_have_their_number_and_only_their_fields() {
        for (activity, expected) in [
            (Activity::playing("a"), r#"{"name":"a","type":0}"#),
            (
                Activity::streaming("a", "https://www.twitch.tv/a"),
                r#"{"name":"a","type":1,"url":"https://www.twitch.tv/a"}"#,
            ),
            (Activity::listening("a").with_state("b"), r#"{"name":"a","type":2,"state":"b"}"#),
            (Activity::watching("a"), r#"{"name":"a","type":3}"#),
            (Activity::custom("busy"), r#"{"name":"Custom Status","type":4,"state":"busy"}"#),
            (Activity::competing("a"), r#"{"name":"a","type":5}"#),
        ] {
            assert_eq!(json(&activity), expected);
        }
        assert_eq!(Activity::custom("busy").kind(), ActivityKind::Custom);
    }

    #[test]
    fn found_22_a_presence_is_read_as_it_is_written() {
        let presence = Presence {
            since: Some(91_879_201),
            activities: [
                Activity::playing("a"),
                Activity::streaming("a", "https://www.twitch.tv/a").with_state("b"),
                Activity::listening("a"),
                Activity::watching("a"),
                Activity::custom("busy"),
                Activity::competing("a"),
            ]
            .into(),
            status: Status::Invisible,
            afk: true,
        };
        assert_eq!(serde_json::from_str::<Presence>(&json(&presence)).unwrap(), presence);
        assert_eq!(serde_json::from_str::<Presence>("{}").unwrap(), Presence::new(Status::Online));
        let custom = r#"{"activities":[{"type":4,"state":"busy"}]}"#;
        assert_eq!(serde_json::from_str::<Presence>(custom).unwrap().activities, [Activity::custom("busy")]);
    }

    #[test]
    fn found_22_what_no_constructor_gives_is_not_read() {
        for (activity, wanted) in [
            (r#"{"name":"a","type":1}"#, "an activity of type 1 needs a url"),
            (r#"{"name":"a","type":0,"url":"https://www.twitch.tv/a"}"#, "only an activity of type 1 has a url"),
            (r#"{"name":"a","type":4}"#, "an activity of type 4 needs its text, in state"),
            (r#"{"type":0}"#, "an activity needs a name"),
            (r#"{"name":"a"}"#, "missing field `type`"),
            (r#"{"name":"a","type":6}"#, "there is no activity of type 6, give 0 to 5"),
            (r#"{"name":"a","type":0,"details":"b"}"#, "unknown field `details`"),
        ] {
            let error = serde_json::from_str::<Activity>(activity).unwrap_err().to_string();
            assert!(error.starts_with(wanted), "{activity}: {error}");
        }
        let error = serde_json::from_str::<Presence>(r#"{"activites":[]}"#).unwrap_err().to_string();
        assert!(error.starts_with("unknown field `activites`"), "{error}");
    }
}
