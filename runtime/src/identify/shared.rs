//! The queue that the shards of one process share.
//!
//! The lock is held for a look at the queue, never across an await, and no waker is called under it.
//!
//! # Invariants
//! * `one-clock`: the queue has a clock of its own, since each driver's may have another origin.
//! * `never-leaked`: a gate that is dropped gives its permit back.

use super::{GateAnswer, IdentifyGate};
use crate::runtime::Runtime;
use core::fmt;
use core::task::{Context, Poll, Waker};
use core::time::Duration;
use portcullis::dialect::ShardId;
use portcullis::identify::{Answer, IdentifyQueue, PermitId, QueueConfig, QueueSnapshot, SessionStartLimit};
use portcullis::{ConnectionId, Timestamp};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// How long a shard waits that finds the queue full. A full queue (`QueueConfig::waiting`) takes far longer to drain at
/// one Identify in 5 s a bucket, so that asking more often gains nothing.
const FULL: Duration = Duration::from_secs(30);

/// The identifies of an application, shared by its shards in this process. Cheap to clone.
///
/// ```
/// # use portcullis::Discord;
/// # use portcullis_runtime::{Driver, Runtime, SharedIdentify};
/// use portcullis::identify::{QueueConfig, SessionStartLimit};
///
/// # fn share<R: Runtime>(runtime: &R, shards: Vec<Driver<Discord, R>>) -> Vec<Driver<Discord, R>> {
/// // As `GET /gateway/bot` says it.
/// let limit = SessionStartLimit { max_concurrency: 16, ..SessionStartLimit::default() };
/// let identify = SharedIdentify::new(runtime, limit, QueueConfig::default());
/// shards.into_iter().map(|shard| shard.with_identify(identify.gate())).collect()
/// # }
/// ```
#[derive(Clone)]
pub struct SharedIdentify {
    clock: Arc<dyn Fn() -> Timestamp + Send + Sync>,
    inner: Arc<Mutex<Inner>>,
}

struct Inner {
    queue: IdentifyQueue,
    /// When the queue has something to say: looked up once after each change.
    due: Option<Timestamp>,
    ids: u64,
    /// The requests that are open, the oldest first.
    open: BTreeMap<PermitId, Question>,
}

#[derive(Default)]
struct Question {
    answer: Option<Said>,
    waker: Option<Waker>,
}

#[derive(Clone, Copy)]
enum Said {
    Granted,
    Exhausted(Duration),
    Full,
}

impl SharedIdentify {
    /// A queue on the clock of a runtime.
    #[must_use]
    pub fn new<R: Runtime>(runtime: &R, limit: SessionStartLimit, config: QueueConfig) -> Self {
        Self::of(runtime, |now| IdentifyQueue::new(now, limit, config))
    }

    /// The queue of an earlier run, and how long ago it was [exported](Self::export): `None` if unknown, then no time
    /// counts as passed.
    #[must_use]
    pub fn restore<R: Runtime>(
        runtime: &R,
        snapshot: &QueueSnapshot,
        elapsed: impl Into<Option<Duration>>,
        config: QueueConfig,
    ) -> Self {
        let elapsed = elapsed.into();
        Self::of(runtime, |now| IdentifyQueue::restore(now, snapshot, elapsed, config))
    }

    fn of<R: Runtime>(runtime: &R, queue: impl FnOnce(Timestamp) -> IdentifyQueue) -> Self {
        let inner = Inner { queue: queue(runtime.now()), due: None, ids: 0, open: BTreeMap::new() };
        let runtime = runtime.clone();
        Self { clock: Arc::new(move || runtime.now()), inner: Arc::new(Mutex::new(inner)) }
    }

    /// A gate for one shard.
    #[must_use]
    pub fn gate(&self) -> SharedGate {
        SharedGate { shared: self.clone(), permit: Permit::None }
    }

    /// Takes over what `GET /gateway/bot` says now.
    pub fn update(&self, limit: SessionStartLimit) {
        self.change(|queue, now| queue.update(now, limit));
    }

    /// How many identifies can still be given out today.
    #[must_use]
    pub fn left(&self) -> u32 {
        self.lock().queue.left()
    }

    /// What a later run continues from, so that a crash loop does not use up the budget: store it every few seconds.
    #[must_use]
    pub fn export(&self) -> QueueSnapshot {
        let now = (self.clock)();
        self.lock().queue.export(now)
    }

    /// Each call leaves the queue whole, so the lock's poison after a panic of another thread says nothing.
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the queue, and wakes the shards that have an answer now. It wakes the oldest that waits as well, since
    /// the next answer may be due at another time. To wake all would be a thousand wake-ups for each Identify; the
    /// others notice when their own timers go off.
    fn change(&self, change: impl FnOnce(&mut IdentifyQueue, Timestamp)) {
        let now = (self.clock)();
        let mut inner = self.lock();
        change(&mut inner.queue, now);
        let mut wakers = inner.note_answers(now);
        wakers.extend(inner.open.values_mut().next().and_then(|question| question.waker.take()));
        drop(inner);
        wakers.into_iter().for_each(Waker::wake);
    }
}

impl Inner {
    /// Notes the queue's answers, and returns the tasks to wake.
    fn note_answers(&mut self, now: Timestamp) -> Vec<Waker> {
        let mut wakers = Vec::new();
        for answer in self.queue.answers(now) {
            let (id, said) = match answer {
                Answer::Granted(id) => (id, Said::Granted),
                Answer::Exhausted { id, resets_in } => (id, Said::Exhausted(resets_in)),
            };
            if let Some(question) = self.open.get_mut(&id) {
                question.answer = Some(said);
                wakers.extend(question.waker.take());
            }
        }
        self.due = self.queue.deadline();
        wakers
    }
}

impl fmt::Debug for SharedIdentify {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SharedIdentify").field("queue", &self.lock().queue).finish_non_exhaustive()
    }
}

/// One shard's gate to a [`SharedIdentify`]. Dropped, it gives its permit back.
#[derive(Debug)]
pub struct SharedGate {
    shared: SharedIdentify,
    permit: Permit,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Permit {
    None,
    Requested(ConnectionId, PermitId),
    Granted(ConnectionId, PermitId),
}

impl SharedGate {
    fn release(&mut self) {
        let (Permit::Requested(_, id) | Permit::Granted(_, id)) = core::mem::replace(&mut self.permit, Permit::None)
        else {
            return;
        };
        self.shared.lock().open.remove(&id);
        self.shared.change(|queue, now| queue.give_back(now, id));
    }
}

impl IdentifyGate for SharedGate {
    fn ask(&mut self, connection: ConnectionId, shard: Option<ShardId>) {
        self.release();
        let now = (self.shared.clock)();
        let mut inner = self.shared.lock();
        inner.ids += 1;
        let id = PermitId(inner.ids);
        let mut question = Question::default();
        if inner.queue.ask(now, id, shard.map_or(0, ShardId::id)).is_err() {
            question.answer = Some(Said::Full);
        }
        inner.open.insert(id, question);
        inner.due = inner.queue.deadline();
        self.permit = Permit::Requested(connection, id);
    }

    fn give_back(&mut self, connection: ConnectionId) {
        if let Permit::Requested(of, _) | Permit::Granted(of, _) = self.permit
            && of == connection
        {
            self.release();
        }
    }

    fn spent(&mut self, connection: ConnectionId) {
        if let Permit::Granted(of, id) = self.permit
            && of == connection
        {
            self.permit = Permit::None;
            self.shared.change(|queue, now| queue.spent(now, id));
        }
    }

    fn poll_answer(&mut self, cx: &mut Context<'_>) -> Poll<GateAnswer> {
        let Permit::Requested(connection, id) = self.permit else { return Poll::Pending };
        let now = (self.shared.clock)();
        let mut inner = self.shared.lock();
        let wakers = if inner.due.is_some_and(|due| due <= now) { inner.note_answers(now) } else { Vec::new() };
        let said = inner.open.get_mut(&id).and_then(|question| {
            if question.answer.is_none() {
                question.waker = Some(cx.waker().clone());
            }
            question.answer.take()
        });
        if let Some(Said::Granted | Said::Full) = said {
            inner.open.remove(&id);
        }
        drop(inner);
        wakers.into_iter().for_each(Waker::wake);
        match said {
            None => Poll::Pending,
            Some(Said::Granted) => {
                self.permit = Permit::Granted(connection, id);
                Poll::Ready(GateAnswer::Granted(connection))
            }
            Some(Said::Exhausted(resets_in)) => Poll::Ready(GateAnswer::Exhausted(connection, resets_in)),
            Some(Said::Full) => {
                self.permit = Permit::None;
                Poll::Ready(GateAnswer::Later(connection, FULL))
            }
        }
    }

    fn wait(&self) -> Option<Duration> {
        let now = (self.shared.clock)();
        self.shared.lock().due.map(|due| due - now)
    }
}

impl Drop for SharedGate {
    fn drop(&mut self) {
        self.release();
    }
}
