//! The table of the gateway's close codes. *(source: Gateway close event codes; the rows for codes of the WebSocket layer
//! are observed, not documented)*

use crate::dialect::{CloseRow, Plan, Recovery, TokenFate};
use crate::message::CloseCode;
use core::time::Duration;

const DOCUMENTED: &str = "Opcodes and Status Codes, Gateway close event codes";
const OBSERVED: &str = "observed, not documented";

/// What each close code means. A row in the config takes precedence.
pub const CLOSE_CODES: &[CloseRow] = &[
    row(1000, "normal", ONCE, "", OBSERVED),
    row(1001, "going away", Recovery::RESUME, "", OBSERVED),
    row(4000, "unknown error", Recovery::RESUME, "", DOCUMENTED),
    row(
        4001,
        "unknown opcode",
        Recovery::RESUME,
        "check raw commands: one had an opcode or data it must not",
        DOCUMENTED,
    ),
    row(4002, "decode error", Recovery::RESUME, "check raw commands: one was not valid JSON or too long", DOCUMENTED),
    row(
        4003,
        "not authenticated",
        Recovery::IDENTIFY,
        "the token was reset or an intent switched off: check both",
        DOCUMENTED,
    ),
    row(
        4004,
        "authentication failed",
        Recovery::END,
        "the token is wrong or was reset: give the bot's present token",
        DOCUMENTED,
    ),
    row(4005, "already authenticated", Recovery::RESUME, "check raw commands: one was an Identify", DOCUMENTED),
    row(4006, "session no longer valid", Recovery::IDENTIFY, "", OBSERVED),
    row(4007, "invalid sequence", Recovery::IDENTIFY, "", DOCUMENTED),
    row(4008, "rate limited", GROWING_PAUSE, "another client may share this connection's limit", DOCUMENTED),
    row(
        4009,
        "session timed out",
        Recovery::IDENTIFY,
        "heartbeats were late: poll the shard without long pauses",
        DOCUMENTED,
    ),
    row(
        4010,
        "invalid shard",
        Recovery::END,
        "give a shard id below the shard count, and a count the gateway allows",
        DOCUMENTED,
    ),
    row(4011, "sharding required", Recovery::END, "start more shards: each may hold 2500 guilds", DOCUMENTED),
    row(
        4012,
        "invalid api version",
        Recovery::END,
        "leave `v` out of the gateway URL, or give one that the gateway takes; without one, update portcullis",
        DOCUMENTED,
    ),
    row(4013, "invalid intents", Recovery::END, "give only intents that the gateway knows", DOCUMENTED),
    row(
        4014,
        "disallowed intents",
        Recovery::END,
        "switch the privileged intents on in the developer portal, or leave them out",
        DOCUMENTED,
    ),
];

/// The row of unknown codes: the session can be resumed.
pub const UNKNOWN_CODE: CloseRow = CloseRow { code: None, ..row(0, "unknown code", Recovery::RESUME, "", DOCUMENTED) };

/// The row of connections that ended without a code: most often the network failed.
pub const NO_CODE: CloseRow = CloseRow { code: None, ..row(0, "no code", Recovery::RESUME, "", OBSERVED) };

/// The row of a code, or of none.
pub(super) fn close_row(code: Option<CloseCode>) -> &'static CloseRow {
    match code {
        None => &NO_CODE,
        Some(_) => CLOSE_CODES.iter().find(|row| row.code == code).unwrap_or(&UNKNOWN_CODE),
    }
}

/// The gateway may have ended the session with this code. One Resume finds out; if it is refused, an Identify follows.
const ONCE: Recovery = Recovery { tries: 1, ..Recovery::RESUME };
/// The send limit counts over 60 s of one connection: the next connection starts with a full window and need not wait for it.
/// But the gateway takes API access from bots that break the limit repeatedly, so that the wait grows with each 4008.
const GROWING_PAUSE: Recovery =
    Recovery { wait_min: Duration::from_secs(5), wait_max: Duration::from_secs(300), ..Recovery::RESUME };

const fn row(
    code: u16,
    name: &'static str,
    recovery: Recovery,
    advice: &'static str,
    source: &'static str,
) -> CloseRow {
    CloseRow { code: Some(CloseCode(code)), name, recovery, advice, source }
}

const _: () = assert!(matches!(Recovery::RESUME.token, TokenFate::Keep) && matches!(Recovery::END.plan, Plan::End));

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_code_has_one_row_and_a_final_one_has_advice() {
        for (index, row) in CLOSE_CODES.iter().enumerate() {
            assert!(CLOSE_CODES[..index].iter().all(|other| other.code != row.code), "{row:?}");
            assert!(row.recovery.plan != Plan::End || !row.advice.is_empty(), "{row:?}");
        }
    }

    #[test]
    fn scenario_35_an_unknown_code_is_never_fatal() {
        for code in [0, 999, 1011, 3050, 4015, 4900, 4999, 5000, u16::MAX] {
            assert_eq!(close_row(Some(CloseCode(code))).recovery.plan, Plan::Resume, "{code}");
        }
        assert_eq!(close_row(None).name, "no code");
    }
}
