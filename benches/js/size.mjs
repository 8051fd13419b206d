// `cargo xtask size [--own]`: what an application weighs with trackwire, and with its peers. Fails over budget.

import { readdirSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { project } from "../../tests/runtimes/node/setup.mjs";
import { bundle, entries, here, over, sizes, weighOwn } from "./weigh.mjs";

const NODE = ["amplitude-node", "posthog-node", "segment-node", "snowplow-node"];

const rows = [];
const { dir, remove } = project();
const found = [];
try {
  for (const entry of entries()) {
    const forms = await weighOwn(dir, entry);
    found.push(...over(forms).map((line) => `${entry}, ${line}`));
    for (const [form, { wasm, js, total, budget }] of Object.entries(forms)) {
      const name = `trackwire/${entry}, ${form}`;
      rows.push([`${name}: wasm`, wasm], [`${name}: JS`, js], [`${name}: total`, total, budget]);
    }
  }
} finally {
  remove();
}
if (!process.argv.includes("--own")) {
  const peers = [];
  for (const file of readdirSync(join(here, "apps"))) {
    const name = basename(file, ".js");
    if (name.startsWith("trackwire")) continue;
    const platform = NODE.includes(name) ? "node" : "browser";
    peers.push([label(name, platform), sizes(await bundle({ entryPoints: [join(here, "apps", file)], platform }))]);
  }
  rows.push(...peers.sort(([, a], [, b]) => a.brotli - b.brotli));
}
print(rows);
for (const line of found) console.error(`over budget: ${line}`);
process.exitCode = found.length ? 1 : 0;

/** The peer's name and version. */
function label(name, platform) {
  const source = readFileSync(join(here, "apps", `${name}.js`), "utf8");
  const [, from] = /from "((?:@[^/"]+\/)?[^/"]+)/.exec(source);
  const { version } = JSON.parse(readFileSync(join(here, "node_modules", from, "package.json"), "utf8"));
  return `${from} ${version}${name == "mixpanel-core" ? ", core" : ""}${platform == "node" ? " (Node)" : ""}`;
}

function print(rows) {
  const width = Math.max(...rows.map(([name]) => name.length));
  const line = (name, cells) => console.log(name.padEnd(width), ...cells.map((cell) => String(cell).padStart(9)));
  line("bytes, minified", ["raw", "gzip", "brotli", "budget"]);
  for (const [name, { raw, gzip, brotli }, budget = ""] of rows) line(name, [raw, gzip, brotli, budget]);
}
