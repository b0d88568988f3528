//! An allocator that notes what each thread asks of it.
//!
//! A test that wants to know makes it the program's own:
//! `#[global_allocator] static ALLOCATOR: Counting = Counting;`

// A global allocator cannot be written without.
#![allow(unsafe_code)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::{Cell, RefCell};

/// The system's allocator, with notes.
pub struct Counting;

/// What a thread asked for since [`note_anew`].
#[derive(Clone, Copy, Debug, Default)]
pub struct Asked {
    /// Bytes that are live; below nothing where older ones were freed.
    pub live: isize,
    /// The most that were live.
    pub peak: isize,
    /// Bytes in all.
    pub total: usize,
    /// Allocations.
    pub count: usize,
}

thread_local! {
    static ASKED: Cell<Asked> = const { Cell::new(Asked { live: 0, peak: 0, total: 0, count: 0 }) };
    static SIZES: RefCell<[usize; SIZES_MAX]> = const { RefCell::new([0; SIZES_MAX]) };
}

const SIZES_MAX: usize = 64;

/// Begins to note anew on this thread: what is live then counts as nothing.
pub fn note_anew() {
    ASKED.set(Asked::default());
}

/// What this thread asked for.
pub fn asked() -> Asked {
    ASKED.get()
}

/// The sizes of its allocations, in order.
pub fn sizes() -> Vec<usize> {
    let count = ASKED.get().count;
    assert!(count <= SIZES_MAX, "{count} allocations");
    let sizes = SIZES.with_borrow(|sizes| *sizes);
    sizes[..count].to_vec()
}

impl Counting {
    fn grew(size: usize) {
        ASKED.with(|asked| {
            let Asked { live, peak, total, count } = asked.get();
            SIZES.with_borrow_mut(|sizes| sizes[count % SIZES_MAX] = size);
            let live = live + size.cast_signed();
            asked.set(Asked { live, peak: peak.max(live), total: total + size, count: count + 1 });
        });
    }

    fn shrank(size: usize) {
        ASKED.with(|asked| asked.set(Asked { live: asked.get().live - size.cast_signed(), ..asked.get() }));
    }
}

// SAFETY: every call is handed to the system's allocator as it came; the notes allocate nothing.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        Self::grew(layout.size());
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        Self::shrank(layout.size());
        unsafe { System.dealloc(pointer, layout) }
    }

    // A reallocation is counted as the worst it can be: both are there at once.
    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        Self::grew(size);
        Self::shrank(layout.size());
        unsafe { System.realloc(pointer, layout, size) }
    }
}
