//! The Discord gateway on async-std.
//!
//! async-std is discontinued in favour of smol. What is here works and is tested as the other adapters are, but what
//! is new should not begin on it: the README says how the same shard runs on smol.
//!
//! **A shard beats only while it is polled:** call `next_event()` in a loop, and let work that takes longer than a few
//! seconds run in a task of its own.
//!
//! ```no_run
//! use portcullis::Event;
//! use portcullis::dialect::discord::Intents;
//! use portcullis_async_std::Shard;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> { async_std::task::block_on(async {
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
//! # }) }
//! ```
//!
//! Or let it beat in a task of its own, whatever the consumer does:
//!
//! ```no_run
//! # use portcullis::dialect::discord::Intents;
//! # use portcullis_async_std::Shard;
//! # async fn run(capacity: core::num::NonZeroUsize) -> Result<(), Box<dyn std::error::Error>> {
//! let shard = Shard::builder("a.bot.token", Intents::GUILDS).build()?;
//! let (pump, mut events) = shard.split(capacity);
//! async_std::task::spawn(pump);
//! while let Some(event) = events.next().await {
//!     println!("{event:?}");
//! }
//! # Ok(())
//! # }
//! ```
//!
//! It reconnects, resumes and paces itself; what it did and why is in `shard.explain()`. Commands are sent with
//! `shard.send(…)`, or from any task with `shard.sender()`.

#![forbid(unsafe_code)]

use async_io::Async;
use async_std::net::ToSocketAddrs as _;
use async_std::task;
use core::future::Future;
use core::pin::Pin;
use core::time::Duration;
use portcullis::{Discord, Timestamp};
use portcullis_runtime::{Clock, Driver, Runtime, prepare_socket};
use std::io;
use std::net::{SocketAddr, TcpStream};

#[doc(inline)]
pub use portcullis_runtime::adapter::*;

/// A shard on async-std.
pub type Shard<D = Discord> = Driver<D, AsyncStd>;

/// What keeps a shard alive that was split: `async_std::task::spawn` it.
pub type Pump<D = Discord> = portcullis_runtime::Pump<D, AsyncStd>;

/// Many shards on async-std as one stream.
pub type ShardSet<D = Discord> = portcullis_runtime::ShardSet<Shard<D>>;

/// The settings of a shard on async-std.
pub type Builder = portcullis_runtime::Builder<AsyncStd>;

/// The sockets and timers of async-std. They can be polled anywhere: async-std has a thread of its own for them.
#[derive(Clone, Copy, Debug, Default)]
pub struct AsyncStd {
    clock: Clock,
}

impl AsyncStd {
    /// A clock that starts now.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }
}

impl Runtime for AsyncStd {
    // What async-std's own stream wraps, which does not lend its socket.
    type Stream = Async<TcpStream>;
    type Sleep = Pin<Box<dyn Future<Output = ()> + Send>>;

    fn now(&self) -> Timestamp {
        self.clock.now()
    }

    fn slept(&self) -> Duration {
        self.clock.slept()
    }

    fn sleep_until(&self, until: Timestamp) -> Self::Sleep {
        Box::pin(task::sleep(until - self.now()))
    }

    fn resolve(&self, host: &str, port: u16) -> impl Future<Output = io::Result<Vec<SocketAddr>>> + Send + 'static {
        let host = host.to_owned();
        async move { Ok((host.as_str(), port).to_socket_addrs().await?.collect()) }
    }

    #[expect(clippy::manual_async_fn, reason = "an async fn would borrow self")]
    fn connect(&self, address: SocketAddr) -> impl Future<Output = io::Result<Self::Stream>> + Send + 'static {
        async move {
            let stream = Async::<TcpStream>::connect(address).await?;
            prepare_socket(&stream)?;
            Ok(stream)
        }
    }
}

/// The README's code is compiled with the tests.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
pub struct Readme;
