//! A bot that prints what happens to it: `cargo run -p portcullis-tokio --example bot -- --help`.

mod args;
mod day;
mod print;
mod signals;
mod summary;

use args::{Args, Form, ProxyFrom};
use core::time::Duration;
use portcullis::Event;
use portcullis::dialect::discord::Intents;
use portcullis::machine::{Backoff, Config, EndReason, Shutdown, Transition};
use portcullis_fake::FakeServer;
use portcullis_tokio::{Builder, Network, Proxy, Shard};
use print::Printer;
use signals::Signals;
use std::io::{self, Write as _};
use std::process::ExitCode;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until};

fn main() -> ExitCode {
    start(lexopt::Parser::from_env())
}

pub(crate) fn start(words: lexopt::Parser) -> ExitCode {
    let args = match args::parse(words) {
        Ok(Some(args)) => args,
        Ok(None) => {
            // Who asked for help and does not read it needs no error.
            let _ = io::stdout().write_all(args::HELP.as_bytes());
            return ExitCode::SUCCESS;
        }
        Err(error) => return fail(&error, 2),
    };
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return fail(&error, 1),
    };
    runtime.block_on(run(args))
}

async fn run(args: Args) -> ExitCode {
    // The shard's own clock starts with its builder.
    let start = Instant::now();
    let (builder, gateway) = match &args.token {
        Some(token) => (Shard::builder(token, args.intents), None),
        None => match day::gateway().await {
            Ok(gateway) => (in_the_day(&args, &gateway), Some(gateway)),
            Err(error) => return fail(&error, 1),
        },
    };
    let builder = builder.shard(args.shard).compression(args.compression).encoding(args.encoding);
    let builder = match &args.url {
        Some(url) => builder.gateway(url),
        None => builder,
    };
    let proxy = match args.proxy {
        ProxyFrom::Nowhere => Ok(None),
        ProxyFrom::Environment => Proxy::from_env(),
    };
    let builder = match proxy {
        Ok(Some(proxy)) => builder.network(Network::default().with_proxy(proxy)),
        Ok(None) => builder,
        Err(error) => return fail(&error, 2),
    };
    // Before the shard is online: who sees that it is may ask it to end.
    let signals = match Signals::listen() {
        Ok(signals) => signals,
        Err(error) => return fail(&error, 1),
    };
    let shard = match builder.build() {
        Ok(shard) => shard,
        Err(error) => return fail(&error, 2),
    };
    let played = gateway.as_ref().map(|gateway| tokio::spawn(day::play(gateway.handle(), shard.sender())));
    match live(shard, signals, &args, start, played).await {
        Ok(EndReason::Shutdown) => ExitCode::SUCCESS,
        Ok(reason) => fail(&reason, 1),
        // The reader of our lines went away: `| head`.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(error) => fail(&error, 1),
    }
}

/// Short waits and every intent, since the day is short and the gateway is ours.
fn in_the_day(args: &Args, gateway: &FakeServer) -> Builder {
    let backoff =
        Backoff { spread: Duration::from_millis(800), stable: Duration::from_millis(500), ..Backoff::STANDARD };
    Shard::builder("a.fake.token", args.intents | Intents::MESSAGE_CONTENT)
        .gateway(gateway.url())
        .config(Config { backoff, ..Config::default() })
}

/// Takes events until the shard ends: by itself, by a limit, or by a signal.
async fn live(
    mut shard: Shard,
    mut signals: Signals,
    args: &Args,
    start: Instant,
    played: Option<JoinHandle<u64>>,
) -> io::Result<EndReason> {
    let mut printer = Printer::new(args.form);
    let mut until = args.time.map(|time| start + time);
    let (mut dispatches, mut interrupts) = (0_u64, 0_u32);
    let mut last = None;
    let mut reason = EndReason::Shutdown;
    loop {
        let event = tokio::select! {
            event = shard.next_event() => event,
            () = sleep_until(until.unwrap_or(start)), if until.is_some() => {
                until = None;
                shard.shutdown(Shutdown::EndSession);
                continue;
            }
            () = signals.next() => {
                interrupts += 1;
                if interrupts > 1 {
                    return Ok(reason);
                }
                shard.shutdown(Shutdown::EndSession);
                continue;
            }
        };
        if args.form == Form::Json {
            for transition in since(&mut last, &shard.explain()) {
                printer.transition(transition)?;
            }
        }
        let Some(event) = event else { break };
        printer.event(start.elapsed(), &event)?;
        match event {
            Event::Ready(_) | Event::Resumed(_) | Event::Dispatch(_) => {
                dispatches += 1;
                if args.events == Some(dispatches) {
                    shard.shutdown(Shutdown::EndSession);
                }
            }
            Event::Ended(ended) => reason = ended,
            _ => {}
        }
    }
    let given = match played {
        Some(played) if played.is_finished() => played.await.ok(),
        _ => None,
    };
    summary::print(&mut printer, &shard, given)?;
    Ok(reason)
}

/// The transitions that came after the last one that was seen.
fn since<'a>(last: &mut Option<Transition>, all: &'a [Transition]) -> &'a [Transition] {
    let seen = last.and_then(|last| all.iter().rposition(|made| *made == last)).map_or(0, |index| index + 1);
    *last = all.last().copied();
    all.get(seen..).unwrap_or_default()
}

fn fail(error: &dyn core::fmt::Display, code: u8) -> ExitCode {
    // Without standard error there is no way to report it.
    let _ = writeln!(io::stderr(), "bot: {error}");
    ExitCode::from(code)
}
