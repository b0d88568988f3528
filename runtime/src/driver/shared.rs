//! What a driver shares with its senders: the machine behind one lock, and the handles.
//!
//! A command is checked, encoded and queued by the machine itself, in the sender's own call. So every refusal is known
//! at once, the outbox is the only queue and its limit the only one, and nothing can be lost between two of them. The
//! lock is held for one call of the machine at a time, never across an await, and no waker is called under it.

use core::fmt;
use core::ops::Deref;
use core::task::{Context, Poll, Waker};
use futures_channel::oneshot;
use portcullis::dialect::Dialect;
use portcullis::machine::{Cause, CommandId, Outcome, SendError, Shutdown};
use portcullis::{Action, CloseReason, ConnectionId, Discord, Event, GatewayMachine, Input, Timestamp};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::CommandHandle;
use super::request_tracker::{ReadState, RequestTracker};

/// A sender has no clock. The machine takes a time that is older than one it has seen for the newest it has seen.
const AS_SEEN: Timestamp = Timestamp::ZERO;

pub(super) struct Shared<D: Dialect> {
    inner: Mutex<Inner<D>>,
}

pub(super) struct Inner<D: Dialect> {
    pub(super) machine: GatewayMachine<D>,
    /// Accepted commands without an outcome: `Limits::outbox` bounds them, and one more is being written.
    handles: BTreeMap<CommandId, oneshot::Sender<Outcome>>,
    /// The requests, from the first one on.
    pub(super) tracker: Option<Box<RequestTracker<D>>>,
    wake: WakeFlag,
}

/// Whether the machine was asked for something since the driver looked.
enum WakeFlag {
    Clear(Option<Waker>),
    Set,
}

impl<D: Dialect> Shared<D> {
    pub(super) fn new(machine: GatewayMachine<D>) -> Arc<Self> {
        let inner = Inner { machine, handles: BTreeMap::new(), tracker: None, wake: WakeFlag::Clear(None) };
        Arc::new(Self { inner: Mutex::new(inner) })
    }

    /// A panic of another thread while it held the lock leaves no call of the machine half done, so the lock's poison
    /// says nothing.
    pub(super) fn lock(&self) -> MutexGuard<'_, Inner<D>> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn send(&self, command: D::Command) -> Result<CommandHandle, SendError> {
        let mut inner = self.lock();
        let id = inner.machine.send(AS_SEEN, command)?;
        let (sender, outcome) = oneshot::channel();
        inner.handles.insert(id, sender);
        set_wake_flag(inner);
        Ok(CommandHandle::new(id, outcome))
    }

    pub(super) fn shutdown(&self, shutdown: Shutdown) {
        let mut inner = self.lock();
        inner.machine.shutdown(AS_SEEN, shutdown);
        set_wake_flag(inner);
    }

    pub(super) fn reconnect(&self, cause: Cause) {
        let mut inner = self.lock();
        inner.machine.reconnect(AS_SEEN, cause);
        set_wake_flag(inner);
    }

    /// Ready, once, when a sender asked for something; else the task is woken when one does.
    pub(super) fn poll_wake_flag(&self, cx: &mut Context<'_>) -> Poll<()> {
        let mut inner = self.lock();
        match &mut inner.wake {
            WakeFlag::Clear(Some(waker)) => {
                waker.clone_from(cx.waker());
                Poll::Pending
            }
            WakeFlag::Clear(none) => {
                *none = Some(cx.waker().clone());
                Poll::Pending
            }
            WakeFlag::Set => {
                inner.wake = WakeFlag::Clear(None);
                Poll::Ready(())
            }
        }
    }

    /// Gives a handle its outcome.
    pub(super) fn report_outcome(&self, id: CommandId, outcome: Outcome) {
        let handle = self.lock().handles.remove(&id);
        if let Some(handle) = handle {
            // It fails when the application has dropped the handle, which is fine.
            let _ = handle.send(outcome);
        }
    }

    /// The driver was dropped, and its socket with it: the machine ends, keeps the session, and gives every command its
    /// outcome. The driver's waker is dropped as well: a sender may outlive the driver's task and must not keep it
    /// alive.
    pub(super) fn end(&self, connection: Option<ConnectionId>) {
        let mut outcomes = Vec::new();
        let mut inner = self.lock();
        inner.machine.shutdown(AS_SEEN, Shutdown::KeepSession);
        let gone = connection.map(|connection| Input::Closed(connection, CloseReason::Eof));
        let Inner { machine, tracker, .. } = &mut *inner;
        for input in [Some(Input::TickUnread), gone].into_iter().flatten() {
            for action in machine.handle(AS_SEEN, input) {
                let Action::Event(event) = action else { continue };
                if let Some(tracker) = tracker {
                    tracker.observe(AS_SEEN, &event);
                }
                if let Event::Command(id, outcome) = event {
                    outcomes.push((id, outcome));
                }
            }
        }
        let wakers = inner.tick_requests(AS_SEEN, ReadState::Unread);
        let waker = core::mem::replace(&mut inner.wake, WakeFlag::Set);
        drop(inner);
        drop(waker);
        for (id, outcome) in outcomes {
            self.report_outcome(id, outcome);
        }
        wakers.into_iter().for_each(Waker::wake);
    }
}

impl<D: Dialect> Inner<D> {
    /// Lets the request tracker do what is due, and gives the tasks to wake when the lock is free. A command of the
    /// tracker sets the wake flag, as a sender's does, so that the driver gives the machine a tick for it.
    pub(super) fn tick_requests(&mut self, now: Timestamp, read_state: ReadState) -> Vec<Waker> {
        let Some(tracker) = &mut self.tracker else { return Vec::new() };
        let ticked = tracker.tick(now, read_state, &mut self.machine);
        if ticked.sent > 0 {
            self.wake = WakeFlag::Set;
        }
        ticked.wakers
    }

    /// When the request tracker is to be given a tick at the latest.
    pub(super) fn requests_due(&self) -> Option<Timestamp> {
        self.tracker.as_ref().and_then(|tracker| tracker.deadline())
    }
}

impl Inner<Discord> {
    pub(super) fn request_tracker(&mut self) -> &mut RequestTracker<Discord> {
        let Self { machine, tracker, .. } = self;
        tracker.get_or_insert_with(|| Box::new(RequestTracker::new(machine)))
    }
}

/// Prints the machine, unless another thread holds the lock: printing must not wait.
impl<D: Dialect> fmt::Debug for Shared<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.inner.try_lock() {
            Ok(inner) => inner.machine.fmt(f),
            Err(_) => f.write_str("GatewayMachine { .. }"),
        }
    }
}

/// Tells the driver that a sender asked for something. It takes the guard, so that the waker is called without the
/// lock.
pub(super) fn set_wake_flag<D: Dialect>(mut inner: MutexGuard<'_, Inner<D>>) {
    let before = core::mem::replace(&mut inner.wake, WakeFlag::Set);
    drop(inner);
    if let WakeFlag::Clear(Some(waker)) = before {
        waker.wake();
    }
}

/// Read access to the machine behind a driver. While it is held the driver and its senders wait: drop it soon, and
/// never hold it across an await.
pub struct MachineRef<'a, D: Dialect>(pub(super) MutexGuard<'a, Inner<D>>);

impl<D: Dialect> Deref for MachineRef<'_, D> {
    type Target = GatewayMachine<D>;

    fn deref(&self) -> &GatewayMachine<D> {
        &self.0.machine
    }
}

impl<D: Dialect> fmt::Debug for MachineRef<'_, D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}
