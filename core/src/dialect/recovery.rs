//! What a close code means, as data.

use crate::message::CloseCode;
use core::fmt;
use core::time::Duration;

/// What is done after a connection has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Recovery {
    /// Whether to resume, to identify or to end.
    pub plan: Plan,
    /// The least time to wait before the next connection. The backoff may ask for more.
    pub wait_min: Duration,
    /// The most that wait grows to: it doubles each time the same code ends a connection again, and is back at `wait_min` once
    /// the code has not come for `wait_max`. With a value up to `wait_min` the wait does not grow.
    pub wait_max: Duration,
    /// Whether the token may be used again.
    pub token: TokenFate,
    /// How many times the session may be tried after this code; the config's own bound holds as well.
    pub tries: u32,
}

impl Recovery {
    /// Resume, as often as the config allows.
    pub const RESUME: Self = Self {
        plan: Plan::Resume,
        wait_min: Duration::ZERO,
        wait_max: Duration::ZERO,
        token: TokenFate::Keep,
        tries: u32::MAX,
    };
    /// Drop the session and identify again.
    pub const IDENTIFY: Self = Self { plan: Plan::Identify, tries: 0, ..Self::RESUME };
    /// Never connect again.
    pub const END: Self = Self { plan: Plan::End, tries: 0, ..Self::RESUME };
}

/// How to go on after a connection has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Plan {
    /// Resume the session, if there is one.
    Resume,
    /// Begin a new session.
    Identify,
    /// Do not connect again.
    End,
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Resume => "resume",
            Self::Identify => "identify",
            Self::End => "end",
        })
    }
}

/// Whether a token may be used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenFate {
    /// The token may be used again.
    Keep,
    /// The machine requests a new token first, if tokens expire. Without effect if they do not.
    Renew,
}

/// A row of a dialect's table of close codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CloseRow {
    /// The code; `None` in the rows for a connection that ended without one and for unknown codes.
    pub code: Option<CloseCode>,
    /// The gateway's name for it, in lower case.
    pub name: &'static str,
    /// What is done.
    pub recovery: Recovery,
    /// What the application's author can do about it.
    pub advice: &'static str,
    /// Where the rule comes from.
    pub source: &'static str,
}
