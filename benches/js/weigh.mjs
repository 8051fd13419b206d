// What applications weigh: bundled for what they run on, minified, compressed.

import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";
import { build } from "esbuild";
import { builds } from "../../pkg/builds.mjs";

/** Where this is. */
export const here = dirname(fileURLToPath(import.meta.url));

/** Sizes in bytes: `raw`, `gzip` (level 9) and `brotli` (quality 11). */
export function sizes(bytes) {
  const params = { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length };
  return {
    raw: bytes.length,
    gzip: gzipSync(bytes, { level: 9 }).length,
    brotli: brotliCompressSync(bytes, { params }).length,
  };
}

/** An application in one file, as it would be shipped. `given` are options of esbuild. */
export async function bundle(given) {
  const { outputFiles } = await build({
    bundle: true,
    minify: true,
    write: false,
    format: "esm",
    platform: "browser",
    legalComments: "none",
    define: { "process.env.NODE_ENV": '"production"' },
    logLevel: "error",
    ...given,
  });
  return Buffer.from(outputFiles[0].contents);
}

/** The entries of the package: the builds that are not the page's half of another. */
export const entries = () => Object.keys(builds()).filter((name) => !name.endsWith("-page"));

/** The application that calls everything of an entry. */
export const appOf = (entry) => join(here, "apps", entry == "growingio" ? "trackwire.js" : `trackwire-${entry}.js`);

/** The application of an entry with the package that is installed in `dir`: by form, the parts `wasm`, `js` and `total`, and
 * the budget for the total in brotli. Of the inline form `wasm` is its text. Pages may have a module of their own; then
 * `server` is the form for Node, and has its budget too. */
export async function weighOwn(dir, entry = "growingio") {
  const all = builds();
  const page = all[`${entry}-page`] ? `${entry}-page` : entry;
  const { budget } = all[page];
  const source = readFileSync(appOf(entry), "utf8");
  const of = (name, more) => {
    const contents = source.replace(`"trackwire/${entry}"`, `"trackwire/${name}"`);
    return bundle({ stdin: { contents, resolveDir: dir }, ...more });
  };
  const inline = await of(entry);
  const text = inline.toString();
  const literal = text.split('"').reduce((longest, part) => (part.length > longest.length ? part : longest), "");
  if (literal.length < inline.length / 3) throw new Error("the inline form holds no module as text");
  const js = await of(`${entry}/url`);
  const wasm = readFileSync(join(dir, "node_modules/trackwire/dist", `${page}.wasm`));
  const url = { wasm: sizes(wasm), js: sizes(js) };
  return {
    inline: {
      wasm: sizes(Buffer.from(literal)),
      js: sizes(Buffer.from(text.replace(literal, () => ""))),
      total: sizes(inline),
      budget: budget.inline,
    },
    url: { ...url, total: sum(url.wasm, url.js), budget: budget.url },
    ...(page != entry && { server: await server() }),
  };

  async function server() {
    const module = sizes(readFileSync(join(dir, "node_modules/trackwire/dist", `${entry}.wasm`)));
    const whole = await of(entry, { platform: "node" });
    const js = await of(entry, { conditions: ["workerd"], external: ["*.wasm", "cloudflare:*"] });
    return { wasm: module, js: sizes(js), total: sizes(whole), budget: all[entry].budget.inline };
  }
}

/** What is over its budget, in words. */
export function over(forms) {
  return Object.entries(forms)
    .filter(([, { total, budget }]) => total.brotli > budget)
    .map(([form, { total, budget }]) => `${form}: ${total.brotli} bytes in brotli, ${total.brotli - budget} over ${budget}`);
}

// Two files are compressed apart.
function sum(one, other) {
  return Object.fromEntries(Object.keys(one).map((kind) => [kind, one[kind] + other[kind]]));
}
