//! The program: a fake gateway on a port, a line for each thing that happens, and a verdict on its clients.

mod args;
mod deeds;
mod lines;
mod verdict;

use args::{Args, Asked};
use core::time::Duration;
use lines::{Lines, Style};
use portcullis_fake::{
    AcceptedToken, FakeConfig, FakeGateway, FakeHandle, FakeServer, Identity, Listen, Observer, Script,
};
use std::future::pending;
use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use verdict::Verdict;

/// A client broke a rule, or none came.
const BROKEN: u8 = 1;
/// The program could not start: its arguments, its script, its port.
const UNSTARTED: u8 = 2;

fn main() -> ExitCode {
    let args = match args::parse(std::env::args_os()) {
        Ok(Asked::Run(args)) => args,
        Ok(Asked::Print(text)) => {
            println!("{text}");
            return ExitCode::SUCCESS;
        }
        Err(error) => return unstarted(&format!("{error}\n`portcullis-fake --help` lists what there is")),
    };
    let script = match script(&args) {
        Ok(script) => script,
        Err(why) => return unstarted(&why),
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    match runtime.and_then(|runtime| runtime.block_on(run(&args, script))) {
        Ok(verdict) if args.check && verdict.is_bad() => ExitCode::from(BROKEN),
        Ok(_) => ExitCode::SUCCESS,
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
            unstarted(&format!("port {} of 127.0.0.1 is in use; --port 0 takes a free one", args.port))
        }
        Err(error) => unstarted(&error.to_string()),
    }
}

fn unstarted(why: &str) -> ExitCode {
    eprintln!("portcullis-fake: {why}");
    ExitCode::from(UNSTARTED)
}

fn script(args: &Args) -> Result<Script, String> {
    let Some(path) = &args.script else { return Ok(Script::default()) };
    let (name, text) = if args.reads_script_from_stdin() {
        (Path::new("standard input"), io::read_to_string(io::stdin()))
    } else {
        (path.as_path(), std::fs::read_to_string(path))
    };
    let text = text.map_err(|error| named(name, &error).to_string())?;
    Script::parse(&text).map_err(|error| format!("{}:{error}", name.display()))
}

async fn run(args: &Args, mut script: Script) -> io::Result<Verdict> {
    // Before the first line is written: whoever has read it may send a signal at once.
    let signalled = signalled();
    let identity = if args.tls { Some(Identity::new()?) } else { None };
    let lines = Lines::new(if args.json { Style::Json } else { Style::Text }, args.quiet);
    let mut printer = lines.clone();
    let observer = Observer::new(move |event| printer.event(&event));
    let config = config(args, &script);
    script.add_traffic(args.events.unwrap_or_default());
    if let Some(flood) = args.flood.clone() {
        script.add_flood(flood);
    }
    let listen = Listen { port: args.port, identity: identity.clone(), script: Some(script), observer: Some(observer) };
    let server = FakeServer::start_with(config, listen).await?;
    lines.line(server.url());
    if let Some(identity) = identity {
        let path = args.certificate.clone().unwrap_or_else(|| default_certificate(server.address().port()));
        std::fs::write(&path, identity.pem()).map_err(|error| named(&path, &error))?;
        lines.certificate(&path);
    }
    let handle = server.handle();
    if args.stdin {
        deeds::read(handle.clone());
    }
    end(args, &handle, signalled).await;
    server.stop().await;
    let verdict = handle.with(|gateway, _| Verdict::on(gateway));
    if args.check {
        lines.line(&if args.json { verdict.to_json() } else { verdict.to_string() });
    }
    lines.finish();
    Ok(verdict)
}

/// Waits for Ctrl-C, a termination signal, the end of the time given, or an `end` in the script.
async fn end(args: &Args, handle: &FakeHandle, signalled: impl Future<Output = ()>) {
    let time = async {
        match args.seconds {
            Some(seconds) => tokio::time::sleep(Duration::from_secs(seconds)).await,
            None => pending().await,
        }
    };
    tokio::select! {
        () = signalled => {}
        () = time => {}
        () = handle.until(FakeGateway::is_ended) => {}
    }
}

/// Waits for Ctrl-C or a termination signal, which are taken from now on.
#[cfg(unix)]
fn signalled() -> impl Future<Output = ()> {
    use tokio::signal::unix::{SignalKind, signal};
    let signals = (signal(SignalKind::interrupt()), signal(SignalKind::terminate()));
    async move {
        match signals {
            (Ok(mut interrupt), Ok(mut terminate)) => {
                tokio::select! {
                    _ = interrupt.recv() => {}
                    _ = terminate.recv() => {}
                }
            }
            // Without handlers the signals end the program by themselves.
            _ => pending().await,
        }
    }
}

#[cfg(not(unix))]
async fn signalled() {
    if tokio::signal::ctrl_c().await.is_err() {
        pending().await
    }
}

fn config(args: &Args, script: &Script) -> FakeConfig {
    let mut config = FakeConfig::default();
    script.configure(&mut config);
    if let Some(seed) = args.seed {
        config.seed = seed;
    }
    if let Some(guilds) = args.guilds {
        config.guilds = guilds;
    }
    if let Some(members) = args.members {
        config.members = members;
    }
    if let Some(bytes) = args.guild_bytes {
        config.guild_bytes = bytes;
    }
    if let Some(shards) = args.shards {
        config.shards = Some(shards);
    }
    if let Some(concurrency) = args.concurrency {
        config.max_concurrency = concurrency;
    }
    if let Some(blocks) = args.blocks {
        config.blocks = blocks;
    }
    if let Some(bytes) = args.ring_bytes {
        config.ring_bytes = bytes;
    }
    if let Some(limits) = args.limits {
        config.limits = limits;
    }
    if let Some(token) = &args.token {
        config.token = AcceptedToken::Only(token.clone());
    }
    config
}

fn default_certificate(port: u16) -> PathBuf {
    std::env::temp_dir().join(format!("portcullis-fake-{port}.pem"))
}

fn named(path: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}
