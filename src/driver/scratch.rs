//! A buffer of each thread, for what is encoded before the engine's lock is taken.

use std::cell::Cell;

/// A buffer that grew beyond this is given back after the record that needed it.
const KEPT: usize = 256 << 10;

thread_local! {
    static SCRATCH: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// Works with an empty buffer.
pub(crate) fn with_scratch<T>(work: impl FnOnce(&mut Vec<u8>) -> T) -> T {
    // A thread that is ending may have lost it already.
    let mut scratch = SCRATCH.try_with(Cell::take).unwrap_or_default();
    scratch.clear();
    let worked = work(&mut scratch);
    if scratch.capacity() <= KEPT {
        let _ = SCRATCH.try_with(|kept| kept.set(scratch));
    }
    worked
}
