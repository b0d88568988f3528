//! A wrapper around the runtime under test: its sockets and timers, with a clock that leaps and host names of the case's own.

use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll, Waker};
use core::time::Duration;
use futures_io::{AsyncRead, AsyncWrite};
use portcullis::Timestamp;
use portcullis_runtime::Runtime;
use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};
use tokio::sync::watch;

/// A runtime whose clock runs as that of `R`, and leaps when a case says so. Clones share clock and names.
#[derive(Clone, Debug)]
pub struct Lab<R> {
    inner: R,
    state: Arc<Mutex<State>>,
}

/// Whether the clock runs by itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Gait {
    #[default]
    Running,
    Still,
}

#[derive(Debug, Default)]
struct State {
    gait: Gait,
    ahead: Duration,
    sleepers: BTreeMap<u64, Waker>,
    /// How many timers were made.
    made: u64,
    /// Bytes that were read from all streams.
    read: watch::Sender<u64>,
    names: BTreeMap<String, Vec<SocketAddr>>,
}

impl<R: Runtime + Default> Default for Lab<R> {
    fn default() -> Self {
        Self { inner: R::default(), state: Arc::default() }
    }
}

impl<R: Runtime> Lab<R> {
    /// A clock that only leaps, for intervals so short that a busy machine is late for them.
    pub fn still() -> Self
    where
        R: Default,
    {
        let lab = Self::default();
        lab.lock().gait = Gait::Still;
        lab
    }

    /// Moves the clock forward, and wakes the timers that are due.
    pub fn leap(&self, span: Duration) {
        let woken = {
            let mut state = self.lock();
            state.ahead += span;
            core::mem::take(&mut state.sleepers)
        };
        woken.into_values().for_each(Waker::wake);
    }

    /// Moves the clock to a time, unless it has passed.
    pub fn leap_to(&self, time: Timestamp) {
        self.leap(time - self.now());
    }

    /// Defines a host name. The runtime resolves all other names.
    pub fn name(&self, host: &str, addresses: impl Into<Vec<SocketAddr>>) {
        self.lock().names.insert(host.to_owned(), addresses.into());
    }

    /// How many timers were made.
    pub fn timers_made(&self) -> u64 {
        self.lock().made
    }

    /// How many bytes were read, from all streams.
    pub fn bytes_read(&self) -> u64 {
        *self.lock().read.borrow()
    }

    /// Waits until at least `bytes` bytes were read.
    pub async fn until_read(&self, bytes: u64) {
        let mut read = self.lock().read.subscribe();
        read.wait_for(|read| *read >= bytes).await.unwrap();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }
}

impl<R: Runtime> Runtime for Lab<R> {
    type Stream = Counted<R>;
    type Sleep = Sleep<R>;

    fn now(&self) -> Timestamp {
        let state = self.lock();
        match state.gait {
            Gait::Running => self.inner.now() + state.ahead,
            Gait::Still => Timestamp::ZERO + state.ahead,
        }
    }

    fn slept(&self) -> Duration {
        self.inner.slept()
    }

    fn sleep_until(&self, until: Timestamp) -> Sleep<R> {
        let (number, ahead) = {
            let mut state = self.lock();
            state.made += 1;
            (state.made, state.ahead)
        };
        let inner = Box::pin(self.inner.sleep_until(Timestamp::ZERO + (until - (Timestamp::ZERO + ahead))));
        Sleep { lab: self.clone(), number, until, inner }
    }

    fn resolve(&self, host: &str, port: u16) -> impl Future<Output = io::Result<Vec<SocketAddr>>> + Send + 'static {
        let named = self.lock().names.get(host).cloned();
        let resolved = self.inner.resolve(host, port);
        async move {
            match named {
                Some(addresses) => Ok(addresses),
                None => resolved.await,
            }
        }
    }

    fn connect(&self, address: SocketAddr) -> impl Future<Output = io::Result<Counted<R>>> + Send + 'static {
        let (lab, connected) = (self.clone(), self.inner.connect(address));
        async move { Ok(Counted { stream: connected.await?, lab }) }
    }
}

/// A stream of the runtime's own, whose bytes are counted.
#[derive(Debug)]
pub struct Counted<R: Runtime> {
    stream: R::Stream,
    lab: Lab<R>,
}

impl<R: Runtime> AsyncRead for Counted<R> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut [u8]) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.stream).poll_read(cx, into);
        if let Poll::Ready(Ok(bytes)) = polled {
            self.lab.lock().read.send_modify(|read| *read += bytes as u64);
        }
        polled
    }
}

impl<R: Runtime> AsyncWrite for Counted<R> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_close(cx)
    }
}

/// A timer on the clock that leaps.
#[derive(Debug)]
pub struct Sleep<R: Runtime> {
    lab: Lab<R>,
    number: u64,
    until: Timestamp,
    inner: Pin<Box<R::Sleep>>,
}

impl<R: Runtime> Future for Sleep<R> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        // The timer registers before it reads the clock, so it misses no leap.
        let gait = {
            let mut state = self.lab.lock();
            state.sleepers.insert(self.number, cx.waker().clone());
            state.gait
        };
        if self.lab.now() >= self.until {
            return Poll::Ready(());
        }
        if gait == Gait::Still {
            return Poll::Pending;
        }
        let until = self.until;
        self.inner.as_mut().poll(cx).map(|()| {
            let now = self.lab.now();
            assert!(now >= until, "the runtime's timer went off at {now}, before {until}");
        })
    }
}

impl<R: Runtime> Drop for Sleep<R> {
    fn drop(&mut self) {
        // A poisoned lock means that another thread has panicked already.
        if let Ok(mut state) = self.lab.state.lock() {
            state.sleepers.remove(&self.number);
        }
    }
}
