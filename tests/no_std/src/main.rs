//! Core without `std`: machines that connect, unpack a Hello and identify, on an allocator of a few lines.

#![no_std]
#![no_main]

extern crate alloc;

use alloc::vec::Vec;
use core::alloc::{GlobalAlloc, Layout};
use core::cell::UnsafeCell;
use core::ffi::c_int;
use core::sync::atomic::{AtomicUsize, Ordering};
use portcullis::codec::{Compression, Encoding};
use portcullis::dialect::discord::Intents;
use portcullis::machine::Phase;
use portcullis::{Action, Config, Discord, GatewayMachine, Input, LinkId, Message, Seed, Timestamp};

/// Memory that is handed out and never taken back: enough for one handshake.
struct Bump {
    memory: UnsafeCell<[u8; SIZE]>,
    used: AtomicUsize,
}

const SIZE: usize = 1 << 20;

// SAFETY: `used` only grows, so no two allocations share a byte.
unsafe impl Sync for Bump {}

// SAFETY: each block lies within `memory`, is aligned as asked, and is handed out once.
unsafe impl GlobalAlloc for Bump {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let base = self.memory.get() as usize;
        let room = layout.size() + layout.align();
        let start = self.used.fetch_add(room, Ordering::Relaxed);
        if start + room > SIZE {
            return core::ptr::null_mut();
        }
        ((base + start + layout.align() - 1) & !(layout.align() - 1)) as *mut u8
    }

    unsafe fn dealloc(&self, _: *mut u8, _: Layout) {}
}

#[global_allocator]
static MEMORY: Bump = Bump { memory: UnsafeCell::new([0; SIZE]), used: AtomicUsize::new(0) };

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    loop {}
}

/// The standard library's `alloc` was built to unwind and names this; with `panic = "abort"` nothing calls it.
#[unsafe(no_mangle)]
extern "C" fn rust_eh_personality() {}

/// The same for what continues an unwinding.
#[unsafe(no_mangle)]
extern "C" fn _Unwind_Resume() -> ! {
    loop {}
}

#[link(name = "c")]
unsafe extern "C" {}

/// 0 when the machines came to Identifying.
#[unsafe(no_mangle)]
extern "C" fn main() -> c_int {
    let zlib = |discord: Discord| discord.with_compression(Compression::ZlibStream).ok();
    let etf = |discord: Discord| discord.with_encoding(Encoding::Etf).ok();
    match (phase_after(HELLO_ZLIB, zlib), phase_after(HELLO_ETF, etf)) {
        (Some(Phase::Identifying), Some(Phase::Identifying)) => 0,
        _ => 1,
    }
}

fn phase_after(hello: &'static [u8], format: fn(Discord) -> Option<Discord>) -> Option<Phase> {
    let discord = Discord::new("a.bot.token", Intents::UNPRIVILEGED).ok()?;
    let mut machine = GatewayMachine::new(format(discord)?, Config::default(), Seed(7)).ok()?;
    let link = LinkId(1);
    let inputs = [
        Input::Start,
        Input::Opened(link),
        Input::Message(link, Message::Binary(hello.into())),
        Input::IdentifyGranted(link),
    ];
    for input in inputs {
        let actions: Vec<Action> = machine.handle(Timestamp::ZERO, input).collect();
        matches!(actions.last(), Some(Action::Wait { .. })).then_some(())?;
    }
    Some(machine.phase())
}

/// `{"t":null,"s":null,"op":10,"d":{"heartbeat_interval":41250}}`, as a zlib stream has it.
const HELLO_ZLIB: &[u8] = &[
    0x78, 0x9c, 0xaa, 0x56, 0x2a, 0x51, 0xb2, 0xca, 0x2b, 0xcd, 0xc9, 0xd1, 0x51, 0x2a, 0x86, 0x31, 0xf2, 0x0b, 0x94,
    0xac, 0x0c, 0x0d, 0x74, 0x94, 0x52, 0x94, 0xac, 0xaa, 0x95, 0x32, 0x52, 0x13, 0x8b, 0x4a, 0x92, 0x52, 0x13, 0x4b,
    0xe2, 0x33, 0xf3, 0x4a, 0x52, 0x8b, 0xca, 0x12, 0x73, 0x94, 0xac, 0x4c, 0x0c, 0x8d, 0x4c, 0x0d, 0x6a, 0x6b, 0x01,
    0x00, 0x00, 0x00, 0xff, 0xff,
];

/// The same as a term.
const HELLO_ETF: &[u8] = &[
    0x83, 0x74, 0x00, 0x00, 0x00, 0x04, 0x73, 0x01, 0x64, 0x74, 0x00, 0x00, 0x00, 0x01, 0x73, 0x12, 0x68, 0x65, 0x61,
    0x72, 0x74, 0x62, 0x65, 0x61, 0x74, 0x5f, 0x69, 0x6e, 0x74, 0x65, 0x72, 0x76, 0x61, 0x6c, 0x62, 0x00, 0x00, 0xa1,
    0x22, 0x73, 0x02, 0x6f, 0x70, 0x61, 0x0a, 0x73, 0x01, 0x73, 0x73, 0x03, 0x6e, 0x69, 0x6c, 0x73, 0x01, 0x74, 0x73,
    0x03, 0x6e, 0x69, 0x6c,
];
