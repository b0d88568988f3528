//! What a driver shares with its senders: the machine behind one lock, and the tickets.
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
use portcullis::{Action, Closure, Event, GatewayMachine, Input, LinkId, Timestamp};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::Ticket;
use super::onlooker::{Onlooker, Sight};

/// No later than any time seen, which a machine takes for the newest it has seen: a sender has no clock.
const AS_SEEN: Timestamp = Timestamp::ZERO;

pub(super) struct Shared<D: Dialect> {
    desk: Mutex<Desk<D>>,
}

pub(super) struct Desk<D: Dialect> {
    pub(super) machine: GatewayMachine<D>,
    /// Accepted commands without an outcome: as many as the outbox holds, and the one being written.
    tickets: BTreeMap<CommandId, oneshot::Sender<Outcome>>,
    /// What else has commands to send.
    pub(super) onlooker: Option<Box<dyn Onlooker<D>>>,
    bell: Bell,
}

/// Whether the machine was asked for something since the driver looked.
enum Bell {
    Silent(Option<Waker>),
    Rung,
}

impl<D: Dialect> Shared<D> {
    pub(super) fn new(machine: GatewayMachine<D>) -> Arc<Self> {
        let desk = Desk { machine, tickets: BTreeMap::new(), onlooker: None, bell: Bell::Silent(None) };
        Arc::new(Self { desk: Mutex::new(desk) })
    }

    /// A machine has no half-done calls to fear after a panic of another thread.
    pub(super) fn lock(&self) -> MutexGuard<'_, Desk<D>> {
        self.desk.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn send(&self, command: D::Command) -> Result<Ticket, SendError> {
        let mut desk = self.lock();
        let id = desk.machine.send(AS_SEEN, command)?;
        let (settle, outcome) = oneshot::channel();
        desk.tickets.insert(id, settle);
        ring(desk);
        Ok(Ticket::new(id, outcome))
    }

    pub(super) fn shutdown(&self, shutdown: Shutdown) {
        let mut desk = self.lock();
        desk.machine.shutdown(AS_SEEN, shutdown);
        ring(desk);
    }

    pub(super) fn reconnect(&self, cause: Cause) {
        let mut desk = self.lock();
        desk.machine.reconnect(AS_SEEN, cause);
        ring(desk);
    }

    /// Ready, once, when something was asked for. Else the task is woken when it is.
    pub(super) fn poll_asked(&self, cx: &mut Context<'_>) -> Poll<()> {
        let mut desk = self.lock();
        match &mut desk.bell {
            Bell::Silent(Some(waker)) => {
                waker.clone_from(cx.waker());
                Poll::Pending
            }
            Bell::Silent(none) => {
                *none = Some(cx.waker().clone());
                Poll::Pending
            }
            Bell::Rung => {
                desk.bell = Bell::Silent(None);
                Poll::Ready(())
            }
        }
    }

    /// Gives a ticket its outcome.
    pub(super) fn settle(&self, id: CommandId, outcome: Outcome) {
        let ticket = self.lock().tickets.remove(&id);
        if let Some(ticket) = ticket {
            // Who does not wait for it has dropped the other end.
            let _ = ticket.send(outcome);
        }
    }

    /// The driver is gone, and with it the socket: the machine ends, the session kept, and every command has its
    /// outcome. Nobody is to be woken any more: a sender may outlive the driver's task, and must not keep it.
    pub(super) fn end(&self, link: Option<LinkId>) {
        let mut outcomes = Vec::new();
        let mut desk = self.lock();
        desk.machine.shutdown(AS_SEEN, Shutdown::KeepSession);
        let gone = link.map(|link| Input::Closed(link, Closure::Eof));
        let Desk { machine, onlooker, .. } = &mut *desk;
        for input in [Some(Input::TickUnread), gone].into_iter().flatten() {
            for action in machine.handle(AS_SEEN, input) {
                let Action::Event(event) = action else { continue };
                if let Some(onlooker) = onlooker {
                    onlooker.observe(AS_SEEN, &event);
                }
                if let Event::Command(id, outcome) = event {
                    outcomes.push((id, outcome));
                }
            }
        }
        let woken = desk.look_on(AS_SEEN, Sight::Unread);
        let waker = core::mem::replace(&mut desk.bell, Bell::Rung);
        drop(desk);
        drop(waker);
        for (id, outcome) in outcomes {
            self.settle(id, outcome);
        }
        woken.into_iter().for_each(Waker::wake);
    }
}

impl<D: Dialect> Desk<D> {
    /// Lets the onlooker do what is due, and gives those to be woken when the lock is free. What it sends is asked for,
    /// as what a sender sends; the driver looks for that itself.
    pub(super) fn look_on(&mut self, now: Timestamp, sight: Sight) -> Vec<Waker> {
        let Some(onlooker) = &mut self.onlooker else { return Vec::new() };
        let upshot = onlooker.tick(now, sight, &mut self.machine);
        if upshot.sent > 0 {
            self.bell = Bell::Rung;
        }
        upshot.woken
    }
}

/// Prints the machine, unless someone looks at it: to print must not wait.
impl<D: Dialect> fmt::Debug for Shared<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.desk.try_lock() {
            Ok(desk) => desk.machine.fmt(f),
            Err(_) => f.write_str("GatewayMachine { .. }"),
        }
    }
}

/// Tells the driver that something was asked for.
pub(super) fn ring<D: Dialect>(mut desk: MutexGuard<'_, Desk<D>>) {
    let before = core::mem::replace(&mut desk.bell, Bell::Rung);
    drop(desk);
    if let Bell::Silent(Some(waker)) = before {
        waker.wake();
    }
}

/// A look at the machine behind a driver. While it is held the driver and its senders wait: look, and let go.
pub struct MachineRef<'a, D: Dialect>(pub(super) MutexGuard<'a, Desk<D>>);

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
