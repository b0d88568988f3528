//! A bot on async-std: `cargo run -p portcullis-async-std --example bot`.
//!
//! With `DISCORD_TOKEN` it joins the real gateway, until it is stopped. Without, it joins a fake one in the same
//! process, asks for its members, and leaves.

use async_std::task;
use core::num::NonZeroUsize;
use portcullis::Event;
use portcullis::dialect::discord::{Command, Intents, RequestGuildMembers};
use portcullis::machine::Shutdown;
use portcullis_async_std::{Events, Shard};
use portcullis_fake::FakeGateway;
use std::env;
use std::error::Error;

fn main() -> Result<(), Box<dyn Error>> {
    if let Ok(token) = env::var("DISCORD_TOKEN") {
        let mut shard = Shard::builder(token, Intents::GUILDS | Intents::GUILD_MESSAGES).build()?;
        return task::block_on(async {
            while let Some(event) = shard.next_event().await {
                tell(&event);
            }
            Ok(())
        });
    }
    // The fake gateway is on tokio, in a thread of its own.
    let elsewhere = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let fake = elsewhere.block_on(FakeGateway::start())?;
    let shard = Shard::builder("a.fake.token", Intents::GUILDS | Intents::GUILD_MEMBERS).gateway(fake.url()).build()?;
    let (pump, events) = shard.split(NonZeroUsize::MIN.saturating_add(1023));
    task::block_on(async {
        let pump = task::spawn(pump);
        visit(events).await?;
        pump.await;
        Ok(())
    })
}

/// Ready, one command, and the end.
async fn visit(mut events: Events) -> Result<(), Box<dyn Error>> {
    while let Some(event) = events.next().await {
        tell(&event);
        match event {
            Event::Ready(_) => {
                let ask = Command::RequestGuildMembers(RequestGuildMembers::all(7));
                let sent = events.sender().send(ask)?;
                println!("asked for members: {:?}", sent.id());
            }
            Event::Command(id, outcome) => {
                println!("{id:?} {outcome:?}");
                events.sender().shutdown(Shutdown::EndSession);
            }
            _ => {}
        }
    }
    Ok(())
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
