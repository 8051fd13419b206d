// The packed package in Node, against the collector.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { after, before, beforeEach, test } from "node:test";
import { pathToFileURL } from "node:url";
import { collector, project } from "./setup.mjs";

let dir, remove, server, module;

before(async () => {
  ({ dir, remove } = project());
  server = await collector();
  const entry = createRequire(join(dir, "x.js")).resolve("trackwire/growingio").replace(/\.cjs$/, ".js");
  module = await import(pathToFileURL(entry));
});
after(() => {
  server?.stop();
  remove?.();
});
beforeEach(async () => {
  await fetch(server.url + "/trackwire/reset", { method: "POST" });
  await fault();
});

const fault = (...faults) =>
  fetch(server.url + "/trackwire/faults", { method: "POST", body: JSON.stringify({ faults }) });
const make = (options) =>
  new module.GrowingTracker({ productId: "p1", dataSourceId: "d1", serverHost: server.url, ...options });
const records = async () => (await server.get("/trackwire/good?limit=10000")).records;

function assertBalance(stats) {
  const { accepted, delivered, rejected, expired, dropped, pending } = stats;
  assert.equal(accepted, delivered + rejected + expired + dropped + pending, JSON.stringify(stats));
}

for (const format of ["simple", "json", "snappy", "snappy-crypt", "protobuf", "protobuf-snappy-crypt"]) {
  test(`all four kinds arrive as ${format}`, async () => {
    const outcomes = [];
    const tracker = make({ format, onOutcome: (outcome) => outcomes.push(outcome) });
    const attributes = { price: module.double(9), count: 3, big: 9007199254740993n, tags: ["a", "b"] };
    assert.equal(tracker.trackCustomEvent("buy", { loginUserId: "u1", attributes, tag: "t1", eventTime: 1710325284000 }), true);
    tracker.setLoginUserAttributes({ loginUserId: "u1", attributes: { cohort: "2024-01" }, tag: 7 });
    tracker.submitItem({ itemId: "sku-1", itemKey: "product", attributes: { title: "Kettle" } });
    tracker.submitUserMapping({ identities: { email: "a@b.example", phone: "1" } });
    tracker.trackJson('{"track":"raw","user":"u2"}');
    const report = await tracker.flush({ timeout: 5000 });
    assert.deepEqual(report, { delivered: 5, rejected: 0, expired: 0, dropped: 0, pending: 0 });
    const arrived = await records();
    assert.deepEqual(arrived.map(({ kind }) => kind).sort(), ["item", "mapping", "track", "track", "user"]);
    const buy = arrived.find(({ name }) => name == "buy");
    assert.equal(buy.user, "u1");
    assert.equal(buy.time, 1710325284000);
    // `JSON.parse` would not tell 9.0 from 9.
    const text = await (await fetch(server.url + "/trackwire/good?name=buy")).text();
    assert.match(text, /"price":"?9\.0"?,"count":"?3"?,"big":"?9007199254740993"?,/);
    const stats = tracker.stats();
    assertBalance(stats);
    assert.equal(stats.delivered, 5);
    assert.deepEqual(outcomes.map(({ tag }) => tag).filter((tag) => tag !== undefined).sort(), [7, "t1"]);
    assert.equal(outcomes.reduce((sum, { count }) => sum + count, 0), 5);
    await tracker.close();
  });
}

test("503, then delivered", async () => {
  await fault({ status: 503, count: 2 });
  const tracker = make({ retryBackoffFactor: 0.01, consumer: "buffered" });
  for (let n = 0; n < 10; n++) tracker.trackCustomEvent("buy", { loginUserId: `u${n}` });
  const report = await tracker.flush();
  assert.equal(report.delivered, 10);
  assert.equal(tracker.stats().retries, 2);
  assert.equal((await records()).length, 10);
});

test("close drops what cannot be delivered, and takes no more", async () => {
  await fault({ status: 503 });
  const tracker = make({ retryBackoffFactor: 0.01 });
  tracker.trackCustomEvent("buy", { loginUserId: "u1" });
  const report = await tracker.close({ timeout: 100 });
  assert.deepEqual([report.dropped, report.pending], [1, 0]);
  assert.equal(tracker.trackCustomEvent("buy", { loginUserId: "u1" }), false);
  const stats = tracker.stats();
  assertBalance(stats);
  assert.deepEqual([stats.dropped, stats.ignored], [1, 1]);
});

const project_ = (name, text) => {
  writeFileSync(join(dir, name), text);
  return execFileSync(process.execPath, [name, server.url], { cwd: dir, encoding: "utf8", timeout: 20_000 });
};

for (const [name, head] of [
  ["main.mjs", 'import { GrowingTracker } from "trackwire/growingio";'],
  ["main.cjs", 'const { GrowingTracker } = require("trackwire");'],
]) {
  test(`a process delivers what waits and ends by itself: ${name}`, async () => {
    const started = Date.now();
    project_(
      name,
      `${head}
      const serverHost = process.argv[2];
      const tracker = new GrowingTracker({ productId: "p", dataSourceId: "d", serverHost, consumer: "buffered" });
      for (let n = 0; n < 3; n++) tracker.trackCustomEvent("buy", { loginUserId: "u" + n });`,
    );
    assert.equal((await records()).length, 3);
    assert.ok(Date.now() - started < 5000);
  });
}

test("a process that cannot deliver says so and ends", () => {
  const out = project_(
    "lost.mjs",
    `import { GrowingTracker } from "trackwire";
    const logger = { warn: (text) => console.log(text), log() {} };
    const serverHost = "http://127.0.0.1:9";
    const tracker = new GrowingTracker({ productId: "p", dataSourceId: "d", serverHost, logger, requestTimeout: 300 });
    tracker.trackCustomEvent("buy", { loginUserId: "u" });`,
  );
  assert.match(out, /ends with 1 events pending/);
});
