// Builds the npm package into pkg/dist: for each entry the wasm module, the bundles, the types. `--js` leaves the modules as
// they are; names of entries build those alone.

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
const given = process.argv.slice(2).filter((argument) => !argument.startsWith("--"));
const all = builds();
const modules = Object.keys(all).filter((name) => !given.length || given.includes(name.replace(/-page$/, "")));
const entries = modules.filter((name) => !name.endsWith("-page"));
const fileOf = (module) => join(dist, `${module}.wasm`);
/** The module that an entry has in pages. */
const pageOf = (entry) => (all[`${entry}-page`] ? `${entry}-page` : entry);

if (!process.argv.includes("--js") || !modules.every((module) => existsSync(fileOf(module)))) {
  if (!given.length) rmSync(dist, { recursive: true, force: true });
  mkdirSync(dist, { recursive: true });
  for (const module of modules) buildWasm(fileOf(module), all[module]);
}
const decoder = buildDecoder();
for (const entry of entries) await buildBundles(entry);
await Promise.all([bundle("testing.js", "inline", "esm"), bundle("testing.cjs", "inline", "cjs")]);
buildTypes();
for (const entry of entries) weigh(entry);

/** Compiles a module as `wasm-pack.toml` says. */
function buildWasm(wasm, { features: crate, profile, rustflags, "wasm-opt": optimise }) {
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

/** The bundles of an entry. */
async function buildBundles(entry) {
  const inline = (name) => {
    const module = readFileSync(fileOf(name));
    const text = spell(module);
    if (Buffer.compare(unspell(text, decoder), normal(module))) throw new Error("the inline module is another one");
    return text;
  };
  const own = (suffix, load, format, more = {}) => {
    const module = more.browser ? pageOf(entry) : entry;
    return bundle(entry + suffix, load, format, { entry, module, inline: inline(module), ...more });
  };
  await Promise.all([
    own(".js", "inline", "esm"),
    own(".cjs", "inline", "cjs"),
    own(".workerd.js", "file", "esm"),
    own(".browser.js", "inline", "esm", { browser: true }),
    own(".url.js", "url", "esm", { browser: true }),
    own(".iife.js", "inline", "iife", { browser: true, options: { globalName: "trackwire" } }),
  ]);
}

/** One bundle. `inline` is the text of the module. */
async function bundle(out, load, format, { entry = "testing", module, inline = "", browser = false, options } = {}) {
  const { outputFiles } = await build({
    entryPoints: [join(here, "src", `${entry}.ts`)],
    outfile: join(dist, out),
    bundle: true,
    write: false,
    format,
    target: "es2022",
    minify: true,
    mangleProps: /[a-z]_$/,
    legalComments: "none",
    external: ["./module.wasm", "node:*", "cloudflare:*"],
    define: {
      VERSION: JSON.stringify(version),
      WORKER: String(load == "file"),
      BROWSER: String(browser),
      MODULE: JSON.stringify(`./${module}.wasm`),
      WASM: JSON.stringify(load == "inline" ? inline : ""),
      DECODER: JSON.stringify(spellDecoder(decoder)),
    },
    plugins: [chooseLoad(load)],
    logLevel: "warning",
    ...options,
  });
  // An import that is not of a literal cannot be defined.
  const text = outputFiles[0].text.replace("./module.wasm", `./${module}.wasm`);
  // Of a CommonJS file Node reads the names of the exports from a line that looks like dead code.
  writeFileSync(join(dist, out), format == "cjs" ? text : await shrink(text, format == "esm"));
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
  const whole = (...names) => names.map(read).map(plain).join("\n");
  const files = {
    growingio: whole("values", "errors", "events", "stats", "options", "worker", "tracker"),
    inlong: whole("values", "errors", "events", "stats", "inlong/mapping", "inlong/options", "inlong/client") + "\n" + whole("worker").replace(/tracker/g, "client").replace(/Tracker/g, "Client"),
    testing: `import type { Options } from "./growingio.js";\n${whole("testing")}`,
  };
  for (const [name, text] of Object.entries(files)) {
    writeFileSync(join(dist, `${name}.d.ts`), text);
    writeFileSync(join(dist, `${name}.d.cts`), text.replace("./growingio.js", "./growingio.cjs"));
  }
  rmSync(types, { recursive: true });
}

function weigh(entry) {
  const params = { [constants.BROTLI_PARAM_QUALITY]: 11 };
  const brotli = (bytes) => brotliCompressSync(bytes, { params });
  const rows = [
    ["wasm", readFileSync(fileOf(entry))],
    ["wasm (page)", readFileSync(fileOf(pageOf(entry)))],
    ["js (url)", readFileSync(join(dist, `${entry}.url.js`))],
    ["js (workerd)", readFileSync(join(dist, `${entry}.workerd.js`))],
    ["inline, all", readFileSync(join(dist, `${entry}.js`))],
    ["browser, all", readFileSync(join(dist, `${entry}.browser.js`))],
    ["iife, all", readFileSync(join(dist, `${entry}.iife.js`))],
  ];
  console.log(entry.padEnd(14), "raw".padStart(8), "gzip".padStart(8), "brotli".padStart(8));
  for (const [name, bytes] of rows) {
    const sizes = [bytes.length, gzipSync(bytes, { level: 9 }).length, brotli(bytes).length];
    console.log(name.padEnd(14), ...sizes.map((size) => String(size).padStart(8)));
  }
}
