//! The command line.

use core::fmt;
use core::str::FromStr;
use lexopt::{Arg, Parser, ValueExt as _};
use portcullis_fake::Limits;
use std::ffi::OsString;
use std::path::PathBuf;

const HELP: &str = "\
A fake Discord gateway (API v10) on 127.0.0.1, to test clients against.

usage: portcullis-fake [OPTION]...

The first line says where it listens, ws://127.0.0.1:PORT; then a line comes for
each thing that happens. On the same port: GET /gateway, /gateway/bot and
/users/@me, with /api/v10 in front or without. Ctrl-C ends it.

where
  --port N             listen on this port; 0, the default, is any free one
  --tls                listen with TLS: wss://; the second line says which
                       certificate a client is to trust
  --certificate FILE   write that certificate here (with --tls); the default
                       is portcullis-fake-PORT.pem in the folder of temporary files

what is served
  --script FILE        what goes wrong, and when: see SCRIPTS.md
  --seed N             seeds what is drawn: session ids, generated payloads
  --token T            only this token is right; default: any
  --guilds N           how many guilds the bot is in; default 2
  --events N           dispatch so many generated events a second to every
                       session, as its intents allow; default 0
  --limits real|lifted whether clients are held to 120 frames in 60 s, 4096 bytes
                       a frame, an Identify in 5 s and 1000 a day; default real
  What is given here goes before what the script sets.

what is said
  --json               a JSON object a line, from the second line on
  --quiet              only broken rules, and the verdict
  --check              end with a verdict; exit code 1 if a client broke a rule
                       or none came
  --seconds N          end after so long
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
    pub(crate) seed: Option<u64>,
    pub(crate) token: Option<String>,
    pub(crate) guilds: Option<u32>,
    pub(crate) events: Option<u32>,
    pub(crate) limits: Option<Limits>,
    pub(crate) json: bool,
    pub(crate) quiet: bool,
    pub(crate) check: bool,
    pub(crate) seconds: Option<u64>,
}

/// Why the command line is not understood.
#[derive(Debug)]
pub(crate) enum ArgsError {
    Syntax(lexopt::Error),
    NotANumber { option: &'static str, given: String },
    Limits { given: String },
    CertificateWithoutTls,
}

impl fmt::Display for ArgsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Syntax(error) => write!(f, "{error}"),
            Self::NotANumber { option, given } => {
                write!(f, "{option} takes a whole number in its range, not {given:?}")
            }
            Self::Limits { given } => write!(f, "--limits takes `real` or `lifted`, not {given:?}"),
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
    let mut parser = Parser::from_iter(words);
    while let Some(arg) = parser.next()? {
        match arg {
            Arg::Long("port") => args.port = number("--port", &mut parser)?,
            Arg::Long("tls") => args.tls = true,
            Arg::Long("certificate") => args.certificate = Some(parser.value()?.into()),
            Arg::Long("script") => args.script = Some(parser.value()?.into()),
            Arg::Long("seed") => args.seed = Some(number("--seed", &mut parser)?),
            Arg::Long("token") => args.token = Some(parser.value()?.string()?),
            Arg::Long("guilds") => args.guilds = Some(number("--guilds", &mut parser)?),
            Arg::Long("events") => args.events = Some(number("--events", &mut parser)?),
            Arg::Long("limits") => args.limits = Some(limits(&mut parser)?),
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
    if args.certificate.is_some() && !args.tls {
        return Err(ArgsError::CertificateWithoutTls);
    }
    Ok(Asked::Run(Box::new(args)))
}

fn number<T: FromStr>(option: &'static str, parser: &mut Parser) -> Result<T, ArgsError> {
    let given = parser.value()?.string()?;
    given.parse().map_err(|_| ArgsError::NotANumber { option, given })
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
                    --limits lifted --json --quiet --check --seconds 9";
        let args = Args {
            port: 0,
            tls: true,
            certificate: Some("c.pem".into()),
            script: Some("s".into()),
            seed: Some(7),
            token: Some("T".into()),
            guilds: Some(3),
            events: Some(50),
            limits: Some(Limits::Lifted),
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
            ("x --certificate c", "--certificate needs --tls"),
            ("x script", "unexpected argument \"script\""),
        ] {
            assert_eq!(parsed(line), Err(why.to_owned()), "{line}");
        }
    }
}
