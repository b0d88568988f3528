//! The machine behind its lock, and the queues that its actions go to.

use crate::event::Event;
use crate::gateway::FakeGateway;
use crate::input::{Action, ConnectionId, Delivery, Input};
use crate::rest::HttpAnswer;
use core::fmt;
use core::pin::pin;
use core::time::Duration;
use futures_util::future::select;
use portcullis::{CloseCode, Message, Timestamp};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::{Notify, mpsc, oneshot, watch};
use tokio::time::{Instant, sleep_until};

/// How many orders may wait for a connection …
const ORDERS_MAX: usize = 16_384;
/// … and how many bytes of messages; a connection above either is cut.
const BYTES_MAX: usize = 64 << 20;
/// Sockets that have asked for no upgrade, beyond the connections that are allowed.
const UNASKED_MAX: usize = 64;

#[derive(Debug)]
pub(super) struct Shared {
    state: Mutex<State>,
    /// How many sockets are served: upgraded, asking, or being told something else.
    sockets: AtomicUsize,
    /// No socket is taken any more.
    stopped: AtomicBool,
    start: Instant,
    /// The deadline changed.
    moved: Notify,
    /// Counts inputs, for those who wait for a condition.
    news: watch::Sender<u64>,
}

#[derive(Debug)]
pub(super) struct State {
    pub(super) gateway: FakeGateway,
    queues: BTreeMap<ConnectionId, ConnectionQueue>,
    opened: u64,
    deadline: Option<Timestamp>,
    observer: Option<Observer>,
}

/// Is told of all that happens, in order. It runs with the machine locked, so it must not wait.
pub struct Observer(Box<dyn FnMut(Event) + Send>);

impl Observer {
    /// Tells a function.
    pub fn new(tell: impl FnMut(Event) + Send + 'static) -> Self {
        Self(Box::new(tell))
    }
}

impl fmt::Debug for Observer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Observer(…)")
    }
}

/// A socket that counts until it is dropped.
#[derive(Debug)]
pub(super) struct Socket {
    pub(super) shared: Arc<Shared>,
}

impl Drop for Socket {
    fn drop(&mut self) {
        self.shared.sockets.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A client that has asked for an upgrade: its number, what it is to be told, and its end.
#[derive(Debug)]
pub(super) struct Opened {
    pub(super) connection: ConnectionId,
    pub(super) orders: Orders,
    pub(super) killed: oneshot::Receiver<()>,
}

/// What the task of a connection is to do, in this order.
#[derive(Debug)]
pub(super) enum Order {
    Send(Message, Delivery),
    /// All before it was written: the machine wants to know.
    Confirm,
    Close(Option<CloseCode>, String),
    Drop,
}

/// The answer to an upgrade.
#[derive(Debug)]
pub(super) enum UpgradeAnswer {
    Accepted,
    Refused { status: u16, retry_after: Option<Duration> },
}

/// Orders and how many bytes of them wait; the task of the connection takes from it.
#[derive(Debug)]
pub(super) struct Orders {
    queue: mpsc::Receiver<Order>,
    bytes: Arc<AtomicUsize>,
}

#[derive(Debug)]
struct ConnectionQueue {
    queue: mpsc::Sender<Order>,
    bytes: Arc<AtomicUsize>,
    /// Dropped with the queue, it cuts the connection at once.
    _life: oneshot::Sender<()>,
}

impl Orders {
    pub(super) async fn next(&mut self) -> Option<Order> {
        let order = self.queue.recv().await?;
        if let Order::Send(message, _) = &order {
            self.bytes.fetch_sub(message.bytes().len(), Ordering::Relaxed);
        }
        Some(order)
    }
}

impl ConnectionQueue {
    /// Whether there was room.
    fn give(&self, order: Order) -> Result<(), Full> {
        let size = if let Order::Send(message, _) = &order { message.bytes().len() } else { 0 };
        if self.bytes.fetch_add(size, Ordering::Relaxed) + size > BYTES_MAX {
            return Err(Full);
        }
        self.queue.try_send(order).map_err(|_| Full)
    }
}

struct Full;

impl State {
    pub(super) fn is_idle(&self) -> bool {
        self.queues.is_empty()
    }

    /// Gives the machine an input and carries its actions to the queues; a client whose queue is full is lost.
    fn feed(&mut self, now: Timestamp, input: Input) -> Option<UpgradeAnswer> {
        let mut answer = None;
        let mut lost = self.carry(now, input, &mut answer);
        while let Some(connection) = lost.pop() {
            if self.queues.remove(&connection).is_some() {
                lost.extend(self.carry(now, Input::Closed(connection, None), &mut answer));
            }
        }
        if let Some(Observer(tell)) = &mut self.observer {
            self.gateway.take_events().for_each(tell);
        }
        answer
    }

    fn carry(&mut self, now: Timestamp, input: Input, answer: &mut Option<UpgradeAnswer>) -> Vec<ConnectionId> {
        let mut lost = Vec::new();
        for action in self.gateway.handle(now, input) {
            let (connection, order) = match action {
                Action::Accept { .. } => {
                    *answer = Some(UpgradeAnswer::Accepted);
                    continue;
                }
                Action::Refuse { status, retry_after, .. } => {
                    *answer = Some(UpgradeAnswer::Refused { status, retry_after });
                    continue;
                }
                Action::Wait { .. } => continue,
                Action::Send { connection, message, delivery } => (connection, Order::Send(message, delivery)),
                Action::Confirm { connection } => (connection, Order::Confirm),
                Action::Close { connection, code, reason } => (connection, Order::Close(code, reason)),
                Action::Drop { connection } => (connection, Order::Drop),
            };
            let given = self.queues.get(&connection).map(|queue| queue.give(order));
            if let Some(Err(Full)) = given {
                lost.push(connection);
            }
        }
        lost
    }
}

impl Shared {
    pub(super) fn new(gateway: FakeGateway, observer: Option<Observer>) -> Self {
        let state = State { gateway, queues: BTreeMap::new(), opened: 0, deadline: None, observer };
        Self {
            state: Mutex::new(state),
            sockets: AtomicUsize::new(0),
            stopped: AtomicBool::new(false),
            start: Instant::now(),
            moved: Notify::new(),
            news: watch::Sender::new(0),
        }
    }

    /// Counts a new socket; `None` when there are too many.
    pub(super) fn socket(self: &Arc<Self>) -> Option<Socket> {
        let most = self.lock().gateway.config().connections_max.saturating_add(UNASKED_MAX);
        let socket = Socket { shared: Arc::clone(self) };
        let before = self.sockets.fetch_add(1, Ordering::Relaxed);
        (before < most).then_some(socket)
    }

    /// Numbers a client that asks for an upgrade; `None` when the server stops.
    pub(super) fn open(&self) -> Option<Opened> {
        let mut state = self.lock();
        if self.stopped.load(Ordering::Relaxed) {
            return None;
        }
        state.opened += 1;
        let connection = ConnectionId(state.opened);
        let (queue, orders) = mpsc::channel(ORDERS_MAX);
        let (life, killed) = oneshot::channel();
        let bytes = Arc::new(AtomicUsize::new(0));
        state.queues.insert(connection, ConnectionQueue { queue, bytes: Arc::clone(&bytes), _life: life });
        Some(Opened { connection, orders: Orders { queue: orders, bytes }, killed })
    }

    pub(super) fn http(&self, method: &str, target: &str, authorization: Option<&str>) -> HttpAnswer {
        let now = self.now();
        self.lock().gateway.http(now, method, target, authorization)
    }

    pub(super) fn feed(&self, input: Input) -> Option<UpgradeAnswer> {
        let now = self.now();
        let mut state = self.lock();
        let answer = state.feed(now, input);
        self.publish(state);
        answer
    }

    /// The task of a connection is done.
    pub(super) fn gone(&self, connection: ConnectionId) {
        let now = self.now();
        let mut state = self.lock();
        state.queues.remove(&connection);
        // One that was closed, or that closed, the machine knows; it counts this as a stray.
        if state.gateway.connections().any(|open| open == connection) {
            state.feed(now, Input::Closed(connection, None));
        }
        self.publish(state);
    }

    pub(super) fn with<R>(&self, deed: impl FnOnce(&mut FakeGateway, Timestamp) -> R) -> R {
        let now = self.now();
        let mut state = self.lock();
        let done = deed(&mut state.gateway, now);
        state.feed(now, Input::Tick);
        self.publish(state);
        done
    }

    pub(super) async fn until(&self, condition: impl Fn(&State) -> bool) {
        let mut news = self.news.subscribe();
        while !condition(&self.lock()) {
            // The sender lives as long as we do.
            let _ = news.changed().await;
        }
    }

    /// Returns when the machine's deadline has come.
    pub(super) async fn due(&self) {
        loop {
            let deadline = self.lock().deadline;
            let moved = pin!(self.moved.notified());
            match deadline {
                None => moved.await,
                Some(at) => {
                    let sleep = pin!(sleep_until(self.start + (at - Timestamp::ZERO)));
                    if let futures_util::future::Either::Left(_) = select(sleep, moved).await {
                        return;
                    }
                }
            }
        }
    }

    /// Takes no client any more; those that are there stay.
    pub(super) fn stop(&self) {
        let _state = self.lock();
        self.stopped.store(true, Ordering::Relaxed);
    }

    pub(super) fn cut_all(&self) {
        self.lock().queues.clear();
    }

    fn publish(&self, mut state: MutexGuard<'_, State>) {
        let deadline = state.gateway.deadline();
        if deadline != state.deadline {
            state.deadline = deadline;
            self.moved.notify_one();
        }
        drop(state);
        self.news.send_modify(|news| *news += 1);
    }

    fn now(&self) -> Timestamp {
        Timestamp::ZERO + self.start.elapsed()
    }

    /// A panic in a test's deed does not take the server with it.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
