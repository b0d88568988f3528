//! The script language: what goes wrong, and when. `SCRIPTS.md` has its page.
//!
//! A script is read whole before anything is done with it. The machine plays it: cues (what clients do) and the clock
//! come in, deeds come out. Nothing here does I/O.

mod cursor;
mod deeds;
mod error;
mod faults;
mod now;
mod parse;
mod play;
mod settings;
mod values;

pub use error::{Expected, ScriptError};
pub use now::Deeds;
pub use play::Failure;
pub(super) use play::{Due, Judged, Play};

use crate::config::FakeConfig;
use crate::faults::{Fault, FaultKind, Span};
use crate::flood::Flood;
use crate::frames::Resumable;
use core::time::Duration;
use portcullis::{CloseCode, Message};
use settings::Setting;

/// A script that was read without an error.
///
/// ```
/// use portcullis_fake::{FakeConfig, FakeGateway, Script, Timestamp};
///
/// let script = Script::parse("set guilds 0\nafter the third heartbeat: stop acking")?;
/// let mut config = FakeConfig::default();
/// script.configure(&mut config);
/// let mut gateway = FakeGateway::new(config);
/// gateway.play(Timestamp::ZERO, script);
/// # Ok::<(), portcullis_fake::ScriptError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Script {
    settings: Vec<Setting>,
    rules: Vec<Rule>,
}

impl Script {
    /// The name that stands for a mixture of events.
    pub(super) const TRAFFIC: &'static str = "traffic";

    /// Reads a script.
    ///
    /// # Errors
    /// The first place that is not understood.
    pub fn parse(text: &str) -> Result<Self, ScriptError> {
        parse::script(text)
    }

    /// Sets what its `set` lines say.
    pub fn configure(&self, config: &mut FakeConfig) {
        for setting in &self.settings {
            setting.apply(config);
        }
    }

    /// Adds a rule: this many generated events a second to every session; none for 0.
    pub fn add_traffic(&mut self, per_second: u32) {
        if let Some(nanos) = 1_000_000_000_u64.checked_div(u64::from(per_second)) {
            let period = Duration::from_nanos(nanos.max(1));
            let data = Payload::Generated { members: None };
            let deed = Deed::Dispatch { times: 1, name: Self::TRAFFIC.into(), data };
            self.rules.push(Rule {
                line: 0,
                when: When::Every(Wait::exactly(period)),
                deeds: vec![(Whom::Cued, deed)],
            });
        }
    }
}

impl Script {
    /// Adds a rule: each new session is flooded behind its guilds.
    pub fn add_flood(&mut self, flood: Flood) {
        let when = When::Cue { cue: Cue::Ready, nth: Nth::Each, connections: Connections::ALL, timing: Timing::After };
        self.rules.push(Rule { line: 0, when, deeds: vec![(Whom::Cued, Deed::Flood(flood))] });
    }
}

/// When, and what then.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Rule {
    /// Its line in the script; 0 for one that no script has.
    pub(super) line: u32,
    pub(super) when: When,
    pub(super) deeds: Vec<(Whom, Deed)>,
}

/// When a rule is due.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum When {
    /// At once, before the first client.
    Start,
    /// This long after the start.
    At(Wait),
    /// Again and again.
    Every(Wait),
    /// When clients do something.
    Cue { cue: Cue, nth: Nth, connections: Connections, timing: Timing },
}

/// What can be waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Cue {
    Connect,
    Identify,
    Resume,
    Ready,
    Resumed,
    Heartbeat,
    Command,
    Op(i64),
    Leave,
    /// A dispatch was sent.
    Event,
}

impl Cue {
    /// The script's word for it.
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Connect => "connect",
            Self::Identify => "identify",
            Self::Resume => "resume",
            Self::Ready => "ready",
            Self::Resumed => "resumed",
            Self::Heartbeat => "heartbeat",
            Self::Command => "command",
            Self::Op(_) => "op",
            Self::Leave => "leave",
            Self::Event => "event",
        }
    }

    /// Whether it is counted on each connection by itself; others are counted over the whole run.
    pub(super) const fn is_counted_by_connection(self) -> bool {
        match self {
            Self::Heartbeat | Self::Command | Self::Op(_) | Self::Event => true,
            Self::Connect | Self::Identify | Self::Resume | Self::Ready | Self::Resumed | Self::Leave => false,
        }
    }
}

/// Which of several.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Nth {
    Each,
    Only(u64),
    /// Each time this many came.
    Every(u64),
}

impl Nth {
    pub(super) const fn is(self, number: u64) -> bool {
        match self {
            Self::Each => true,
            Self::Only(only) => number == only,
            Self::Every(period) => number.is_multiple_of(period),
        }
    }
}

/// On which connections, by their numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Connections {
    pub(super) first: u64,
    pub(super) last: u64,
}

impl Connections {
    pub(super) const ALL: Self = Self { first: 0, last: u64::MAX };

    pub(super) const fn has(self, number: u64) -> bool {
        self.first <= number && number <= self.last
    }
}

/// Before the gateway answers what a client did, or after.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Timing {
    Before,
    After,
    Later(Wait),
}

/// A span, or one drawn between two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Wait {
    pub(super) least: Duration,
    pub(super) most: Duration,
}

impl Wait {
    pub(super) const fn exactly(span: Duration) -> Self {
        Self { least: span, most: span }
    }
}

/// Whom a deed is done to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Whom {
    /// The connection that the rule is about; everyone, if it is about none.
    Cued,
    Everyone,
}

/// What is done.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Deed {
    Dispatch {
        times: u32,
        name: Box<str>,
        data: Payload,
    },
    Send {
        times: u32,
        message: Message,
    },
    RequestHeartbeat {
        times: u32,
    },
    Drop,
    Close {
        code: Option<CloseCode>,
        reason: Box<str>,
    },
    Reconnect,
    InvalidSession(Resumable),
    Arm(Fault, Span),
    Lift(FaultKind),
    LiftAll,
    /// Rate Limited for the last members request.
    RateLimit(Duration),
    Flood(Flood),
    /// A dispatch of this many blanks, compressed.
    Bomb(u32),
    /// Chunks for the last members request.
    AnswerMembers(u32),
    ResetToken,
    AcceptToken(Box<str>),
    Say(Box<str>),
    Fail(Box<str>),
    /// A cue is to come within a time, or not to come.
    Expect {
        wanted: Wanted,
        cue: Cue,
        within: Duration,
    },
    End,
}

/// Whether something is to happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wanted {
    Yes,
    No,
}

/// What a dispatch holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Payload {
    Given(Box<str>),
    Generated { members: Option<u32> },
}
