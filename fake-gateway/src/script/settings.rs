//! `set` lines: how the gateway is when nothing is wrong.

use super::cursor::{Cursor, Read};
use super::deeds::MEMBERS_MAX;
use crate::config::{AcceptedToken, Answers, Blocks, FakeConfig, Limits, SessionFate, Tolerance};
use crate::intents;
use core::time::Duration;

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Setting {
    Seed(u64),
    Heartbeat(Duration),
    Tolerance(Tolerance),
    AfterTimeout(SessionFate),
    Token(String),
    Guilds(u32),
    Unavailable(u32),
    Members(u32),
    GuildBytes(usize),
    RingBytes(usize),
    Shards(u32),
    Answers(Answers),
    Ring(usize),
    Lifetime(Duration),
    Concurrency(u32),
    Daily(u32),
    Limits(Limits),
    Blocks(Blocks),
    Privileged(u64),
    Patience(Duration),
}

const NAMES: &[&str] = &[
    "seed",
    "heartbeat",
    "tolerance",
    "after-timeout",
    "token",
    "guilds",
    "unavailable",
    "members",
    "guild-bytes",
    "ring-bytes",
    "shards",
    "answers",
    "ring",
    "lifetime",
    "concurrency",
    "daily",
    "limits",
    "blocks",
    "privileged",
    "patience",
];

impl Setting {
    /// Reads what stands behind `set`.
    pub(super) fn read(cursor: &mut Cursor<'_>) -> Read<Self> {
        Ok(match cursor.one_of(NAMES)? {
            "seed" => Self::Seed(cursor.number(0, u64::MAX)?),
            "heartbeat" => Self::Heartbeat(cursor.wait()?.least),
            "tolerance" if cursor.accept("unlimited") => Self::Tolerance(Tolerance::Unlimited),
            "tolerance" => {
                let percent = cursor.small(1, 1_000_000)?;
                cursor.expect(&["%"])?;
                Self::Tolerance(Tolerance::Percent(percent))
            }
            "after-timeout" => Self::AfterTimeout(match cursor.one_of(&["kept", "ended"])? {
                "kept" => SessionFate::Kept,
                _ => SessionFate::Ended,
            }),
            "token" => Self::Token(cursor.quoted()?),
            "guilds" => Self::Guilds(cursor.small(0, 1_000_000)?),
            "unavailable" => Self::Unavailable(cursor.small(0, 1_000_000)?),
            "members" => Self::Members(cursor.small(1, MEMBERS_MAX)?),
            "guild-bytes" => Self::GuildBytes(size(cursor.small(0, 1 << 26)?)),
            "ring-bytes" => Self::RingBytes(size(cursor.small(0, u32::MAX)?)),
            "shards" => Self::Shards(cursor.small(1, 1_000_000)?),
            "answers" => Self::Answers(match cursor.one_of(&["given", "off"])? {
                "given" => Answers::Given,
                _ => Answers::Off,
            }),
            "ring" => Self::Ring(size(cursor.small(0, 1_000_000)?)),
            "lifetime" => Self::Lifetime(cursor.wait()?.least),
            "concurrency" => Self::Concurrency(cursor.small(1, 1_000_000)?),
            "daily" => Self::Daily(cursor.small(0, u32::MAX)?),
            "limits" => Self::Limits(match cursor.one_of(&["real", "lifted"])? {
                "real" => Limits::Real,
                _ => Limits::Lifted,
            }),
            "blocks" => Self::Blocks(match cursor.one_of(&["compressed", "stored"])? {
                "compressed" => Blocks::Compressed,
                _ => Blocks::Stored,
            }),
            "privileged" => Self::Privileged(match cursor.one_of(&["all", "none"])? {
                "all" => intents::PRIVILEGED,
                _ => 0,
            }),
            _ => Self::Patience(cursor.wait()?.least),
        })
    }

    pub(super) fn apply(&self, config: &mut FakeConfig) {
        match self {
            Self::Seed(seed) => config.seed = *seed,
            Self::Heartbeat(interval) => config.heartbeat_interval = *interval,
            Self::Tolerance(tolerance) => config.tolerance = *tolerance,
            Self::AfterTimeout(fate) => config.after_timeout = *fate,
            Self::Token(token) => config.token = AcceptedToken::Only(token.clone()),
            Self::Guilds(guilds) => config.guilds = *guilds,
            Self::Unavailable(guilds) => config.guilds_unavailable = *guilds,
            Self::Members(members) => config.members = *members,
            Self::GuildBytes(bytes) => config.guild_bytes = *bytes,
            Self::RingBytes(bytes) => config.ring_bytes = *bytes,
            Self::Shards(shards) => config.shards = Some(*shards),
            Self::Answers(answers) => config.answers = *answers,
            Self::Ring(ring) => config.ring = *ring,
            Self::Lifetime(lifetime) => config.session_lifetime = *lifetime,
            Self::Concurrency(shards) => config.max_concurrency = *shards,
            Self::Daily(limit) => config.daily_limit = *limit,
            Self::Limits(limits) => config.limits = *limits,
            Self::Blocks(blocks) => config.blocks = *blocks,
            Self::Privileged(intents) => config.privileged = *intents,
            Self::Patience(patience) => config.reconnect_patience = *patience,
        }
    }
}

fn size(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}
