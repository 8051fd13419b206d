// The wasm module as text within the bundle. Decoded and compiled at first use, never at import.

declare const WASM: string;
declare const DECODER: string;

let kept: WebAssembly.Module | Promise<WebAssembly.Module> | undefined;

/** The compiled module; a promise where the platform compiles only asynchronously. Throws where it forbids wasm. */
export function load(): WebAssembly.Module | Promise<WebAssembly.Module> {
  if (kept) return kept;
  const bytes = decode(WASM);
  try {
    return (kept = new WebAssembly.Module(bytes));
  } catch (error) {
    // Older Chromium compiles more than 4 KiB on the main thread only asynchronously, and says so by a RangeError.
    if (!(error instanceof RangeError)) throw error;
    return (kept = WebAssembly.compile(bytes).then((module) => (kept = module)));
  }
}

/** Undoes what the build does to the module and its decoder, see `spell.mjs` and `decode.wat`. */
function decode(text: string): Uint8Array<ArrayBuffer> {
  const decoder: number[] = [];
  let more = 0;
  // By index, which an interpreter does in less time than by character.
  for (let at = 0; at < DECODER.length; at++) {
    const code = DECODER.charCodeAt(at) - 35;
    if (code > 88) more = (code - 88) * 88;
    else {
      decoder.push(more + code - Number(code > 57));
      more = 0;
    }
  }
  const module = new WebAssembly.Module(new Uint8Array(decoder));
  const { m: memory, d: undo } = new WebAssembly.Instance(module).exports as unknown as {
    m: WebAssembly.Memory;
    d(length: number): number;
  };
  memory.grow(text.length >> 14);
  const from = 4096 + text.length;
  // Each stream begins behind a `~`.
  const places = new Uint32Array(memory.buffer);
  for (let at = 0, n = 0; (at = text.indexOf("~", at) + 1); n++) places[n] = 4096 + at;
  new TextEncoder().encodeInto(text, new Uint8Array(memory.buffer, 4096));
  return new Uint8Array(memory.buffer as ArrayBuffer, from, undo(text.length) - from);
}
