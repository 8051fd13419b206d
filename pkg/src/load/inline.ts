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

function decode(text: string): Uint8Array<ArrayBuffer> {
  const builtIn = Uint8Array as { fromBase64?(text: string): Uint8Array<ArrayBuffer> };
  if (builtIn.fromBase64) return builtIn.fromBase64(text);
  const raw = atob(text);
  const bytes = new Uint8Array(raw.length);
  for (let at = 0; at < raw.length; at++) bytes[at] = raw.charCodeAt(at);
  return bytes;
}
