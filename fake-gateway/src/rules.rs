//! The rules a client can break, and what each costs it.

use core::fmt;
use core::time::Duration;
use portcullis::CloseCode;

/// A rule of the gateway that a client broke.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Rule {
    /// The bytes are no WebSocket frame: unmasked, a reserved bit, an unknown opcode. Close 1002 *(RFC 6455)*.
    WebsocketProtocol,
    /// A text message is not UTF-8. Close 1007 *(RFC 6455 §8.1)*.
    NotUtf8,
    /// A message is larger than the WebSocket layer reads: 1 MiB over sockets. Close 1009 *(RFC 6455 §7.4.1)*.
    MessageTooLarge,
    /// The bytes are no JSON object, or with `encoding=etf` no map, with an `op`. Close 4002.
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
    /// The query of the URL has no supported `v`. Close 4012.
    InvalidVersion,
    /// `compress` or `encoding` has an unknown value. Close 4002.
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
    /// More than 5 presence updates in 20 s on one connection. Tolerated; the real gateway drops or delays them.
    PresenceTooOften,
    /// All members of a guild asked for a second time within 30 s. Answered by `RATE_LIMITED`.
    MembersTooOften {
        /// After what time it may be asked again.
        retry_after: Duration,
    },
    /// A nonce of more than 32 bytes. Tolerated; it does not come back.
    NonceTooLong {
        /// Its length in bytes.
        bytes: usize,
    },
    /// The client closed with a code that must not be on the wire *(RFC 6455)*. Its session is kept, as with others.
    IllegalCloseCode {
        /// The code.
        code: u16,
    },
}

impl Rule {
    /// Its stable name: lower case, words joined by hyphens.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::WebsocketProtocol => "websocket-protocol",
            Self::NotUtf8 => "not-utf8",
            Self::MessageTooLarge => "message-too-large",
            Self::Undecodable => "undecodable",
            Self::TooLong { .. } => "too-long",
            Self::UnknownOpcode { .. } => "unknown-opcode",
            Self::Malformed { .. } => "malformed",
            Self::NotAuthenticated { .. } => "not-authenticated",
            Self::AuthenticationFailed => "authentication-failed",
            Self::AlreadyAuthenticated => "already-authenticated",
            Self::InvalidSequence => "invalid-sequence",
            Self::RateLimited => "rate-limited",
            Self::SessionTimedOut => "session-timed-out",
            Self::InvalidShard => "invalid-shard",
            Self::ShardingRequired => "sharding-required",
            Self::InvalidVersion => "invalid-version",
            Self::InvalidQuery => "invalid-query",
            Self::InvalidIntents => "invalid-intents",
            Self::DisallowedIntents => "disallowed-intents",
            Self::IdentifyTooSoon { .. } => "identify-too-soon",
            Self::DailyLimit => "daily-limit",
            Self::HeartbeatAhead => "heartbeat-ahead",
            Self::PresenceTooOften => "presence-too-often",
            Self::MembersTooOften { .. } => "members-too-often",
            Self::NonceTooLong { .. } => "nonce-too-long",
            Self::IllegalCloseCode { .. } => "illegal-close-code",
        }
    }

    /// The code the connection is closed with; `None` where the gateway leaves it open.
    #[must_use]
    pub const fn close_code(self) -> Option<CloseCode> {
        Some(CloseCode(match self {
            Self::WebsocketProtocol => 1002,
            Self::NotUtf8 => 1007,
            Self::MessageTooLarge => 1009,
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
            Self::IdentifyTooSoon { .. }
            | Self::HeartbeatAhead
            | Self::PresenceTooOften
            | Self::MembersTooOften { .. }
            | Self::NonceTooLong { .. }
            | Self::IllegalCloseCode { .. } => return None,
        }))
    }

    /// The reason in the close frame; those of 4002, 4004, 4013 and 4014 as observed, the rest in their pattern.
    pub(super) const fn reason(self) -> &'static str {
        match self {
            Self::WebsocketProtocol => "Protocol error.",
            Self::NotUtf8 => "Text is not UTF-8.",
            Self::MessageTooLarge => "Message too large.",
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
            Self::IdentifyTooSoon { .. }
            | Self::HeartbeatAhead
            | Self::PresenceTooOften
            | Self::MembersTooOften { .. }
            | Self::NonceTooLong { .. }
            | Self::IllegalCloseCode { .. } => "",
        }
    }
}

/// What was done, for people: lower case, numbers included.
impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::WebsocketProtocol => f.write_str("bytes that are no websocket frame"),
            Self::NotUtf8 => f.write_str("a text message that is not utf-8"),
            Self::MessageTooLarge => f.write_str("a message larger than the websocket layer reads"),
            Self::Undecodable => f.write_str("bytes that are no object with an op in the encoding of the connection"),
            Self::TooLong { bytes } => write!(f, "a frame of {bytes} bytes, above 4096"),
            Self::UnknownOpcode { op } => write!(f, "opcode {op}, which no client may send"),
            Self::Malformed { op } => write!(f, "the d of opcode {op} has the wrong shape"),
            Self::NotAuthenticated { op } => write!(f, "opcode {op} before identify or resume"),
            Self::AuthenticationFailed => f.write_str("a wrong token"),
            Self::AlreadyAuthenticated => f.write_str("identify or resume on a connection that has a session"),
            Self::InvalidSequence => f.write_str("a resume with a sequence that was never sent"),
            Self::RateLimited => f.write_str("more than 120 frames in 60 s"),
            Self::SessionTimedOut => f.write_str("no heartbeat for too long"),
            Self::InvalidShard => f.write_str("a shard id that is not below its count"),
            Self::ShardingRequired => f.write_str("more than 2500 guilds on one shard"),
            Self::InvalidVersion => f.write_str("a url without a supported v"),
            Self::InvalidQuery => f.write_str("a url with an unknown encoding or compress"),
            Self::InvalidIntents => f.write_str("intents that are missing, negative or unknown"),
            Self::DisallowedIntents => f.write_str("a privileged intent that is not switched on"),
            Self::IdentifyTooSoon { bucket } => write!(f, "two identifies within 5 s in bucket {bucket}"),
            Self::DailyLimit => f.write_str("more identifies than a day allows"),
            Self::HeartbeatAhead => f.write_str("a heartbeat with a sequence that was never sent"),
            Self::PresenceTooOften => f.write_str("more than 5 presence updates in 20 s"),
            Self::MembersTooOften { retry_after } => {
                write!(f, "all members of a guild twice within 30 s, {retry_after:?} too soon")
            }
            Self::NonceTooLong { bytes } => write!(f, "a nonce of {bytes} bytes, above 32"),
            Self::IllegalCloseCode { code } => write!(f, "a close frame with {code}, which must not be sent"),
        }
    }
}
