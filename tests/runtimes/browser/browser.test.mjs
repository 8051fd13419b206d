// The packed package in a page of Chromium, by script tag: what it records, and where it may run.

import assert from "node:assert/strict";
import { test } from "node:test";
import { assertBalance } from "../node/setup.mjs";
import { stage } from "./setup.mjs";

const on = stage();
const { open, stats } = on;

test("events arrive as simple requests, with a visitor's id that is kept", async () => {
  await open();
  const report = await on.page.evaluate(() => (tracker.trackCustomEvent("buy"), tracker.flush()));
  assert.equal(report.delivered, 1);
  const [first] = await on.server.records();
  assert.equal(first.request.headers["content-type"], "text/plain;charset=UTF-8");
  assert.equal(first.raw.platform, "web");
  await open();
  await on.page.evaluate(() => (tracker.trackCustomEvent("buy"), tracker.flush()));
  const [, second] = await on.server.records();
  assert.ok(first.anonymous);
  assert.equal(second.anonymous, first.anonymous);
});

test("without consent nothing is kept in the browser", async () => {
  await open({ enabled: "buffer" });
  await on.page.evaluate(() => buy(1));
  assert.equal(await on.page.evaluate(() => localStorage.length), 0);
});

test("invalid events are reported, not thrown", async () => {
  await open();
  await on.page.evaluate(() => (buy(1, { x: NaN }), tracker.flush()));
  const [outcome] = await on.page.evaluate(() => outcomes);
  assert.deepEqual([outcome.fate, outcome.field], ["invalid", "attributes.x"]);
});

test("a policy that forbids wasm: one warning, events are dropped, nothing throws", async () => {
  const csp = (more) => encodeURIComponent(`default-src 'self'; connect-src *; script-src 'self' ${more}`);
  await open({}, `/?csp=${csp("")}`);
  await on.page.evaluate(() => (buy(3), tracker.flush({ timeout: 50 })));
  const { accepted, dropped } = await stats();
  assert.deepEqual([accepted, dropped], [3, 3]);
  assert.equal((await on.page.evaluate(() => warnings)).length, 1);
  // The browser itself complains of the policy, and nobody else.
  assert.deepEqual(on.heard.filter((text) => !text.includes("Content Security Policy")), []);
  await open({}, `/?csp=${csp("'wasm-unsafe-eval'")}`);
  await on.page.evaluate(() => (buy(3), tracker.flush()));
  assert.equal((await stats()).delivered, 3);
});

test("where wasm compiles only asynchronously, calls keep their order and their time", async () => {
  await on.page.addInitScript(compileLate);
  // So that they go together: requests beside each other arrive in any order.
  await open({ consumer: "async" });
  const early = await on.page.evaluate(() => {
    buy(3);
    tracker.trackJson("{", { tag: "bad" });
    return tracker.stats();
  });
  assert.equal(early.pending, 4);
  await on.page.evaluate(() => tracker.flush());
  assert.deepEqual((await on.server.records()).map(({ user }) => user), ["u0", "u1", "u2"]);
  assert.deepEqual([(await stats()).accepted, (await stats()).invalid], [3, 1]);
  assert.equal((await on.page.evaluate(() => outcomes)).find(({ fate }) => fate == "invalid").tag, "bad");
});

test("where wasm compiles only asynchronously, what waited is sent by itself", async () => {
  await on.page.addInitScript(compileLate);
  await open();
  await on.page.evaluate(() => buy(1));
  assert.deepEqual((await on.arrived(1)).map(({ user }) => user), ["u0"]);
});

test("where wasm compiles only asynchronously, the sample is the same", async () => {
  await on.page.addInitScript(compileLate);
  await open({ sampleRate: 0.5 });
  await on.page.evaluate(() => (buy(16), tracker.flush()));
  await on.page.evaluate(() => (buy(16), tracker.flush()));
  const kept = (await on.arrived(20)).map(({ user }) => user);
  assert.equal(new Set(kept).size, 10);
  assertBalance(await stats(), { accepted: 20, delivered: 20, sampledOut: 12 });
});

test("two tabs share the visitor, and each has its own books", async () => {
  const other = await on.context.newPage();
  await open();
  await open({}, "/", other);
  const act = (page, from) => page.evaluate((from) => (buy(20, undefined, from), tracker.flush()), from);
  // Tabs that begin a first visit in the same instant cannot see each other's id: one begins.
  await act(on.page, 0);
  await Promise.all([act(on.page, 20), act(other, 40)]);
  assertBalance(await stats(), { accepted: 40, delivered: 40 });
  assertBalance(await stats(other), { accepted: 20, delivered: 20 });
  await on.page.close();
  await act(other, 60);
  assertBalance(await stats(other), { accepted: 40, delivered: 40 });
  const seen = await on.arrived(80);
  assert.equal(new Set(seen.map(({ anonymous }) => anonymous)).size, 1);
  assert.equal(new Set(seen.map(({ user }) => user)).size, 80);
});

/** Runs in the page, before its scripts: makes it one of the platforms that compile little on the main thread. */
function compileLate() {
  const { Module } = WebAssembly;
  WebAssembly.Module = new Proxy(Module, {
    construct(target, [bytes]) {
      if (bytes.length > 4096) throw new RangeError("too large for the main thread");
      return new target(bytes);
    },
  });
}
