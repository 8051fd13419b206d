// Builds the npm package into pkg/dist: the wasm module, the bundles, the types. `--js` leaves the module as it is.

import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";
import { build } from "esbuild";
import { minify } from "terser";
import { builds } from "./builds.mjs";
import { silencePanics } from "./panics.mjs";
import { normal, spell, spellDecoder, unspell } from "./spell.mjs";

const require = createRequire(import.meta.url);
const here = dirname(fileURLToPath(import.meta.url));
const root = dirname(here);
const dist = join(here, "dist");
const target = process.env.CARGO_TARGET_DIR ?? join(root, "target");
const { version } = JSON.parse(readFileSync(join(here, "package.json"), "utf8"));
const wasm = join(dist, "growingio.wasm");

if (!process.argv.includes("--js") || !existsSync(wasm)) {
  rmSync(dist, { recursive: true, force: true });
  mkdirSync(dist, { recursive: true });
  buildWasm(builds().growingio);
}
await buildBundles();
buildTypes();
weigh();

/** Compiles the module as `wasm-pack.toml` says. */
function buildWasm({ features: crate, profile, rustflags, "wasm-opt": optimise }) {
  // The flags that say less of a panic are no stable ones, so the compiler has to be told that it may.
  const env = { ...process.env, CARGO_TARGET_DIR: target, RUSTFLAGS: rustflags.join(" "), RUSTC_BOOTSTRAP: "1" };
  for (const [name, value] of Object.entries(profile)) {
    env[`CARGO_PROFILE_RELEASE_${name.toUpperCase().replaceAll("-", "_")}`] = value;
  }
  const args = "rustc --lib --crate-type cdylib --release --no-default-features --features".split(" ");
  args.push(crate.join(","));
  const wasm32 = "wasm32-unknown-unknown";
  execFileSync("cargo", [...args, "--target", wasm32], { cwd: root, env, stdio: "inherit" });
  // What the compiler uses, wasm-opt has to be told.
  const features = "bulk-memory bulk-memory-opt nontrapping-float-to-int sign-ext mutable-globals reference-types multivalue";
  const flags = features.split(" ").map((feature) => `--enable-${feature}`);
  flags.push(...optimise);
  const silent = join(dist, "silent.wasm");
  writeFileSync(silent, silencePanics(readFileSync(join(target, wasm32, "release/trackwire.wasm"))));
  execFileSync(process.execPath, [binaryen("wasm-opt"), ...flags, silent, "-o", wasm], { stdio: "inherit" });
  rmSync(silent);
}

async function buildBundles() {
  const module = readFileSync(wasm);
  const decoder = buildDecoder();
  const inline = spell(module);
  if (Buffer.compare(unspell(inline, decoder), normal(module))) throw new Error("the inline module is another one");
  const bundle = async (out, load, format, more = {}) => {
    const { outputFiles } = await build({
      entryPoints: [join(here, "src", more.entry ?? "growingio.ts")],
      outfile: join(dist, out),
      bundle: true,
      write: false,
      format,
      target: "es2022",
      minify: true,
      mangleProps: /[a-z]_$/,
      legalComments: "none",
      external: ["./growingio.wasm"],
      define: {
        VERSION: JSON.stringify(version),
        WORKER: String(load == "file"),
        BROWSER: String(!!more.browser),
        WASM: JSON.stringify(load == "inline" ? inline : ""),
        DECODER: JSON.stringify(spellDecoder(decoder)),
      },
      plugins: [chooseLoad(load)],
      logLevel: "warning",
      ...more.options,
    });
    const { text } = outputFiles[0];
    // Of a CommonJS file Node reads the names of the exports from a line that looks like dead code.
    writeFileSync(join(dist, out), format == "cjs" ? text : await shrink(text, format == "esm"));
  };
  await Promise.all([
    bundle("growingio.js", "inline", "esm"),
    bundle("growingio.cjs", "inline", "cjs"),
    bundle("growingio.workerd.js", "file", "esm"),
    bundle("growingio.browser.js", "inline", "esm", { browser: true }),
    bundle("growingio.url.js", "url", "esm", { browser: true }),
    bundle("growingio.iife.js", "inline", "iife", { browser: true, options: { globalName: "trackwire" } }),
    bundle("testing.js", "inline", "esm", { entry: "testing.ts" }),
    bundle("testing.cjs", "inline", "cjs", { entry: "testing.ts" }),
  ]);
}

/** A second pass, of which mostly the names of variables compress better. What is off makes code shorter, and larger in
 * brotli. */
async function shrink(code, module) {
  const compress = { passes: 3, hoist_funs: true, inline: 0, reduce_funcs: false };
  return (await minify(code, { module, ecma: 2020, compress })).code;
}

/** What undoes the text of the inline module. */
function buildDecoder() {
  const decoder = join(dist, "decode.wasm");
  execFileSync(process.execPath, [binaryen("wasm-as"), join(here, "src/load/decode.wat"), "-o", decoder]);
  execFileSync(process.execPath, [binaryen("wasm-opt"), "-Oz", "--converge", decoder, "-o", decoder]);
  const bytes = readFileSync(decoder);
  rmSync(decoder);
  return bytes;
}

function binaryen(tool) {
  return join(dirname(require.resolve("binaryen/package.json")), "bin", tool);
}

/** How the module gets to where it runs differs by entry. */
function chooseLoad(load) {
  return {
    name: "load",
    setup: (build) =>
      build.onResolve({ filter: /load\/inline\.js$/ }, () => ({ path: join(here, "src/load", `${load}.ts`) })),
  };
}

/** One file of types for each entry, for modules and for CommonJS. */
function buildTypes() {
  const types = join(dist, "types");
  execFileSync(process.execPath, [require.resolve("typescript/bin/tsc"), "-p", here], { stdio: "inherit" });
  const read = (name) => readFileSync(join(types, `${name}.d.ts`), "utf8");
  const plain = (text) =>
    text
      .replace(/^(import|export)\b[^;]*? from "[^"]*";\n/gm, "")
      .replace(/^export \{\};\n/gm, "")
      .replace(/^declare const mark.*\n/gm, "")
      .replace(/^    private .*\n/gm, "");
  const parts = ["values", "errors", "events", "stats", "options", "worker", "tracker"].map(read).map(plain);
  const entries = { growingio: parts.join("\n"), testing: plain(read("testing")) };
  entries.testing = `import type { Options } from "./growingio.js";\n${entries.testing}`;
  for (const [name, text] of Object.entries(entries)) {
    writeFileSync(join(dist, `${name}.d.ts`), text);
    writeFileSync(join(dist, `${name}.d.cts`), text.replace("./growingio.js", "./growingio.cjs"));
  }
  rmSync(types, { recursive: true });
}

function weigh() {
  const params = { [constants.BROTLI_PARAM_QUALITY]: 11 };
  const brotli = (bytes) => brotliCompressSync(bytes, { params });
  const rows = [
    ["wasm", readFileSync(wasm)],
    ["js (url)", readFileSync(join(dist, "growingio.url.js"))],
    ["js (workerd)", readFileSync(join(dist, "growingio.workerd.js"))],
    ["inline, all", readFileSync(join(dist, "growingio.js"))],
    ["browser, all", readFileSync(join(dist, "growingio.browser.js"))],
    ["iife, all", readFileSync(join(dist, "growingio.iife.js"))],
  ];
  console.log("bytes".padEnd(14), "raw".padStart(8), "gzip".padStart(8), "brotli".padStart(8));
  for (const [name, bytes] of rows) {
    const sizes = [bytes.length, gzipSync(bytes, { level: 9 }).length, brotli(bytes).length];
    console.log(name.padEnd(14), ...sizes.map((size) => String(size).padStart(8)));
  }
}
