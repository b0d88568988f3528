//! What a fake gateway is told before its first connection.

use crate::intents;
use core::fmt;
use core::time::Duration;

/// How the gateway behaves when nothing is wrong. Start from [`FakeConfig::default`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FakeConfig {
    /// Seeds session ids, the only thing drawn. Default 1.
    pub seed: u64,
    /// What Hello says. Default 41.25 s *(observed)*.
    pub heartbeat_interval: Duration,
    /// How long a client may be silent. Default 175 % of the interval *(not documented)*.
    pub tolerance: Tolerance,
    /// Whether a session survives close 4009. Default [`SessionFate::Kept`]; the real gateway mostly ends it.
    pub after_timeout: SessionFate,
    /// Which token is the right one. Default any that is not empty.
    pub token: AcceptedToken,
    /// How many guilds the bot is in, spread evenly over its shards. Default 2.
    pub guilds: u32,
    /// How many of them, the last ones, have an outage: a Guild Delete comes instead of a Guild Create. Default 0.
    pub guilds_unavailable: u32,
    /// How many members each guild has, the bot among them. Default 2.
    pub members: u32,
    /// How many bytes the data of each Guild Create has, filled with channels and members; none is smaller than the
    /// smallest, of some 2,000. Default 0.
    pub guild_bytes: usize,
    /// Whether commands are answered. Default [`Answers::Given`].
    pub answers: Answers,
    /// How many dispatches a session keeps for a resume. Default 3,500 *(staff, 2016)*.
    pub ring: usize,
    /// How many bytes of their data it keeps at most; a resume from before what is kept gets op 9. Default 16 MiB.
    pub ring_bytes: usize,
    /// How long a session without a connection lives. Default 180 s *(documented: a few minutes)*.
    pub session_lifetime: Duration,
    /// How many shards `GET /gateway/bot` recommends. Default `None`: one for each 1,000 guilds.
    pub shards: Option<u32>,
    /// How many Identifies are allowed in 5 s, one a bucket. Default 1.
    pub max_concurrency: u32,
    /// How many Identifies are allowed in 24 h. Default 1,000.
    pub daily_limit: u32,
    /// Whether the limits on what clients send are held. Default [`Limits::Real`].
    pub limits: Limits,
    /// How streams are compressed. Default [`Blocks::Compressed`].
    pub blocks: Blocks,
    /// Which privileged intents the application may ask for, as their bits. Default all three.
    pub privileged: u64,
    /// What `GET /gateway` gives as `url`. Default `ws://fake.invalid`; a listener puts its own address here.
    pub url: String,
    /// What Ready gives as `resume_gateway_url`. Default `ws://fake.invalid`; a listener puts its own address here.
    pub resume_url: String,
    /// How long after op 7 the gateway itself closes the connection, with 4000. Default 5 s.
    pub reconnect_patience: Duration,
    /// How many connections are served at once; more are refused with status 503. Default 65,536.
    pub connections_max: usize,
    /// How many sessions live at once; an Identify above that gets op 9 `false`. Default 65,536.
    pub sessions_max: usize,
    /// How many arrivals, received frames and broken rules are remembered, of each. Default 10,000.
    pub record_max: usize,
}

impl Default for FakeConfig {
    fn default() -> Self {
        Self {
            seed: 1,
            heartbeat_interval: Duration::from_millis(41_250),
            tolerance: Tolerance::Percent(175),
            after_timeout: SessionFate::Kept,
            token: AcceptedToken::Any,
            guilds: 2,
            guilds_unavailable: 0,
            members: 2,
            guild_bytes: 0,
            answers: Answers::Given,
            ring: 3500,
            ring_bytes: 16 << 20,
            session_lifetime: Duration::from_secs(180),
            shards: None,
            max_concurrency: 1,
            daily_limit: 1000,
            limits: Limits::Real,
            blocks: Blocks::Compressed,
            privileged: intents::PRIVILEGED,
            url: "ws://fake.invalid".into(),
            resume_url: "ws://fake.invalid".into(),
            reconnect_patience: Duration::from_secs(5),
            connections_max: 65_536,
            sessions_max: 65_536,
            record_max: 10_000,
        }
    }
}

/// How long a client may go without a heartbeat before close 4009, counted from Hello or its last heartbeat.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tolerance {
    /// This percentage of the heartbeat interval.
    Percent(u32),
    /// For ever.
    Unlimited,
}

/// Whether a session lives on when its connection ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SessionFate {
    /// It waits to be resumed.
    Kept,
    /// It is gone.
    Ended,
}

/// Whether clients are held to the limits on what they send: 120 frames in 60 s, 4,096 bytes a frame, one Identify
/// per bucket in 5 s, the daily Identifies, and 2,500 guilds a shard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limits {
    /// As the real gateway does.
    Real,
    /// None of them: for load tests.
    Lifted,
}

/// Whether commands are answered: members, soundboard sounds, channel info, voice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answers {
    /// As the real gateway does, but for requests of members that a rule of the script answers.
    Given,
    /// By the test or its script alone. All members of a guild twice within 30 s are `RATE_LIMITED` all the same.
    Off,
}

/// What the blocks of `zlib-stream` and `zstd-stream` hold. A client inflates both alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Blocks {
    /// What a compressor makes of the payloads, as the real gateway's do. That of `zstd-stream` needs the feature
    /// `zstd`; without it its blocks are stored.
    Compressed,
    /// The payloads as they are: a connection needs no compressor, which is some hundred kilobytes. For load tests.
    Stored,
}

/// Which token opens a session. `Bot ` in front of one is ignored.
#[derive(Clone, PartialEq, Eq)]
pub enum AcceptedToken {
    /// Any that is not empty.
    Any,
    /// This one.
    Only(String),
    /// None: it was reset.
    Nothing,
}

impl AcceptedToken {
    pub(super) fn accepts(&self, token: &str) -> bool {
        match self {
            Self::Any => !bare(token).is_empty(),
            Self::Only(right) => bare(token) == bare(right),
            Self::Nothing => false,
        }
    }
}

/// A token without the optional word in front of it.
pub(super) fn bare(token: &str) -> &str {
    token.strip_prefix("Bot ").unwrap_or(token)
}

/// Never prints the token.
impl fmt::Debug for AcceptedToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Any => "Any",
            Self::Only(_) => "Only(…)",
            Self::Nothing => "Nothing",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_counts_with_and_without_its_prefix_and_is_never_printed() {
        let only = AcceptedToken::Only("Bot hush".into());
        assert!(only.accepts("hush") && only.accepts("Bot hush"));
        assert!(!only.accepts("hush ") && !AcceptedToken::Any.accepts("Bot ") && !AcceptedToken::Nothing.accepts("x"));
        let config = FakeConfig { token: only, ..FakeConfig::default() };
        assert!(!format!("{config:?}").contains("hush"));
    }
}
