// What other trackers have been seen to do badly, done with this one; the two of a page are in `browser/leaving.test.mjs`.
// Every test ends with exact books: what was accepted against what the endpoint holds.

import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { assertBalance, endpoint, hang, nobody, project } from "./setup.mjs";

setFlagsFromString("--expose-gc");
const gc = runInNewContext("gc");

let dir, remove, GrowingTracker;
/** The memories of the modules that were started. */
const memories = [];

before(() => {
  ({ dir, remove } = project());
  const { Instance } = WebAssembly;
  WebAssembly.Instance = class extends Instance {
    constructor(...args) {
      super(...args);
      if (this.exports.memory) memories.push(this.exports.memory);
    }
  };
  ({ GrowingTracker } = createRequire(join(dir, "x.js"))("trackwire"));
});
after(() => remove?.());

const make = (serverHost, options) =>
  new GrowingTracker({ productId: "p", dataSourceId: "d", serverHost, retryBackoffFactor: 0.02, ...options });
const buy = (tracker, count, attributes) => {
  for (let n = 0; n < count; n++) tracker.trackCustomEvent("buy", { loginUserId: `u${n}`, attributes });
};

/** Every event of these users arrived, each once; `held` is what the endpoint took. */
function assertOnce(held, count) {
  assert.equal(held.length, count);
  assert.equal(new Set(held.map(({ userId }) => userId)).size, count);
}

/** An endpoint that takes what it gets only once it is `well`; `says` what it answers before. */
async function sick(t, says = () => 503) {
  const there = await endpoint(async (count) => (there.well ? (there.held.push(...JSON.parse(there.bodies[count - 1])), 204) : says()));
  t.after(() => there.stop());
  return Object.assign(there, { well: false, held: [] });
}

test("always 503 with fifty events: all are kept, and arrive when it is well", async (t) => {
  const there = await sick(t);
  const tracker = make(there.url);
  buy(tracker, 50);
  assert.equal((await tracker.flush({ timeout: 600 })).pending, 50);
  const books = tracker.stats();
  assertBalance(books, { accepted: 50, pending: 50 });
  await there.requests(books.requests);
  assert.ok(books.requests < 30, String(books.requests));
  there.well = true;
  assert.equal((await tracker.flush({ timeout: 10_000 })).pending, 0);
  assertBalance(tracker.stats(), { accepted: 50, delivered: 50, maybeDuplicated: 0 });
  assertOnce(there.held, 50);
  await tracker.close();
});

test("30,000 events against 503: bounded memory, few requests, exact books", async (t) => {
  const there = await sick(t);
  const maxQueueBytes = 4 << 20;
  const tracker = make(there.url, { consumer: "buffered", maxQueueBytes });
  buy(tracker, 1);
  const memory = memories.at(-1);
  gc();
  const heap = process.memoryUsage().heapUsed;
  buy(tracker, 30_000, { sku: "s".repeat(400) });
  await tracker.flush({ timeout: 300 });
  gc();
  const grown = process.memoryUsage().heapUsed - heap;
  const books = tracker.stats();
  assertBalance(books);
  await there.requests(books.requests);
  assert.equal(books.accepted + books.refusedFull, 30_001);
  assert.ok(books.accepted > 4_000 && books.refusedFull > 20_000, JSON.stringify(books));
  assert.ok(books.queuedBytes <= maxQueueBytes, String(books.queuedBytes));
  assert.ok(memory.buffer.byteLength <= 2 * maxQueueBytes, String(memory.buffer.byteLength));
  assert.ok(grown < 4 << 20, String(grown));
  assert.ok(books.requests < 30, String(books.requests));
  there.well = true;
  there.held = [];
  await tracker.flush({ timeout: 20_000 });
  const { accepted } = books;
  assertBalance(tracker.stats(), { accepted, delivered: accepted, maybeDuplicated: 0 });
  assert.equal(there.held.length, accepted);
  await tracker.close();
});

test("a hung endpoint with 4,000 queued: all arrive when it is well, and only what hung may be doubled", async (t) => {
  const there = await sick(t, hang);
  const tracker = make(there.url, { requestTimeout: 500 });
  buy(tracker, 4000);
  await tracker.flush({ timeout: 1200 });
  const { requests } = tracker.stats();
  assertBalance(tracker.stats(), { accepted: 4000, pending: 4000 });
  assert.ok(there.bodies.length <= requests && requests < 60, String(requests));
  there.well = true;
  assert.equal((await tracker.flush({ timeout: 30_000 })).pending, 0);
  assertBalance(tracker.stats(), { accepted: 4000, delivered: 4000 });
  assert.equal(new Set(there.held.map(({ userId }) => userId)).size, 4000);
  assert.ok(there.held.length <= 4000 + tracker.stats().maybeDuplicated);
  await tracker.close();
});

test("a hung endpoint: eight times the events take about eight times as long to queue", async (t) => {
  const there = await sick(t, hang);
  const queue = async (count) => {
    const tracker = make(there.url);
    buy(tracker, 1);
    const start = performance.now();
    buy(tracker, count);
    const took = performance.now() - start;
    await tracker.close({ timeout: 0 });
    assertBalance(tracker.stats(), { accepted: count + 1, dropped: count + 1 });
    return took;
  };
  const best = async (count) => Math.min(await queue(count), await queue(count), await queue(count));
  await queue(4000);
  const ratio = (await best(32_000)) / (await best(4000));
  // If each event looked at those before it, it were 64.
  assert.ok(ratio < 24, String(ratio));
});

test("forty events with nobody there, then somebody: all arrive, none twice", async (t) => {
  const url = await nobody();
  const tracker = make(url);
  buy(tracker, 40);
  await tracker.flush({ timeout: 300 });
  assertBalance(tracker.stats(), { accepted: 40, pending: 40, maybeDuplicated: 0 });
  const there = await endpoint(() => 204, new URL(url).port);
  t.after(() => there.stop());
  assert.equal((await tracker.flush({ timeout: 10_000 })).pending, 0);
  assertBalance(tracker.stats(), { accepted: 40, delivered: 40, maybeDuplicated: 0 });
  assertOnce(there.events(), 40);
  await tracker.close();
});
