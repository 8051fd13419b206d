// What the packed package holds for an event that waits.

import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { pathToFileURL } from "node:url";
import { project } from "./setup.mjs";

let dir, remove;
const memories = [];

before(() => {
  ({ dir, remove } = project());
  const { Instance } = WebAssembly;
  WebAssembly.Instance = class extends Instance {
    constructor(...given) {
      super(...given);
      memories.push(...Object.values(this.exports).filter((value) => value instanceof WebAssembly.Memory));
    }
  };
});
after(() => remove?.());

test("a queue takes little more than its events", async () => {
  const entry = createRequire(join(dir, "x.js")).resolve("trackwire/growingio").replace(/\.cjs$/, ".js");
  const { GrowingTracker } = await import(pathToFileURL(entry));
  const serverHost = "http://127.0.0.1:9";
  const tracker = new GrowingTracker({ productId: "p", dataSourceId: "d", serverHost, enabled: "buffer" });
  const attributes = { sku: "sku-00001", title: "x".repeat(200) };
  const size = () => memories.reduce((sum, { buffer }) => sum + buffer.byteLength, 0);
  tracker.trackCustomEvent("buy", { loginUserId: "u", attributes });
  const start = size();
  for (let n = 0; n < 20_000; n++) tracker.trackCustomEvent("buy", { loginUserId: "u" + n, attributes });
  const { pending, queuedBytes } = tracker.stats();
  assert.equal(pending, 20_001);
  assert.ok(size() - start > queuedBytes / 2, "the memory is seen");
  assert.ok(size() - start < queuedBytes * 1.1, `${size() - start} for ${queuedBytes}`);
  tracker.disable();
});
