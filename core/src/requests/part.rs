//! The events that answers consist of, decoded only as far as is needed to know which request they answer.

use super::answer::Id;
use crate::dispatch::Dispatch;
use alloc::borrow::Cow;
use alloc::string::String;
use core::time::Duration;
use serde::Deserialize;
use serde_json::value::RawValue;

pub(super) const GUILD_MEMBERS_CHUNK: &str = "GUILD_MEMBERS_CHUNK";
pub(super) const SOUNDBOARD_SOUNDS: &str = "SOUNDBOARD_SOUNDS";
pub(super) const CHANNEL_INFO: &str = "CHANNEL_INFO";
pub(super) const RATE_LIMITED: &str = "RATE_LIMITED";

/// An event that answers or refuses a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Part {
    Chunk { nonce: String, index: u64, count: u64 },
    Sounds { guild_id: u64 },
    Info { guild_id: u64 },
    RateLimited(RateLimited),
}

/// `RATE_LIMITED`: the gateway refuses a request for now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct RateLimited {
    pub(super) opcode: u64,
    pub(super) nonce: Option<String>,
    pub(super) guild_id: Option<u64>,
    pub(super) retry_after: Duration,
}

impl Part {
    /// `None` for an event that does not answer a request of ours, and for one that cannot be read.
    pub(super) fn read(dispatch: &Dispatch) -> Option<Self> {
        match dispatch.name() {
            GUILD_MEMBERS_CHUNK => {
                let chunk: Chunk<'_> = dispatch.decode().ok()?;
                Some(Self::Chunk { nonce: chunk.nonce?.into_owned(), index: chunk.index, count: chunk.count })
            }
            SOUNDBOARD_SOUNDS => guild_of(dispatch).map(|guild_id| Self::Sounds { guild_id }),
            CHANNEL_INFO => guild_of(dispatch).map(|guild_id| Self::Info { guild_id }),
            RATE_LIMITED => RateLimited::read(dispatch).map(Self::RateLimited),
            _ => None,
        }
    }
}

impl RateLimited {
    fn read(dispatch: &Dispatch) -> Option<Self> {
        #[derive(Deserialize)]
        struct Data<'a> {
            opcode: u64,
            #[serde(borrow)]
            retry_after: Option<&'a RawValue>,
            #[serde(borrow)]
            meta: Option<&'a RawValue>,
        }
        #[derive(Deserialize, Default)]
        struct Meta<'a> {
            #[serde(borrow)]
            nonce: Option<Cow<'a, str>>,
            guild_id: Option<Id>,
        }
        let data: Data<'_> = dispatch.decode().ok()?;
        // The shape of `meta` depends on the opcode, and is documented for Request Guild Members only.
        let meta: Meta<'_> = data.meta.and_then(|meta| serde_json::from_str(meta.get()).ok()).unwrap_or_default();
        Some(Self {
            opcode: data.opcode,
            nonce: meta.nonce.map(Cow::into_owned),
            guild_id: meta.guild_id.map(|Id(id)| id),
            retry_after: data.retry_after.map_or(RETRY_UNSAID, |seconds| span(seconds.get())),
        })
    }
}

#[derive(Deserialize)]
struct Chunk<'a> {
    #[serde(borrow)]
    nonce: Option<Cow<'a, str>>,
    #[serde(rename = "chunk_index")]
    index: u64,
    #[serde(rename = "chunk_count")]
    count: u64,
}

fn guild_of(dispatch: &Dispatch) -> Option<u64> {
    #[derive(Deserialize)]
    struct Data {
        guild_id: Id,
    }
    let Data { guild_id: Id(guild_id) } = dispatch.decode().ok()?;
    Some(guild_id)
}

/// A number of seconds, clamped: after less than `RETRY_MIN` a retry would be refused again, and above `RETRY_MAX` it would
/// outlast any request.
fn span(seconds: &str) -> Duration {
    match seconds.parse::<f64>() {
        Ok(seconds) if seconds > 0.0 => {
            Duration::try_from_secs_f64(seconds).unwrap_or(RETRY_MAX).clamp(RETRY_MIN, RETRY_MAX)
        }
        Ok(_) => RETRY_MIN,
        Err(_) => RETRY_UNSAID,
    }
}

const RETRY_MIN: Duration = Duration::from_secs(1);
const RETRY_MAX: Duration = Duration::from_secs(3600);
/// The window of the one limit that is documented.
const RETRY_UNSAID: Duration = Duration::from_secs(30);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_retry_after_is_clamped_to_what_can_be_meant() {
        for (seconds, millis) in [
            ("27.31", 27_310),
            ("30", 30_000),
            ("0.25", 1_000),
            ("0", 1_000),
            ("-4.5", 1_000),
            ("1e400", 3_600_000),
            ("86400", 3_600_000),
            ("\"27.31\"", 30_000),
            ("null", 30_000),
            ("[1]", 30_000),
        ] {
            assert_eq!(span(seconds), Duration::from_millis(millis), "{seconds}");
        }
    }
}
