//! Who may identify when: one at a time in a bucket, and so many a day.
//!
//! A gateway rations identifies for a whole application, over all its shards and processes. An [`IdentifyQueue`] keeps
//! to that for all that ask it. It is a machine of its own, without I/O: whoever owns it (a runtime's queue in one
//! process, a small service for several) tells it what happened and when, and hands its answers on.
//!
//! ```
//! use core::time::Duration;
//! use portcullis::Timestamp;
//! use portcullis::identify::{Answer, IdentifyQueue, Rules, StartLimit, TicketId};
//!
//! // What `GET /gateway/bot` said.
//! let limit = StartLimit { max_concurrency: 1, total: 1000, remaining: 999, reset_after: Duration::from_secs(14_400) };
//! let rules = Rules { spacing: Duration::from_secs(5), ..Rules::default() };
//! let mut queue = IdentifyQueue::new(Timestamp::ZERO, limit, rules);
//!
//! queue.ask(Timestamp::ZERO, TicketId(7), 0)?;
//! queue.ask(Timestamp::ZERO, TicketId(8), 1)?;
//! assert_eq!(queue.answers(Timestamp::ZERO), [Answer::Granted(TicketId(7))]);
//!
//! // Shard 0 identifies 200 ms later, and shard 1 five seconds after that.
//! queue.spent(Timestamp::ZERO + Duration::from_millis(200), TicketId(7));
//! let next = Timestamp::ZERO + Duration::from_millis(5200);
//! assert_eq!(queue.deadline(), Some(next));
//! assert_eq!(queue.answers(next), [Answer::Granted(TicketId(8))]);
//! # Ok::<(), portcullis::identify::QueueFull>(())
//! ```

mod budget;
mod limit;
mod queue;
mod turns;

pub use limit::{Returned, Rules, StartLimit};
pub use queue::{Answer, IdentifyQueue, QueueFull, Stored, TicketId};
