//! The command line.

use core::fmt;
use core::num::{NonZeroU32, NonZeroU64};
use core::str::FromStr;
use core::time::Duration;
use lexopt::{Arg, Parser, ValueExt as _};
use portcullis::codec::Compression;
use portcullis::dialect::discord::Intents;
use std::ffi::OsString;

pub(crate) const HELP: &str = "\
Takes all that a gateway sends, and prints what that cost as one line of JSON.

usage: drain --url URL [OPTION]...

  --url URL         the gateway: ws:// or wss://, with a query or without
  --compress HOW    zlib-stream or zstd-stream; default: none
  --shards N        the number of shards, all on one thread; default 1
  --events N        count until N dispatches have come, over all shards
  --until NAME      count until every shard has had a dispatch of this name
  --hold SECONDS    stay online so long after the line; default 0
  --intents N|NAMES as a number, or names with commas; default: all that need
                    no enabling
  --token T         the bot's token; default: the variable DISCORD_TOKEN, or
                    one that only a fake gateway takes
  -h, --help        this text

With --events and --until, what comes first counts. With neither, it counts
until every shard has lost its connection. A connection that is lost before is resumed.

The line: events, wall_s, cpu_user_s, cpu_sys_s are from the Ready of the last
shard to the last dispatch that counted; rss_peak_kb is the process's; early is
how many dispatches other shards had before; shards is how many there are.

exit codes: 0 the line was printed; 1 a shard ended before; 2 the arguments are
wrong. Identifies are not held back: for fake gateways, not for Discord's.
";

/// What to do.
pub(crate) struct Args {
    pub(crate) url: String,
    pub(crate) compression: Compression,
    pub(crate) token: String,
    pub(crate) intents: Intents,
    pub(crate) shards: u32,
    pub(crate) events: Option<NonZeroU64>,
    pub(crate) until: Option<String>,
    pub(crate) hold: Duration,
}

/// Why the command line is not understood.
#[derive(Debug)]
pub(crate) enum ArgsError {
    Syntax(lexopt::Error),
    NoUrl,
    NotANumber { option: &'static str, given: String },
    Seconds { given: String },
    Compression { given: String },
    Twice { option: String },
}

impl fmt::Display for ArgsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Syntax(error) => error.fmt(f),
            Self::NoUrl => f.write_str("--url is missing: name the gateway"),
            Self::NotANumber { option, given } => write!(f, "{option} takes a whole number above zero, not {given:?}"),
            Self::Seconds { given } => write!(f, "--hold takes a number of seconds, not {given:?}"),
            Self::Compression { given } => write!(f, "--compress takes zlib-stream or zstd-stream, not {given:?}"),
            Self::Twice { option } => write!(f, "--{option} was given twice"),
        }
    }
}

impl From<lexopt::Error> for ArgsError {
    fn from(error: lexopt::Error) -> Self {
        Self::Syntax(error)
    }
}

/// Reads a command line, whose first word is the program. `None` if help was asked for.
pub(crate) fn parse(words: impl IntoIterator<Item = OsString>) -> Result<Option<Args>, ArgsError> {
    let (mut url, mut compression, mut shards, mut events, mut until) = (None, Compression::None, 1, None, None);
    let (mut hold, mut intents, mut token) = (Duration::ZERO, Intents::UNPRIVILEGED, None);
    let mut seen = Vec::new();
    let mut parser = Parser::from_iter(words);
    while let Some(arg) = parser.next()? {
        if let Arg::Long(option) = arg {
            if seen.iter().any(|given| given == option) {
                return Err(ArgsError::Twice { option: option.to_owned() });
            }
            seen.push(option.to_owned());
        }
        match arg {
            Arg::Long("url") => url = Some(parser.value()?.string()?),
            Arg::Long("compress") => compression = compression_of(parser.value()?.string()?)?,
            Arg::Long("shards") => shards = number::<NonZeroU32>("--shards", &mut parser)?.get(),
            Arg::Long("events") => events = Some(number("--events", &mut parser)?),
            Arg::Long("until") => until = Some(parser.value()?.string()?),
            Arg::Long("hold") => hold = seconds(parser.value()?.string()?)?,
            Arg::Long("intents") => intents = parser.value()?.parse()?,
            Arg::Long("token") => token = Some(parser.value()?.string()?),
            Arg::Long("help") | Arg::Short('h') => return Ok(None),
            Arg::Long(_) | Arg::Short(_) | Arg::Value(_) => return Err(arg.unexpected().into()),
        }
    }
    let token = token.or_else(|| std::env::var("DISCORD_TOKEN").ok()).filter(|token| !token.is_empty());
    let token = token.unwrap_or_else(|| "drain.fake.token".to_owned());
    let url = url.ok_or(ArgsError::NoUrl)?;
    Ok(Some(Args { url, compression, token, intents, shards, events, until, hold }))
}

fn number<T: FromStr>(option: &'static str, parser: &mut Parser) -> Result<T, ArgsError> {
    let given = parser.value()?.string()?;
    given.parse().map_err(|_| ArgsError::NotANumber { option, given })
}

fn seconds(given: String) -> Result<Duration, ArgsError> {
    let span = given.parse().ok().and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    span.ok_or(ArgsError::Seconds { given })
}

fn compression_of(given: String) -> Result<Compression, ArgsError> {
    match given.as_str() {
        "zlib-stream" => Ok(Compression::ZlibStream),
        "zstd-stream" => Ok(Compression::ZstdStream),
        _ => Err(ArgsError::Compression { given }),
    }
}
