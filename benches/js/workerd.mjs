// A fresh workerd for one measurement: `node workerd.mjs DIR CASE`, DIR being the project that holds trackwire. Prints ms
// from its start until the first answer, and ms within the worker from importing to the first `track` done (its clock
// shows whole ones).

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Miniflare } from "miniflare";

const [dir, name] = process.argv.slice(2);
const dist = join(dir, "node_modules/trackwire/dist");

const TRACKWIRE = `
  const { GrowingTracker } = await import("./growingio.workerd.js");
  const tracker = new GrowingTracker({ productId: "p", dataSourceId: "d", serverHost: "http://collector.example" });
  if (!tracker.trackCustomEvent("visit", { anonymousId: "a" })) throw new Error("not taken");`;

const worker = `
  export default {
    async fetch() {
      const start = performance.now();
      ${name == "trackwire" ? TRACKWIRE : ""}
      return new Response(String(performance.now() - start));
    },
  };`;

const modules = [{ type: "ESModule", path: "main.mjs", contents: worker }];
if (name == "trackwire") {
  const read = (file, encoding) => readFileSync(join(dist, file), encoding);
  modules.push(
    { type: "ESModule", path: "growingio.workerd.js", contents: read("growingio.workerd.js", "utf8") },
    { type: "CompiledWasm", path: "growingio.wasm", contents: read("growingio.wasm") },
  );
}
const start = performance.now();
const runtime = new Miniflare({ cf: false, modules, compatibilityDate: "2026-04-01" });
try {
  const answer = await runtime.dispatchFetch("http://worker.example/");
  const within = Number(await answer.text());
  console.log(performance.now() - start, within);
} finally {
  await runtime.dispose();
}
