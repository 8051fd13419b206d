// Bundlers that emit assets: the module is a file of its own, fetched at first use.

let kept: WebAssembly.Module | Promise<WebAssembly.Module> | undefined;

/** The compiled module, or a promise of it. */
export function load(): WebAssembly.Module | Promise<WebAssembly.Module> {
  kept ??= fetch(new URL("./growingio.wasm", import.meta.url))
    .then((response) => response.arrayBuffer())
    .then((bytes) => WebAssembly.compile(bytes))
    .then((module) => (kept = module));
  return kept;
}
