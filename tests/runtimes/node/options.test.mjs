// Every option: what cannot be used is refused by the name the application gave it, what can be used reaches the engine.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { project } from "./setup.mjs";

const REFUSED = {
  productId: [undefined, "", 5, ".", "..", "a\0b", "a\nb", null],
  dataSourceId: [undefined, "", 5, "a\0b", null],
  serverHost: [undefined, "", "collector.example", "ftp://a.example", "https://", "https:///p", "https://a?b", "https://a#b", "https://a b", "https://a\x85", "https://a/\x7f", "https://user:password@a.example", "http://localhost:99999", null],
  consumer: ["later", 5, { type: "other" }, { type: "buffered", maxSize: 0 }, { type: "async", flushAfter: -1 }, { type: "async", maxSize: NaN }],
  format: ["xml", 5],
  retryLimit: [-1, NaN, "3", 2 ** 32],
  requestTimeout: [0, -1, NaN, Infinity, "5"],
  retryBackoffFactor: [-1, NaN, 1e9, "1"],
  onExhausted: ["retry", true],
  maxQueueBytes: [0, 1000, NaN, 2 ** 40, "4096"],
  maxQueueEvents: [0, NaN],
  whenFull: ["drop", true],
  maxAge: [-1, NaN],
  maxRequestBytes: [1000, 2 ** 31, NaN],
  maxInFlight: [0, NaN],
  validate: ["yes", 1],
  onInvalid: ["ignore", true],
  anonymousId: ["", 5, "a\0b"],
  storage: ["disk", true],
  platform: ["", 5, "a\0b"],
  sdkVersion: ["", 5, "a\0b"],
  beforeSend: ["no", {}],
  enabled: ["yes", 1],
  sampleRate: [-0.1, 1.1, NaN, "0.5"],
  fetch: ["no", {}],
  headers: [{ "not a name": "x" }, { name: "a\nb" }],
  logger: [{}, { warn() {} }],
  onOutcome: ["no", {}],
  clock: [0, "now"],
};

/** Unusual, but fine. */
const TAKEN = {
  productId: ["a/b", "a?b#c", "%", " ", "中文", "..."],
  dataSourceId: ["中文", " ", "\""],
  serverHost: ["http://127.0.0.1:1", "https://[::1]:8080/a/b/", "https://a.example/..", "https://中文.example"],
  consumer: [null, { type: "buffered", maxSize: 1e9 }, { type: "async", maxSize: 1.5, flushAfter: 0 }, "debug"],
  retryLimit: [0, 2 ** 32 - 1],
  requestTimeout: [1, 1e12],
  retryBackoffFactor: [0, 3600],
  maxQueueBytes: [4096, 2 ** 31],
  maxQueueEvents: [1, 2 ** 53],
  maxAge: [1, 2 ** 53],
  maxRequestBytes: [1024, 2 ** 30],
  maxInFlight: [1, 2 ** 53],
  validate: [false],
  platform: [null, "中文"],
  sdkVersion: [null, "1"],
  headers: [{}, { "x-name": "value" }],
  sampleRate: [1],
  storage: ["memory"],
};

let dir, remove, GrowingTracker, TrackwireError;

before(() => {
  ({ dir, remove } = project());
  ({ GrowingTracker, TrackwireError } = createRequire(join(dir, "x.js"))("trackwire"));
});
after(() => remove?.());

function make(options) {
  const warnings = [];
  const logger = { warn: (...said) => warnings.push(said.join(" ")), log() {} };
  const given = { productId: "p", dataSourceId: "d", serverHost: "https://collector.example", logger, ...options };
  return { tracker: new GrowingTracker({ fetch: async () => new Response(null, { status: 204 }), ...given }), warnings };
}

for (const [option, values] of Object.entries(REFUSED)) {
  test(`refused by name: ${option}`, () => {
    for (const value of values) {
      const refused = (error) => {
        assert.ok(error instanceof TrackwireError, String(error));
        assert.deepEqual([error.code, error.field], ["option", option]);
        assert.match(error.message, new RegExp(`^${option}: cannot be used`));
        return true;
      };
      assert.throws(() => make({ [option]: value }), refused, String(value));
    }
  });
}

test("what is taken, the engine takes too", async () => {
  for (const [option, values] of Object.entries(TAKEN)) {
    for (const value of values) {
      const { tracker, warnings } = make({ [option]: value });
      const taken = tracker.trackCustomEvent("buy", { loginUserId: "u" });
      assert.deepEqual([taken, warnings], [true, []], `${option}: ${JSON.stringify(value)}`);
      await tracker.close();
    }
  }
});

test("no option goes untried", () => {
  const types = readFileSync(join(dir, "node_modules/trackwire/dist/growingio.d.ts"), "utf8");
  const [, options] = /export interface Options \{(.*?)\n\}/s.exec(types);
  const names = [...options.matchAll(/^ {4}(\w+)\??[:(]/gm)].map(([, name]) => name);
  // Its values are looked at with each event.
  assert.deepEqual(names.filter((name) => name != "defaultAttributes").sort(), Object.keys(REFUSED).sort());
});
