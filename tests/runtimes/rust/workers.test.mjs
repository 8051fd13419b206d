// A Rust application that is wasm itself, in workerd.

import assert from "node:assert/strict";
import { createServer } from "node:http";
import { after, before, beforeEach, test } from "node:test";
import { Miniflare } from "miniflare";
import { collector } from "../node/setup.mjs";
import { ask, assertBooks, glue, wasm } from "./setup.mjs";

const WORKER = `
import * as app from "./app.js";
import module from "./app.wasm";
app.initSync({ module });
// Without effect at module scope.
app.start("http://127.0.0.1:9", "async", "", 1000);
app.track("early", "u", 3);
const early = app.stats();
app.forget();
export default {
  async fetch(request, env, ctx) {
    const { pathname, searchParams } = new URL(request.url);
    app.start(searchParams.get("host") ?? env.HOST, env.CONSUMER, "", 800);
    const number = (name) => Number(searchParams.get(name));
    try {
      switch (pathname) {
        case "/early":
          return new Response(early);
        case "/silent":
          app.track("silent", "u", number("count"));
          return new Response("{}");
        case "/track":
          app.track("buy", searchParams.get("u"), 1);
          ctx.waitUntil(app.flush(5000));
          return new Response("{}");
        case "/large":
          for (let n = 0; n < number("count"); n++) {
            await app.ready();
            app.track_large(400e3);
          }
          return new Response("{}");
        case "/abandon":
          app.track("abandoned", "u", 1);
          // Not waited for: the platform ends it with the request.
          void app.flush(5000);
          while (!(await (await fetch(env.HOST + "/trackwire/stats")).json()).requests);
          return new Response("{}");
        case "/flush":
          return new Response(await app.flush(number("timeout") || 4000));
        case "/flush-twice":
          return new Response(\`[\${await app.flush(100)},\${await app.flush(4000)}]\`);
        case "/close":
          return new Response(await app.close(number("timeout")));
        case "/stats":
          return new Response(app.stats());
      }
    } catch (error) {
      return new Response(JSON.stringify({ error: String(error) }));
    }
  },
};`;

let server, worker, collected, host;

before(async () => {
  server = await collector();
  collected = ask(server);
});
after(async () => {
  await worker?.dispose();
  server?.stop();
});
beforeEach(async () => {
  await worker?.dispose();
  await collected.fault();
  await collected.reset();
  worker = start();
});

function start(consumer = "default", url = server.url) {
  return new Miniflare({
    cf: false,
    modules: [
      { type: "ESModule", path: "main.mjs", contents: WORKER },
      { type: "ESModule", path: "app.js", contents: glue },
      { type: "CompiledWasm", path: "app.wasm", contents: wasm },
    ],
    compatibilityDate: "2026-04-01",
    bindings: { HOST: url, CONSUMER: consumer },
  });
}

const call = async (path) => JSON.parse(await (await worker.dispatchFetch("http://worker.example" + path)).text());

test("at module scope it records and starts nothing", async () => {
  const early = await call("/early");
  assert.deepEqual([early.mode, early.accepted, early.pending, early.requests], ["Worker", 3, 3, 0]);
});

test("nothing leaves but by a flush, then many events in one request", async () => {
  await call("/silent?count=3");
  await call("/silent?count=4");
  assert.equal(await collected.requests(), 0);
  assert.deepEqual(await call("/flush"), { delivered: 7, rejected: 0, expired: 0, dropped: 0, pending: 0 });
  assert.equal(await collected.requests(), 1);
  const [record] = await collected.records();
  assert.deepEqual(record.attributes, { price: 9.5, app: "wasm" });
  assert.equal(record.request.headers["content-type"], "application/json");
  assertBooks(await call("/stats"), { accepted: 7, delivered: 7 });
});

test("fifty overlapping requests, each with a flush of its own", async () => {
  await collected.fault({ delay_ms: 100, count: 5 });
  await Promise.all(Array.from({ length: 50 }, (_, n) => call(`/track?u=u${n}`)));
  const users = (await collected.arrived(50)).map(({ user }) => user);
  assert.equal(new Set(users).size, 50);
  await call("/flush");
  assert.equal((await collected.records()).length, 50);
  assertBooks(await call("/stats"), { accepted: 50, delivered: 50, maybe_duplicated: 0 });
});

test("503 with Retry-After, then well: not sooner than it asks", async () => {
  await collected.fault({ status: 503, retry_after: 1, count: 1 });
  await call("/silent?count=2");
  const started = Date.now();
  assert.equal((await call("/flush?timeout=300")).pending, 2);
  assert.equal(await collected.requests(), 1);
  assert.equal((await call("/flush")).delivered, 2);
  assert.ok(Date.now() - started >= 950, `${Date.now() - started} ms`);
  assert.equal(await collected.requests(), 2);
  assertBooks(await call("/stats"), { delivered: 2, requests: 2, maybe_duplicated: 0 });
});

test("an answer that does not come in time", async () => {
  await collected.fault({ delay_ms: 5000, count: 1 });
  await call("/silent?count=2");
  assert.equal((await call("/flush")).delivered, 2);
  // It was accepted at once, and its answer was late.
  assert.equal((await collected.records()).length, 4);
  assertBooks(await call("/stats"), { accepted: 2, delivered: 2, requests: 2, maybe_duplicated: 2 });
});

test("a flush that ends before its request has its answer heard all the same", async () => {
  await collected.fault({ delay_ms: 400, count: 1 });
  await call("/silent?count=2");
  const [first, second] = await call("/flush-twice");
  assert.deepEqual([first.pending, second.delivered], [2, 2]);
  assertBooks(await call("/stats"), { delivered: 2, requests: 1, maybe_duplicated: 0 });
});

test("a request that went away in mid-flush: the next one delivers its batch", async () => {
  await collected.fault({ delay_ms: 5000, drop: "before", count: 1 });
  await call("/abandon");
  const started = Date.now();
  assert.equal((await call("/flush")).delivered, 1);
  assert.ok(Date.now() - started < 3500, `${Date.now() - started} ms`);
  assertBooks(await call("/stats"), { accepted: 1, delivered: 1, requests: 2, maybe_duplicated: 1 });
});

test("a redirect is not followed", async () => {
  const redirect = createServer((_, response) => response.writeHead(307, { location: server.url }).end());
  await new Promise((done) => redirect.listen(0, "127.0.0.1", done));
  try {
    await worker.dispose();
    worker = start("default", `http://127.0.0.1:${redirect.address().port}`);
    await call("/silent?count=1");
    assert.equal((await call("/flush")).rejected, 1);
    assert.match((await call("/stats")).last, /HTTP 307: redirects are not followed/);
    assert.equal(await collected.requests(), 0);
  } finally {
    redirect.close();
    redirect.closeAllConnections();
  }
});

test("a producer that waits for room sends what fills it", async () => {
  await call("/large?count=40");
  await call("/flush");
  assert.equal((await server.get("/trackwire/stats")).good, 40);
  assertBooks(await call("/stats"), { accepted: 40, delivered: 40, pending: 0 });
});

test("close drops what it cannot deliver, and then nothing is taken", async () => {
  await collected.fault({ status: 503, retry_after: 60 });
  await call("/silent?count=3");
  assert.equal((await call("/close?timeout=200")).dropped, 3);
  assert.match((await call("/silent?count=1")).error, /closed/);
  assertBooks(await call("/stats"), { accepted: 3, dropped: 3, ignored: 1, pending: 0 });
});
