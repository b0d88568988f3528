//! The handle to a driver for other tasks, and the handle of a command.

use super::shared::Shared;
use core::fmt;
use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll};
use core::time::Duration;
use futures_channel::oneshot;
use portcullis::Discord;
use portcullis::dialect::{Dialect, ShardId};
use portcullis::dispatch::Mark;
use portcullis::machine::{
    Cause, CommandId, EndReason, Health, Outcome, Phase, SendError, Session, Shutdown, Transition,
};
use std::sync::Arc;

/// Sends commands to a shard, and ends it, from any task. It is cheap to clone, and every call returns at once.
///
/// The shard does what was asked for while it is polled. A sender does not keep the shard alive: when the shard is
/// dropped, waiting commands are returned and new ones are refused with [`SendError::Ended`].
pub struct Sender<D: Dialect = Discord> {
    pub(super) shared: Arc<Shared<D>>,
}

impl<D: Dialect> Sender<D> {
    pub(super) const fn new(shared: Arc<Shared<D>>) -> Self {
        Self { shared }
    }

    /// Queues a command for the gateway. It leaves when a session is live and the send limit allows.
    ///
    /// # Errors
    /// [`SendError`], at once, when the command is not accepted: nothing was queued then.
    pub fn send(&self, command: D::Command) -> Result<CommandHandle, SendError> {
        self.shared.send(command)
    }

    /// Asks the shard to end, whatever it is doing. `Event::Ended` follows when its connection is closed.
    pub fn shutdown(&self, shutdown: Shutdown) {
        self.shared.shutdown(shutdown);
    }

    /// Asks for a new connection that keeps the session. The shard's `explain()` tells `cause`.
    pub fn reconnect(&self, cause: Cause) {
        self.shared.reconnect(cause);
    }

    /// The session as of a dispatch ([`Dispatch::mark`](portcullis::Dispatch::mark)): `None` if that session is over.
    #[must_use]
    pub fn session_at(&self, mark: &Mark) -> Option<Session> {
        self.shared.lock().machine.session_at(mark)
    }

    /// How many more commands are accepted now.
    #[must_use]
    pub fn room(&self) -> usize {
        self.shared.lock().machine.room()
    }

    /// Which shard it is; `None` where the gateway has none.
    #[must_use]
    pub fn shard(&self) -> Option<ShardId> {
        self.shared.lock().machine.dialect().shard()
    }

    /// Where the shard stands.
    #[must_use]
    pub fn phase(&self) -> Phase {
        self.shared.lock().machine.phase()
    }

    /// Why the shard ended, if it did.
    #[must_use]
    pub fn end_reason(&self) -> Option<EndReason> {
        self.shared.lock().machine.end_reason().cloned()
    }

    /// The last 64 transitions, oldest first: why did my shard drop? It answers also when the shard has ended or was
    /// dropped.
    ///
    /// ```
    /// # use portcullis_runtime::Sender;
    /// fn log(sender: &Sender) {
    ///     println!("{:?}, latency {:?}", sender.phase(), sender.latency());
    ///     for transition in sender.explain() {
    ///         println!("{transition}"); // t+41.250 active -> backoff: connection_lost (connection 1)
    ///     }
    /// }
    /// ```
    #[must_use]
    pub fn explain(&self) -> Vec<Transition> {
        self.shared.lock().machine.explain().copied().collect()
    }

    /// The shard's counters, latency and queues at this moment.
    ///
    /// ```
    /// # use portcullis_runtime::Sender;
    /// fn log(sender: &Sender) {
    ///     let health = sender.health();
    ///     println!("{} connections, {} messages", health.counts.connections, health.events.of("MESSAGE_CREATE"));
    /// }
    /// ```
    #[must_use]
    pub fn health(&self) -> Health<'static> {
        self.shared.lock().machine.health().into_owned()
    }

    /// How long the last acknowledged heartbeat took to be acknowledged; `None` before the first was.
    #[must_use]
    pub fn latency(&self) -> Option<Duration> {
        self.shared.lock().machine.health().latency
    }
}

impl<D: Dialect> Clone for Sender<D> {
    fn clone(&self) -> Self {
        Self { shared: Arc::clone(&self.shared) }
    }
}

impl<D: Dialect> fmt::Debug for Sender<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sender").field("shared", &self.shared).finish()
    }
}

/// A command that was accepted, and in time its [`Outcome`]. Dropping it does not withdraw the command.
///
/// The outcome also comes as `Event::Command`. Await a handle **in another task** than the one that polls the shard:
/// outcomes come while the shard is polled, so in the same task it would wait for ever.
#[derive(Debug)]
pub struct CommandHandle {
    id: CommandId,
    outcome: oneshot::Receiver<Outcome>,
}

impl CommandHandle {
    pub(super) const fn new(id: CommandId, outcome: oneshot::Receiver<Outcome>) -> Self {
        Self { id, outcome }
    }

    /// Which command: the one that `Event::Command` names.
    #[must_use]
    pub const fn id(&self) -> CommandId {
        self.id
    }
}

impl Future for CommandHandle {
    type Output = Outcome;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Outcome> {
        // The driver gives every handle its outcome, at the latest when the driver is dropped.
        Pin::new(&mut self.outcome).poll(cx).map(|outcome| outcome.unwrap_or(Outcome::Unknown))
    }
}
