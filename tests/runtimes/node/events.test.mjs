// What an application may give, what it is told, and what it may decide: against a sink, without a network.

import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { project } from "./setup.mjs";

let dir, remove, GrowingTracker, TrackwireError, double, createSink;

before(() => {
  ({ dir, remove } = project());
  const require = createRequire(join(dir, "x.js"));
  ({ GrowingTracker, TrackwireError, double } = require("trackwire"));
  ({ createSink } = require("trackwire/testing"));
});
after(() => remove?.());

function make(options) {
  const sink = createSink();
  const outcomes = [];
  const tracker = new GrowingTracker({
    productId: "p",
    dataSourceId: "d",
    serverHost: "https://collector.example",
    consumer: "buffered",
    clock: () => 1710325284000,
    fetch: sink.fetch,
    logger: { warn() {}, log() {} },
    onOutcome: (outcome) => outcomes.push(outcome),
    ...options,
  });
  return { sink, tracker, outcomes };
}

async function sent(options, act) {
  const { sink, tracker } = make(options);
  act(tracker);
  const report = await tracker.flush();
  assert.equal(report.pending, 0);
  return { text: sink.requests.map(({ body }) => new TextDecoder().decode(body)).join(), events: sink.events(), tracker };
}

test("values arrive as what they are", async () => {
  const attributes = {
    int: 3,
    zero: -0,
    double: double(3),
    small: double(0.5),
    huge: 1e300,
    big: 2n ** 70n,
    yes: true,
    none: null,
    absent: undefined,
    when: new Date(1710325284000),
    list: [1, "two", double(3)],
    text: '"=0.5" \u4e2d\u6587 \ud83d\ude00 \0',
    custom: { toJSON: () => "made" },
  };
  const { text } = await sent({}, (tracker) => tracker.trackCustomEvent("buy", { loginUserId: "u", attributes }));
  const start = text.indexOf('"attributes":{') + 13;
  assert.equal(text.slice(start, text.indexOf("}", start) + 1), EXPECTED);
});

// Lists travel as text, as the vendor's own clients send them.
const EXPECTED =
  '{"int":3,"zero":0,"double":3.0,"small":0.5,"huge":1e+300,"big":1180591620717411303424,"yes":true,"none":null,' +
  '"when":"2024-03-13T10:21:24.000Z","list":"1||two||3.0","text":"\\"=0.5\\" \u4e2d\u6587 \ud83d\ude00 \\u0000","custom":"made"}';

const cycle = {};
cycle.self = { again: cycle };
for (const [name, value, code, field] of [
  ["NaN", NaN, "not_finite", "attributes.x"],
  ["an infinite double", double(Infinity), "not_finite", "attributes.x"],
  ["an invalid date", new Date(NaN), "not_finite", "attributes.x"],
  ["NaN within", { list: [1, NaN] }, "not_finite", "attributes.x.list.1"],
  ["a cycle", cycle, "cycle", "attributes.x.self.again"],
  ["a function", () => 1, "wrong_type", "attributes.x"],
  ["a symbol", Symbol("s"), "wrong_type", "attributes.x"],
  [
    "a getter that throws",
    {
      get y() {
        throw new Error("no");
      },
    },
    "unreadable",
    "attributes.x",
  ],
]) {
  test(`invalid: ${name}`, () => {
    const { tracker } = make({});
    const call = () => tracker.trackCustomEvent("buy", { loginUserId: "u", attributes: { x: value } });
    assert.throws(call, (error) => {
      assert.ok(error instanceof TrackwireError);
      assert.deepEqual([error.code, error.field], [code, field]);
      return true;
    });
    assert.equal(tracker.stats().invalid, 1);
  });
}

test("the engine's own refusals name the field too", () => {
  const { tracker } = make({});
  assert.throws(() => tracker.trackCustomEvent("", { loginUserId: "u" }), { code: "empty", field: "event_name" });
  assert.throws(() => tracker.trackJson("{"), { code: "malformed" });
  assert.throws(() => tracker.trackCustomEvent("a", { loginUserId: "u", tag: 1.5 }), { field: "tag" });
  assert.equal(tracker.stats().invalid, 3);
});

test("invalid events can be reported instead", async () => {
  const { tracker, outcomes } = make({ onInvalid: "report" });
  assert.equal(tracker.trackCustomEvent("buy", { loginUserId: "u", attributes: { x: NaN }, tag: "t" }), false);
  await tracker.flush();
  const [{ fate, code, field, tag }] = outcomes;
  assert.deepEqual([fate, code, field, tag], ["invalid", "not_finite", "attributes.x", "t"]);
});

test("default attributes yield to the event's own; the hook has the last word", async () => {
  const own = { price: 1 };
  const options = {
    defaultAttributes: { app: "shop", price: 9 },
    beforeSend(event) {
      if (event.track == "secret") return false;
      event.attributes.seen = true;
    },
  };
  const { events, tracker } = await sent(options, (tracker) => {
    tracker.trackCustomEvent("buy", { loginUserId: "u", attributes: own });
    tracker.trackCustomEvent("secret", { loginUserId: "u" });
    tracker.trackJson('{"track":"raw","user":"u"}');
  });
  assert.deepEqual(events.map(({ eventName }) => eventName), ["buy", "raw"]);
  assert.equal(JSON.stringify(events[0].attributes), '{"price":1,"app":"shop","seen":true}');
  assert.equal(JSON.stringify(events[1].attributes), '{"app":"shop","price":9,"seen":true}');
  assert.deepEqual(own, { price: 1 });
  assert.equal(tracker.stats().filtered, 1);
});

test("what is no event, and one that cannot be read, is an error like any other, or an outcome", async () => {
  const reading = { get tag() { throw new Error("mine"); } };
  for (const call of ["trackCustomEvent", "setLoginUserAttributes", "submitItem", "submitUserMapping", "trackJson"]) {
    for (const bad of [null, reading]) {
      const args = /^track/.test(call) ? ["x", bad] : [bad];
      assert.throws(() => make().tracker[call](...args), { code: "unreadable", field: "event" }, call);
      const outcomes = [];
      const { tracker } = make({ onInvalid: "report", onOutcome: (outcome) => outcomes.push(outcome) });
      assert.equal(tracker[call](...args), false);
      await tracker.flush({ timeout: 10 });
      assert.deepEqual([outcomes[0].fate, outcomes[0].code, tracker.stats().invalid], ["invalid", "unreadable", 1], call);
    }
  }
});

test("a sample keeps the same users as the Rust tracker", async () => {
  const { events, tracker } = await sent({ sampleRate: 0.5 }, (tracker) => {
    for (let n = 0; n < 16; n++) tracker.trackCustomEvent("buy", { loginUserId: `u${n}` });
  });
  const kept = new Set(events.map(({ userId }) => userId));
  assert.equal(Array.from({ length: 16 }, (_, n) => +kept.has(`u${n}`)).join(""), "1011011111010010");
  assert.equal(tracker.stats().sampledOut, 6);
});

test("consent: what waited goes out with its time, or is dropped", async () => {
  let now = 1000;
  const { sink, tracker } = make({ enabled: "buffer", clock: () => now, consumer: "default" });
  tracker.trackCustomEvent("buy", { loginUserId: "u" });
  const report = await tracker.flush({ timeout: 30 });
  assert.equal(report.pending, 1);
  assert.equal(sink.requests.length, 0);
  now = 9000;
  tracker.enable();
  assert.equal((await tracker.flush()).delivered, 1);
  assert.equal(sink.events()[0].timestamp, 1000);
  tracker.disable();
  assert.equal(tracker.trackCustomEvent("buy", { loginUserId: "u" }), false);
  assert.equal(tracker.stats().ignored, 1);

  const other = make({ enabled: "buffer" });
  other.tracker.trackCustomEvent("buy", { loginUserId: "u" });
  other.tracker.disable();
  await other.tracker.flush();
  const [{ fate, reason }] = other.outcomes;
  assert.deepEqual([fate, reason, other.sink.requests.length], ["dropped", "disabled", 0]);
});

test("a tracker that is off loads nothing", () => {
  const { tracker } = make({ enabled: false });
  assert.equal(tracker.trackCustomEvent("buy"), false);
  assert.deepEqual([tracker.stats().ignored, tracker.stats().accepted], [1, 0]);
});

test("tracking within a callback is fine", async () => {
  const { sink, tracker, outcomes } = make({
    consumer: "default",
    onOutcome({ tag }) {
      if (tag == "first") tracker.trackCustomEvent("second", { loginUserId: "u" });
      throw new Error("of the application");
    },
  });
  tracker.trackCustomEvent("first", { loginUserId: "u", tag: "first" });
  await tracker.flush();
  await tracker.flush();
  assert.deepEqual(sink.events().map(({ eventName }) => eventName), ["first", "second"]);
  assert.equal(outcomes.length, 0);
});

test("a full queue says so", () => {
  const { tracker } = make({ maxQueueEvents: 2 });
  const taken = [1, 2, 3].map((n) => tracker.trackCustomEvent("buy", { loginUserId: `u${n}` }));
  assert.deepEqual(taken, [true, true, false]);
  assert.equal(tracker.stats().refusedFull, 1);
});

test("who waits for room is never refused, and who is closed waits no more", async () => {
  const answers = [];
  const fetch = () => new Promise((done) => answers.push(done));
  const { tracker } = make({ consumer: "default", maxQueueEvents: 2, fetch });
  let recorded = 0;
  const producing = (async () => {
    for (; recorded < 9; recorded++) {
      await tracker.ready();
      assert.ok(tracker.trackCustomEvent("buy", { loginUserId: "u" + recorded }));
    }
  })();
  for (let answered = 0; answered < 7; answered++) {
    while (!answers.length) await new Promise(setImmediate);
    assert.ok(recorded <= answered + 2, `${recorded} recorded, ${answered} answered`);
    answers.shift()(new Response(null, { status: 204 }));
  }
  await producing;
  assert.equal(tracker.stats().refusedFull, 0);
  const full = tracker.ready();
  await tracker.close({ timeout: 0 });
  await full;
});

test("debug prints what it records and sends", async () => {
  const lines = [];
  const { tracker } = make({ consumer: "debug", logger: { log: (line) => lines.push(line), warn() {} } });
  tracker.trackCustomEvent("buy", { loginUserId: "u" });
  await tracker.flush();
  assert.equal(lines.length, 2);
  assert.match(lines[0], /"track":"buy"/);
  assert.match(lines[1], /\/v3\/projects\/p\/collect\?stm=\d+ 204$/);
});

test("a request that hangs ends at its timeout", async () => {
  const hung = (url, { signal }) =>
    new Promise((_, failed) => signal.addEventListener("abort", () => failed(new Error("aborted"))));
  const { tracker } = make({ fetch: hung, requestTimeout: 50, retryLimit: 0, onExhausted: "drop", consumer: "default" });
  tracker.trackCustomEvent("buy", { loginUserId: "u" });
  const report = await tracker.flush({ timeout: 2000 });
  assert.equal(report.dropped, 1);
});
