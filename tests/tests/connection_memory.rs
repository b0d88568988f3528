//! The memory of a connection after a frame of 4 MB and 300 small ones.

// A global allocator needs `unsafe`.
#![allow(unsafe_code)]

use core::time::Duration;
use portcullis::Event;
use portcullis::dialect::discord::Intents;
use portcullis_fake::{FakeConfig, FakeServer, Limits, Target};
use portcullis_tokio::Shard;
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use tokio::time::timeout;

/// The system's allocator, which counts the bytes that each thread holds.
struct Counting;

thread_local! {
    static HELD: Cell<isize> = const { Cell::new(0) };
}

fn note(change: isize) {
    HELD.with(|held| held.set(held.get() + change));
}

// SAFETY: every call is passed to the system's allocator unchanged; the counter allocates nothing.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        note(layout.size().cast_signed());
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        note(-layout.size().cast_signed());
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        note(size.cast_signed() - layout.size().cast_signed());
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn held() -> isize {
    HELD.with(Cell::get)
}

/// Takes events until `times` dispatches of this name have come. Returns the bytes held while the test has the last one.
async fn take(shard: &mut Shard, name: &str, times: usize) -> isize {
    let mut left = times;
    let taking = async {
        while let Some(event) = shard.next_event().await {
            if let Event::Dispatch(dispatch) = event
                && dispatch.name() == name
            {
                left -= 1;
                if left == 0 {
                    return held();
                }
            }
        }
        panic!("the shard ended")
    };
    timeout(Duration::from_secs(60), taking).await.unwrap()
}

#[test]
fn a_connection_keeps_little_of_its_largest_frame() {
    // given: a gateway on threads of its own, since bytes are counted by thread, and a shard that has received its guild
    let server_side = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let config = FakeConfig { guilds: 1, limits: Limits::Lifted, ..FakeConfig::default() };
    let server = server_side.block_on(async { tokio::spawn(FakeServer::start(config)).await }).unwrap().unwrap();
    let say = |name: &'static str, len: usize, times: usize| {
        let handle = server.handle();
        server_side.spawn(async move {
            let json = format!(r#"{{"content":"{}"}}"#, "x".repeat(len));
            for _ in 0..times {
                handle.with(|gateway, now| gateway.dispatch(now, Target::All, name, &json));
            }
        });
    };
    let client_side = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    client_side.block_on(async {
        let builder = Shard::builder("a.bot.token", Intents::GUILDS | Intents::GUILD_MESSAGES).gateway(server.url());
        let mut shard = builder.build().unwrap();
        take(&mut shard, "GUILD_CREATE", 1).await;
        let before = held();

        // when: a frame of 4 MB comes, and then 300 small ones
        say("LARGE", 4 << 20, 1);
        let large = take(&mut shard, "LARGE", 1).await - before;
        say("SMALL", 0, 300);
        take(&mut shard, "SMALL", 300).await;
        let after = held() - before;

        // then: its memory existed once, and is freed
        println!("held with the large frame: {large}, after 300 small ones: {after}");
        assert!(large > 4_000_000, "{large}");
        assert!(after < 16 << 10, "{after}");

        // And at once, on a connection where only heartbeats follow.
        say("LARGE", 100_000, 1);
        take(&mut shard, "LARGE", 1).await;
        say("SMALL", 0, 1);
        take(&mut shard, "SMALL", 1).await;
        let after = held() - before;
        println!("held after 100 kB and one small frame: {after}");
        assert!(after < 16 << 10, "{after}");
    });
}
