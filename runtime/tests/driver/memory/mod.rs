//! A runtime in memory: a virtual clock, pipes in place of sockets, and a gateway of a few lines at the other end.
//!
//! Nothing happens by itself. The test polls the shard only when its waker was woken, so a wake-up that is missing
//! shows as a shard that stands still.

mod gateway;
mod pipe;

use core::future::{Future, poll_fn};
use core::pin::Pin;
use core::task::{Context, Poll, Waker};
use core::time::Duration;
use portcullis::Timestamp;
use portcullis_runtime::Runtime;
use std::io::{self, ErrorKind, Write as _};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::Wake;

pub(crate) use gateway::{Gateway, Manners};
pub(crate) use pipe::Pipe;

/// What an address does that takes a connection and is no gateway.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Dead {
    /// Nothing.
    Silent,
    /// It closes the connection.
    HangsUp,
    /// It answers so.
    Says(&'static [u8]),
}

/// Clones are the same world.
#[derive(Clone)]
pub(crate) struct Memory(Arc<Mutex<World>>);

pub(crate) struct World {
    now: Timestamp,
    sleeps: Vec<(Timestamp, Waker)>,
    /// The other ends of streams that were connected and not accepted.
    arrived: Vec<Pipe>,
    /// Bytes that the next stream takes from the shard before it blocks.
    pub(crate) allowance: usize,
    /// Whether anyone answers the phone.
    pub(crate) is_listening: bool,
    /// What a name resolves to: nothing is an error.
    pub(crate) addresses: Vec<SocketAddr>,
    /// Those of them that never answer.
    pub(crate) silent: Vec<SocketAddr>,
    /// Those of them that refuse.
    pub(crate) refusing: Vec<SocketAddr>,
    /// Those of them that take a connection and are no gateway, and what they do with it.
    pub(crate) dead: Vec<(SocketAddr, Dead)>,
    /// Connections without an answer.
    held: Vec<Pipe>,
    /// The addresses that took a connection, in order.
    pub(crate) connected: Vec<SocketAddr>,
    /// The names that were looked up.
    pub(crate) asked: Vec<String>,
    /// Whether the resolver answers.
    is_resolving: bool,
    callers: Vec<Waker>,
    /// How long the host has slept.
    pub(crate) slept: Duration,
}

impl Memory {
    pub(crate) fn new() -> Self {
        Self(Arc::new(Mutex::new(World {
            now: Timestamp::ZERO,
            sleeps: Vec::new(),
            arrived: Vec::new(),
            allowance: usize::MAX,
            is_listening: true,
            addresses: vec![SocketAddr::from(([127, 0, 0, 1], 9))],
            silent: Vec::new(),
            refusing: Vec::new(),
            dead: Vec::new(),
            held: Vec::new(),
            connected: Vec::new(),
            asked: Vec::new(),
            is_resolving: true,
            callers: Vec::new(),
            slept: Duration::ZERO,
        })))
    }

    pub(crate) fn world(&self) -> MutexGuard<'_, World> {
        self.0.lock().unwrap()
    }

    /// Moves the clock to the next timer and wakes what waits for it. `false` if there is none.
    pub(crate) fn advance(&self) -> bool {
        let mut world = self.world();
        let Some(next) = world.sleeps.iter().map(|(until, _)| *until).min() else { return false };
        world.now = world.now.max(next);
        let now = world.now;
        let (due, later) = world.sleeps.drain(..).partition(|(until, _)| *until <= now);
        world.sleeps = later;
        drop(world);
        let due: Vec<(Timestamp, Waker)> = due;
        for (_, waker) in due {
            waker.wake();
        }
        true
    }

    /// The other end of a stream that was connected, for a server of the test's own.
    pub(crate) fn accept(&self) -> Option<Pipe> {
        self.world().arrived.pop()
    }

    pub(crate) fn time(&self) -> Timestamp {
        self.world().now
    }

    /// Lets time pass without a timer going off: a process that was busy.
    pub(crate) fn pass(&self, span: Duration) {
        let mut world = self.world();
        world.now = world.now + span;
    }

    pub(crate) fn listen(&self) {
        self.world().is_listening = true;
        self.call_back();
    }

    /// Whether the resolver answers from now on.
    pub(crate) fn resolve_names(&self, is_resolving: bool) {
        self.world().is_resolving = is_resolving;
        self.call_back();
    }

    /// Puts a stream back, for the gateway to accept.
    pub(crate) fn pass_on(&self, pipe: Pipe) {
        self.world().arrived.push(pipe);
    }

    fn call_back(&self) {
        let mut world = self.world();
        let callers = core::mem::take(&mut world.callers);
        drop(world);
        callers.into_iter().for_each(Waker::wake);
    }
}

impl Runtime for Memory {
    type Stream = Pipe;
    type Sleep = Sleep;

    fn now(&self) -> Timestamp {
        self.world().now
    }

    fn slept(&self) -> Duration {
        self.world().slept
    }

    fn sleep_until(&self, until: Timestamp) -> Sleep {
        Sleep { memory: self.clone(), until }
    }

    fn resolve(&self, host: &str, _: u16) -> impl Future<Output = io::Result<Vec<SocketAddr>>> + Send + 'static {
        self.world().asked.push(host.to_owned());
        let memory = self.clone();
        poll_fn(move |cx| {
            let mut world = memory.world();
            if !world.is_resolving {
                world.callers.push(cx.waker().clone());
                return Poll::Pending;
            }
            let addresses = world.addresses.clone();
            Poll::Ready(if addresses.is_empty() { Err(ErrorKind::NotFound.into()) } else { Ok(addresses) })
        })
    }

    fn connect(&self, address: SocketAddr) -> impl Future<Output = io::Result<Pipe>> + Send + 'static {
        let memory = self.clone();
        poll_fn(move |cx| {
            let mut world = memory.world();
            if world.refusing.contains(&address) {
                return Poll::Ready(Err(ErrorKind::ConnectionRefused.into()));
            }
            if !world.is_listening || world.silent.contains(&address) {
                world.callers.push(cx.waker().clone());
                return Poll::Pending;
            }
            let (ours, mut theirs) = Pipe::pair(world.allowance);
            world.connected.push(address);
            match world.dead.iter().find(|(dead, _)| *dead == address).map(|(_, how)| *how) {
                None => world.arrived.push(theirs),
                Some(Dead::Silent) => world.held.push(theirs),
                Some(Dead::HangsUp) => drop(theirs),
                Some(Dead::Says(answer)) => {
                    theirs.write_all(answer).unwrap();
                    world.held.push(theirs);
                }
            }
            Poll::Ready(Ok(ours))
        })
    }
}

pub(crate) struct Sleep {
    memory: Memory,
    until: Timestamp,
}

impl Future for Sleep {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let mut world = self.memory.world();
        if world.now >= self.until {
            return Poll::Ready(());
        }
        world.sleeps.push((self.until, cx.waker().clone()));
        Poll::Pending
    }
}

/// Counts how often it was woken.
#[derive(Default)]
pub(crate) struct Alarm(AtomicUsize);

impl Alarm {
    /// Whether it was woken since the last call.
    pub(crate) fn take(&self) -> bool {
        self.0.swap(0, Ordering::SeqCst) > 0
    }
}

impl Wake for Alarm {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}
