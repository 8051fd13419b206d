// What the packed package weighs within an application, against the budgets of `wasm-pack.toml`.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { here, over, weighOwn } from "../../../benches/js/weigh.mjs";
import { builds } from "../../../pkg/builds.mjs";
import { project } from "../node/setup.mjs";

let dir, remove;

before(() => ({ dir, remove } = project()));
after(() => remove?.());

for (const entry of Object.keys(builds())) {
  test(`${entry} is within its budgets`, async () => {
    assert.deepEqual(over(await weighOwn(dir, entry)), []);
  });
}

test("the application that is weighed uses everything there is", () => {
  const types = readFileSync(join(dir, "node_modules/trackwire/dist/growingio.d.ts"), "utf8");
  const tracker = types.slice(types.indexOf("class GrowingTracker"));
  const methods = [...tracker.matchAll(/^    (\w+)[(<]/gm)].map(([, name]) => name);
  const rest = [...types.matchAll(/^export declare (?:function|class) (\w+)/gm)].map(([, name]) => name);
  assert.ok(methods.length > 10 && rest.length > 3, `${methods} ${rest}`);
  const app = readFileSync(join(here, "apps/trackwire.js"), "utf8");
  const missing = methods.filter((name) => name != "constructor" && !app.includes(`tracker.${name}(`));
  assert.deepEqual([...missing, ...rest.filter((name) => !app.includes(`${name}(`) && !app.includes(`of ${name}`))], []);
});

test("a list of builds that says something else is refused, with its line", () => {
  assert.throws(() => builds("[a]\nfeatures = [js]"), /line 2: neither a list/);
  assert.throws(() => builds("[a]\nfeature = 1"), /line 2: not a field/);
  assert.throws(() => builds('[a]\nfeatures = ["js"]'), /a lacks profile, rustflags, wasm-opt, budget/);
});
