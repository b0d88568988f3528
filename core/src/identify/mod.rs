//! When a shard may identify: one at a time in each bucket, and a limited number a day.
//!
//! # Theory of operation
//! The gateway limits identifies for a whole application, over all its shards and processes. *(source: Gateway, Rate Limiting;
//! Gateway, Sharding: Max Concurrency)* An [`IdentifyQueue`] keeps to the limits for all shards that ask it for a permit.
//!
//! A shard asks ([`ask`](IdentifyQueue::ask)) and waits. A grant makes the shard's bucket busy at once, and takes one from the
//! day's budget. When the Identify goes out ([`spent`](IdentifyQueue::spent)), the bucket stays busy for
//! [`QueueConfig::spacing`] from then on. If the shard's connection is lost before that, the permit comes back
//! ([`give_back`](IdentifyQueue::give_back)). If the queue hears neither, the permit's lease ends and the permit counts as used.
//!
//! The queue does no I/O and has no clock. Its owner, a mutex in one process or a small service for several, calls it with the
//! time, and passes its answers on.
//!
//! ```
//! use core::time::Duration;
//! use portcullis::Timestamp;
//! use portcullis::identify::{Answer, IdentifyQueue, PermitId, QueueConfig, SessionStartLimit};
//!
//! // The answer of `GET /gateway/bot`.
//! let limit = SessionStartLimit { max_concurrency: 1, total: 1000, remaining: 999, reset_after: Duration::from_secs(14_400) };
//! let config = QueueConfig { spacing: Duration::from_secs(5), ..QueueConfig::default() };
//! let mut queue = IdentifyQueue::new(Timestamp::ZERO, limit, config);
//!
//! queue.ask(Timestamp::ZERO, PermitId(7), 0)?;
//! queue.ask(Timestamp::ZERO, PermitId(8), 1)?;
//! assert_eq!(queue.answers(Timestamp::ZERO), [Answer::Granted(PermitId(7))]);
//!
//! // Shard 0 identifies 200 ms later, and shard 1 five seconds after that.
//! queue.spent(Timestamp::ZERO + Duration::from_millis(200), PermitId(7));
//! let next = Timestamp::ZERO + Duration::from_millis(5200);
//! assert_eq!(queue.deadline(), Some(next));
//! assert_eq!(queue.answers(next), [Answer::Granted(PermitId(8))]);
//! # Ok::<(), portcullis::identify::QueueFull>(())
//! ```

mod budget;
mod limit;
mod permits;
mod queue;

pub use limit::{QueueConfig, Returned, SessionStartLimit};
pub use queue::{Answer, IdentifyQueue, PermitId, QueueFull, QueueSnapshot};
