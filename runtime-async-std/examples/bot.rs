//! A bot on async-std: `cargo run -p portcullis-async-std --example bot`.
//!
//! With `DISCORD_TOKEN` it joins the real gateway, or the one that `--url` names, until Ctrl-C or SIGTERM. Without, it joins
//! a fake one in the same process, asks for its members, and leaves. `--env-proxy` goes through the proxy that `HTTPS_PROXY` or
//! `ALL_PROXY` names, but for the hosts of `NO_PROXY`.

use async_signal::{Signal, Signals};
use async_std::task;
use core::pin::pin;
use futures_util::StreamExt as _;
use futures_util::future::{Either, select};
use lexopt::{Arg, Parser, ValueExt as _};
use portcullis::Event;
use portcullis::dialect::discord::{Command, Intents, RequestGuildMembers};
use portcullis::machine::{EndReason, Shutdown};
use portcullis_async_std::{Buffer, Events, Network, Proxy, Shard};
use portcullis_fake::FakeGateway;
use std::env;
use std::error::Error;
use std::process::ExitCode;

/// What the bot came for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Errand {
    Stay,
    /// Ready, one command, and the end.
    Visit,
}

fn main() -> ExitCode {
    start(Parser::from_env())
}

pub(crate) fn start(words: Parser) -> ExitCode {
    match run(words) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bot: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(mut words: Parser) -> Result<(), Box<dyn Error>> {
    let (mut url, mut network) = (None, Network::default());
    while let Some(arg) = words.next()? {
        match arg {
            Arg::Long("url") => url = Some(words.value()?.string()?),
            Arg::Long("env-proxy") => {
                if let Some(proxy) = Proxy::from_env()? {
                    network = network.with_proxy(proxy);
                }
            }
            Arg::Long(_) | Arg::Short(_) | Arg::Value(_) => return Err(arg.unexpected().into()),
        }
    }
    if let Ok(token) = env::var("DISCORD_TOKEN") {
        let builder = Shard::builder(token, Intents::GUILDS | Intents::GUILD_MESSAGES).network(network);
        let builder = match url {
            Some(url) => builder.gateway(url),
            None => builder,
        };
        return live(builder.build()?, Errand::Stay);
    }
    // The fake gateway is on tokio, in a thread of its own.
    let elsewhere = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let fake = elsewhere.block_on(FakeGateway::start())?;
    let builder = Shard::builder("a.fake.token", Intents::GUILDS | Intents::GUILD_MEMBERS);
    live(builder.network(network).gateway(fake.url()).build()?, Errand::Visit)
}

fn live(shard: Shard, errand: Errand) -> Result<(), Box<dyn Error>> {
    // Before the shard is online: who sees that it is may ask it to end. Windows knows no SIGTERM.
    let signals = Signals::new([Signal::Int].into_iter().chain(cfg!(unix).then_some(Signal::Term)))?;
    let (pump, events) = shard.split(Buffer::default());
    task::block_on(async {
        let pump = task::spawn(pump);
        let end = listen(events, signals, errand).await?;
        pump.await;
        match end {
            EndReason::Shutdown => Ok(()),
            reason => Err(reason.to_string().into()),
        }
    })
}

/// Takes events until the shard ends: by itself, by the errand, or by a signal, the second of which does not wait.
async fn listen(mut events: Events, mut signals: Signals, errand: Errand) -> Result<EndReason, Box<dyn Error>> {
    let (mut end, mut signaled) = (EndReason::Shutdown, 0_u32);
    loop {
        let event = match select(pin!(events.next()), pin!(signals.next())).await {
            Either::Left((None, _)) => return Ok(end),
            Either::Left((event, _)) => event,
            Either::Right(_) => None,
        };
        let Some(event) = event else {
            signaled += 1;
            if signaled > 1 {
                return Ok(end);
            }
            events.sender().shutdown(Shutdown::EndSession);
            continue;
        };
        tell(&event);
        match event {
            Event::Ready(_) if errand == Errand::Visit => {
                let ask = Command::RequestGuildMembers(RequestGuildMembers::all(7));
                let sent = events.sender().send(ask)?;
                println!("asked for members: {:?}", sent.id());
            }
            Event::Command(id, outcome) => {
                println!("{id:?} {outcome:?}");
                events.sender().shutdown(Shutdown::EndSession);
            }
            Event::Ended(reason) => end = reason,
            _ => {}
        }
    }
}

fn tell(event: &Event) {
    match event {
        Event::Ready(dispatch) | Event::Resumed(dispatch) | Event::Dispatch(dispatch) => {
            println!("{} {:?}", dispatch.name(), dispatch.sequence());
        }
        Event::Ended(reason) => println!("over: {reason}"),
        other => println!("{other:?}"),
    }
}
