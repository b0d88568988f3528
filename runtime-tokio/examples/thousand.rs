//! A thousand shards on one thread, as one stream: `cargo run --release -p portcullis-tokio --example thousand`.
//!
//! The thread has a tokio runtime without workers, and on it one task, the set. `main` joins a fake gateway that lets
//! them all in at once, waits until each is ready, says what they cost, and has them leave.

use core::time::Duration;
use portcullis::Event;
use portcullis::dialect::ShardId;
use portcullis::dialect::discord::Intents;
use portcullis::identify::{QueueConfig, SessionStartLimit};
use portcullis::machine::{Config, EndReason, Shutdown, Timeouts};
use portcullis_fake::{FakeConfig, FakeServer};
use portcullis_tokio::{Network, Shard, ShardSet, SharedIdentify, Tokio};
use std::collections::BTreeSet;
use std::error::Error;
use std::time::Instant;
use tokio::runtime::Builder;

const SHARDS: u32 = 1000;
/// What `GET /gateway/bot` says to a bot that is so large; `ShardSet::auto` asks for it.
const LIMIT: SessionStartLimit = SessionStartLimit {
    max_concurrency: SHARDS,
    total: 2 * SHARDS,
    remaining: 2 * SHARDS,
    reset_after: Duration::ZERO,
};

fn set(gateway: &str) -> Result<ShardSet, Box<dyn Error>> {
    let network = Network::default();
    let identify = SharedIdentify::new(&Tokio::new(), LIMIT, QueueConfig::default());
    // They dial all at once, and one thread makes all the handshakes: a slow host needs more than the usual 10 s.
    let timeouts = Timeouts { connect: Duration::from_secs(60), ..Timeouts::default() };
    let config = Config { timeouts, ..Config::default() };
    let mut shards = ShardSet::new();
    for id in 0..SHARDS {
        let shard = Shard::builder("a.fake.token", Intents::GUILDS).gateway(gateway).shard(ShardId::new(id, SHARDS)?);
        shards.add(shard.config(config.clone()).network(network.clone()).identify(&identify).build()?);
    }
    Ok(shards)
}

/// Takes events until all are ready.
async fn until_ready(shards: &mut ShardSet) -> Result<(), Box<dyn Error>> {
    let mut ready = BTreeSet::new();
    while ready.len() < SHARDS as usize {
        match shards.next_event().await {
            Some((key, Event::Ready(_))) => drop(ready.insert(key)),
            Some((key, Event::Reconnecting { cause, .. })) => {
                return Err(format!(
                    "{key:?} lost its connection: {cause}. Two files a shard must be allowed: ulimit -n 4096"
                )
                .into());
            }
            Some((key, Event::Ended(reason))) => return Err(format!("{key:?} ended: {reason}").into()),
            Some(_) => {}
            None => return Err("all have ended".into()),
        }
    }
    Ok(())
}

/// Has them leave, and tells how many did as they were asked.
async fn leave(shards: &mut ShardSet) -> usize {
    shards.shutdown(Shutdown::EndSession);
    let mut left = 0;
    while let Some((_, event)) = shards.next_event().await {
        left += usize::from(event == Event::Ended(EndReason::Shutdown));
    }
    left
}

fn main() -> Result<(), Box<dyn Error>> {
    // The fake gateway is on a thread of its own.
    let elsewhere = Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let config = FakeConfig {
        max_concurrency: LIMIT.max_concurrency,
        daily_limit: LIMIT.total,
        guilds: SHARDS,
        ..FakeConfig::default()
    };
    let fake = elsewhere.block_on(FakeServer::start(config))?;

    Builder::new_current_thread().enable_all().build()?.block_on(async {
        let (began, memory) = (Instant::now(), resident());
        let mut shards = set(fake.url())?;
        until_ready(&mut shards).await?;
        let took = began.elapsed();
        let (counters, open) = fake.handle().with(|fake, _| (fake.counters(), fake.connections().count()));
        println!(
            "{} shards are ready after {took:?}: {} identifies, {open} connections",
            shards.len(),
            counters.identifies
        );
        match (memory, resident()) {
            (Some(before), Some(after)) => {
                let each = after.saturating_sub(before) / shards.len();
                println!("{each} bytes a shard are resident, the fake gateway's side of it among them");
            }
            _ => println!("nothing tells here what is resident"),
        }
        let left = leave(&mut shards).await;
        let breaches = fake.handle().with(|fake, _| fake.breaches().count());
        println!("{left} left as they were asked, {breaches} rules broken");
        if (counters.identifies, open, left, breaches) != (SHARDS.into(), SHARDS as usize, SHARDS as usize, 0) {
            return Err("that is not how it should be".into());
        }
        Ok(())
    })
}

/// What this process has in memory, in bytes, where the system tells it as Linux does.
fn resident() -> Option<usize> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.trim().strip_suffix(" kB")?.parse::<usize>().ok().map(|kilobytes| kilobytes * 1024)
}
