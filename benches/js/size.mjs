// `cargo xtask size [--own]`: what an application weighs with trackwire, and with its peers. Fails over budget.

import { readdirSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { project } from "../../tests/runtimes/node/setup.mjs";
import { bundle, here, over, sizes, weighOwn } from "./weigh.mjs";

const NODE = ["amplitude-node", "posthog-node", "segment-node", "snowplow-node"];

const rows = [];
const { dir, remove } = project();
let forms;
try {
  forms = await weighOwn(dir);
} finally {
  remove();
}
for (const [form, { wasm, js, total, budget }] of Object.entries(forms)) {
  rows.push([`trackwire, ${form}: wasm`, wasm], [`trackwire, ${form}: JS`, js], [`trackwire, ${form}: total`, total, budget]);
}
if (!process.argv.includes("--own")) {
  const peers = [];
  for (const file of readdirSync(join(here, "apps"))) {
    const name = basename(file, ".js");
    if (name == "trackwire") continue;
    const platform = NODE.includes(name) ? "node" : "browser";
    peers.push([label(name, platform), sizes(await bundle({ entryPoints: [join(here, "apps", file)], platform }))]);
  }
  rows.push(...peers.sort(([, a], [, b]) => a.brotli - b.brotli));
}
print(rows);
const found = over(forms);
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
