//! The allocator of the wasm module: power-of-two sizes, a free list for each, and new memory from the end.
//!
//! What the engine holds much of are segments of 64 KiB, a power of two, so little is lost by rounding up; and all of it
//! is a tenth of the standard allocator's code.

use std::alloc::{GlobalAlloc, Layout};
use std::arch::wasm32::{memory_grow, memory_size};
use std::cell::UnsafeCell;
use std::ptr;

const PAGE: usize = 1 << 16;
/// The smallest size, as a power of two: room for the link to the next free one, aligned for everything.
const SMALLEST: u32 = 4;

struct Memory(UnsafeCell<Lists>);

struct Lists {
    free: [*mut u8; 32],
    /// Memory that was never used: from here ...
    next: usize,
    /// ... to here.
    end: usize,
}

impl Lists {
    /// Goes on at `to`; what lies before it becomes free blocks.
    fn skip(&mut self, to: usize) {
        while self.next < to {
            let class = self.next.trailing_zeros().min((to - self.next).ilog2());
            if let Some(head) = self.free.get_mut(class as usize) {
                // SAFETY: memory that was never used, aligned to the class and as large.
                unsafe { (self.next as *mut *mut u8).write(*head) };
                *head = self.next as *mut u8;
            }
            self.next += 1 << class;
        }
    }
}

// SAFETY: the module is built without threads.
unsafe impl Sync for Memory {}

#[global_allocator]
static MEMORY: Memory = Memory(UnsafeCell::new(Lists { free: [ptr::null_mut(); 32], next: 0, end: 0 }));

/// The power of two that holds the layout.
fn class(size: usize, align: usize) -> u32 {
    (usize::BITS - (size.max(align) - 1).leading_zeros()).max(SMALLEST)
}

// SAFETY: a block is handed out once until it comes back, is as large as its class, which is at least size and alignment,
// and is aligned to its class up to a page, as what was never used is cut at multiples of the class.
unsafe impl GlobalAlloc for Memory {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let class = class(layout.size(), layout.align());
        // SAFETY: one thread.
        let lists = unsafe { &mut *self.0.get() };
        let Some(head) = lists.free.get_mut(class as usize) else { return ptr::null_mut() };
        if !head.is_null() {
            let block = *head;
            // SAFETY: a free block begins with the link to the next one.
            *head = unsafe { block.cast::<*mut u8>().read() };
            return block;
        }
        let size = 1 << class;
        // What was skipped is cut up for small ones, or between any two segments much of a page would lie unused.
        if let Some(larger) = (class + 1..PAGE.ilog2()).find(|&class| !lists.free[class as usize].is_null()) {
            let block = lists.free[larger as usize];
            // SAFETY: as above.
            lists.free[larger as usize] = unsafe { block.cast::<*mut u8>().read() };
            for half in class..larger {
                let rest = block.wrapping_add(1 << half);
                // SAFETY: the upper part of a free block, aligned to its class and as large.
                unsafe { rest.cast::<*mut u8>().write(lists.free[half as usize]) };
                lists.free[half as usize] = rest;
            }
            return block;
        }
        let align = size.min(PAGE);
        if lists.next.next_multiple_of(align) + size > lists.end {
            // It grows by whole pages, and may not grow from where it ended: the memory is the shell's as well.
            let before = memory_grow(0, size.div_ceil(PAGE));
            if before == usize::MAX {
                return ptr::null_mut();
            }
            if before * PAGE != lists.end {
                lists.skip(lists.end);
                lists.next = before * PAGE;
            }
            lists.end = memory_size(0) * PAGE;
            // SAFETY: as before.
            return unsafe { self.alloc(layout) };
        }
        lists.skip(lists.next.next_multiple_of(align));
        let start = lists.next;
        lists.next = start + size;
        start as *mut u8
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        let class = class(layout.size(), layout.align());
        // SAFETY: one thread.
        let lists = unsafe { &mut *self.0.get() };
        if let Some(head) = lists.free.get_mut(class as usize) {
            // SAFETY: the block is large enough for a link and nobody else's any more.
            unsafe { block.cast::<*mut u8>().write(*head) };
            *head = block;
        }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        if class(layout.size(), layout.align()) == class(size, layout.align()) {
            return block;
        }
        // SAFETY: as required of the caller; both blocks hold the smaller of the two sizes.
        unsafe {
            let new = self.alloc(Layout::from_size_align_unchecked(size, layout.align()));
            if !new.is_null() {
                ptr::copy_nonoverlapping(block, new, layout.size().min(size));
                self.dealloc(block, layout);
            }
            new
        }
    }
}
