//! Raw snappy over buffers that are kept, because their size is that of a batch.

use std::cell::Cell;

struct Buffers {
    #[cfg(not(all(feature = "js", not(feature = "wasm"), target_family = "wasm")))]
    encoder: snap::raw::Encoder,
    plain: Vec<u8>,
    packed: Vec<u8>,
}

/// A buffer that grew beyond this is given back after the batch that needed it.
const KEPT_BUFFER: usize = 1 << 20;

thread_local! {
    static BUFFERS: Cell<Option<Box<Buffers>>> = const { Cell::new(None) };
}

/// Compresses what `frame` writes, and hands `take` that and what became of it.
pub(crate) fn packed<T>(frame: impl FnOnce(&mut Vec<u8>), take: impl FnOnce(&[u8], &[u8]) -> T) -> T {
    let mut buffers = BUFFERS.take().unwrap_or_else(|| Box::new(Buffers::new()));
    buffers.plain.clear();
    frame(&mut buffers.plain);
    buffers.pack();
    let taken = take(&buffers.plain, &buffers.packed);
    for buffer in [&mut buffers.plain, &mut buffers.packed] {
        if buffer.capacity() > KEPT_BUFFER {
            *buffer = Vec::new();
        }
    }
    BUFFERS.set(Some(buffers));
    taken
}

impl Buffers {
    fn new() -> Self {
        Self {
            #[cfg(not(all(feature = "js", not(feature = "wasm"), target_family = "wasm")))]
            encoder: snap::raw::Encoder::new(),
            plain: Vec::new(),
            packed: Vec::new(),
        }
    }

    #[cfg(not(all(feature = "js", not(feature = "wasm"), target_family = "wasm")))]
    fn pack(&mut self) {
        self.packed.resize(snap::raw::max_compress_len(self.plain.len()), 0);
        // The only error is an input of 4 GiB or more, and the options keep requests far below that.
        let len = self.encoder.compress(&self.plain, &mut self.packed).unwrap_or_default();
        self.packed.truncate(len);
    }

    #[cfg(all(feature = "js", not(feature = "wasm"), target_family = "wasm"))]
    fn pack(&mut self) {
        self.packed.clear();
        super::snappy::compress(&self.plain, &mut self.packed);
    }
}
