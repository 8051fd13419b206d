// A Worker in workerd: requests bring some lines each; the Worker records them and flushes once it has answered.

import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { Miniflare } from "miniflare";
import { dist } from "../project.mjs";
import { PATIENCE } from "./common.mjs";

/** Lines in a request. */
const CHUNK = 100;
/** Requests under way at once. */
const LANES = 4;

const WORKER = `
import { GrowingTracker } from "./growingio.workerd.js";
import { options, record } from "./common.mjs";
let tracker;
export default {
  async fetch(request, env, ctx) {
    tracker ??= new GrowingTracker({ ...options(env.COLLECTOR), format: "snappy" });
    const { pathname } = new URL(request.url);
    if (pathname == "/flush") await tracker.flush({ timeout: 2000 });
    if (pathname != "/track") return Response.json(tracker.stats());
    const lines = (await request.text()).split("\\n");
    let taken = 0;
    while (taken < lines.length && record(tracker, lines[taken])) taken++;
    ctx.waitUntil(tracker.flush());
    return Response.json(taken);
  },
};`;

export const send = (demo) => inWorker(WORKER, "growingio", "common.mjs", demo);

/** Has a Worker send the lines with an entry of the package and a module beside this one. It answers `/track` with how many of
 * the lines it has taken, and `/flush` and `/stats` with the books. */
export async function inWorker(program, entry, shared, { project, url, lines, told, halfway }) {
  const file = (name) => readFileSync(join(dist(project), name));
  const beside = join(dirname(fileURLToPath(import.meta.url)), shared);
  const worker = new Miniflare({
    cf: false,
    modules: [
      { type: "ESModule", path: "main.mjs", contents: program },
      { type: "ESModule", path: shared, contents: readFileSync(beside, "utf8") },
      { type: "ESModule", path: `${entry}.workerd.js`, contents: file(`${entry}.workerd.js`).toString() },
      { type: "CompiledWasm", path: `${entry}.wasm`, contents: file(`${entry}.wasm`) },
    ],
    compatibilityDate: "2026-04-01",
    bindings: { COLLECTOR: url },
  });
  const call = async (path, body) => {
    const response = await worker.dispatchFetch("http://worker.example" + path, { method: "POST", body });
    if (!response.ok) throw new Error(`the Worker answered ${response.status}: ${await response.text()}`);
    return response.json();
  };
  try {
    await worker.ready;
    const start = performance.now();
    let next = 0;
    let stats = { delivered: 0 };
    const telling = setInterval(async () => told((stats = await call("/stats"))), 500);
    const half = Math.floor(lines.length / 2);
    let killing;
    const lane = async () => {
      while (next < lines.length) {
        if (next >= half) await (killing ??= halfway());
        let chunk = lines.slice(next, (next += CHUNK));
        while (chunk.length) {
          chunk = chunk.slice(await call("/track", chunk.join("\n")));
          // The queue is full.
          if (chunk.length) await call("/flush");
        }
      }
    };
    try {
      await Promise.all(Array.from({ length: LANES }, lane));
      do stats = await call("/flush");
      while (stats.pending && performance.now() - start < PATIENCE);
    } finally {
      clearInterval(telling);
    }
    return { stats, seconds: (performance.now() - start) / 1000 };
  } finally {
    await worker.dispose();
  }
}
