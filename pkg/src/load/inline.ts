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

/** Undoes what the build does to the module's bytes, see `decode.wat`. Unlike base64 that keeps bytes apart, so that a
 * compressed transfer costs hardly more than that of the module itself. */
function decode(text: string): Uint8Array<ArrayBuffer> {
  const decoder = new WebAssembly.Module(Uint8Array.from(atob(DECODER), (char) => char.charCodeAt(0)));
  const { m: memory, d: undo } = new WebAssembly.Instance(decoder).exports as unknown as {
    m: WebAssembly.Memory;
    d(length: number): number;
  };
  memory.grow(Math.ceil(text.length / 65536));
  new TextEncoder().encodeInto(text, new Uint8Array(memory.buffer));
  return new Uint8Array(memory.buffer as ArrayBuffer, 0, undo(text.length));
}
