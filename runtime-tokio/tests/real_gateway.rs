//! The real gateway, for those who have a bot:
//!
//! ```sh
//! DISCORD_TOKEN=… cargo test -p portcullis-tokio --test real_gateway -- --ignored
//! ```

use core::time::Duration;
use portcullis::Event;
use portcullis::dialect::discord::Intents;
use portcullis::machine::{Cause, EndReason, Shutdown};
use portcullis_tokio::Shard;
use tokio::time::timeout;

#[tokio::test]
#[ignore = "joins the real gateway: it needs a bot's token in DISCORD_TOKEN, and spends one identify of its day"]
async fn a_shard_joins_the_real_gateway_resumes_and_leaves() {
    let token = std::env::var("DISCORD_TOKEN").expect("set DISCORD_TOKEN to a bot's token");
    let mut shard = Shard::builder(token, Intents::GUILDS).build().expect("a token that can be one");
    let mut told = Vec::new();
    let life = async {
        while let Some(event) = shard.next_event().await {
            match event {
                Event::Ready(_) => {
                    told.push("ready");
                    shard.reconnect(Cause::Requested);
                }
                Event::Resumed(_) => {
                    told.push("resumed");
                    shard.shutdown(Shutdown::EndSession);
                }
                Event::Ended(EndReason::Shutdown) => told.push("shut down"),
                Event::Ended(reason) => panic!("{reason}"),
                _ => {}
            }
        }
    };
    timeout(Duration::from_secs(120), life).await.expect("two minutes are enough");
    assert_eq!(told, ["ready", "resumed", "shut down"]);
}
