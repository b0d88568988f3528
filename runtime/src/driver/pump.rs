//! The spawned form: a future that keeps the shard alive, and a queue of its events.

use super::Driver;
use super::buffer::{Buffer, Sink, Source, buffer};
use super::connection::Connection;
use super::consumed::Consumed;
use super::sender::Sender;
use crate::runtime::Runtime;
use core::fmt;
use core::future::{Future, poll_fn};
use core::pin::Pin;
use core::task::{Context, Poll, ready};
use core::time::Duration;
use futures_core::Stream;
use portcullis::dialect::{Dialect, ShardId};
use portcullis::machine::{EndReason, Health, Phase, Session, Shutdown, Transition};
use portcullis::{Discord, Event, Input};

/// Keeps a shard alive: spawn it. It is done when the shard has ended, or when its [`Events`] were dropped.
#[must_use = "a shard lives only while its pump is polled: spawn it"]
pub struct Pump<D: Dialect, R: Runtime> {
    driver: Driver<D, R>,
    source: Source,
}

/// The events of a shard that runs in a task of its own. Dropping it ends the pump, which drops the socket; the session
/// can be resumed for a few minutes.
pub struct Events<D: Dialect = Discord> {
    sink: Sink,
    sender: Sender<D>,
}

impl<D: Dialect, R: Runtime> Driver<D, R> {
    /// Splits the shard into a future to spawn and the events it gives: a [`Stream`], and a `next()` of its own.
    ///
    /// A shard that was split sends heartbeats and commands, whatever its consumer does. When the buffer is full it
    /// does what [`Overflow`](crate::Overflow) says. By default it stops reading the socket, so that nothing is lost,
    /// memory is bounded, and the gateway waits.
    ///
    /// ```
    /// # use portcullis::Discord;
    /// # use portcullis_runtime::{Buffer, Driver, Runtime};
    /// # async fn run<R: Runtime>(shard: Driver<Discord, R>, spawn: impl Fn(portcullis_runtime::Pump<Discord, R>)) {
    /// let (pump, mut events) = shard.split(Buffer::default());
    /// spawn(pump);
    /// while let Some(event) = events.next().await {
    ///     println!("{event:?}");
    /// }
    /// # }
    /// ```
    pub fn split(self, settings: impl Into<Buffer>) -> (Pump<D, R>, Events<D>) {
        let sender = self.sender();
        let (source, sink) = buffer(settings.into(), Consumed::None(self.session()));
        (Pump { driver: self, source }, Events { sink, sender })
    }

    /// Does all but read, connect and hand out events: what keeps an open connection alive while the buffer is full.
    fn poll_unread(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.note_suspend();
        loop {
            while let Some(input) = self.connection.poll_write(cx) {
                self.feed(input);
                ready!(self.steps.poll(cx));
            }
            // Without an open connection there is nothing to keep alive, and each attempt at another gives events, for
            // which there is no room.
            if !matches!(self.connection, Connection::Open { .. }) {
                return Poll::Pending;
            }
            // A sender that asks again and again, or a gate that answers at once, must not keep the thread from other
            // tasks.
            ready!(self.steps.poll(cx));
            if let Some(input) = self.poll_answer(cx) {
                self.feed(input);
            } else if self.shared.poll_wake_flag(cx).is_ready() {
                self.feed(Input::TickUnread);
            } else if self.poll_alarm(cx).is_pending() {
                self.steps.wait();
                return Poll::Pending;
            } else if self.is_due() {
                self.feed(Input::TickUnread);
            }
        }
    }
}

impl<D: Dialect, R: Runtime> Future for Pump<D, R> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = &mut *self;
        loop {
            let Poll::Ready(room) = this.source.poll_room(cx) else { return this.driver.poll_unread(cx) };
            if room.is_err() {
                return Poll::Ready(());
            }
            match ready!(this.driver.poll_event(cx)) {
                // If the consumer has gone meanwhile, the next call of `poll_room` says so.
                Some(event) => this.source.push(event),
                None => return Poll::Ready(()),
            }
        }
    }
}

impl<D: Dialect, R: Runtime> Pump<D, R> {
    /// Which shard it keeps alive, to name its task by. `None` where the gateway has no shards.
    #[must_use]
    pub fn shard(&self) -> Option<ShardId> {
        self.driver.machine().dialect().shard()
    }
}

// Nothing in it is pinned in place: futures and timers are boxed.
impl<D: Dialect, R: Runtime> Unpin for Pump<D, R> {}

impl<D: Dialect> Events<D> {
    /// The next event; `None` after the shard has ended. It is cancel-safe.
    pub async fn next(&mut self) -> Option<Event> {
        poll_fn(|cx| self.sink.poll_next(cx)).await
    }

    /// The session as of the last event that was taken here: what another process, or a later run, resumes from. The
    /// resume brings the events that still wait here again, but not those that were dropped.
    #[must_use]
    pub fn session(&self) -> Option<Session> {
        self.sink.with_consumed(|consumed| consumed.session(|mark| self.sender.session_at(mark)))
    }

    /// A handle to the shard: to send commands, to read its state and history, and to end it.
    #[must_use]
    pub const fn sender(&self) -> &Sender<D> {
        &self.sender
    }

    /// Where the shard stands: [`Sender::phase`].
    #[must_use]
    pub fn phase(&self) -> Phase {
        self.sender.phase()
    }

    /// Why the shard ended, if it did: [`Sender::end_reason`].
    #[must_use]
    pub fn end_reason(&self) -> Option<EndReason> {
        self.sender.end_reason()
    }

    /// The last 64 transitions, oldest first: [`Sender::explain`].
    #[must_use]
    pub fn explain(&self) -> Vec<Transition> {
        self.sender.explain()
    }

    /// The shard's counters, latency and queues: [`Sender::health`].
    #[must_use]
    pub fn health(&self) -> Health<'static> {
        self.sender.health()
    }

    /// The latency of the last acknowledged heartbeat: [`Sender::latency`].
    #[must_use]
    pub fn latency(&self) -> Option<Duration> {
        self.sender.latency()
    }
}

impl<D: Dialect> Stream for Events<D> {
    type Item = Event;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Event>> {
        self.sink.poll_next(cx)
    }
}

impl<D: Dialect> Drop for Events<D> {
    fn drop(&mut self) {
        // This wakes the pump, which finds its consumer gone.
        self.sender.shutdown(Shutdown::KeepSession);
    }
}

impl<D: Dialect, R: Runtime> fmt::Debug for Pump<D, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pump").field("driver", &self.driver).finish_non_exhaustive()
    }
}

impl<D: Dialect> fmt::Debug for Events<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Events").field("sender", &self.sender).finish_non_exhaustive()
    }
}
