//! Which events an application is given, by name.

use super::config_error::ConfigError;
use super::spelling::nearest;
use crate::dialect::Dialect;
use alloc::boxed::Box;
use alloc::vec::Vec;

/// Which events an application is given, by name, before anything of them is decoded or copied.
///
/// What is kept out is counted ([`Counts::filtered`](super::Counts::filtered)), moves the session on, and is a sign of
/// life, as any event. Ready and Resumed always come. To be sent less in the first place, ask for fewer intents: this is
/// for the events that an intent brings along.
///
/// A machine refuses a filter with a name that its dialect does not know, since a bot with a misspelt one would be deaf;
/// [`with_custom`](Self::with_custom) gives those that it need not know.
///
/// ```
/// use portcullis::dialect::discord::{Discord, Intents};
/// use portcullis::machine::{Config, EventFilter};
/// use portcullis::{GatewayMachine, Seed};
///
/// let config = Config { events: EventFilter::only(["MESSAGE_CREATE", "TYPING_START"]), ..Config::default() };
/// let discord = Discord::new("a.bot.token", Intents::GUILD_MESSAGES)?;
/// let error = GatewayMachine::new(discord, config, Seed(7)).unwrap_err();
/// assert_eq!(
///     error.to_string(),
///     "events names TYPING_START, which is not sent without GUILD_MESSAGE_TYPING or DIRECT_MESSAGE_TYPING; \
///      ask for the intent or leave the name out"
/// );
///
/// let config = Config { events: EventFilter::only(["MESAGE_CREATE"]), ..Config::default() };
/// let discord = Discord::new("a.bot.token", Intents::GUILD_MESSAGES)?;
/// let error = GatewayMachine::new(discord, config, Seed(7)).unwrap_err();
/// assert!(error.to_string().contains("did you mean MESSAGE_CREATE?"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub enum EventFilter {
    /// All of them.
    #[default]
    All,
    /// Those with these names.
    Only(EventNames),
    /// All but those with these names.
    Except(EventNames),
}

impl EventFilter {
    /// Those with these names, spelt as the gateway spells them.
    pub fn only<N: Into<Box<str>>>(names: impl IntoIterator<Item = N>) -> Self {
        Self::Only(names.into_iter().collect())
    }

    /// All but those with these names, spelt as the gateway spells them.
    pub fn except<N: Into<Box<str>>>(names: impl IntoIterator<Item = N>) -> Self {
        Self::Except(names.into_iter().collect())
    }

    /// The same with more names, which the dialect need not know: an event of tomorrow, or a proxy's own. To a filter of
    /// all events they add nothing.
    #[must_use]
    pub fn with_custom<N: Into<Box<str>>>(self, names: impl IntoIterator<Item = N>) -> Self {
        match self {
            Self::All => Self::All,
            Self::Only(known) => Self::Only(known.with_custom(names)),
            Self::Except(known) => Self::Except(known.with_custom(names)),
        }
    }

    /// Whether an event of this name is given to the application.
    #[must_use]
    pub fn passes(&self, name: &[u8]) -> bool {
        match self {
            Self::All => true,
            Self::Only(names) => names.contains(name),
            Self::Except(names) => !names.contains(name),
        }
    }

    /// Why a name in it means nothing to the dialect, if one does.
    pub(super) fn check(&self, dialect: &dyn Dialect) -> Result<(), ConfigError> {
        let names = match self {
            Self::All => return Ok(()),
            Self::Only(names) | Self::Except(names) => names,
        };
        for name in names.iter() {
            if let Some(known) = dialect.events()
                && !known.contains(&name)
                && !names.is_custom(name)
            {
                return Err(ConfigError::UnknownEvent { event: name.into(), nearest: nearest(name, known) });
            }
            if let Some(intent) = dialect.missing_intent(name) {
                return Err(ConfigError::Undelivered { event: name.into(), intent });
            }
        }
        Ok(())
    }
}

/// A set of event names.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct EventNames {
    /// By length, then by bytes: most comparisons are then of two numbers.
    sorted: Vec<Box<str>>,
    /// Those that a dialect need not know.
    custom: Vec<Box<str>>,
}

impl EventNames {
    /// Whether a name is among them.
    #[must_use]
    pub fn contains(&self, name: &[u8]) -> bool {
        let order = |known: &[u8]| known.len().cmp(&name.len()).then_with(|| known.cmp(name));
        self.sorted.binary_search_by(|known| order(known.as_bytes())).is_ok()
    }

    /// The same with more names, which a dialect need not know.
    #[must_use]
    pub fn with_custom<N: Into<Box<str>>>(self, names: impl IntoIterator<Item = N>) -> Self {
        let more: Vec<Box<str>> = names.into_iter().map(Into::into).collect();
        let all: Self = self.sorted.into_iter().chain(more.iter().cloned()).collect();
        Self { custom: self.custom.into_iter().chain(more).collect(), ..all }
    }

    /// Each of them, the short ones first.
    #[must_use]
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &str> {
        self.sorted.iter().map(|name| &**name)
    }

    fn is_custom(&self, name: &str) -> bool {
        self.custom.iter().any(|custom| &**custom == name)
    }
}

impl<N: Into<Box<str>>> FromIterator<N> for EventNames {
    fn from_iter<I: IntoIterator<Item = N>>(names: I) -> Self {
        let mut sorted: Vec<Box<str>> = names.into_iter().map(Into::into).collect();
        sorted.sort_unstable_by(|one, other| one.len().cmp(&other.len()).then_with(|| one.cmp(other)));
        sorted.dedup();
        Self { sorted, custom: Vec::new() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::collections::BTreeSet;
    use alloc::format;

    #[test]
    fn a_filter_is_a_set_of_names() {
        let names = ["TYPING_START", "MESSAGE_CREATE", "TYPING_START", "MESSAGE_DELETE", ""];
        let (only, except) = (EventFilter::only(names), EventFilter::except(names));
        for (name, is_named) in [
            ("MESSAGE_CREATE", true),
            ("MESSAGE_DELETE", true),
            ("TYPING_START", true),
            ("", true),
            ("MESSAGE_UPDATE", false),
            ("MESSAGE_CREATE_", false),
            ("typing_start", false),
        ] {
            assert_eq!((only.passes(name.as_bytes()), except.passes(name.as_bytes())), (is_named, !is_named), "{name}");
            assert!(EventFilter::All.passes(name.as_bytes()));
        }
        assert!(!only.passes(b"\xff"));
        assert!(!EventFilter::only([""; 0]).passes(b"A") && EventFilter::except([""; 0]).passes(b"A"));
    }

    #[test]
    fn names_of_ones_own_are_names_as_any() {
        let only = EventFilter::only(["READY"]).with_custom(["MINE", "READY"]);
        assert!(only.passes(b"MINE") && only.passes(b"READY") && !only.passes(b"YOURS"));
        let except = EventFilter::except(["READY"]).with_custom(["MINE"]);
        assert!(!except.passes(b"MINE") && !except.passes(b"READY") && except.passes(b"YOURS"));
        assert_eq!(EventFilter::All.with_custom(["MINE"]), EventFilter::All);
    }

    #[test]
    fn many_names_are_found_each() {
        let names: BTreeSet<_> = (0..500).map(|number| format!("EVENT_{}", number * 7)).collect();
        let set: EventNames = names.iter().map(|name| &**name).collect();
        assert_eq!(set.iter().len(), 500);
        for number in 0..3500 {
            let name = format!("EVENT_{number}");
            assert_eq!(set.contains(name.as_bytes()), names.contains(&name));
        }
    }
}
