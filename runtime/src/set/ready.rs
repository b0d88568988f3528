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
    line: Mutex<Line>,
}

#[derive(Default)]
struct Line {
    keys: VecDeque<ShardKey>,
    task: Option<Waker>,
}

impl Ready {
    /// Has the task woken by the next shard that is.
    pub(super) fn wake_by(&self, cx: &Context<'_>) {
        let mut line = self.line();
        match &mut line.task {
            Some(task) => task.clone_from(cx.waker()),
            none => *none = Some(cx.waker().clone()),
        }
    }

    pub(super) fn next(&self) -> Option<ShardKey> {
        self.line().keys.pop_front()
    }

    fn wake(&self) {
        let task = self.line().task.take();
        task.into_iter().for_each(Waker::wake);
    }

    fn line(&self) -> MutexGuard<'_, Line> {
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What wakes one shard: it goes to the end of the line.
pub(super) struct Bell {
    key: ShardKey,
    is_in_line: AtomicBool,
    ready: Arc<Ready>,
}

impl Bell {
    /// The bell of a shard that stands in line from the start.
    pub(super) fn rung(key: ShardKey, ready: &Arc<Ready>) -> Arc<Self> {
        let bell = Arc::new(Self { key, is_in_line: AtomicBool::new(false), ready: Arc::clone(ready) });
        bell.ring();
        bell
    }

    fn ring(&self) {
        self.stand_in_line();
        self.ready.wake();
    }

    /// Puts it at the end of the line without a wake-up: the task is about to ask for more.
    pub(super) fn stand_in_line(&self) {
        if !self.is_in_line.swap(true, Ordering::AcqRel) {
            self.ready.line().keys.push_back(self.key);
        }
    }

    /// It has left the line; what rings from now on puts it there again. The poll that follows sees what it rang for so
    /// far: a plain store could become visible behind what that poll reads, and a ring between the two would be lost.
    pub(super) fn answer(&self) {
        self.is_in_line.swap(false, Ordering::AcqRel);
    }
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.ring();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.ring();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicUsize;
    use std::thread;

    /// A bell that rings while its shard is being polled: either that poll sees what it rang for, or there is another one.
    #[test]
    fn what_a_bell_rang_for_is_seen_by_a_poll_that_comes_after() {
        const ROUNDS: usize = 5_000;
        let ready = Arc::new(Ready::default());
        let bell = Bell::rung(ShardKey(0), &ready);
        // Nothing but the bell orders what the ringer wrote: the numbers of rounds rung for, and rung.
        let (news, rung, heard) = (AtomicUsize::new(0), AtomicUsize::new(0), AtomicUsize::new(0));
        thread::scope(|scope| {
            scope.spawn(|| {
                for round in 1..=ROUNDS {
                    news.store(round, Ordering::Relaxed);
                    bell.ring();
                    rung.store(round, Ordering::Release);
                    let mut spins = 0;
                    while heard.load(Ordering::Acquire) < round {
                        spin(&mut spins);
                    }
                }
            });
            for round in 1..=ROUNDS {
                // The shard stands in line already, and is polled while the bell rings.
                bell.stand_in_line();
                let (mut seen, mut spins) = (0, 0);
                loop {
                    let is_rung = rung.load(Ordering::Acquire) == round;
                    while ready.next().is_some() {
                        bell.answer();
                        seen = news.load(Ordering::Relaxed);
                    }
                    if is_rung {
                        break;
                    }
                    spin(&mut spins);
                }
                // A failure frees the ringer first, so that it does not spin for ever.
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
