// What the packed package weighs within an application, against the budgets of `wasm-pack.toml`.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { appOf, entries, over, weighOwn } from "../../../benches/js/weigh.mjs";
import { builds } from "../../../pkg/builds.mjs";
import { project } from "../node/setup.mjs";

let dir, remove;

before(() => ({ dir, remove } = project()));
after(() => remove?.());

for (const entry of entries()) {
  test(`${entry} is within its budgets`, async () => {
    assert.deepEqual(over(await weighOwn(dir, entry)), []);
  });

  test(`the application that is weighed uses everything that ${entry} has`, () => {
    const types = readFileSync(join(dir, `node_modules/trackwire/dist/${entry}.d.ts`), "utf8");
    const main = types.slice(types.search(/class (GrowingTracker|InLongClient)/));
    const methods = [...main.matchAll(/^    (\w+)[(<]/gm)].map(([, name]) => name);
    const rest = [...types.matchAll(/^export declare (?:function|class) (\w+)/gm)].map(([, name]) => name);
    assert.ok(methods.length > 5 && rest.length > 2, `${methods} ${rest}`);
    const app = readFileSync(appOf(entry), "utf8");
    const missing = methods.filter((name) => name != "constructor" && !app.includes(`tracker.${name}(`) && !app.includes(`client.${name}(`));
    assert.deepEqual([...missing, ...rest.filter((name) => !app.includes(`${name}(`) && !app.includes(`of ${name}`))], []);
  });
}

test("a list of builds that says something else is refused, with its line", () => {
  assert.throws(() => builds("[a]\nfeatures = [js]"), /line 2: neither a list/);
  assert.throws(() => builds("[a]\nfeature = 1"), /line 2: not a field/);
  assert.throws(() => builds('[a]\nfeatures = ["js"]'), /a lacks profile, rustflags, wasm-opt, budget/);
});
