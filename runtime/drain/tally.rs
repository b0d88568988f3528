//! What has come, and whether that was all.

use super::usage::Usage;
use core::cell::{Cell, RefCell};
use core::fmt;
use core::num::NonZeroU64;
use portcullis::machine::EndReason;
use std::io;

/// Counts for all shards, which share a thread.
#[derive(Debug)]
pub(crate) struct Tally {
    shards: u32,
    goal: Goal,
    ready: Cell<u32>,
    /// Dispatches, Ready and Resumed aside.
    events: Cell<u64>,
    /// Those of them that came before the last Ready.
    early: Cell<u64>,
    /// Shards that have come to their end of the goal.
    done: Cell<u32>,
    began: Cell<Option<Usage>>,
    outcome: RefCell<Option<Result<Reached, DrainError>>>,
}

/// What it was when the goal was reached. Shards go on taking events until they are next looked after.
#[derive(Clone, Copy, Debug)]
struct Reached {
    usage: Usage,
    events: u64,
}

/// When it is over. Without either, when every connection was lost.
#[derive(Debug)]
pub(crate) struct Goal {
    pub(crate) events: Option<NonZeroU64>,
    pub(crate) until: Option<String>,
}

/// How far a shard has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Progress {
    #[default]
    Begun,
    Ready,
    Done,
}

/// Why there is nothing to print.
#[derive(Debug)]
pub(crate) enum DrainError {
    Ended { shard: u32, reason: EndReason },
    Usage(io::Error),
}

impl fmt::Display for DrainError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ended { shard, reason } => write!(f, "shard {shard} ended too early: {reason}"),
            Self::Usage(error) => error.fmt(f),
        }
    }
}

impl Tally {
    pub(crate) fn new(shards: u32, goal: Goal) -> Self {
        let (ready, done, events, early) = (Cell::new(0), Cell::new(0), Cell::new(0), Cell::new(0));
        Self { shards, goal, ready, events, early, done, began: Cell::new(None), outcome: RefCell::new(None) }
    }

    pub(crate) fn ready(&self, progress: &mut Progress) {
        if *progress == Progress::Begun {
            *progress = Progress::Ready;
            self.ready.set(self.ready.get() + 1);
            if self.ready.get() == self.shards {
                self.early.set(self.events.get());
                match Usage::now() {
                    Ok(usage) => self.began.set(Some(usage)),
                    Err(error) => self.fail(DrainError::Usage(error)),
                }
            }
        }
        self.named("READY", progress);
    }

    pub(crate) fn dispatch(&self, name: &str, progress: &mut Progress) {
        self.events.set(self.events.get() + 1);
        self.named(name, progress);
    }

    pub(crate) fn lost(&self, progress: &mut Progress) {
        if self.goal.events.is_none() && self.goal.until.is_none() && *progress == Progress::Ready {
            self.shard_is_done(progress);
        }
    }

    pub(crate) fn ended(&self, shard: u32, reason: EndReason, progress: &mut Progress) {
        self.lost(progress);
        if *progress != Progress::Done {
            self.fail(DrainError::Ended { shard, reason });
        }
    }

    pub(crate) fn is_over(&self) -> bool {
        self.outcome.borrow().is_some()
    }

    pub(crate) fn shards_ready(&self) -> u32 {
        self.ready.get()
    }

    /// The line, or why there is none, once it is over.
    pub(crate) fn take(&self) -> Option<Result<String, DrainError>> {
        let outcome = self.outcome.borrow_mut().take()?;
        Some(outcome.map(|Reached { usage: end, events }| {
            let begin = self.began.get().unwrap_or(end);
            let (wall, user, sys) = (end.at - begin.at, end.user.saturating_sub(begin.user), end.sys.saturating_sub(begin.sys));
            format!(
                r#"{{"events":{},"wall_s":{:.6},"cpu_user_s":{:.6},"cpu_sys_s":{:.6},"rss_peak_kb":{},"early":{},"shards":{}}}"#,
                events - self.early.get(),
                wall.as_secs_f64(),
                user.as_secs_f64(),
                sys.as_secs_f64(),
                end.rss_peak_kb,
                self.early.get(),
                self.shards
            )
        }))
    }

    fn named(&self, name: &str, progress: &mut Progress) {
        if *progress != Progress::Done && self.goal.until.as_deref() == Some(name) {
            self.shard_is_done(progress);
        }
        self.look();
    }

    fn shard_is_done(&self, progress: &mut Progress) {
        *progress = Progress::Done;
        self.done.set(self.done.get() + 1);
        self.look();
    }

    /// Whether that was all. It is not before every shard was ready.
    fn look(&self) {
        let enough = self.goal.events.is_some_and(|goal| self.events.get() >= goal.get());
        if (enough || self.done.get() == self.shards) && self.ready.get() == self.shards && !self.is_over() {
            match Usage::now() {
                Ok(usage) => *self.outcome.borrow_mut() = Some(Ok(Reached { usage, events: self.events.get() })),
                Err(error) => self.fail(DrainError::Usage(error)),
            }
        }
    }

    fn fail(&self, error: DrainError) {
        self.outcome.borrow_mut().get_or_insert(Err(error));
    }
}
