//! The events between a pump and its consumer, and the policy for a full buffer.
//!
//! # Invariants
//! * `drops-are-told`: what was dropped is told by one `Lagged`, at the place where it is missing.
//! * `life-is-kept`: only dispatches are dropped. What tells of the shard's own life is not, and when nothing else
//!   waits the pump waits as well: the buffer never holds more events than its capacity, nor more bytes than its bound
//!   and one event.

use super::consumed::{Consumed, mark_of};
use core::num::NonZeroUsize;
use core::task::{Context, Poll, Waker};
use portcullis::Event;
use portcullis::dispatch::Mark;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// How many events of a shard may wait for their consumer, how many bytes they may hold together, and what happens when
/// there is no room.
///
/// ```
/// use core::num::NonZeroUsize;
/// use portcullis_runtime::{Buffer, Overflow};
///
/// let capacity = NonZeroUsize::new(64).unwrap();
/// assert_eq!(Buffer::from(capacity), Buffer { capacity, ..Buffer::default() });
/// let Buffer { capacity, bytes, overflow } = Buffer::default();
/// assert_eq!((capacity.get(), bytes.get(), overflow), (1024, 64 << 20, Overflow::Wait));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Buffer {
    /// The most events that wait: 1,024 unless set.
    pub capacity: NonZeroUsize,
    /// The most bytes that the frames of the waiting events have together: 64 MiB unless set. A large event is taken
    /// while there is room for any, so one event more than this may wait, or a single one that is larger by itself: its
    /// size is bounded by [`Limits::message`](portcullis::machine::Limits::message), or
    /// [`Limits::inflated`](portcullis::machine::Limits::inflated) where the gateway compresses.
    pub bytes: NonZeroUsize,
    /// What happens when that many events or bytes wait.
    pub overflow: Overflow,
}

impl Default for Buffer {
    fn default() -> Self {
        Self { capacity: CAPACITY, bytes: BYTES, overflow: Overflow::default() }
    }
}

impl From<NonZeroUsize> for Buffer {
    fn from(capacity: NonZeroUsize) -> Self {
        Self { capacity, ..Self::default() }
    }
}

/// A shard of Discord's recommended size has about 1,000 guilds, and each sends one event at the start: they wait
/// whole.
const CAPACITY: NonZeroUsize = NonZeroUsize::new(1024).unwrap();
/// 1,024 guilds of 64 KB, the start of a large bot, wait whole; and a peer that sends the largest frames it may costs
/// no more.
const BYTES: NonZeroUsize = NonZeroUsize::new(64 << 20).unwrap();

/// What happens with an event for which there is no room. The shard sends heartbeats in any case.
///
/// Only dispatches are ever dropped; each run of them is told by one
/// [`Event::Lagged`](portcullis::Event::Lagged) at the place where they are missing. A dropped event counts as taken: a
/// resume does not bring it again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Overflow {
    /// Nothing is lost: the shard stops reading until there is room, and the gateway waits.
    #[default]
    Wait,
    /// The event that comes is dropped, those that wait are kept.
    DropNewest,
    /// The event that has waited longest is dropped.
    DropOldest,
}

/// One end of a buffer, held by a pump. Dropped, it ends the other one's wait.
pub(super) struct Source(Arc<Mutex<Waiting>>);

/// The other end, held by the consumer.
pub(super) struct Sink(Arc<Mutex<Waiting>>);

/// The consumer was dropped.
pub(super) struct Gone;

pub(super) fn buffer(settings: Buffer, consumed: Consumed) -> (Source, Sink) {
    let waiting = Arc::new(Mutex::new(Waiting {
        settings,
        events: VecDeque::new(),
        dispatches: 0,
        bytes: 0,
        lag: None,
        consumed,
        pump: End::Busy,
        consumer: End::Busy,
    }));
    (Source(Arc::clone(&waiting)), Sink(waiting))
}

struct Waiting {
    settings: Buffer,
    events: VecDeque<Place>,
    /// How many of them may be dropped.
    dispatches: usize,
    /// How many bytes their frames have.
    bytes: usize,
    /// What is missing behind the last of them.
    lag: Option<Box<Lag>>,
    consumed: Consumed,
    pump: End,
    consumer: End,
}

/// An event, and what is missing before it.
struct Place {
    lag: Option<Box<Lag>>,
    event: Event,
}

/// A run of dispatches that were dropped.
struct Lag {
    dropped: u64,
    /// Where the session stood after the last of them.
    up_to: Mark,
}

enum End {
    Busy,
    Waits(Waker),
    Gone,
}

impl End {
    fn wait(&mut self, cx: &Context<'_>) {
        *self = Self::Waits(cx.waker().clone());
    }

    /// The task that waits at this end, to be woken without the lock.
    fn take_waker(&mut self) -> Option<Waker> {
        match core::mem::replace(self, Self::Busy) {
            Self::Waits(waker) => Some(waker),
            Self::Busy => None,
            Self::Gone => {
                *self = Self::Gone;
                None
            }
        }
    }
}

impl Source {
    /// Ready when the next event can be kept, or something less worth keeping can be dropped for it.
    pub(super) fn poll_room(&self, cx: &Context<'_>) -> Poll<Result<(), Gone>> {
        let mut waiting = lock(&self.0);
        if let End::Gone = waiting.consumer {
            return Poll::Ready(Err(Gone));
        }
        if waiting.has_room() {
            return Poll::Ready(Ok(()));
        }
        waiting.pump.wait(cx);
        Poll::Pending
    }

    pub(super) fn push(&self, event: Event) {
        let mut waiting = lock(&self.0);
        waiting.push(event);
        let consumer = waiting.consumer.take_waker();
        drop(waiting);
        consumer.into_iter().for_each(Waker::wake);
    }
}

impl Drop for Source {
    fn drop(&mut self) {
        let mut waiting = lock(&self.0);
        let consumer = waiting.consumer.take_waker();
        waiting.pump = End::Gone;
        drop(waiting);
        consumer.into_iter().for_each(Waker::wake);
    }
}

impl Sink {
    pub(super) fn poll_next(&self, cx: &Context<'_>) -> Poll<Option<Event>> {
        let mut waiting = lock(&self.0);
        let Some(event) = waiting.pop() else {
            if let End::Gone = waiting.pump {
                return Poll::Ready(None);
            }
            waiting.consumer.wait(cx);
            return Poll::Pending;
        };
        let pump = waiting.pump.take_waker();
        drop(waiting);
        pump.into_iter().for_each(Waker::wake);
        Poll::Ready(Some(event))
    }

    /// Up to where the application has consumed the events.
    pub(super) fn with_consumed<T>(&self, look: impl FnOnce(&Consumed) -> T) -> T {
        look(&lock(&self.0).consumed)
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        let mut waiting = lock(&self.0);
        waiting.consumer = End::Gone;
        let (pump, events) = (waiting.pump.take_waker(), core::mem::take(&mut waiting.events));
        drop(waiting);
        drop(events);
        pump.into_iter().for_each(Waker::wake);
    }
}

/// Each call leaves the buffer whole, so the lock's poison after a panic of another thread says nothing.
fn lock(waiting: &Mutex<Waiting>) -> MutexGuard<'_, Waiting> {
    waiting.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Waiting {
    fn is_full(&self) -> bool {
        self.events.len() >= self.settings.capacity.get() || self.bytes >= self.settings.bytes.get()
    }

    fn has_room(&self) -> bool {
        !self.is_full() || (self.settings.overflow != Overflow::Wait && self.dispatches > 0)
    }

    /// Whether an event of this size can be kept beside those that wait. One alone can, whatever its size.
    fn fits(&self, weight: usize) -> bool {
        let has_place = self.events.len() < self.settings.capacity.get();
        self.events.is_empty() || (has_place && self.bytes.saturating_add(weight) <= self.settings.bytes.get())
    }

    fn push(&mut self, event: Event) {
        let weight = weight(&event);
        while !self.fits(weight) {
            let dropped = match (self.settings.overflow, &event) {
                (Overflow::DropNewest, Event::Dispatch(dispatch)) => {
                    return note_dropped(&mut self.lag, dispatch.mark());
                }
                (Overflow::DropNewest, _) => self.events.iter().rposition(is_dispatch),
                (Overflow::DropOldest, _) => self.events.iter().position(is_dispatch),
                (Overflow::Wait, _) => None,
            };
            let Some(dropped) = dropped else { break };
            self.drop_at(dropped);
        }
        self.dispatches += usize::from(matches!(event, Event::Dispatch(_)));
        self.bytes += weight;
        self.events.push_back(Place { lag: self.lag.take(), event });
    }

    /// Takes an event out of its place, and has the next one tell of it.
    fn drop_at(&mut self, index: usize) {
        let Some(place) = self.events.remove(index) else { return };
        self.note_gone(&place.event);
        let mut lag = place.lag;
        if let Some(mark) = mark_of(&place.event) {
            note_dropped(&mut lag, mark);
        }
        let behind = self.events.get_mut(index).map_or(&mut self.lag, |place| &mut place.lag);
        *behind = match (lag, behind.take()) {
            (Some(mut lag), Some(later)) => {
                lag.dropped += later.dropped;
                lag.up_to = later.up_to;
                Some(lag)
            }
            (lag, later) => lag.or(later),
        };
    }

    fn note_gone(&mut self, event: &Event) {
        self.dispatches -= usize::from(matches!(event, Event::Dispatch(_)));
        self.bytes -= weight(event);
    }

    fn pop(&mut self) -> Option<Event> {
        let lag = self.events.front_mut().map_or(&mut self.lag, |place| &mut place.lag);
        if let Some(lag) = lag.take() {
            self.consumed = Consumed::UpTo(lag.up_to);
            return Some(Event::Lagged(lag.dropped));
        }
        let Place { event, .. } = self.events.pop_front()?;
        self.note_gone(&event);
        self.consumed.note(&event);
        Some(event)
    }
}

fn is_dispatch(place: &Place) -> bool {
    matches!(place.event, Event::Dispatch(_))
}

/// How many bytes of the peer's an event keeps.
fn weight(event: &Event) -> usize {
    match event {
        Event::Ready(dispatch) | Event::Resumed(dispatch) | Event::Dispatch(dispatch) => dispatch.frame().len(),
        Event::Unknown(frame) => frame.frame().len(),
        _ => 0,
    }
}

fn note_dropped(lag: &mut Option<Box<Lag>>, mark: Mark) {
    match lag {
        Some(lag) => {
            lag.dropped += 1;
            lag.up_to = mark;
        }
        None => *lag = Some(Box::new(Lag { dropped: 1, up_to: mark })),
    }
}
