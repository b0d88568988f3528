//! The command line.

use core::fmt;
use core::str::FromStr;
use lexopt::{Arg, Parser, ValueExt as _};
use portcullis_fake::{Blocks, Flood, Limits};
use std::ffi::OsString;
use std::path::{Path, PathBuf};

const HELP: &str = "\
A fake Discord gateway (API v10) on 127.0.0.1, to test clients against.

usage: portcullis-fake [OPTION]...

The first line says where it listens, ws://127.0.0.1:PORT; then a line comes for
each thing that happens. Ctrl-C ends it. On the same port:
  GET /gateway         with /api/v10 in front or without; so have the next ones
  GET /gateway/bot, /users/@me and /applications/@me, which answer 401 without
                       the header Authorization: Bot TOKEN
  POST /_fake/do       does the deeds in the body at once, a line each, such as
                       `op 7` or `connection 2: drop`: see SCRIPTS.md

where
  --port N             listen on this port; 0, the default, is any free one
  --tls                listen with TLS: wss://; the second line says which
                       certificate a client is to trust
  --certificate FILE   write that certificate here (with --tls); the default
                       is portcullis-fake-PORT.pem in the folder of temporary files

what is served
  --script FILE        what goes wrong, and when: see SCRIPTS.md; - reads the
                       script from standard input
  --stdin              do the deeds on standard input at once, a line each
  --seed N             seeds what is drawn: session ids, generated payloads
  --token T            only this token is right; default: any
  --guilds N           how many guilds the bot is in; default 2
  --members N          how many members each guild has; default 2
  --guild-bytes N      how many bytes each Guild Create has; default some 2000
  --shards N           what /gateway/bot recommends; default by the guilds
  --concurrency N      Identifies in 5 s, one a bucket; default 1
  --events N           dispatch N generated events a second to every
                       session, as its intents allow; default 0
  --limits real|lifted whether clients are held to 120 frames in 60 s, 4096 bytes
                       a frame, an Identify in 5 s and 1000 a day; default real
  --blocks compressed|stored
                       what compressed streams are made of; stored blocks cost
                       the server nothing; default compressed
  --ring-bytes N       how much each session keeps for a resume; default 16 MiB
  What is given here goes before what the script sets.

to measure a client
  --flood N            send each new session N MESSAGE_CREATEs, as fast as
                       it reads, behind its guilds
  --size N             how many bytes the data of each has; default 2000
  --until NAME         the one event behind them; default MESSAGE_DELETE
  They need the intents Guild Messages and Message Content.

what is said
  --json               a JSON object a line, from the second line on
  --quiet              only broken rules, and the verdict
  --check              end with a verdict; exit code 1 if a client broke a rule
                       or none came
  --seconds N          end after N seconds
  -h, --help           this text
  -V, --version        the version

exit codes: 0 well; 1 a rule was broken (--check); 2 it could not start";

/// What the command line asks for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Asked {
    Run(Box<Args>),
    Print(String),
}

#[derive(Debug, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of its own on the command line")]
pub(crate) struct Args {
    pub(crate) port: u16,
    pub(crate) tls: bool,
    pub(crate) certificate: Option<PathBuf>,
    pub(crate) script: Option<PathBuf>,
    pub(crate) stdin: bool,
    pub(crate) seed: Option<u64>,
    pub(crate) token: Option<String>,
    pub(crate) guilds: Option<u32>,
    pub(crate) events: Option<u32>,
    pub(crate) limits: Option<Limits>,
    pub(crate) members: Option<u32>,
    pub(crate) guild_bytes: Option<usize>,
    pub(crate) shards: Option<u32>,
    pub(crate) concurrency: Option<u32>,
    pub(crate) blocks: Option<Blocks>,
    pub(crate) ring_bytes: Option<usize>,
    pub(crate) flood: Option<Flood>,
    pub(crate) json: bool,
    pub(crate) quiet: bool,
    pub(crate) check: bool,
    pub(crate) seconds: Option<u64>,
}

impl Args {
    pub(crate) fn reads_script_from_stdin(&self) -> bool {
        self.script.as_deref() == Some(Path::new("-"))
    }
}

/// Why the command line is not understood.
#[derive(Debug)]
pub(crate) enum ArgsError {
    Syntax(lexopt::Error),
    NotANumber { option: &'static str, given: String },
    Limits { given: String },
    Blocks { given: String },
    EventName { given: String },
    WithoutFlood { option: &'static str },
    Zero { option: &'static str },
    CertificateWithoutTls,
    StdinTwice,
}

impl fmt::Display for ArgsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Syntax(error) => write!(f, "{error}"),
            Self::NotANumber { option, given } => {
                write!(f, "{option} takes a whole number in its range, not {given:?}")
            }
            Self::Limits { given } => write!(f, "--limits takes `real` or `lifted`, not {given:?}"),
            Self::Blocks { given } => write!(f, "--blocks takes `compressed` or `stored`, not {given:?}"),
            Self::EventName { given } => {
                write!(f, "--until takes the name of an event such as MESSAGE_DELETE, not {given:?}")
            }
            Self::WithoutFlood { option } => write!(f, "{option} needs --flood"),
            Self::Zero { option } => write!(f, "{option} takes a whole number from 1 on"),
            Self::StdinTwice => f.write_str("--script - reads all of standard input: --stdin has nothing left to read"),
            Self::CertificateWithoutTls => f.write_str("--certificate needs --tls"),
        }
    }
}

impl From<lexopt::Error> for ArgsError {
    fn from(error: lexopt::Error) -> Self {
        Self::Syntax(error)
    }
}

/// Reads a command line; its first word is the program.
pub(crate) fn parse(words: impl IntoIterator<Item = OsString>) -> Result<Asked, ArgsError> {
    let mut args = Args::default();
    let (mut events, mut size, mut until) = (None, None, None);
    let mut parser = Parser::from_iter(words);
    while let Some(arg) = parser.next()? {
        match arg {
            Arg::Long("port") => args.port = number("--port", &mut parser)?,
            Arg::Long("tls") => args.tls = true,
            Arg::Long("certificate") => args.certificate = Some(parser.value()?.into()),
            Arg::Long("script") => args.script = Some(parser.value()?.into()),
            Arg::Long("stdin") => args.stdin = true,
            Arg::Long("seed") => args.seed = Some(number("--seed", &mut parser)?),
            Arg::Long("token") => args.token = Some(parser.value()?.string()?),
            Arg::Long("guilds") => args.guilds = Some(number("--guilds", &mut parser)?),
            Arg::Long("events") => args.events = Some(number("--events", &mut parser)?),
            Arg::Long("limits") => args.limits = Some(limits(&mut parser)?),
            Arg::Long("members") => args.members = Some(above_zero("--members", &mut parser)?),
            Arg::Long("guild-bytes") => args.guild_bytes = Some(number("--guild-bytes", &mut parser)?),
            Arg::Long("shards") => args.shards = Some(above_zero("--shards", &mut parser)?),
            Arg::Long("concurrency") => args.concurrency = Some(above_zero("--concurrency", &mut parser)?),
            Arg::Long("blocks") => args.blocks = Some(blocks(&mut parser)?),
            Arg::Long("ring-bytes") => args.ring_bytes = Some(number("--ring-bytes", &mut parser)?),
            Arg::Long("flood") => events = Some(number("--flood", &mut parser)?),
            Arg::Long("size") => size = Some(number("--size", &mut parser)?),
            Arg::Long("until") => until = Some(event_name(&mut parser)?),
            Arg::Long("json") => args.json = true,
            Arg::Long("quiet") => args.quiet = true,
            Arg::Long("check") => args.check = true,
            Arg::Long("seconds") => args.seconds = Some(number("--seconds", &mut parser)?),
            Arg::Short('h') | Arg::Long("help") => return Ok(Asked::Print(HELP.to_owned())),
            Arg::Short('V') | Arg::Long("version") => {
                return Ok(Asked::Print(format!("portcullis-fake {}", env!("CARGO_PKG_VERSION"))));
            }
            Arg::Short(_) | Arg::Long(_) | Arg::Value(_) => return Err(arg.unexpected().into()),
        }
    }
    args.flood = flood(events, size, until)?;
    if args.certificate.is_some() && !args.tls {
        return Err(ArgsError::CertificateWithoutTls);
    }
    if args.stdin && args.reads_script_from_stdin() {
        return Err(ArgsError::StdinTwice);
    }
    Ok(Asked::Run(Box::new(args)))
}

fn number<T: FromStr>(option: &'static str, parser: &mut Parser) -> Result<T, ArgsError> {
    let given = parser.value()?.string()?;
    given.parse().map_err(|_| ArgsError::NotANumber { option, given })
}

fn above_zero(option: &'static str, parser: &mut Parser) -> Result<u32, ArgsError> {
    match number(option, parser)? {
        0 => Err(ArgsError::Zero { option }),
        number => Ok(number),
    }
}

fn flood(events: Option<u64>, size: Option<usize>, until: Option<String>) -> Result<Option<Flood>, ArgsError> {
    let default = Flood::default();
    match (events, size, until) {
        (Some(events), size, until) => {
            let (size, until) = (size.unwrap_or(default.size), until.unwrap_or(default.until));
            Ok(Some(Flood { events, size, until }))
        }
        (None, Some(_), _) => Err(ArgsError::WithoutFlood { option: "--size" }),
        (None, None, Some(_)) => Err(ArgsError::WithoutFlood { option: "--until" }),
        (None, None, None) => Ok(None),
    }
}

fn event_name(parser: &mut Parser) -> Result<String, ArgsError> {
    let given = parser.value()?.string()?;
    let fits = |letter: u8| letter.is_ascii_uppercase() || letter.is_ascii_digit() || letter == b'_';
    if given.is_empty() || !given.bytes().all(fits) {
        return Err(ArgsError::EventName { given });
    }
    Ok(given)
}

fn blocks(parser: &mut Parser) -> Result<Blocks, ArgsError> {
    let given = parser.value()?.string()?;
    match given.as_str() {
        "compressed" => Ok(Blocks::Compressed),
        "stored" => Ok(Blocks::Stored),
        _ => Err(ArgsError::Blocks { given }),
    }
}

fn limits(parser: &mut Parser) -> Result<Limits, ArgsError> {
    let given = parser.value()?.string()?;
    match given.as_str() {
        "real" => Ok(Limits::Real),
        "lifted" => Ok(Limits::Lifted),
        _ => Err(ArgsError::Limits { given }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Result<Asked, String> {
        parse(line.split(' ').map(OsString::from)).map_err(|error| error.to_string())
    }

    #[test]
    fn every_option_is_read() {
        let line = "x --port 0 --tls --certificate c.pem --script s --seed=7 --token T --guilds 3 --events 50 \
                    --limits lifted --json --quiet --check --seconds 9 --members 5 --guild-bytes 99000 --shards 16 \
                    --concurrency 2 --blocks stored --ring-bytes 0 --stdin --flood 100 --size 300 --until DONE";
        let args = Args {
            port: 0,
            tls: true,
            certificate: Some("c.pem".into()),
            script: Some("s".into()),
            stdin: true,
            seed: Some(7),
            token: Some("T".into()),
            guilds: Some(3),
            events: Some(50),
            limits: Some(Limits::Lifted),
            members: Some(5),
            guild_bytes: Some(99_000),
            shards: Some(16),
            concurrency: Some(2),
            blocks: Some(Blocks::Stored),
            ring_bytes: Some(0),
            flood: Some(Flood { events: 100, size: 300, until: "DONE".into() }),
            json: true,
            quiet: true,
            check: true,
            seconds: Some(9),
        };
        assert_eq!(parsed(line), Ok(Asked::Run(Box::new(args))));
        assert_eq!(parsed("x --limits real -h"), Ok(Asked::Print(HELP.into())));
        for option in line.split(' ').filter(|word| word.starts_with("--")) {
            let name = option.split('=').next().unwrap();
            assert!(HELP.contains(name), "the help does not have {name}");
        }
    }

    #[test]
    fn what_is_not_understood_is_said() {
        for (line, why) in [
            ("x --prot 1", "invalid option '--prot'"),
            ("x --port", "missing argument for option '--port'"),
            ("x --port 65536", "--port takes a whole number in its range, not \"65536\""),
            ("x --seed -1", "--seed takes a whole number in its range, not \"-1\""),
            ("x --limits none", "--limits takes `real` or `lifted`, not \"none\""),
            ("x --blocks raw", "--blocks takes `compressed` or `stored`, not \"raw\""),
            ("x --until done", "--until takes the name of an event such as MESSAGE_DELETE, not \"done\""),
            ("x --until DONE", "--until needs --flood"),
            ("x --size 9", "--size needs --flood"),
            ("x --shards 0", "--shards takes a whole number from 1 on"),
            ("x --certificate c", "--certificate needs --tls"),
            ("x --script - --stdin", "--script - reads all of standard input: --stdin has nothing left to read"),
            ("x script", "unexpected argument \"script\""),
        ] {
            assert_eq!(parsed(line), Err(why.to_owned()), "{line}");
        }
    }
}
