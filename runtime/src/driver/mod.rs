//! The driver: one machine, one socket, one timer, in one loop of plain ifs.
//!
//! # Invariants
//! * `nothing-in-a-future`: between two polls everything is in a field of the driver or in the machine, so that a
//!   `next_event()` can be dropped at any point: nothing is lost, nothing comes twice.
//! * `write-before-event`: what the machine wants sent is started and flushed as far as the socket takes it, before an
//!   event is handed out.
//! * `dry-tick`: a `Tick` follows a read of the socket that found nothing, with no input between; or, on a socket that
//!   is never dry, as many bytes as a socket holds since a deadline was put off. Only a `Tick` lets the machine judge
//!   silence: a process that was stalled finds its answers in the socket, and must not kill a healthy connection.
//! * `due-in-time`: no arm of the loop goes on reading, answering or writing without a look at the clock. After
//!   256 steps, or the bytes of a read budget, the driver yields to other tasks.

mod alarm;
mod backlog;
mod buffer;
mod commands;
mod connection;
mod consumed;
mod feed;
mod permits;
mod pump;
mod request_tracker;
mod requests;
mod scratch;
mod sender;
mod shared;
mod steps;
mod suspend;
mod tokens;

use crate::identify::{IdentifyGate, SharedIdentify};
use crate::network::Network;
use crate::runtime::Runtime;
use alarm::{Alarm, Due};
use backlog::Backlog;
use connection::{Connection, Read};
use consumed::{Consumed, mark_of};
use core::fmt;
use core::future::poll_fn;
use core::pin::Pin;
use core::task::{Context, Poll, ready};
use core::time::Duration;
use futures_core::Stream;
use permits::Permits;
use portcullis::dialect::Dialect;
use portcullis::dispatch::Mark;
use portcullis::identify::{QueueConfig, SessionStartLimit};
use portcullis::machine::{Cause, EndReason, Health, Phase, SendError, Session, Shutdown, Transition};
use portcullis::{Event, GatewayMachine, Input, Timestamp};
use scratch::ScratchOwner;
use shared::Shared;
use std::collections::VecDeque;
use std::sync::Arc;
use steps::Steps;
use suspend::SuspendDetector;
use tokens::TokenFetcher;

pub use buffer::{Buffer, Overflow};
pub use pump::{Events, Pump};
pub use requests::RequestFuture;
pub use sender::{CommandHandle, Sender};
pub use shared::MachineRef;
pub use suspend::HostSleep;
pub use tokens::{TokenAnswer, Tokens};

/// A shard: a machine, and what carries out its actions on an async runtime.
///
/// **It sends heartbeats only while it is polled.** Call [`next_event`](Self::next_event) in a loop, and run work that
/// takes longer than a few seconds in a task of its own. The gateway drops a shard that is not polled for a heartbeat
/// interval (about 41 s); the shard resumes when it is polled again. [`split`](Self::split) gives a form that sends
/// heartbeats in a task of its own.
///
/// It connects at the first poll. Dropping it drops its socket without a close frame, so the session can be resumed for
/// a few minutes.
pub struct Driver<D: Dialect, R: Runtime> {
    runtime: R,
    network: Network,
    payload_max: usize,
    scratch: ScratchOwner,
    shared: Arc<Shared<D>>,
    connection: Connection,
    /// Events that were not handed out. The socket is read only when this is empty, and one input gives at most
    /// `Limits::payloads` and `Limits::outbox` events and a few more: so it is bounded.
    inbox: VecDeque<Event>,
    /// Where the session stood after the last event that was handed out.
    consumed: Consumed,
    permits: Permits,
    tokens: TokenFetcher,
    due: Due,
    /// When the request tracker is to be given a tick at the latest.
    requests_due: Option<Timestamp>,
    alarm: Alarm<R>,
    suspend: SuspendDetector,
    backlog: Backlog,
    steps: Steps,
}

impl<D: Dialect, R: Runtime> Driver<D, R> {
    /// A shard that has not connected. `network` is one that all shards of the application share, or its
    /// [`Tls`](crate::Tls) alone.
    #[must_use]
    pub fn new(machine: GatewayMachine<D>, runtime: R, network: impl Into<Network>) -> Self {
        // Nothing is known of the application's other shards. `with_identify` sets a gate that they share.
        let suspend = SuspendDetector::after(runtime.slept());
        let alone = SharedIdentify::new(&runtime, SessionStartLimit::default(), QueueConfig::default());
        Self {
            runtime,
            network: network.into(),
            payload_max: machine.dialect().limits().payload,
            scratch: ScratchOwner::for_machine(&machine),
            permits: Permits::new(Box::new(alone.gate()), machine.dialect().shard()),
            consumed: Consumed::None(machine.session()),
            shared: Shared::new(machine),
            connection: Connection::None,
            inbox: VecDeque::new(),
            tokens: TokenFetcher::default(),
            due: Due::AtOnce,
            requests_due: None,
            alarm: Alarm::new(),
            suspend,
            backlog: Backlog::default(),
            steps: Steps::default(),
        }
    }

    /// The same with a source of tokens, for gateways whose tokens expire.
    #[must_use]
    pub fn with_tokens(mut self, tokens: impl Tokens) -> Self {
        self.tokens.set_source(Box::new(tokens));
        self
    }

    /// The same with another gate to identify through than one of its own. All shards of an application must share one
    /// identify queue, or they break the gateway's limits together. See [`SharedIdentify`].
    #[must_use]
    pub fn with_identify(self, gate: impl IdentifyGate) -> Self {
        self.with_gate(Box::new(gate))
    }

    pub(crate) fn with_gate(mut self, gate: Box<dyn IdentifyGate>) -> Self {
        self.permits.set_gate(gate);
        self
    }

    /// The same with another policy for a host that was asleep.
    #[must_use]
    pub fn with_host_sleep(mut self, sleep: HostSleep) -> Self {
        self.suspend.set(sleep);
        self
    }

    /// The next event; `None` after the shard has ended.
    ///
    /// The shard connects, sends and heartbeats **only while this is awaited**: see [`Driver`]. It is cancel-safe: when
    /// the future is dropped before it is done, as in a `select!`, nothing is lost, and the next call continues.
    pub async fn next_event(&mut self) -> Option<Event> {
        poll_fn(|cx| self.poll_event(cx)).await
    }

    /// The poll form of [`next_event`](Self::next_event), for hand-written streams and futures.
    pub fn poll_event(&mut self, cx: &mut Context<'_>) -> Poll<Option<Event>> {
        if let Due::AtOnce = self.due {
            // A shard that was shut down before its first poll does not connect.
            self.feed(Input::Tick);
            self.feed(Input::Start);
        }
        // While reads follow each other without a wait, the host was awake: the clocks are asked once a wait, not once
        // an event.
        if self.steps.is_first() {
            self.note_suspend();
            self.connection.renew_budget();
        }
        // Events of the last input are left, and the application took its time: the heartbeat that is due goes out
        // before the next of them. `TickUnread`, since the socket was not read meanwhile.
        if !self.inbox.is_empty() && self.is_due() {
            self.feed(Input::TickUnread);
        }
        loop {
            while let Some(input) = self.connection.poll_write(cx) {
                self.feed(input);
                ready!(self.steps.poll(cx));
            }
            if let Some(event) = self.inbox.pop_front() {
                self.consumed.note(&event);
                return Poll::Ready(Some(event));
            }
            if let Due::Never = self.due {
                return Poll::Ready(None);
            }
            ready!(self.steps.poll(cx));
            let Poll::Ready(input) = self.poll_input(cx) else {
                self.steps.wait();
                return Poll::Pending;
            };
            self.feed(input);
        }
    }

    /// Queues a command for the gateway. It leaves when a session is live and the send limit allows;
    /// `Event::Command` tells its outcome, once, and so does the [`CommandHandle`].
    ///
    /// It returns at once, and nothing leaves before the shard is polled. So do not await the handle between two calls
    /// of [`next_event`](Self::next_event): it would wait for ever. See [`CommandHandle`].
    ///
    /// # Errors
    /// [`SendError`] when the command is not accepted: nothing was queued then.
    pub fn send(&mut self, command: D::Command) -> Result<CommandHandle, SendError> {
        self.shared.send(command)
    }

    /// Asks the shard to end, whatever it is doing. Keep calling [`next_event`](Self::next_event) until it gives
    /// `None`: the shard sends a close frame, waits for the answer, and returns the commands that still wait.
    pub fn shutdown(&mut self, shutdown: Shutdown) {
        self.shared.shutdown(shutdown);
    }

    /// Asks for a new connection that keeps the session. [`explain`](Self::explain) tells `cause`.
    pub fn reconnect(&mut self, cause: Cause) {
        self.shared.reconnect(cause);
    }

    /// A handle for other tasks.
    #[must_use]
    pub fn sender(&self) -> Sender<D> {
        Sender::new(Arc::clone(&self.shared))
    }

    /// Where the shard stands.
    #[must_use]
    pub fn phase(&self) -> Phase {
        self.machine().phase()
    }

    /// Why it ended, if it did.
    #[must_use]
    pub fn end_reason(&self) -> Option<EndReason> {
        self.machine().end_reason().cloned()
    }

    /// The session as of the last event that was handed out: what another process, or a later run, resumes from. It is
    /// there after `shutdown(Shutdown::KeepSession)` as well.
    #[must_use]
    pub fn session(&self) -> Option<Session> {
        if !self.inbox.iter().any(|event| mark_of(event).is_some()) {
            return self.machine().session();
        }
        self.consumed.session(|mark| self.session_at(mark))
    }

    /// The session as of a dispatch ([`Dispatch::mark`](portcullis::Dispatch::mark)), for applications that buffer
    /// events. `None` if that session is over.
    #[must_use]
    pub fn session_at(&self, mark: &Mark) -> Option<Session> {
        self.machine().session_at(mark)
    }

    /// The last 64 transitions, oldest first: why did my shard drop?
    #[must_use]
    pub fn explain(&self) -> Vec<Transition> {
        self.machine().explain().copied().collect()
    }

    /// Its counters, latency and queues at this moment. [`machine`](Self::machine) lends the same without a copy.
    #[must_use]
    pub fn health(&self) -> Health<'static> {
        self.machine().health().into_owned()
    }

    /// How long the last acknowledged heartbeat took to be acknowledged; `None` before the first was.
    #[must_use]
    pub fn latency(&self) -> Option<Duration> {
        self.machine().health().latency
    }

    /// A look at the machine.
    #[must_use]
    pub fn machine(&self) -> MachineRef<'_, D> {
        MachineRef(self.shared.lock())
    }

    /// Called before anything is read: what waits in the socket came before the sleep, and would look like a sign of
    /// life of a connection that is gone.
    fn note_suspend(&mut self) {
        if let Some(slept) = self.suspend.since(|| self.runtime.slept()) {
            self.feed(Input::Suspended(slept));
        }
    }

    /// What happened first, of all that the driver waits for: dial, answers, commands, socket, sleep.
    fn poll_input(&mut self, cx: &mut Context<'_>) -> Poll<Input> {
        loop {
            if let Some(input) = self.connection.poll_dial(cx) {
                return Poll::Ready(input);
            }
            if let Some(input) = self.poll_answer(cx) {
                return Poll::Ready(input);
            }
            // Any input carries out what a sender asked for. When the machine is due as well, each way from here leads
            // to an input, and a `Tick`, which may judge, is worth more than this one.
            if self.shared.poll_wake_flag(cx).is_ready() && !self.is_due() {
                return Poll::Ready(Input::TickUnread);
            }
            if self.backlog.is_read(self.connection.bytes_read()) && self.is_due() {
                return Poll::Ready(Input::Tick);
            }
            match self.connection.poll_message(cx) {
                Read::Input(input) => return Poll::Ready(input),
                // A peer can send pings, or a message that never ends: they must not postpone what is due.
                Read::Control | Read::Unread if self.is_due() => return Poll::Ready(Input::TickUnread),
                Read::Control => {}
                Read::Unread => return self.steps.poll_later(cx),
                Read::Dry => {
                    ready!(self.poll_alarm(cx));
                    if self.is_due() {
                        return Poll::Ready(Input::Tick);
                    }
                }
            }
            ready!(self.steps.poll(cx));
        }
    }

    fn poll_answer(&mut self, cx: &mut Context<'_>) -> Option<Input> {
        match self.permits.poll_answer(cx) {
            Poll::Ready(answer) => Some(answer),
            Poll::Pending => self.tokens.poll_answer(cx),
        }
    }

    /// Ready when the machine, its requests or a permit to identify is due, or a little before.
    fn poll_alarm(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let due = match self.due {
            Due::At(until) => Some(until),
            Due::AtOnce | Due::Never => None,
        };
        let permit = self.permits.wait().map(|wait| self.runtime.now() + wait);
        let Some(until) = [due, permit, self.requests_due].into_iter().flatten().min() else { return Poll::Pending };
        self.alarm.poll(until, &self.runtime, cx)
    }

    fn is_due(&self) -> bool {
        self.is_due_at(self.runtime.now())
    }

    fn is_due_at(&self, now: Timestamp) -> bool {
        match self.due {
            Due::AtOnce => true,
            Due::At(until) => now >= self.requests_due.map_or(until, |due| due.min(until)),
            Due::Never => false,
        }
    }
}

/// The events of the shard, as `next_event()` gives them.
impl<D: Dialect, R: Runtime> Stream for Driver<D, R> {
    type Item = Event;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Event>> {
        self.poll_event(cx)
    }
}

// Nothing in it is pinned in place: futures and timers are boxed.
impl<D: Dialect, R: Runtime> Unpin for Driver<D, R> {}

/// The socket goes, the session stays; commands that waited come back.
impl<D: Dialect, R: Runtime> Drop for Driver<D, R> {
    fn drop(&mut self) {
        self.shared.end(self.connection.connection());
    }
}

impl<D: Dialect, R: Runtime> fmt::Debug for Driver<D, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Driver")
            .field("shared", &self.shared)
            .field("waiting", &self.inbox.len())
            .finish_non_exhaustive()
    }
}
