//! Which shards of a set were woken, in the order in which they were.

use core::task::{Context, Waker};
use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Wake;

use super::ShardKey;

/// The keys of shards that may have something to do, each at most once.
#[derive(Default)]
pub(super) struct Ready {
    queue: Mutex<Queue>,
}

#[derive(Default)]
struct Queue {
    keys: VecDeque<ShardKey>,
    task: Option<Waker>,
}

impl Ready {
    /// Has the task woken by the next shard that is.
    pub(super) fn wake_by(&self, cx: &Context<'_>) {
        let mut queue = self.queue();
        match &mut queue.task {
            Some(task) => task.clone_from(cx.waker()),
            none => *none = Some(cx.waker().clone()),
        }
    }

    pub(super) fn next(&self) -> Option<ShardKey> {
        self.queue().keys.pop_front()
    }

    fn wake(&self) {
        let task = self.queue().task.take();
        task.into_iter().for_each(Waker::wake);
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What wakes one shard: it goes to the end of the queue.
pub(super) struct ShardWaker {
    key: ShardKey,
    is_queued: AtomicBool,
    ready: Arc<Ready>,
}

impl ShardWaker {
    /// The waker of a shard that is queued from the start, so that it is polled a first time.
    pub(super) fn queued(key: ShardKey, ready: &Arc<Ready>) -> Arc<Self> {
        let waker = Arc::new(Self { key, is_queued: AtomicBool::new(false), ready: Arc::clone(ready) });
        waker.notify();
        waker
    }

    fn notify(&self) {
        self.enqueue();
        self.ready.wake();
    }

    /// Puts the shard at the end of the queue and wakes no task: the set's task is running, and asks for more.
    pub(super) fn enqueue(&self) {
        if !self.is_queued.swap(true, Ordering::AcqRel) {
            self.ready.queue().keys.push_back(self.key);
        }
    }

    /// The shard has left the queue; the next wake-up puts it there again. Call it **before** the shard is polled, and
    /// as a swap: that poll must see what was written before each earlier wake-up. A plain store could become visible
    /// after the poll has read, and a wake-up between the two would be lost.
    pub(super) fn leave_queue(&self) {
        self.is_queued.swap(false, Ordering::AcqRel);
    }
}

impl Wake for ShardWaker {
    fn wake(self: Arc<Self>) {
        self.notify();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.notify();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicUsize;
    use std::thread;

    /// A wake-up while the shard is being polled: either that poll sees what was written before it, or another poll
    /// comes.
    #[test]
    fn what_was_written_before_a_wake_up_is_seen_by_a_poll_after_it() {
        const ROUNDS: usize = 5_000;
        let ready = Arc::new(Ready::default());
        let waker = ShardWaker::queued(ShardKey(0), &ready);
        // Nothing but the waker orders what the other thread wrote: the number of the round, and of the one that is
        // notified.
        let (news, notified, heard) = (AtomicUsize::new(0), AtomicUsize::new(0), AtomicUsize::new(0));
        thread::scope(|scope| {
            scope.spawn(|| {
                for round in 1..=ROUNDS {
                    news.store(round, Ordering::Relaxed);
                    waker.notify();
                    notified.store(round, Ordering::Release);
                    let mut spins = 0;
                    while heard.load(Ordering::Acquire) < round {
                        spin(&mut spins);
                    }
                }
            });
            for round in 1..=ROUNDS {
                // The shard is queued already, and is polled while the wake-up comes.
                waker.enqueue();
                let (mut seen, mut spins) = (0, 0);
                loop {
                    let is_notified = notified.load(Ordering::Acquire) == round;
                    while ready.next().is_some() {
                        waker.leave_queue();
                        seen = news.load(Ordering::Relaxed);
                    }
                    if is_notified {
                        break;
                    }
                    spin(&mut spins);
                }
                // A failure frees the other thread first, so that it does not spin for ever.
                heard.store(if seen == round { round } else { ROUNDS }, Ordering::Release);
                assert_eq!(seen, round, "the poll missed it, and no other came");
            }
        });
    }

    /// Both ends are to meet within a few instructions; but now and then the other one wants the core.
    fn spin(spins: &mut u32) {
        *spins += 1;
        if spins.is_multiple_of(1000) { thread::yield_now() } else { core::hint::spin_loop() }
    }
}
