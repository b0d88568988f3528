//! The Discord gateway on async-std.
//!
//! async-std is discontinued in favour of smol. This adapter works and is tested as the others are, but new
//! programs should not start with it: the README says how the same shard runs on smol.
//!
//! **A shard sends heartbeats only while it is polled:** call `next_event()` in a loop, and run work that takes longer than a
//! few seconds in a task of its own.
//!
//! ```no_run
//! use portcullis_async_std::Shard;
//! use portcullis_async_std::portcullis::{Event, Intents};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> { async_std::task::block_on(async {
//! let token = std::env::var("DISCORD_TOKEN").map_err(|_| "set DISCORD_TOKEN to the bot's token")?;
//! let mut shard = Shard::builder(token, Intents::GUILDS | Intents::GUILD_MESSAGES).build()?;
//! while let Some(event) = shard.next_event().await {
//!     match event {
//!         Event::Dispatch(dispatch) => println!("{} {}", dispatch.name(), dispatch.text()?),
//!         Event::Ended(reason) => println!("over: {reason}"),
//!         event => println!("{event}"),
//!     }
//! }
//! # Ok(())
//! # }) }
//! ```
//!
//! Or run it in a task of its own, where it sends heartbeats whatever the consumer does:
//!
//! ```no_run
//! # use portcullis_async_std::Shard;
//! # use portcullis_async_std::portcullis::Intents;
//! # async fn run(capacity: core::num::NonZeroUsize) -> Result<(), Box<dyn std::error::Error>> {
//! let shard = Shard::builder("a.bot.token", Intents::GUILDS).build()?;
//! let (pump, mut events) = shard.split(capacity);
//! async_std::task::spawn(pump);
//! while let Some(event) = events.next().await {
//!     println!("{event}");
//! }
//! # Ok(())
//! # }
//! ```
//!
//! It reconnects and resumes by itself, and keeps to the send limit; `shard.explain()` tells what it did and why. Commands are
//! sent with `shard.send(…)`, or from any task with `shard.sender()`.
//!
//! # Features
//!
//! | feature | adds |
//! |---|---|
//! | `zlib-rs` (default) | zlib by `zlib-rs`, where the config names no inflater |
//! | `zstd` | `Compression::ZstdStream`, by the C library |
//! | `platform-roots` | `Tls::platform`, which trusts what the operating system trusts |
//! | `tracing` | events of `tracing` at each transition and fault, and at `TRACE` for each frame |

#![forbid(unsafe_code)]

use async_io::Async;
use async_std::net::ToSocketAddrs as _;
use async_std::task;
use core::future::Future;
use core::pin::Pin;
use core::time::Duration;
use portcullis::{Discord, Timestamp};
use portcullis_runtime::{Clock, prepare_socket};
use std::io;
use std::net::{SocketAddr, TcpStream};

/// The core crate: machines, events, commands, sessions, policies.
pub use portcullis;
/// The driver crate, which is the same on each runtime.
pub use portcullis_runtime;
#[doc(inline)]
pub use portcullis_runtime::adapter::*;

/// A shard on async-std.
///
/// ```no_run
/// use portcullis_async_std::Shard;
/// use portcullis_async_std::portcullis::{Event, Intents};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> { async_std::task::block_on(async {
/// let token = std::env::var("DISCORD_TOKEN").map_err(|_| "set DISCORD_TOKEN to the bot's token")?;
/// let mut shard = Shard::builder(token, Intents::GUILDS | Intents::GUILD_MESSAGES).build()?;
/// while let Some(event) = shard.next_event().await {
///     match event {
///         Event::Dispatch(dispatch) => println!("{} {}", dispatch.name(), dispatch.text()?),
///         Event::Ended(reason) => println!("over: {reason}"),
///         event => println!("{event}"),
///     }
/// }
/// # Ok(())
/// # }) }
/// ```
///
/// | to | call |
/// |---|---|
/// | make one | [`builder`](Driver::builder) and its [`build`](Builder::build); [`new`](Driver::new) for a dialect of your own |
/// | take its events | [`next_event`](Driver::next_event), [`poll_event`](Driver::poll_event), or as a `Stream` |
/// | run it in a task of its own | [`split`](Driver::split) |
/// | send commands | [`send`](Driver::send); from any task by a [`sender`](Driver::sender), which has the requests as well |
/// | stop, or change the connection | [`shutdown`](Driver::shutdown), [`reconnect`](Driver::reconnect) |
/// | read its state and history | [`explain`](Driver::explain), [`phase`](Driver::phase), [`health`](Driver::health), [`latency`](Driver::latency), [`end_reason`](Driver::end_reason) |
/// | save its session | [`session`](Driver::session), [`session_at`](Driver::session_at); [`Builder::resume`](Builder::resume) takes it |
/// | share identifies, tokens, limits | [`with_identify`](Driver::with_identify), [`with_tokens`](Driver::with_tokens), [`with_requests`](Driver::with_requests), [`with_host_sleep`](Driver::with_host_sleep) |
pub type Shard<D = Discord> = Driver<D, AsyncStd>;

/// The future that keeps a split shard alive: `async_std::task::spawn` it.
pub type Pump<D = Discord> = portcullis_runtime::Pump<D, AsyncStd>;

/// Many shards on async-std as one stream.
pub type ShardSet<D = Discord> = portcullis_runtime::ShardSet<Shard<D>>;

/// The settings of a shard, or of all shards of a bot, on async-std. The defaults suit production.
///
/// ```
/// use portcullis_async_std::Shard;
/// use portcullis_async_std::portcullis::codec::Compression;
/// use portcullis_async_std::portcullis::{Activity, Intents, Presence, Status};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let mut presence = Presence::new(Status::Online);
/// presence.activities.push(Activity::watching("the gate"));
/// let builder = Shard::builder("a.bot.token", Intents::GUILDS).presence(presence).compression(Compression::ZlibStream);
/// let shard = builder.clone().build()?;
/// let three_shards = builder.build_shards(0..3, 3)?;
/// # Ok(())
/// # }
/// ```
///
/// | what | method |
/// |---|---|
/// | one shard | [`build`](Builder::build) |
/// | many shards | [`build_all`](Builder::build_all), [`build_all_by`](Builder::build_all_by), [`build_shards`](Builder::build_shards) |
/// | which shard, which gateway | [`shard`](Builder::shard), [`gateway`](Builder::gateway) |
/// | what the bot shows of itself | [`presence`](Builder::presence), [`properties`](Builder::properties) |
/// | what the gateway sends, and how | [`large_threshold`](Builder::large_threshold), [`compression`](Builder::compression), [`encoding`](Builder::encoding) |
/// | time-outs, policies, limits | [`config`](Builder::config) |
/// | sessions to resume | [`resume`](Builder::resume) |
/// | the network | [`network`](Builder::network), [`proxy`](Builder::proxy), [`tls`](Builder::tls), [`header`](Builder::header), [`user_agent`](Builder::user_agent) |
/// | who may identify when | [`identify`](Builder::identify), [`identify_by`](Builder::identify_by) |
/// | the HTTP API | [`rest`](Builder::rest) |
/// | tests and hosts | [`seed`](Builder::seed), [`host_sleep`](Builder::host_sleep) |
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
