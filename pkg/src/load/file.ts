// Workers: the platform compiles the imported file itself and allows no other way.

// @ts-expect-error The file exists beside the built module only.
import module from "./module.wasm";

/** The compiled module. */
export function load(): WebAssembly.Module | Promise<WebAssembly.Module> {
  return module as WebAssembly.Module;
}
