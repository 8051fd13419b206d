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

export async function send({ project, url, lines, told }) {
  const file = (name) => readFileSync(join(dist(project), name));
  const common = join(dirname(fileURLToPath(import.meta.url)), "common.mjs");
  const worker = new Miniflare({
    cf: false,
    modules: [
      { type: "ESModule", path: "main.mjs", contents: WORKER },
      { type: "ESModule", path: "common.mjs", contents: readFileSync(common, "utf8") },
      { type: "ESModule", path: "growingio.workerd.js", contents: file("growingio.workerd.js").toString() },
      { type: "CompiledWasm", path: "growingio.wasm", contents: file("growingio.wasm") },
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
    const lane = async () => {
      while (next < lines.length) {
        let chunk = lines.slice(next, (next += CHUNK));
        for (;;) {
          chunk = chunk.slice(await call("/track", chunk.join("\n")));
          if (!chunk.length) break;
          // The queue is full.
          await call("/flush");
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
