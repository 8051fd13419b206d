// The types of the packed package, as a module and as CommonJS.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { project } from "./setup.mjs";

const tsc = createRequire(import.meta.url).resolve("typescript/bin/tsc");

const BODY = `
const options: Options = { productId: "p", dataSourceId: "d", serverHost: "https://collector.example" };
const tracker = new GrowingTracker<{ add_to_cart: { sku: string; price: number } }>({
  ...options,
  consumer: { type: "async", maxSize: 100 },
  beforeSend: (event) => event.track != "secret",
  onOutcome: ({ fate, count }) => console.log(fate, count),
});
tracker.trackCustomEvent("add_to_cart", { attributes: { sku: "s", price: 1 } });
// @ts-expect-error No such event.
tracker.trackCustomEvent("buy");
// @ts-expect-error Its price is a number.
tracker.trackCustomEvent("add_to_cart", { attributes: { sku: "s", price: "1" } });
// @ts-expect-error No such format.
new GrowingTracker({ ...options, format: "xml" });
const loose = new GrowingTracker({ ...options, fetch: createSink().fetch });
loose.trackCustomEvent("buy", { loginUserId: "u", attributes: { price: double(9), big: 1n, tags: ["a"], none: null, at: new Date() } });
const pending: Promise<number> = loose.flush({ timeout: 5 }).then((report) => report.pending);
const delivered: number = loose.stats().delivered;
console.log(pending, delivered);
`;

let dir, remove;
before(() => ({ dir, remove } = project()));
after(() => remove?.());

for (const [name, head] of [
  [
    "module.mts",
    'import { GrowingTracker, double, type Options } from "trackwire/growingio";\nimport { createSink } from "trackwire/testing";',
  ],
  [
    "common.cts",
    'import { GrowingTracker, double, type Options } from "trackwire";\nimport { createSink } from "trackwire/testing";',
  ],
]) {
  test(name, () => {
    writeFileSync(join(dir, name), head + BODY);
    const flags = "--noEmit --strict --target ES2022 --module NodeNext --lib ES2022,DOM".split(" ");
    const { status, stdout } = spawnSync(process.execPath, [tsc, ...flags, name], { cwd: dir, encoding: "utf8" });
    assert.equal(status, 0, stdout);
  });
}
