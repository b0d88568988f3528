//! The Discord gateway on tokio.
//!
//! **A shard sends heartbeats only while it is polled:** call `next_event()` in a loop, and run work that takes longer
//! than a few seconds in a task of its own.
//!
//! ```no_run
//! use portcullis_tokio::Shard;
//! use portcullis_tokio::portcullis::{Event, Intents};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
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
//! # }
//! ```
//!
//! Or run it in a task of its own, where it sends heartbeats whatever the consumer does:
//!
//! ```no_run
//! # use portcullis_tokio::Shard;
//! # use portcullis_tokio::portcullis::Intents;
//! # async fn run(capacity: core::num::NonZeroUsize) -> Result<(), Box<dyn std::error::Error>> {
//! let shard = Shard::builder("a.bot.token", Intents::GUILDS).build()?;
//! let (pump, mut events) = shard.split(capacity);
//! tokio::spawn(pump);
//! while let Some(event) = events.next().await {
//!     println!("{event}");
//! }
//! # Ok(())
//! # }
//! ```
//!
//! Compressed, the traffic has a fifth to a tenth of its size; the events are the same:
//!
//! ```
//! use portcullis_tokio::portcullis::codec::Compression;
//! # use portcullis_tokio::Shard;
//! # use portcullis_tokio::portcullis::Intents;
//!
//! let builder = Shard::builder("a.bot.token", Intents::GUILDS).compression(Compression::ZlibStream);
//! # builder.build()?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! It reconnects and resumes by itself, and keeps to the send limit; `shard.explain()` tells what it did and why.
//! Commands are sent with `shard.send(…)`, or from any task with `shard.sender()`. Requests that the gateway answers by
//! events are one await there: `sender.request_guild_members(…).await`. A restart keeps its sessions: see
//! [`guide::save_and_resume_sessions`].
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

pub mod guide;

use core::future::Future;
use core::time::Duration;
use portcullis::{Discord, Timestamp};
use portcullis_runtime::{Clock, prepare_socket};
use std::io;
use std::net::SocketAddr;
use tokio::net::TcpStream;
use tokio::time::Instant;
use tokio_util::compat::{Compat, TokioAsyncReadCompatExt as _};

/// The core crate: machines, events, commands, sessions, policies.
pub use portcullis;
/// The driver crate, which is the same on each runtime.
pub use portcullis_runtime;
#[doc(inline)]
pub use portcullis_runtime::adapter::*;

/// A shard on tokio.
///
/// ```no_run
/// use portcullis_tokio::Shard;
/// use portcullis_tokio::portcullis::{Event, Intents};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
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
/// # }
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
pub type Shard<D = Discord> = Driver<D, Tokio>;

/// The future that keeps a split shard alive: `tokio::spawn` it.
pub type Pump<D = Discord> = portcullis_runtime::Pump<D, Tokio>;

/// Many shards on tokio as one stream.
pub type ShardSet<D = Discord> = portcullis_runtime::ShardSet<Shard<D>>;

/// The settings of a shard, or of all shards of a bot, on tokio. The defaults suit production.
///
/// ```
/// use portcullis_tokio::Shard;
/// use portcullis_tokio::portcullis::codec::Compression;
/// use portcullis_tokio::portcullis::{Activity, Intents, Presence, Status};
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
pub type Builder = portcullis_runtime::Builder<Tokio>;

/// The sockets and timers of tokio. Its clock is tokio's, which a test can pause.
///
/// Its sockets and timers must be polled within a tokio runtime that has I/O and time enabled.
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
