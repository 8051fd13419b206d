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

/** The application in `apps/trackwire.js` with an entry of the package that is installed in `dir`: by form, the parts
 * `wasm`, `js` and `total`, and the budget for the total in brotli. Of the inline form `wasm` is its text. */
export async function weighOwn(dir, entry = "growingio") {
  const { budget } = builds()[entry];
  const source = readFileSync(join(here, "apps/trackwire.js"), "utf8");
  const of = (name) => {
    const contents = source.replace('"trackwire/growingio"', `"trackwire/${name}"`);
    return bundle({ stdin: { contents, resolveDir: dir } });
  };
  const inline = await of(entry);
  const text = inline.toString();
  const literal = text.split('"').reduce((longest, part) => (part.length > longest.length ? part : longest), "");
  if (literal.length < inline.length / 3) throw new Error("the inline form holds no module as text");
  const js = await of(`${entry}/url`);
  const wasm = readFileSync(join(dir, "node_modules/trackwire/dist", `${entry}.wasm`));
  const url = { wasm: sizes(wasm), js: sizes(js) };
  return {
    inline: {
      wasm: sizes(Buffer.from(literal)),
      js: sizes(Buffer.from(text.replace(literal, () => ""))),
      total: sizes(inline),
      budget: budget.inline,
    },
    url: { ...url, total: sum(url.wasm, url.js), budget: budget.url },
  };
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
