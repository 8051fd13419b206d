// The packed package in workerd, against the collector.

import assert from "node:assert/strict";
import { get } from "node:http";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, beforeEach, test } from "node:test";
import { Miniflare } from "miniflare";
import { assertBalance, collector, endpoint, hang, project, root } from "../node/setup.mjs";

const WORKER = `
import { env } from "cloudflare:workers";
import { GrowingTracker, withTracker } from "./growingio.workerd.js";
const make = (env) => new GrowingTracker({
  productId: "p", dataSourceId: "d", serverHost: env.HOST, requestTimeout: env.TIMEOUT, retryBackoffFactor: 0.02, consumer: env.CONSUMER,
  logger: { log() {}, warn(...said) { warnings.push(said.join(" ")); } },
});
const warnings = [];
const tracker = make(env);
// At module scope there is no time, no chance and no network, and none is asked for.
tracker.trackCustomEvent("early", { loginUserId: "u" });
let later;
const wrapped = withTracker((env) => (later ??= make(env)), {
  async fetch(request) {
    later.trackCustomEvent("wrapped", { loginUserId: "u" });
    if (request.url.endsWith("/fail")) throw new Error("the application's");
    return new Response("wrapped");
  },
  async scheduled() {
    later.trackCustomEvent("scheduled", { loginUserId: "u" });
  },
  async queue(batch) {
    for (const message of batch.messages) later.trackCustomEvent("queued", { loginUserId: message.body });
  },
});
const routes = {
  "/track"({ searchParams }, ctx) {
    const taken = tracker.trackCustomEvent(searchParams.get("name") ?? "buy", { loginUserId: searchParams.get("u") });
    ctx.waitUntil(tracker.flush());
    return taken;
  },
  "/silent": () => [0, 1, 2].map((n) => tracker.trackCustomEvent("silent", { loginUserId: "u" + n })),
  // Not waited for: the platform ends it with the request.
  "/abandon": () => (tracker.trackCustomEvent("abandoned", { loginUserId: "u" }), void tracker.flush()),
  "/flush": () => tracker.flush({ timeout: 10_000 }),
  "/stats": () => tracker.stats(),
  "/later": () => later.stats(),
  "/warnings": () => warnings,
  "/send": () => env.QUEUE.send("u1"),
};
export default {
  ...wrapped,
  async fetch(request, env, ctx) {
    const url = new URL(request.url);
    const route = routes[url.pathname];
    return route ? Response.json((await route(url, ctx)) ?? null) : wrapped.fetch(request, env, ctx);
  },
};`;

let dir, remove, server, worker;
/** What workerd itself says: its warnings and uncaught errors. */
let said;

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
  await server.reset();
  await start();
});

const names = async () => (await server.records()).map(({ name }) => name);
const call = async (path) => (await worker.dispatchFetch("http://worker.example" + path)).text();
const json = async (path) => JSON.parse(await call(path));

async function start({ HOST = server.url, CONSUMER = "default", TIMEOUT = 5000, wasm } = {}) {
  await worker?.dispose();
  said = [];
  const dist = join(dir, "node_modules/trackwire/dist");
  worker = new Miniflare({
    cf: false,
    modules: [
      { type: "ESModule", path: "main.mjs", contents: WORKER },
      { type: "ESModule", path: "growingio.workerd.js", contents: readFileSync(join(dist, "growingio.workerd.js"), "utf8") },
      { type: "CompiledWasm", path: "growingio.wasm", contents: readFileSync(wasm ?? join(dist, "growingio.wasm")) },
    ],
    compatibilityDate: "2026-04-01",
    bindings: { HOST, CONSUMER, TIMEOUT },
    queueProducers: { QUEUE: "events" },
    queueConsumers: { events: { maxBatchTimeout: 0 } },
    handleRuntimeStdio(...streams) {
      for (const stream of streams) stream.on("data", (chunk) => said.push(String(chunk)));
    },
  });
  await worker.ready;
}

/** What the collector holds, as soon as it is so much, and that it is not more. */
async function arrived(count) {
  let seen;
  for (let tries = 0; tries < 200; tries++) {
    seen = await names();
    if (seen.length >= count) break;
    await new Promise((done) => setTimeout(done, 25));
  }
  assert.equal(seen.length, count);
  return seen;
}

/** No request's I/O was touched by another's. */
const assertQuiet = () => assert.doesNotMatch(said.join(""), /different request|hang|uncaught|error/i);

test("fifty overlapping requests on a tracker at module scope, each with a flush of its own", async () => {
  await server.fault({ delay_ms: 100, count: 5 });
  await Promise.all(Array.from({ length: 50 }, (_, n) => call(`/track?u=u${n}`)));
  await arrived(51);
  const users = new Set((await server.records()).map(({ user }) => user));
  assert.equal(users.size, 51);
  await json("/flush");
  assertBalance(await json("/stats"), { accepted: 51, delivered: 51, maybeDuplicated: 0 });
  assertQuiet();
});

test("nothing leaves but by a flush, then many events in one request", async () => {
  await call("/silent");
  await call("/stats");
  assert.equal((await server.get("/trackwire/stats")).requests, 0);
  assert.equal((await json("/flush")).delivered, 4);
  assert.equal((await server.get("/trackwire/stats")).requests, 1);
});

test("a request that ends in mid-flush: the next one delivers its batch", async () => {
  await start({ TIMEOUT: 1000 });
  await server.fault({ delay_ms: 5000, drop: "before", count: 1 });
  await call("/abandon");
  assert.equal((await json("/flush")).delivered, 2);
  assertBalance(await json("/stats"), { accepted: 2, delivered: 2 });
  await arrived(2);
  assertQuiet();
});

test("a request whose client goes away in mid-flush: the next one delivers its batch", async (t) => {
  const sink = await endpoint((count) => (count == 1 ? hang() : 204));
  t.after(() => sink.stop());
  await start({ HOST: sink.url, TIMEOUT: 1000 });
  await call("/silent");
  const client = get(new URL("/flush", await worker.ready));
  client.on("error", () => {});
  await sink.requests(1);
  client.destroy();
  const report = await json("/flush");
  assert.deepEqual([report.delivered, report.pending], [4, 0]);
  assertBalance(await json("/stats"), { accepted: 4, delivered: 4, requests: 2, maybeDuplicated: 4 });
  assert.equal(sink.events().length, 8);
  assertQuiet();
});

test("a sick endpoint, then well", async () => {
  await server.fault({ status: 503, count: 2 });
  await call("/track?u=u1");
  await arrived(2);
  await json("/flush");
  assertBalance(await json("/stats"), { accepted: 2, delivered: 2, retries: 2, maybeDuplicated: 0 });
});

test("withTracker: fetch, scheduled and queue; the answer does not wait, a failure is flushed too", async () => {
  await server.fault({ delay_ms: 300, status: 204 });
  assert.equal(await call("/other"), "wrapped");
  assertBalance(await json("/later"), { accepted: 1, pending: 1 });
  await arrived(1);
  await server.fault();
  const { scheduled } = await worker.getWorker();
  await scheduled({ cron: "* * * * *" });
  await arrived(2);
  await call("/send");
  await arrived(3);
  assert.equal((await worker.dispatchFetch("http://worker.example/fail")).status, 500);
  assert.deepEqual((await arrived(4)).sort(), ["queued", "scheduled", "wrapped", "wrapped"]);
  assertBalance(await json("/later"), { accepted: 4, delivered: 4 });
});

test("a panic within the engine: the isolate goes on serving, the books balance", async () => {
  const wasm = process.env.TRACKWIRE_TRAP ?? join(root, "target/wasm32-unknown-unknown/debug/trackwire.wasm");
  await start({ wasm });
  await call("/silent");
  assert.equal((await json("/flush")).delivered, 4);
  // Pending when it happens, and lost with it.
  await call("/silent");
  assert.equal(await json("/track?u=u&name=__test-panic"), false);
  assertBalance(await json("/stats"), { accepted: 8, delivered: 4, dropped: 4 });
  await Promise.all([1, 2, 3].map((n) => call(`/track?u=u${n}`)));
  await arrived(7);
  await json("/flush");
  assertBalance(await json("/stats"), { accepted: 11, delivered: 7, dropped: 4 });
  const warnings = await json("/warnings");
  assert.equal(warnings.length, 1);
  assert.match(warnings[0], /unreachable/);
});

test("a panic on an answer: the flush ends, what was under way counts as lost", async (t) => {
  const wasm = process.env.TRACKWIRE_TRAP ?? join(root, "target/wasm32-unknown-unknown/debug/trackwire.wasm");
  const sink = await endpoint((count) => (count == 1 ? [500, "__test-panic"] : 204));
  t.after(() => sink.stop());
  await start({ HOST: sink.url, wasm });
  const report = await json("/flush");
  assert.deepEqual([report.dropped, report.pending], [1, 0]);
  assert.equal(await json("/track?u=u1"), true);
  await sink.requests(2);
  await json("/flush");
  assertBalance(await json("/stats"), { accepted: 2, delivered: 1, dropped: 1 });
});
