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

    /// It has left the line; what rings from now on puts it there again.
    pub(super) fn answer(&self) {
        self.is_in_line.store(false, Ordering::Release);
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
