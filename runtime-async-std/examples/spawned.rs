//! What a shard costs that lives in a task of its own, in CPU time of the whole process:
//!
//! `cargo run --release -p portcullis-async-std --example spawned -- ws://127.0.0.1:4000 4000`
//!
//! against `portcullis-fake --limits lifted --events 1000`. The example `drain` is the same in one task, on the main thread.

#[path = "../../runtime/drain/usage.rs"]
mod usage;

use portcullis::Event;
use portcullis::dialect::discord::Intents;
use portcullis_async_std::{Buffer, Shard};
use std::error::Error;
use usage::Usage;

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let (Some(url), Some(count)) = (args.next(), args.next()) else { return Err("usage: spawned URL EVENTS".into()) };
    let count: u32 = count.parse()?;
    let shard = Shard::builder("a.fake.token", Intents::GUILDS | Intents::GUILD_MESSAGES).gateway(url).build()?;
    let (pump, mut events) = shard.split(Buffer::default());
    async_std::task::spawn(pump);
    async_std::task::block_on(async {
        let (mut heard, mut before) = (0, Usage::now()?);
        while let Some(event) = events.next().await {
            match event {
                Event::Ready(_) => before = Usage::now()?,
                Event::Dispatch(_) => heard += 1,
                _ => {}
            }
            if heard == count {
                let after = Usage::now()?;
                let used = (after.user + after.sys).saturating_sub(before.user + before.sys);
                println!("{:?} of CPU an event, {:?} in all", used / count, after.at - before.at);
                println!("{} KB resident at most", after.rss_peak_kb);
                return Ok(());
            }
        }
        Err("the shard ended too early".into())
    })
}
