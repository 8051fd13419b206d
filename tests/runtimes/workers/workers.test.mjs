// The packed package in workerd.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, beforeEach, test } from "node:test";
import { Miniflare } from "miniflare";
import { collector, project } from "../node/setup.mjs";

const WORKER = `
import { GrowingTracker, withTracker } from "./growingio.workerd.js";
let tracker;
const make = (env) => tracker ??= new GrowingTracker({
  productId: "p", dataSourceId: "d", serverHost: env.HOST, requestTimeout: 800, retryBackoffFactor: 0.02, consumer: env.CONSUMER,
});
// Without effect at module scope.
const early = new GrowingTracker({ productId: "p", dataSourceId: "d", serverHost: "http://127.0.0.1:9" });
early.trackCustomEvent("early", { loginUserId: "u" });
const wrapped = withTracker(make, {
  async fetch(request, env) {
    make(env).trackCustomEvent("wrapped", { loginUserId: "u" });
    return new Response("wrapped");
  },
  async scheduled() {
    tracker.trackCustomEvent("scheduled", { loginUserId: "u" });
  },
  async queue(batch) {
    for (const message of batch.messages) tracker.trackCustomEvent("queued", { loginUserId: message.body });
  },
});
export default {
  ...wrapped,
  async fetch(request, env, ctx) {
    const url = new URL(request.url);
    make(env);
    if (url.pathname == "/track") {
      tracker.trackCustomEvent("buy", { loginUserId: url.searchParams.get("u") });
      ctx.waitUntil(tracker.flush());
      return new Response("ok");
    }
    if (url.pathname == "/silent") {
      for (let n = 0; n < 3; n++) tracker.trackCustomEvent("silent", { loginUserId: "u" + n });
      return new Response("ok");
    }
    if (url.pathname == "/abandon") {
      tracker.trackCustomEvent("abandoned", { loginUserId: "u" });
      // Not waited for: the platform ends it with the request.
      void tracker.flush();
      return new Response("ok");
    }
    if (url.pathname == "/flush") return Response.json(await tracker.flush({ timeout: 4000 }));
    if (url.pathname == "/stats") return Response.json(tracker.stats());
    if (url.pathname == "/send") {
      await env.QUEUE.send("u1");
      return new Response("ok");
    }
    return wrapped.fetch(request, env, ctx);
  },
};`;

let dir, remove, server, worker;

before(async () => {
  ({ dir, remove } = project());
  server = await collector();
});
after(async () => {
  await worker?.dispose();
  server?.stop();
  remove?.();
});
beforeEach(async () => {
  await worker?.dispose();
  await fetch(server.url + "/trackwire/reset", { method: "POST" });
  await fault();
  worker = start();
});

const fault = (...faults) =>
  fetch(server.url + "/trackwire/faults", { method: "POST", body: JSON.stringify({ faults }) });
const names = async () => (await server.get("/trackwire/good?limit=10000")).records.map(({ name }) => name);
const call = async (path) => (await worker.dispatchFetch("http://worker.example" + path)).text();
const json = async (path) => JSON.parse(await call(path));

function start(consumer = "default") {
  const dist = join(dir, "node_modules/trackwire/dist");
  return new Miniflare({
    cf: false,
    modules: [
      { type: "ESModule", path: "main.mjs", contents: WORKER },
      { type: "ESModule", path: "growingio.workerd.js", contents: readFileSync(join(dist, "growingio.workerd.js"), "utf8") },
      { type: "CompiledWasm", path: "growingio.wasm", contents: readFileSync(join(dist, "growingio.wasm")) },
    ],
    compatibilityDate: "2026-04-01",
    bindings: { HOST: server.url, CONSUMER: consumer },
    queueProducers: { QUEUE: "events" },
    queueConsumers: { events: { maxBatchTimeout: 0 } },
  });
}

/** Waits until the collector holds so many records. */
async function arrived(count) {
  for (let tries = 0; tries < 200; tries++) {
    const seen = await names();
    if (seen.length >= count) return seen;
    await new Promise((done) => setTimeout(done, 25));
  }
  assert.fail(`${(await names()).length} of ${count} arrived`);
}

async function assertBalance(expected) {
  const stats = await json("/stats");
  const { accepted, delivered, rejected, expired, dropped, pending } = stats;
  assert.equal(accepted, delivered + rejected + expired + dropped + pending, JSON.stringify(stats));
  assert.deepEqual([accepted, delivered], expected, JSON.stringify(stats));
}

test("fifty overlapping requests, each with a flush of its own", async () => {
  await fault({ delay_ms: 100, count: 5 });
  await Promise.all(Array.from({ length: 50 }, (_, n) => call(`/track?u=u${n}`)));
  assert.equal((await arrived(50)).length, 50);
  await json("/flush");
  await assertBalance([50, 50]);
});

test("nothing leaves but by a flush, then many events in one request", async () => {
  await call("/silent");
  await new Promise((done) => setTimeout(done, 100));
  assert.equal((await server.get("/trackwire/stats")).requests, 0);
  assert.equal((await json("/flush")).delivered, 3);
  assert.equal((await server.get("/trackwire/stats")).requests, 1);
});

test("a request that went away in mid-flush: the next one delivers its batch", async () => {
  await fault({ delay_ms: 5000, drop: "before", count: 1 });
  await call("/abandon");
  const started = Date.now();
  assert.equal((await json("/flush")).delivered, 1);
  assert.ok(Date.now() - started < 3000);
  await assertBalance([1, 1]);
});

test("a sick endpoint, then well", async () => {
  await fault({ status: 503, count: 2 });
  await call("/track?u=u1");
  await arrived(1);
  await assertBalance([1, 1]);
});

test("withTracker: fetch, scheduled and queue", async () => {
  assert.equal(await call("/other"), "wrapped");
  await arrived(1);
  const { scheduled } = await worker.getWorker();
  await scheduled({ cron: "* * * * *" });
  await arrived(2);
  await call("/send");
  assert.deepEqual((await arrived(3)).sort(), ["queued", "scheduled", "wrapped"]);
});
