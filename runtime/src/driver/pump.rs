//! The spawned form: a future that keeps the shard alive, and a queue of its events.

use super::Driver;
use super::sender::Sender;
use super::wire::Wire;
use crate::runtime::Runtime;
use core::fmt;
use core::future::{Future, poll_fn};
use core::num::NonZeroUsize;
use core::pin::Pin;
use core::task::{Context, Poll, ready};
use futures_channel::mpsc;
use futures_core::Stream as _;
use portcullis::dialect::Dialect;
use portcullis::machine::Shutdown;
use portcullis::{Discord, Event, Input};

/// Keeps a shard alive: spawn it. It is done when the shard has ended, or nobody takes its events any more.
#[must_use = "a shard lives only while its pump is polled: spawn it"]
pub struct Pump<D: Dialect, R: Runtime> {
    driver: Driver<D, R>,
    queue: mpsc::Sender<Event>,
}

/// The events of a shard that runs in a task of its own. Dropped, it ends the pump, which drops the socket; the session
/// can be resumed for a few minutes.
pub struct Events<D: Dialect = Discord> {
    queue: mpsc::Receiver<Event>,
    sender: Sender<D>,
}

impl<D: Dialect, R: Runtime> Driver<D, R> {
    /// Splits the shard into a future to spawn and the events it gives.
    ///
    /// A shard that was split beats, whatever its consumer does. When `capacity` events wait, it reads no more, so
    /// nothing is lost and memory is bounded: it goes on beating and sending, and the gateway waits.
    ///
    /// ```
    /// # use core::num::NonZeroUsize;
    /// # use portcullis::Discord;
    /// # use portcullis_runtime::{Driver, Runtime};
    /// # async fn run<R: Runtime>(shard: Driver<Discord, R>, spawn: impl Fn(portcullis_runtime::Pump<Discord, R>)) {
    /// let (pump, mut events) = shard.split(NonZeroUsize::new(1024).unwrap());
    /// spawn(pump);
    /// while let Some(event) = events.next().await {
    ///     println!("{event:?}");
    /// }
    /// # }
    /// ```
    pub fn split(self, capacity: NonZeroUsize) -> (Pump<D, R>, Events<D>) {
        let sender = self.sender();
        // The channel has one place more than it is told, for its one sender.
        let (queue, taken) = mpsc::channel(capacity.get() - 1);
        (Pump { driver: self, queue }, Events { queue: taken, sender })
    }

    /// Does all but read, connect and hand out events: what keeps an open link alive while nobody takes any.
    fn poll_unread(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            while let Some(input) = self.wire.poll_write(cx) {
                self.feed(input);
            }
            // Without an open link there is nothing to keep alive, and each attempt at another would be more to tell.
            if !matches!(self.wire, Wire::Open { .. }) {
                return Poll::Pending;
            }
            if let Some(input) = self.poll_answer(cx) {
                self.feed(input);
            } else if self.shared.poll_asked(cx).is_ready() {
                self.feed(Input::TickUnread);
            } else {
                ready!(self.poll_alarm(cx));
                if self.is_due() {
                    self.feed(Input::TickUnread);
                }
            }
        }
    }
}

impl<D: Dialect, R: Runtime> Future for Pump<D, R> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = &mut *self;
        loop {
            let Poll::Ready(room) = this.queue.poll_ready(cx) else { return this.driver.poll_unread(cx) };
            if room.is_err() {
                return Poll::Ready(());
            }
            match ready!(this.driver.poll_event(cx)) {
                // A consumer that has gone meanwhile is seen with the next one.
                Some(event) => drop(this.queue.start_send(event)),
                None => return Poll::Ready(()),
            }
        }
    }
}

// Nothing in it is pinned in place: futures and timers are boxed.
impl<D: Dialect, R: Runtime> Unpin for Pump<D, R> {}

impl<D: Dialect> Events<D> {
    /// The next event; `None` after the shard has ended. It is cancel-safe.
    pub async fn next(&mut self) -> Option<Event> {
        poll_fn(|cx| Pin::new(&mut self.queue).poll_next(cx)).await
    }

    /// A handle to the shard: to send commands, and to end it.
    #[must_use]
    pub const fn sender(&self) -> &Sender<D> {
        &self.sender
    }
}

impl<D: Dialect> Drop for Events<D> {
    fn drop(&mut self) {
        // The pump is woken by this, and finds that nobody listens.
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
