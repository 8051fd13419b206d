// Bundlers that emit assets: the module is a file of its own, fetched at first use.

/** The file beside this one. */
declare const MODULE: string;

let kept: WebAssembly.Module | Promise<WebAssembly.Module> | undefined;

/** The compiled module, or a promise of it. */
export function load(): WebAssembly.Module | Promise<WebAssembly.Module> {
  return (kept ??= bring(1e3).then((module) => (kept = module)));
}

/** Fetches and compiles it. What fails is tried again after a second, and after twice the wait each time up to a minute. */
async function bring(wait: number): Promise<WebAssembly.Module> {
  try {
    const response = await fetch(new URL(MODULE, import.meta.url));
    if (!response.ok) throw new Error(MODULE + ": HTTP " + response.status);
    return await WebAssembly.compile(await response.arrayBuffer());
  } catch (error) {
    // What compiles nowhere, or is forbidden, stays so.
    if (error instanceof WebAssembly.CompileError || wait > 6e4) throw error;
    await new Promise((done) => setTimeout(done, wait));
    return bring(wait * 2);
  }
}
