//! What networks ask for, on the loopback interface: proxies, certificates, headers, IPv6.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "helpers are test code as well")]

mod certificates;
mod gateway;
mod headers;
mod proxy;
mod sockets;
mod through_a_proxy;
mod tls;

use core::time::Duration;
use portcullis::Event;
use portcullis::dialect::discord::Intents;
use portcullis::machine::{Cause, EndReason, Shutdown};
use portcullis_runtime::Runtime;
use portcullis_tokio::{Builder, Shard};
use tokio::time::timeout;

const PATIENCE: Duration = Duration::from_secs(20);

fn shard(url: impl Into<String>) -> Builder {
    Shard::builder("a.bot.token", Intents::GUILDS).gateway(url)
}

/// What became of a shard: Ready, the first wait and its cause, or the end.
#[derive(Debug, PartialEq, Eq)]
enum Fate {
    Ready,
    Waits(Cause),
    Ended(EndReason),
}

async fn fate<R: Runtime>(builder: portcullis_runtime::Builder<R>) -> Fate {
    let mut shard = builder.build().unwrap();
    let life = async {
        loop {
            match shard.next_event().await.expect("it ended without a reason") {
                Event::Ready(_) => {
                    shard.shutdown(Shutdown::EndSession);
                    while shard.next_event().await.is_some() {}
                    return Fate::Ready;
                }
                Event::Reconnecting { cause, .. } => return Fate::Waits(cause),
                Event::Ended(reason) => return Fate::Ended(reason),
                _ => {}
            }
        }
    };
    timeout(PATIENCE, life).await.expect("nothing came of it")
}
