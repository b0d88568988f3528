//! Mistakes that were accepted in silence: unknown event names, texts that are no tokens; and intents of the future that were
//! refused.

use portcullis::dialect::Dialect;
use portcullis::dialect::discord::{Discord, DiscordError, Intents};
use portcullis::machine::{Config, ConfigError, EventFilter};
use portcullis::token::TokenError;
use portcullis::{GatewayMachine, Seed};
use portcullis_tests::rig::{TOKEN, discord, prompt};
use portcullis_tests::toy::{Sessions, Toy};
use portcullis_tests::{Rig, frames};
use std::sync::{Arc, Mutex};
use tracing::field::{Field, Visit};
use tracing::span;

fn refusal(dialect: impl Dialect, events: EventFilter) -> Option<ConfigError> {
    GatewayMachine::new(dialect, Config { events, ..Config::default() }, Seed(7)).err()
}

#[test]
fn found_15_a_filter_with_a_name_that_nobody_sends_is_refused_with_the_nearest() {
    let unknown = |event: &str, nearest| Some(ConfigError::UnknownEvent { event: event.into(), nearest });
    for named in [EventFilter::only, EventFilter::except] {
        for (name, nearest) in [
            ("MESAGE_CREATE", Some("MESSAGE_CREATE")),
            ("message_create", Some("MESSAGE_CREATE")),
            ("messageCreate", Some("MESSAGE_CREATE")),
            ("GUILD_MEMBERS_ADD", Some("GUILD_MEMBER_ADD")),
            ("SOMETHING_ELSE_ENTIRELY", None),
            ("", None),
        ] {
            assert_eq!(refusal(discord(), named(["READY", name])), unknown(name, nearest), "{name}");
            let boxed: Box<dyn Dialect> = Box::new(discord());
            assert_eq!(refusal(boxed, named([name, "READY"])), unknown(name, nearest), "{name}");
        }
    }
    assert_eq!(
        refusal(discord(), EventFilter::only(["MESAGE_CREATE"])).unwrap().to_string(),
        "events names \"MESAGE_CREATE\", which the gateway is not known to send; did you mean MESSAGE_CREATE? \
         a name of one's own is given by with_custom"
    );
}

#[test]
fn found_15_a_name_that_is_said_to_be_ones_own_passes() {
    let events = EventFilter::only(["MESSAGE_CREATE"]).with_custom(["EVENT_OF_TOMORROW"]);
    let mut rig = Rig::online(Config { events, ..prompt() });
    rig.message(frames::dispatch("EVENT_OF_TOMORROW", 3, "{}"));
    rig.message(frames::dispatch("TYPING_START", 4, "{}"));
    assert_eq!(rig.dispatches.last().unwrap().name(), "EVENT_OF_TOMORROW");
    // The event names of a hub are the application's own.
    assert_eq!(refusal(Toy::new(Sessions::Kept), EventFilter::only(["anything"])), None);
}

#[test]
fn found_15_a_token_that_is_none_says_what_is_wrong() {
    for (token, error, text) in [
        ("\"a.b.c\"", TokenError::Quoted, "the token has quotes, leave them out"),
        (
            "null",
            TokenError::Placeholder,
            "the token is a placeholder, check that the variable it comes from is set and expanded",
        ),
        (
            "${TOKEN}",
            TokenError::Placeholder,
            "the token is a placeholder, check that the variable it comes from is set and expanded",
        ),
        ("a.b c", TokenError::Space { at: 3 }, "the token has white space inside, at byte 3, give the token alone"),
    ] {
        let refused = Discord::new(token, Intents::GUILDS).unwrap_err();
        assert_eq!(refused, DiscordError::Token(error), "{token}");
        assert_eq!(refused.to_string(), format!("token: {text}"));
    }
}

/// Keeps the warnings, as text.
#[derive(Clone, Default)]
struct Warnings(Arc<Mutex<Vec<String>>>);

impl tracing::Subscriber for Warnings {
    fn enabled(&self, metadata: &tracing::Metadata<'_>) -> bool {
        *metadata.level() == tracing::Level::WARN
    }

    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}

    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}

    fn event(&self, event: &tracing::Event<'_>) {
        let mut line = Line(String::new());
        event.record(&mut line);
        self.0.lock().unwrap().push(line.0);
    }

    fn enter(&self, _: &span::Id) {}

    fn exit(&self, _: &span::Id) {}
}

struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn core::fmt::Debug) {
        self.0.push_str(&format!("{field}={value:?} "));
    }
}

#[test]
fn found_15_intents_of_tomorrow_are_asked_for_with_a_warning() {
    let warnings = Warnings::default();
    tracing::subscriber::with_default(warnings.clone(), || {
        Discord::new(TOKEN, Intents::all()).unwrap();
        assert_eq!(warnings.0.lock().unwrap().len(), 0);
        for intents in [
            Intents::GUILDS | Intents::from_bits_retain(1 << 17),
            "GUILDS|131072".parse().unwrap(),
            serde_json::from_str("131073").unwrap(),
        ] {
            assert_eq!(intents.bits(), 131_073);
            let mut rig = Rig::of(Discord::new(TOKEN, intents).unwrap(), prompt());
            rig.start().open().message(frames::hello("40000"));
            let asked = |message: &portcullis::Message| {
                String::from_utf8_lossy(message.bytes()).contains(r#""intents":131073,"#)
            };
            assert!(rig.sends.iter().any(|(_, message)| asked(message)));
        }
    });
    let lines = warnings.0.lock().unwrap();
    assert_eq!(lines.len(), 3);
    assert!(lines.iter().all(|line| line.contains("bits=131072") && line.contains("4013")), "{lines:?}");
}
