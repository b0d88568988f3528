//! The rules a client can break, and what each costs it.

use portcullis::CloseCode;

/// A rule of the gateway that a client broke.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Rule {
    /// The bytes are no JSON object with an `op`. Close 4002.
    Undecodable,
    /// The frame is longer than 4,096 bytes. Close 4002.
    TooLong {
        /// Its length in bytes.
        bytes: usize,
    },
    /// An opcode the gateway does not take from clients. Close 4001.
    UnknownOpcode {
        /// The opcode.
        op: i64,
    },
    /// The `d` of this opcode has the wrong shape. Close 4001.
    Malformed {
        /// The opcode.
        op: i64,
    },
    /// This opcode came before Identify or Resume. Close 4003.
    NotAuthenticated {
        /// The opcode.
        op: i64,
    },
    /// The token is wrong. Close 4004.
    AuthenticationFailed,
    /// Identify or Resume on a connection that has a session. Close 4005.
    AlreadyAuthenticated,
    /// Resume with a sequence that was never sent. Close 4007.
    InvalidSequence,
    /// More than 120 frames in 60 s. Close 4008.
    RateLimited,
    /// No heartbeat for too long. Close 4009.
    SessionTimedOut,
    /// `[id, count]` with an id not below the count. Close 4010.
    InvalidShard,
    /// More than 2,500 guilds would be on this shard. Close 4011.
    ShardingRequired,
    /// The query of the URL has no supported `v`, or asks for a thing this fake does not speak. Close 4012.
    InvalidVersion,
    /// `compress` or `encoding` has a value nobody speaks. Close 4002.
    InvalidQuery,
    /// Intents are missing, negative, or unknown. Close 4013.
    InvalidIntents,
    /// A privileged intent that was not switched on. Close 4014.
    DisallowedIntents,
    /// An Identify in a bucket that had one less than 5 s ago. Op 9 `false`.
    IdentifyTooSoon {
        /// The bucket: shard id modulo `max_concurrency`.
        bucket: u32,
    },
    /// More Identifies than a day allows. The token is reset: all its connections end, this one with 4004.
    DailyLimit,
    /// A heartbeat with a sequence that was never sent. Tolerated.
    HeartbeatAhead,
}

impl Rule {
    /// The code the connection is closed with; `None` where the gateway leaves it open.
    #[must_use]
    pub const fn close_code(self) -> Option<CloseCode> {
        Some(CloseCode(match self {
            Self::UnknownOpcode { .. } | Self::Malformed { .. } => 4001,
            Self::Undecodable | Self::TooLong { .. } | Self::InvalidQuery => 4002,
            Self::NotAuthenticated { .. } => 4003,
            Self::AuthenticationFailed | Self::DailyLimit => 4004,
            Self::AlreadyAuthenticated => 4005,
            Self::InvalidSequence => 4007,
            Self::RateLimited => 4008,
            Self::SessionTimedOut => 4009,
            Self::InvalidShard => 4010,
            Self::ShardingRequired => 4011,
            Self::InvalidVersion => 4012,
            Self::InvalidIntents => 4013,
            Self::DisallowedIntents => 4014,
            Self::IdentifyTooSoon { .. } | Self::HeartbeatAhead => return None,
        }))
    }

    /// The reason in the close frame; those of 4002, 4004, 4013 and 4014 as observed, the rest in their pattern.
    pub(super) const fn reason(self) -> &'static str {
        match self {
            Self::UnknownOpcode { .. } => "Unknown opcode.",
            Self::Malformed { .. } => "Invalid payload.",
            Self::Undecodable | Self::TooLong { .. } | Self::InvalidQuery => "Error while decoding payload.",
            Self::NotAuthenticated { .. } => "Not authenticated.",
            Self::AuthenticationFailed | Self::DailyLimit => "Authentication failed.",
            Self::AlreadyAuthenticated => "Already authenticated.",
            Self::InvalidSequence => "Invalid seq.",
            Self::RateLimited => "Rate limited.",
            Self::SessionTimedOut => "Session timed out.",
            Self::InvalidShard => "Invalid shard.",
            Self::ShardingRequired => "Sharding required.",
            Self::InvalidVersion => "Invalid API version.",
            Self::InvalidIntents => "Invalid intent(s).",
            Self::DisallowedIntents => "Disallowed intent(s).",
            Self::IdentifyTooSoon { .. } | Self::HeartbeatAhead => "",
        }
    }
}
