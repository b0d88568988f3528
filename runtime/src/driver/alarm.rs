//! The driver's one timer.

use crate::runtime::Runtime;
use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll, ready};
use portcullis::Timestamp;

/// When the machine is to be called again.
#[derive(Clone, Copy)]
pub(super) enum Due {
    /// It has not started.
    AtOnce,
    At(Timestamp),
    /// It is over.
    Never,
}

/// The timer, and when it goes off. Each write moves the deadline back and forth: a timer that is set for an earlier
/// moment is kept and set again when it goes off, so that most of these moves cost nothing.
pub(super) struct Alarm<R: Runtime> {
    sleep: Option<Pin<Box<R::Sleep>>>,
    set_for: Option<Timestamp>,
}

impl<R: Runtime> Alarm<R> {
    pub(super) const fn new() -> Self {
        Self { sleep: None, set_for: None }
    }

    /// Ready at `until`, or before.
    pub(super) fn poll(&mut self, until: Timestamp, runtime: &R, cx: &mut Context<'_>) -> Poll<()> {
        let Self { sleep, set_for } = self;
        let sleep = match sleep {
            Some(sleep) => {
                if set_for.is_none_or(|set_for| set_for > until) {
                    sleep.set(runtime.sleep_until(until));
                    *set_for = Some(until);
                }
                sleep
            }
            none => {
                *set_for = Some(until);
                none.insert(Box::pin(runtime.sleep_until(until)))
            }
        };
        ready!(sleep.as_mut().poll(cx));
        *set_for = None;
        Poll::Ready(())
    }
}
