//! An allocator that counts the allocations of each thread.
//!
//! A test makes it the program's allocator:
//! `#[global_allocator] static ALLOCATOR: Counting = Counting;`

// A global allocator needs `unsafe`.
#![allow(unsafe_code)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::{Cell, RefCell};

/// The system's allocator, with counters.
pub struct Counting;

/// A thread's allocations since [`note_anew`].
#[derive(Clone, Copy, Debug, Default)]
pub struct Asked {
    /// Bytes that are live; negative if older memory was freed.
    pub live: isize,
    /// The most bytes that were live at one time.
    pub peak: isize,
    /// All bytes allocated.
    pub total: usize,
    /// The number of allocations.
    pub count: usize,
}

thread_local! {
    static ASKED: Cell<Asked> = const { Cell::new(Asked { live: 0, peak: 0, total: 0, count: 0 }) };
    static SIZES: RefCell<[usize; SIZES_MAX]> = const { RefCell::new([0; SIZES_MAX]) };
}

const SIZES_MAX: usize = 64;

/// Resets this thread's counters: memory that is live now does not count.
pub fn note_anew() {
    ASKED.set(Asked::default());
}

/// This thread's counters.
pub fn asked() -> Asked {
    ASKED.get()
}

/// The sizes of this thread's allocations, in order.
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

// SAFETY: every call is passed to the system's allocator unchanged; the counters allocate nothing.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        Self::grew(layout.size());
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        Self::shrank(layout.size());
        unsafe { System.dealloc(pointer, layout) }
    }

    // A reallocation counts as its worst case: old and new memory exist at the same time.
    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        Self::grew(size);
        Self::shrank(layout.size());
        unsafe { System.realloc(pointer, layout, size) }
    }
}
