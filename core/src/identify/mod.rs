//! Who may identify when: one at a time in a bucket, and so many a day.
//!
//! A gateway rations identifies for a whole application, over all its shards and processes. An [`IdentifyQueue`] keeps
//! to that for all that ask it. It is a machine of its own, without I/O: whoever owns it (a runtime's queue in one
//! process, a small service for several) tells it what happened and when, and hands its answers on.
//!
//! ```
//! use core::time::Duration;
//! use portcullis::Timestamp;
//! use portcullis::identify::{Answer, IdentifyQueue, QueueConfig, SessionStartLimit, PermitId};
//!
//! // What `GET /gateway/bot` said.
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
