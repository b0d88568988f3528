//! How long one poll of a shard may keep its task from others.

use core::task::{Context, Poll};

/// Steps in a row without a wait: what a shard reads, writes or is asked for at once.
#[derive(Default)]
pub(super) struct Steps(u32);

impl Steps {
    /// Pending once in [`STEPS_MAX`] calls, so that other tasks run: tokio has a budget for that, other runtimes have
    /// none.
    pub(super) fn poll(&mut self, cx: &Context<'_>) -> Poll<()> {
        if self.0 == STEPS_MAX {
            return self.poll_later(cx);
        }
        self.0 += 1;
        Poll::Ready(())
    }

    /// Pending, and woken at once: the task goes on after those that are ready.
    pub(super) fn poll_later<T>(&mut self, cx: &Context<'_>) -> Poll<T> {
        self.wait();
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// The task waits: the next step is the first again.
    pub(super) fn wait(&mut self) {
        self.0 = 0;
    }

    /// Whether the task has waited, or has just begun.
    pub(super) const fn is_first(&self) -> bool {
        self.0 == 0
    }
}

/// How many steps a busy shard may take before it yields to other tasks. The read budget bounds the steps that read;
/// this bounds those that do not, as of a sender that asks again and again, or of a gate that answers at once.
const STEPS_MAX: u32 = 256;
