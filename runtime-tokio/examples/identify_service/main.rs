//! Two processes of one application, with 15 identifies left between them: a small service has the queue.
//!
//! `cargo run -p portcullis-tokio --example identify_service` runs it against a fake gateway in the same process: it
//! starts itself twice, each with ten shards, and tells what the gateway saw. One that went beyond its budget would
//! have all its sessions ended and its token reset.

mod remote;
mod service;
mod words;

use core::error::Error;
use core::time::Duration;
use portcullis::Event;
use portcullis::dialect::ShardId;
use portcullis::dialect::discord::Intents;
use portcullis::identify::{QueueConfig, SessionStartLimit};
use portcullis_fake::{FakeConfig, FakeServer};
use portcullis_tokio::Shard;
use remote::Remote;
use service::Service;
use std::process::Stdio;
use tokio::process::{Child, Command};
use tokio::task::JoinSet;

/// Shards of the application, half of them in each process.
const SHARDS: u32 = 20;
/// Identifies that are left today.
const LEFT: u32 = 15;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    match &args[..] {
        [] => both().await,
        [gateway, service, first] => one(gateway, service, first.parse()?).await,
        _ => Err("usage: identify_service, without arguments".into()),
    }
}

/// The gateway, the service, and two processes.
async fn both() -> Result<(), Box<dyn Error>> {
    let config = FakeConfig { max_concurrency: 16, daily_limit: LEFT, ..FakeConfig::default() };
    let gateway = FakeServer::start(config).await?;
    // What `GET /gateway/bot` would say. Ours is the only count there is, so nothing is held back.
    let reset_after = Duration::from_secs(3600);
    let limit = SessionStartLimit { max_concurrency: 16, total: 1000, remaining: LEFT, reset_after };
    let service = Service::start(limit, QueueConfig { reserve: 0, ..QueueConfig::default() }).await?;
    let address = service.address().to_string();

    let start = |first: u32| -> std::io::Result<Child> {
        let program = std::env::current_exe()?;
        Command::new(program)
            .args([gateway.url(), &address, &first.to_string()])
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .spawn()
    };
    let (mut one, mut two) = (start(0)?, start(SHARDS / 2)?);
    let is_well = one.wait().await?.success() & two.wait().await?.success();

    let (counters, breaches) = gateway.handle().with(|gateway, _| (gateway.counters(), gateway.breaches().count()));
    println!("the gateway: {} identifies of {LEFT}, {breaches} rules broken", counters.identifies);
    gateway.stop().await;
    if is_well && counters.identifies == u64::from(LEFT) && breaches == 0 {
        Ok(())
    } else {
        Err("that was not as it should be".into())
    }
}

/// One process: ten shards, until each has begun its session or knows that it must wait.
async fn one(gateway: &str, service: &str, first: u32) -> Result<(), Box<dyn Error>> {
    let remote = Remote::connect(service.parse()?);
    let mut shards = JoinSet::new();
    for id in first..first + SHARDS / 2 {
        let shard = Shard::builder("a.bot.token", Intents::GUILDS)
            .gateway(gateway)
            .shard(ShardId::new(id, SHARDS)?)
            .build()?
            .with_identify(remote.gate());
        shards.spawn(begin(shard));
    }
    let (mut online, mut waiting) = (Vec::new(), 0);
    while let Some(begun) = shards.join_next().await {
        let (shard, last) = begun?;
        match last {
            Some(Event::Ready(_)) => online.push(shard),
            Some(Event::BudgetExhausted { .. }) => waiting += 1,
            other => return Err(format!("a shard ended: {other:?}").into()),
        }
    }
    println!("shards {first} to {}: {} online, {waiting} wait", first + SHARDS / 2 - 1, online.len());
    Ok(())
}

/// Runs a shard until its session has begun, or is not going to for long.
async fn begin(mut shard: Shard) -> (Shard, Option<Event>) {
    loop {
        let event = shard.next_event().await;
        if let Some(Event::Ready(_) | Event::BudgetExhausted { .. } | Event::Ended(_)) | None = event {
            return (shard, event);
        }
    }
}
