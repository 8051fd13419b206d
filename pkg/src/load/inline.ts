// The wasm module as text within the bundle. Decoded and compiled at first use, never at import.

declare const WASM: string;

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

/** Undoes what the build does: bytes below 90 are one printable character, others two. Unlike base64 it keeps bytes
 * apart, so that a compressed transfer costs hardly more than that of the module itself. */
function decode(text: string): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(text.length);
  let length = 0;
  for (let at = 0; at < text.length; at++) {
    let code = text.charCodeAt(at);
    let high = 0;
    if (code < 34) {
      high = (code - 31) * 90;
      code = text.charCodeAt(++at);
    }
    bytes[length++] = high + code - (code > 92 ? 36 : 35);
  }
  return bytes.subarray(0, length);
}
