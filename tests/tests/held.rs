//! The memory of a connection: when it is new, and after a frame of 4 MB and 300 small ones.
//! `cargo test -p portcullis-tests --test held -- --nocapture` prints it.

// A global allocator needs `unsafe`.
#![allow(unsafe_code)]

#[path = "hosts/async_std.rs"]
mod on_async_std;
#[path = "hosts/smol.rs"]
mod on_smol;
#[path = "hosts/tokio.rs"]
mod on_tokio;

use on_async_std::OnAsyncStd;
use on_smol::OnSmol;
use on_tokio::CurrentThread;
use portcullis::Event;
use portcullis_runtime::Tls;
use portcullis_tests::conformance::{Fake, Host, Stage};
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::thread;

/// The system's allocator, which counts the bytes that each thread allocated and did not free.
struct Counting;

thread_local! {
    static HELD: Cell<i64> = const { Cell::new(0) };
}

fn count(bytes: usize, sign: i64) {
    let bytes = i64::try_from(bytes).unwrap_or(i64::MAX);
    HELD.with(|held| held.set(held.get() + sign * bytes));
}

// SAFETY: every call is passed to the system's allocator unchanged; the counter allocates nothing.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size(), 1);
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        count(layout.size(), -1);
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count(layout.size(), -1);
        count(size, 1);
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const LARGE: usize = 4 << 20;
const SMALL: usize = 1000;
const SMALL_ONES: usize = 300;

/// Runs a function on another thread, whose memory does not count here.
fn elsewhere<T: Send>(deed: impl FnOnce() -> T + Send) -> T {
    thread::scope(|scope| scope.spawn(deed).join().unwrap())
}

async fn dispatches<H: Host>(stage: &mut Stage<H>, count: usize) {
    for _ in 0..count {
        stage.until(|event| matches!(event, Event::Dispatch(_)).then_some(())).await;
    }
}

/// Measures on one thread, so the runtime's own part of a connection counts as well.
async fn measure<H: Host>(name: &str) {
    // The authorities are shared by all connections of a process.
    drop(Tls::webpki());
    let (fake, handle) = elsewhere(|| {
        let fake = Fake::start();
        let handle = fake.handle.clone();
        (fake, handle)
    });
    let say = |count: usize, size: usize| {
        let fake = &handle;
        elsewhere(move || {
            let json = format!(r#"{{"content":"{}"}}"#, "x".repeat(size));
            for _ in 0..count {
                fake.with(|gateway, now| gateway.dispatch(now, portcullis_fake::Target::All, "MESSAGE_CREATE", &json));
            }
        });
    };
    // An earlier connection has allocated the memory that the connections of a thread share.
    let mut stage = Stage::<H>::with(fake, |settings| settings);
    dispatches(&mut stage, 2).await;
    let Stage { fake, lab, shard } = stage;
    drop((shard, lab));
    let before = HELD.get();
    let mut stage = Stage::<H>::with(fake, |settings| settings);
    dispatches(&mut stage, 2).await;
    let new = HELD.get() - before;
    say(1, LARGE);
    dispatches(&mut stage, 1).await;
    say(SMALL_ONES, SMALL);
    dispatches(&mut stage, SMALL_ONES).await;
    let used = HELD.get() - before;
    let Stage { fake, lab, shard } = stage;
    drop((shard, lab));
    let left = HELD.get() - before;
    elsewhere(move || drop(fake));
    println!(
        "held on {name}: {new} bytes new, {used} after {LARGE} and {SMALL_ONES} x {SMALL}, {left} when it is gone"
    );
    assert!((1..64 << 10).contains(&new), "{new} bytes for a new connection");
    assert!(used < 64 << 10, "{used} bytes after a frame of {LARGE}");
    assert!(left < 16 << 10, "{left} bytes are left of a connection that is gone");
}

#[test]
fn a_connection_on_tokio() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(measure::<CurrentThread>("tokio"));
}

#[test]
fn a_connection_on_async_std() {
    async_std::task::block_on(measure::<OnAsyncStd>("async-std"));
}

#[test]
fn a_connection_on_smol() {
    smol::block_on(measure::<OnSmol>("smol"));
}
