//! The command line.

use core::time::Duration;
use lexopt::{Arg, Parser, ValueExt as _};
use portcullis::codec::{Compression, Encoding};
use portcullis::dialect::ShardId;
use portcullis::dialect::discord::Intents;
use std::env;

pub(crate) const HELP: &str = "\
A bot that prints what happens to it.

With a token it joins the gateway. Without, it starts a fake gateway in its own process, which plays a day: events,
a lost connection, a reconnect that the gateway asks for, and a gateway that falls silent.

Usage: cargo run -p portcullis-tokio --example bot -- [OPTIONS]

      --token T             the bot's token [default: the variable DISCORD_TOKEN]
      --url URL             another gateway, wss:// or ws://
      --intents NUMBER|NAMES  as a number, or names with commas: GUILDS,GUILD_MESSAGES [default: all that need no enabling]
      --shard I/N           one shard of several [default: 0/1]
      --compress HOW        zlib-stream, zstd-stream, payload or none [default: none]
      --encoding HOW        json or etf [default: json]
      --env-proxy           through the proxy that HTTPS_PROXY or ALL_PROXY names, but for the hosts of NO_PROXY
      --events N            stop after N dispatches
      --seconds S           stop after S seconds
      --json                one JSON object a line: every event, and every transition with its cause
  -h, --help                print this

Ctrl-C and SIGTERM shut down cleanly, a second one at once. NO_COLOR turns colours off.
";

/// What to do.
#[derive(Debug)]
pub(crate) struct Args {
    /// `None` plays the day.
    pub(crate) token: Option<String>,
    pub(crate) url: Option<String>,
    pub(crate) intents: Intents,
    pub(crate) shard: ShardId,
    pub(crate) compression: Compression,
    pub(crate) encoding: Encoding,
    pub(crate) proxy: ProxyFrom,
    pub(crate) events: Option<u64>,
    pub(crate) time: Option<Duration>,
    pub(crate) form: Form,
}

/// Where the proxy is named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ProxyFrom {
    Nowhere,
    Environment,
}

/// How to print it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    Timeline,
    Json,
}

/// The arguments, or `None` if help was asked for.
pub(crate) fn parse(mut parser: Parser) -> Result<Option<Args>, lexopt::Error> {
    let mut args = Args {
        token: env::var("DISCORD_TOKEN").ok().filter(|token| !token.is_empty()),
        url: None,
        intents: Intents::UNPRIVILEGED,
        shard: ShardId::ONE,
        compression: Compression::None,
        encoding: Encoding::Json,
        proxy: ProxyFrom::Nowhere,
        events: None,
        time: None,
        form: Form::Timeline,
    };
    while let Some(arg) = parser.next()? {
        match arg {
            Arg::Long("token") => args.token = Some(parser.value()?.string()?),
            Arg::Long("url") => args.url = Some(parser.value()?.string()?),
            Arg::Long("intents") => args.intents = parser.value()?.parse()?,
            Arg::Long("shard") => args.shard = parser.value()?.parse()?,
            Arg::Long("compress") => args.compression = parser.value()?.parse()?,
            Arg::Long("encoding") => args.encoding = parser.value()?.parse()?,
            Arg::Long("env-proxy") => args.proxy = ProxyFrom::Environment,
            Arg::Long("events") => args.events = Some(parser.value()?.parse()?),
            Arg::Long("seconds") => args.time = Some(parser.value()?.parse_with(seconds)?),
            Arg::Long("json") => args.form = Form::Json,
            Arg::Long("help") | Arg::Short('h') => return Ok(None),
            Arg::Long(_) | Arg::Short(_) | Arg::Value(_) => return Err(arg.unexpected()),
        }
    }
    if args.url.is_some() && args.token.is_none() {
        return Err("--url needs a token: give --token, or set DISCORD_TOKEN (a fake gateway takes any)".into());
    }
    Ok(Some(args))
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text.parse().map_err(|_| "give a number of seconds".to_owned())?;
    Duration::try_from_secs_f64(seconds).map_err(|error| error.to_string())
}
