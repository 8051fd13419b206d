// One instance of the wasm module: text in and out of its memory. What the functions mean is said where the module
// exports them.

/** What all modules export. */
export interface Exports {
  memory: WebAssembly.Memory;
  tw_room(length: number): number;
  tw_numbers(): number;
  tw_text(): number;
  tw_new(length: number): number | void;
  tw_poll(mono: number, wall: number, most: number): number;
  tw_do(what: number): void;
}

/** What `tw_do` does, by number. */
export const enum Do {
  Flush,
  Report,
  EndFlush,
  Close,
  Abandon,
  Hold,
  Release,
  Discard,
  IsFull,
  Books = 12,
}

/** An instance and its memory. */
export interface Abi<E extends Exports> {
  wasm_: E;
  /** Writes text where the module reads it; its length in bytes. */
  write_(text: string): number;
  /** Room for so many bytes in the same place. */
  room_(size: number): Uint8Array;
  /** The text the module gave. */
  text_(): string;
  /** The numbers that go in and come back. */
  numbers_(): Float64Array;
  /** A copy of a piece of memory. */
  copy_(at: number, length: number): Uint8Array<ArrayBuffer>;
}

/** Makes an instance. */
export function instantiate<E extends Exports>(module: WebAssembly.Module): Abi<E> {
  const encoder = new TextEncoder();
  const decoder = new TextDecoder();
  let buffer: ArrayBuffer | undefined;
  let heap: Uint8Array;
  let numbers: Float64Array;
  let room: Uint8Array;
  let at = 0;
  let capacity = 0;

  // Views end when the memory grows.
  const refresh = () => {
    if (buffer !== wasm.memory.buffer) {
      buffer = wasm.memory.buffer as ArrayBuffer;
      heap = new Uint8Array(buffer);
      numbers = new Float64Array(buffer, wasm.tw_numbers(), 32);
      room = heap.subarray(at, at + capacity);
    }
  };
  const bytes = (at: number, length: number) => (refresh(), heap.subarray(at, at + length));
  const read = (at: number, length: number) => decoder.decode(bytes(at, length));
  // The module has one room: it moves when more is asked for, and where it was then is no longer ours.
  const space = (size: number) => {
    if (size > capacity) {
      at = wasm.tw_room((capacity = size));
      buffer = undefined;
    }
    refresh();
    return room;
  };
  const encode = (text: string, size: number) => encoder.encodeInto(text, space(size));

  const wasm = new WebAssembly.Instance(module, {
    tw: {
      // As Python does: an exponent for what is small or large, of two digits and more, and else a point.
      spell(at: number, length: number, to: number) {
        const value = Number(read(at, length));
        if (value == Infinity) return 0;
        const text =
          !value || (value >= 1e-4 && value < 1e16)
            ? value + (value % 1 ? "" : ".0")
            : value.toExponential().replace(/e.(?=.$)/, "$&0");
        return encoder.encodeInto(text, bytes(to, 32)).written;
      },
      number: (at: number, length: number) => Number(read(at, length)),
    },
  }).exports as unknown as E;

  return {
    wasm_: wasm,
    write_(text) {
      const { length } = text;
      let done = encode(text, Math.max(length, 4096));
      // Text beyond ASCII takes up to three bytes for each of its units.
      if (done.read < length) done = encode(text, length * 3);
      return done.written;
    },
    room_: (size) => space(size).subarray(0, size),
    text_() {
      const at = wasm.tw_text();
      return refresh(), read(at, numbers[0]!);
    },
    numbers_() {
      refresh();
      return numbers;
    },
    copy_: (at, length) => bytes(at, length).slice() as Uint8Array<ArrayBuffer>,
  };
}
