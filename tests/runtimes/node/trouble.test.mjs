// Bad networks, and an engine that traps.

import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { project } from "./setup.mjs";

let dir, remove, GrowingTracker;
/** What an export of the module does instead, by name. */
const planted = {};

before(() => {
  ({ dir, remove } = project());
  const { Instance } = WebAssembly;
  WebAssembly.Instance = class {
    constructor(module, imports) {
      const { exports } = new Instance(module, imports);
      const wrap = ([name, real]) => [
        name,
        typeof real == "function" ? (...args) => planted[name]?.(...args) ?? real(...args) : real,
      ];
      return { exports: Object.fromEntries(Object.entries(exports).map(wrap)) };
    }
  };
  ({ GrowingTracker } = createRequire(join(dir, "x.js"))("trackwire"));
});
after(() => remove?.());

function make(answer, options) {
  const requests = [];
  const outcomes = [];
  const warnings = [];
  const tracker = new GrowingTracker({
    productId: "p",
    dataSourceId: "d",
    serverHost: "https://collector.example",
    logger: { warn: (...said) => warnings.push(said), log() {} },
    onOutcome: (outcome) => outcomes.push(outcome),
    async fetch(url, init) {
      requests.push(init.body.length);
      return answer(requests.length, init);
    },
    ...options,
  });
  return { tracker, requests, outcomes, warnings };
}

const buy = (tracker, count, attributes) => {
  for (let n = 0; n < count; n++) tracker.trackCustomEvent("buy", { loginUserId: `u${n}`, attributes });
};
const status = (status) => () => new Response(null, { status });

function assertBalance(tracker) {
  const stats = tracker.stats();
  const { accepted, delivered, rejected, expired, dropped, pending } = stats;
  assert.equal(accepted, delivered + rejected + expired + dropped + pending, JSON.stringify(stats));
  return stats;
}

/** Makes the next call of an export trap. */
function trap(name) {
  planted[name] = () => {
    delete planted[name];
    throw new WebAssembly.RuntimeError("unreachable");
  };
}

for (const name of ["tw_record", "tw_poll", "tw_answer", "tw_do"]) {
  test(`a trap in ${name}: the books balance and the tracker goes on`, async () => {
    const { tracker, outcomes } = make(status(204), { consumer: "buffered" });
    buy(tracker, 10);
    await tracker.flush();
    buy(tracker, 5);
    trap(name);
    buy(tracker, 1);
    await tracker.flush({ timeout: 1000 });
    assert.equal(planted[name], undefined);
    buy(tracker, 7);
    await tracker.flush();
    const { accepted, delivered, dropped, pending } = assertBalance(tracker);
    assert.deepEqual([accepted, delivered, dropped, pending], [23, 17, 6, 0]);
    const lost = outcomes.filter(({ reason }) => reason == "internal");
    assert.equal(lost.reduce((sum, { count }) => sum + count, 0), 6);
    await tracker.close();
  });
}

test("an answer to an engine that trapped is not taken for its successor's", async () => {
  let answer;
  const { tracker } = make(() => new Promise((done) => (answer = done)));
  buy(tracker, 1);
  await tracker.flush({ timeout: 1 });
  trap("tw_record");
  buy(tracker, 1);
  buy(tracker, 1);
  const late = answer;
  await tracker.flush({ timeout: 1 });
  late(new Response(null, { status: 204 }));
  await new Promise((done) => setTimeout(done, 5));
  const { accepted, delivered, dropped, pending } = assertBalance(tracker);
  assert.deepEqual([accepted, delivered, dropped, pending], [3, 0, 2, 1]);
  await tracker.close({ timeout: 0 });
});

test("at most three new engines a minute", () => {
  const { tracker } = make(status(204));
  planted.tw_record = () => {
    throw new WebAssembly.RuntimeError("unreachable");
  };
  buy(tracker, 10);
  delete planted.tw_record;
  buy(tracker, 10);
  const { accepted, dropped } = assertBalance(tracker);
  assert.deepEqual([accepted, dropped], [20, 20]);
});

test("413 halves a batch; a redirect and a refusal end it", async () => {
  const small = ({ body }) => body.length < 2000;
  const { tracker } = make((_, init) => new Response(null, { status: small(init) ? 204 : 413 }), { consumer: "buffered" });
  buy(tracker, 60);
  assert.equal((await tracker.flush()).delivered, 60);
  for (const code of [302, 400]) {
    const { tracker, outcomes } = make(status(code));
    buy(tracker, 1);
    assert.equal((await tracker.flush()).rejected, 1);
    assert.deepEqual([outcomes[0].fate, outcomes[0].code], ["rejected", code]);
  }
});

test("what an answer says is not taken for a tag", async () => {
  const { tracker, outcomes } = make(() => new Response("bad\0FAKE", { status: 400 }));
  tracker.trackCustomEvent("buy", { loginUserId: "u1", tag: "real" });
  await tracker.flush();
  assert.deepEqual(outcomes.map(({ fate, tag }) => ({ fate, tag })), [{ fate: "rejected", tag: "real" }]);
});

test("a fetch that gives no response is a failure like any other", async () => {
  const { tracker, requests } = make(() => undefined, { retryLimit: 0, onExhausted: "drop" });
  buy(tracker, 1);
  const report = await tracker.flush();
  assert.deepEqual([report.dropped, requests.length], [1, 1]);
  assertBalance(tracker);
});

test("text that is no event is refused, and what waits stays", async () => {
  const { tracker } = make(status(204), { enabled: "buffer", defaultAttributes: { a: 1 } });
  buy(tracker, 10);
  for (const text of ["5", "true", "null", '"x"', "[]", 5, undefined]) {
    assert.throws(() => tracker.trackJson(text), { name: "TrackwireError" }, String(text));
  }
  const { pending, invalid } = assertBalance(tracker);
  assert.deepEqual([pending, invalid], [10, 7]);
});

test("an event without its name is not another kind of event", async () => {
  const { tracker } = make(status(204));
  assert.throws(() => tracker.trackCustomEvent(undefined, { loginUserId: "u1", attributes: { a: 1 } }), { field: "track" });
  assert.throws(() => tracker.submitItem({ itemKey: "k" }), { field: "item" });
  assert.throws(() => tracker.submitUserMapping({}), { field: "mapping" });
});

test("a clock that throws and a callback that rejects end nothing", async () => {
  let times = 0;
  const { tracker, warnings } = make(status(204), {
    clock() {
      if (++times % 2) throw new Error("no clock");
      return Date.now();
    },
    async onOutcome() {
      throw new Error("no");
    },
  });
  buy(tracker, 5);
  const report = await tracker.flush({ timeout: 5_000 });
  assert.equal(report.delivered, 5);
  await new Promise(setImmediate);
  assert.ok(warnings.length);
});

test("a flush with no time reports at once", async () => {
  const { tracker } = make(() => new Promise(() => {}));
  buy(tracker, 3);
  assert.equal((await tracker.flush({ timeout: NaN })).pending, 3);
  await tracker.close({ timeout: 0 });
});
