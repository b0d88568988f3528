//! Events as lines: for people, or as JSON.

use super::args::Form;
use core::time::Duration;
use portcullis::machine::Transition;
use portcullis::{Dispatch, Event};
use serde::Deserialize;
use serde_json::{Value, json};
use std::env;
use std::io::{self, IsTerminal as _, Stdout, Write as _};

/// Writes the lines. A reader that went away is an error of the write, and the end of the run.
pub(crate) struct Printer {
    out: Stdout,
    form: Form,
    paint: Paint,
}

/// Whether lines have colour.
#[derive(Clone, Copy)]
enum Paint {
    Plain,
    Coloured,
}

/// The tone of a line, which chooses its colour.
#[derive(Clone, Copy)]
enum Tone {
    Good,
    News,
    Wait,
    Bad,
    Quiet,
}

impl Tone {
    const fn code(self) -> &'static str {
        match self {
            Self::Good => "32",
            Self::News => "36",
            Self::Wait => "33",
            Self::Bad => "31",
            Self::Quiet => "2",
        }
    }
}

impl Printer {
    pub(crate) fn new(form: Form) -> Self {
        let out = io::stdout();
        let no_color = env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let paint = if out.is_terminal() && !no_color { Paint::Coloured } else { Paint::Plain };
        Self { out, form, paint }
    }

    pub(crate) fn event(&mut self, at: Duration, event: &Event) -> io::Result<()> {
        match self.form {
            Form::Timeline => self.line(at, event),
            Form::Json => self.json(at, event),
        }
    }

    /// In the timeline the events tell enough.
    pub(crate) fn transition(&mut self, transition: &Transition) -> io::Result<()> {
        if self.form == Form::Timeline {
            return Ok(());
        }
        let at = Duration::from_nanos(transition.at.as_nanos());
        let object = json!({
            "at": seconds(at), "transition": { "from": transition.from.to_string(), "to": transition.to.to_string() },
            "cause": transition.cause.name(), "detail": transition.cause.to_string(), "connection": transition.connection(),
        });
        writeln!(self.out, "{object}")
    }

    /// A line of the summary.
    pub(crate) fn plain(&mut self, text: &str) -> io::Result<()> {
        match self.form {
            Form::Timeline => writeln!(self.out, "{text}"),
            Form::Json => Ok(()),
        }
    }

    pub(crate) fn object(&mut self, object: &Value) -> io::Result<()> {
        match self.form {
            Form::Timeline => Ok(()),
            Form::Json => writeln!(self.out, "{object}"),
        }
    }

    fn line(&mut self, at: Duration, event: &Event) -> io::Result<()> {
        let (tone, kind, text) = told(event);
        let at = at.as_secs_f64();
        match self.paint {
            Paint::Plain => writeln!(self.out, "{at:8.3}  {kind:<13} {text}"),
            Paint::Coloured => writeln!(self.out, "{at:8.3}  \x1b[{}m{kind:<13} {text}\x1b[0m", tone.code()),
        }
    }

    fn json(&mut self, at: Duration, event: &Event) -> io::Result<()> {
        let (_, kind, text) = told(event);
        let mut object = json!({ "at": seconds(at), "event": kind });
        match event {
            Event::Ready(dispatch) | Event::Resumed(dispatch) | Event::Dispatch(dispatch) => {
                object["name"] = dispatch.name().into();
                object["sequence"] = dispatch.sequence().map(|sequence| sequence.0).into();
                object["replayed"] = dispatch.is_replayed().into();
            }
            _ => object["text"] = text.into(),
        }
        writeln!(self.out, "{object}")
    }
}

fn seconds(span: Duration) -> f64 {
    (span.as_secs_f64() * 1000.0).round() / 1000.0
}

/// An event in words: its tone, its kind, and the rest.
fn told(event: &Event) -> (Tone, &'static str, String) {
    match event {
        Event::Connecting { connection, plan } => (Tone::Quiet, "connecting", format!("{connection}, to {plan}")),
        Event::Ready(dispatch) => (Tone::Good, "ready", summary(dispatch)),
        Event::Resumed(_) => (Tone::Good, "resumed", "nothing was missed".into()),
        Event::Dispatch(dispatch) => {
            let replayed = if dispatch.is_replayed() { " (replayed)" } else { "" };
            let sequence = dispatch.sequence().map_or_else(String::new, |sequence| format!("#{sequence} "));
            let text = format!("{sequence}{}{replayed} {}", dispatch.name(), summary(dispatch));
            (Tone::News, "dispatch", text.trim_end().into())
        }
        Event::Gap { after, got } => (Tone::Bad, "gap", format!("after #{after} came #{got}")),
        Event::SessionLost { cause } => (Tone::Bad, "session lost", cause.to_string()),
        Event::Faulted(fault) => (Tone::Bad, "faulted", fault.to_string()),
        Event::Closed { connection, reason } => (Tone::Bad, "closed", format!("{connection}, {reason}")),
        Event::Reconnecting { after, plan, cause } => {
            (Tone::Wait, "reconnecting", format!("in {:.3} s, to {plan}: {cause}", after.as_secs_f64()))
        }
        Event::Paced { waited } => (Tone::Wait, "paced", format!("{:.3} s", waited.as_secs_f64())),
        Event::Command(id, outcome) => (Tone::Quiet, "command", format!("{} {outcome:?}", id.0)),
        Event::OutboxDrained => (Tone::Quiet, "drained", "the outbox has room again".into()),
        Event::Unknown(frame) => (Tone::Quiet, "unknown", format!("{frame:?}")),
        Event::Ended(reason) => (Tone::Good, "ended", reason.to_string()),
        other => (Tone::Quiet, "other", format!("{other:?}")),
    }
}

/// A few words on what is in a dispatch, where it is one that is known here.
fn summary(dispatch: &Dispatch) -> String {
    #[derive(Deserialize)]
    struct Known {
        content: Option<String>,
        author: Option<User>,
        user: Option<User>,
        user_id: Option<String>,
        name: Option<String>,
        guilds: Option<Vec<serde::de::IgnoredAny>>,
    }
    #[derive(Deserialize)]
    struct User {
        username: String,
    }
    let Ok(known) = dispatch.decode::<Known>() else { return String::new() };
    let text = match dispatch.name() {
        "READY" => {
            let name = known.user.map_or_else(|| "the bot".into(), |user| user.username);
            format!("as {name}, in {} guilds", known.guilds.map_or(0, |guilds| guilds.len()))
        }
        "MESSAGE_CREATE" => {
            let author = known.author.map_or_else(|| "someone".into(), |author| author.username);
            format!("{author}: {}", known.content.unwrap_or_default())
        }
        "TYPING_START" => format!("user {}", known.user_id.unwrap_or_default()),
        _ => known.name.unwrap_or_default(),
    };
    // What others wrote is printed in a terminal: no control characters, and not much of it.
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(100).collect()
}
