//! A TCP relay between a shard and its gateway that fails as networks do: it stops, ends or resets connections.

use super::boundary::Boundary;
use core::mem;
use core::time::Duration;
use socket2::{Domain, SockRef, Socket, Type};
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread::{self, JoinHandle};
use tokio::sync::watch;

/// Forwards connections to an address, byte for byte, until a case changes that. When it is dropped it closes all of them.
#[derive(Debug)]
pub struct Relay {
    address: SocketAddr,
    shared: Arc<Shared>,
    accepting: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
    /// Threads that have bytes of the gateway to forward: a flood lets them go first.
    waiting: AtomicUsize,
}

#[derive(Debug, Default)]
struct State {
    flow: Flow,
    /// How many bytes may still go down to the shard, over all connections.
    down_max: Option<u64>,
    streams: Vec<TcpStream>,
    /// The directions down to the shard.
    lanes: Vec<Arc<Mutex<Lane>>>,
    threads: Vec<JoinHandle<()>>,
    forwarded: watch::Sender<Forwarded>,
    /// How often connections were reset: the threads of a reset connection end without a FIN.
    resets: u64,
}

/// Whether bytes go through.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Flow {
    #[default]
    Open,
    Stopped,
    Over,
}

/// A direction: from the shard up to the gateway, or down from there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Direction {
    Up,
    Down,
}

/// One direction of a connection, and its position in the frames.
#[derive(Debug)]
struct Lane {
    to: TcpStream,
    boundary: Boundary,
}

/// How many bytes were forwarded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Forwarded {
    /// From the shard to the gateway.
    pub up: u64,
    /// From the gateway to the shard.
    pub down: u64,
}

impl Relay {
    /// A relay to an address.
    pub fn to(target: SocketAddr) -> Self {
        Self::listen(TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap(), target)
    }

    /// A relay with a small receive buffer, so that bytes soon wait at the sender. The sender's kernel derives the window from
    /// the segment size.
    pub fn narrow(target: SocketAddr) -> Self {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        socket.set_recv_buffer_size(4096).unwrap();
        socket.set_tcp_mss(1024).unwrap();
        socket.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into()).unwrap();
        socket.listen(16).unwrap();
        Self::listen(socket.into(), target)
    }

    fn listen(listener: TcpListener, target: SocketAddr) -> Self {
        let address = listener.local_addr().unwrap();
        let shared = Arc::<Shared>::default();
        let accepting = thread::spawn({
            let shared = Arc::clone(&shared);
            move || accept(&listener, target, &shared)
        });
        Self { address, shared, accepting: Some(accepting) }
    }

    /// The URL of the gateway behind it.
    pub fn url(&self) -> String {
        format!("ws://{}", self.address)
    }

    /// Reads no more bytes from either side, and closes nothing, as if the cable were pulled.
    pub fn stop(&self) {
        self.shared.change(|state| state.flow = Flow::Stopped);
    }

    /// Forwards `bytes` more bytes down to the shard, and then none. Returns how many will have been forwarded by then.
    pub fn stop_down_after(&self, bytes: u64) -> u64 {
        let mut max = 0;
        self.shared.change(|state| {
            max = state.forwarded.borrow().down + bytes;
            state.down_max = Some(max);
        });
        max
    }

    /// Forwards all bytes again.
    pub fn go_on(&self) {
        self.shared.change(|state| (state.flow, state.down_max) = (Flow::Open, None));
    }

    /// Sends the first bytes and then these frames down to the shard without end, on each connection there is, as fast
    /// as the shard reads them. The gateway's frames come between them.
    pub fn flood(&self, first: &[u8], frames: &[u8]) {
        let mut state = self.shared.lock();
        for lane in state.lanes.clone() {
            let (own, mut piece) = (Arc::clone(&self.shared), first.to_vec());
            let rest = frames.repeat(FLOOD_PIECE / frames.len());
            state.threads.push(thread::spawn(move || {
                while flood(&lane, &piece, &own) {
                    piece.clone_from(&rest);
                }
            }));
        }
    }

    /// Ends all connections with a reset. New ones are accepted.
    pub fn reset(&self) {
        let streams = {
            let mut state = self.shared.lock();
            state.resets += 1;
            state.lanes.clear();
            mem::take(&mut state.streams)
        };
        for stream in &streams {
            SockRef::from(stream).set_linger(Some(Duration::ZERO)).unwrap();
            // The threads have handles of their own. This makes them drop those, and the last handle dropped resets.
            let _ = stream.shutdown(Shutdown::Read);
        }
    }

    /// Waits until the numbers of forwarded bytes fulfil the condition.
    pub async fn until(&self, condition: impl Fn(Forwarded) -> bool) {
        let mut forwarded = self.shared.lock().forwarded.subscribe();
        forwarded.wait_for(|forwarded| condition(*forwarded)).await.unwrap();
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.shared.change(|state| state.flow = Flow::Over);
        // Wakes the accept call, which then finds that the relay has ended.
        let _ = TcpStream::connect(self.address);
        if let Some(accepting) = self.accepting.take() {
            let _ = accepting.join();
        }
        let (streams, threads) = {
            let mut state = self.shared.lock();
            (mem::take(&mut state.streams), mem::take(&mut state.threads))
        };
        for stream in streams {
            let _ = stream.shutdown(Shutdown::Both);
        }
        for thread in threads {
            let _ = thread.join();
        }
    }
}

impl Shared {
    fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.lock());
        self.changed.notify_all();
    }

    /// Waits until bytes may go in this direction. `false` if the relay has ended.
    fn may_pass(&self, direction: Direction) -> bool {
        let is_stopped = |state: &mut State| match (state.flow, direction) {
            (Flow::Over, _) | (Flow::Open, Direction::Up) => false,
            (Flow::Stopped, _) => true,
            (Flow::Open, Direction::Down) => state.down_max.is_some_and(|max| state.forwarded.borrow().down >= max),
        };
        self.changed.wait_while(self.lock(), is_stopped).unwrap().flow != Flow::Over
    }

    fn count(&self, direction: Direction, bytes: usize) {
        self.lock().forwarded.send_modify(|forwarded| match direction {
            Direction::Up => forwarded.up += bytes as u64,
            Direction::Down => forwarded.down += bytes as u64,
        });
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }
}

fn accept(listener: &TcpListener, target: SocketAddr, shared: &Arc<Shared>) {
    while let Ok((below, _)) = listener.accept() {
        if shared.lock().flow == Flow::Over {
            return;
        }
        let Ok(above) = TcpStream::connect(target) else { continue };
        let copies = [(&below, &above, Direction::Up), (&above, &below, Direction::Down)];
        for (from, to, direction) in copies {
            let (from, to) = (from.try_clone().unwrap(), to.try_clone().unwrap());
            to.set_nodelay(true).unwrap();
            let lane = Arc::new(Mutex::new(Lane { to, boundary: Boundary::default() }));
            let (own, way) = (Arc::clone(shared), Arc::clone(&lane));
            let thread = thread::spawn(move || copy(from, &way, direction, &own));
            let mut state = shared.lock();
            state.threads.push(thread);
            if direction == Direction::Down {
                state.lanes.push(lane);
            }
        }
        shared.lock().streams.extend([below, above]);
    }
}

/// Copies until one side ends, and then ends the other. The end waits like bytes while the relay is stopped.
fn copy(mut from: TcpStream, lane: &Mutex<Lane>, direction: Direction, shared: &Shared) {
    let mut buffer = [0; 4096];
    let resets = shared.lock().resets;
    while shared.may_pass(direction) {
        let read = from.read(&mut buffer).unwrap_or(0);
        if !shared.may_pass(direction) || shared.lock().resets != resets {
            return;
        }
        shared.waiting.fetch_add(1, Ordering::SeqCst);
        let mut lane = lane.lock().unwrap();
        shared.waiting.fetch_sub(1, Ordering::SeqCst);
        if read == 0 || lane.to.write_all(&buffer[..read]).is_err() {
            let _ = lane.to.shutdown(Shutdown::Write);
            return;
        }
        lane.boundary.note(&buffer[..read]);
        drop(lane);
        shared.count(direction, read);
    }
}

/// How much of a flood is written at a time.
const FLOOD_PIECE: usize = 16 << 10;

/// Writes frames between two messages of the gateway. `false` if the shard's side is closed.
fn flood(lane: &Mutex<Lane>, piece: &[u8], shared: &Shared) -> bool {
    while shared.may_pass(Direction::Down) {
        let mut lane = lane.lock().unwrap();
        if shared.waiting.load(Ordering::SeqCst) == 0 && lane.boundary.is_between_frames() {
            return lane.to.write_all(piece).is_ok();
        }
        drop(lane);
        thread::yield_now();
    }
    false
}
