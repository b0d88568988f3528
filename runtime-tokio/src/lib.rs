//! The Discord gateway on tokio.
//!
//! **A shard beats only while it is polled:** call `next_event()` in a loop, and let work that takes longer than a few
//! seconds run in a task of its own.
//!
//! ```no_run
//! use portcullis::Event;
//! use portcullis::dialect::discord::Intents;
//! use portcullis_tokio::Shard;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let token = std::env::var("DISCORD_TOKEN")?;
//! let mut shard = Shard::builder(token, Intents::GUILDS | Intents::GUILD_MESSAGES).build()?;
//! while let Some(event) = shard.next_event().await {
//!     match event {
//!         Event::Dispatch(dispatch) => println!("{} {}", dispatch.name(), dispatch.text()?),
//!         Event::Ended(reason) => println!("over: {reason}"),
//!         event => println!("{event:?}"),
//!     }
//! }
//! # Ok(())
//! # }
//! ```
//!
//! Or let it beat in a task of its own, whatever the consumer does:
//!
//! ```no_run
//! # use portcullis::dialect::discord::Intents;
//! # use portcullis_tokio::Shard;
//! # async fn run(capacity: core::num::NonZeroUsize) -> Result<(), Box<dyn std::error::Error>> {
//! let shard = Shard::builder("a.bot.token", Intents::GUILDS).build()?;
//! let (pump, mut events) = shard.split(capacity);
//! tokio::spawn(pump);
//! while let Some(event) = events.next().await {
//!     println!("{event:?}");
//! }
//! # Ok(())
//! # }
//! ```
//!
//! Compressed, the traffic is a fifth to a tenth; the events are the same:
//!
//! ```
//! use portcullis::codec::Compression;
//! # use portcullis::dialect::discord::Intents;
//! # use portcullis_tokio::Shard;
//!
//! let builder = Shard::builder("a.bot.token", Intents::GUILDS).compression(Compression::ZlibStream);
//! # builder.build()?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! It reconnects, resumes and paces itself; what it did and why is in `shard.explain()`. Commands are sent with
//! `shard.send(…)`, or from any task with `shard.sender()`. What the gateway answers by events is one await there:
//! `sender.request_guild_members(…).await`. A restart keeps its sessions: see [`guide::save_and_resume_sessions`].

#![forbid(unsafe_code)]

pub mod guide;

use core::future::Future;
use core::time::Duration;
use portcullis::{Discord, Timestamp};
use portcullis_runtime::{Clock, Driver, Runtime, prepare_socket};
use std::io;
use std::net::SocketAddr;
use tokio::net::TcpStream;
use tokio::time::Instant;
use tokio_util::compat::{Compat, TokioAsyncReadCompatExt as _};

#[doc(inline)]
pub use portcullis_runtime::adapter::*;

/// A shard on tokio.
pub type Shard<D = Discord> = Driver<D, Tokio>;

/// What keeps a shard alive that was split: `tokio::spawn` it.
pub type Pump<D = Discord> = portcullis_runtime::Pump<D, Tokio>;

/// Many shards on tokio as one stream.
pub type ShardSet<D = Discord> = portcullis_runtime::ShardSet<Shard<D>>;

/// The settings of a shard on tokio.
pub type Builder = portcullis_runtime::Builder<Tokio>;

/// The sockets and timers of tokio. Its clock is tokio's, which a test can pause.
///
/// What it makes must be polled within a tokio runtime that has I/O and time enabled.
#[derive(Clone, Copy, Debug)]
pub struct Tokio {
    clock: Clock,
}

impl Tokio {
    /// A clock that starts now.
    #[must_use]
    pub fn new() -> Self {
        Self { clock: Clock::starting_at(Instant::now().into_std()) }
    }
}

impl Default for Tokio {
    fn default() -> Self {
        Self::new()
    }
}

impl Runtime for Tokio {
    type Stream = Compat<TcpStream>;
    type Sleep = tokio::time::Sleep;

    fn now(&self) -> Timestamp {
        self.clock.at(Instant::now().into_std())
    }

    fn slept(&self) -> Duration {
        self.clock.slept()
    }

    fn sleep_until(&self, until: Timestamp) -> Self::Sleep {
        tokio::time::sleep_until(self.clock.instant(until).into())
    }

    fn resolve(&self, host: &str, port: u16) -> impl Future<Output = io::Result<Vec<SocketAddr>>> + Send + 'static {
        let host = host.to_owned();
        async move { Ok(tokio::net::lookup_host((host, port)).await?.collect()) }
    }

    #[expect(clippy::manual_async_fn, reason = "an async fn would borrow self")]
    fn connect(&self, address: SocketAddr) -> impl Future<Output = io::Result<Self::Stream>> + Send + 'static {
        async move {
            let stream = TcpStream::connect(address).await?;
            prepare_socket(&stream)?;
            Ok(stream.compat())
        }
    }
}
