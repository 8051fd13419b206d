// What is in the packed package, what resolvers make of it, and that importing it does nothing.

import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { after, before, test } from "node:test";
import { publint } from "publint";
import { project, root } from "./setup.mjs";

const require = createRequire(import.meta.url);
let dir, remove, tarball, installed;

before(() => {
  ({ dir, remove, tarball } = project());
  installed = join(dir, "node_modules/trackwire");
});
after(() => remove?.());

test("it holds what is needed, and nothing else", () => {
  const found = readdirSync(installed, { recursive: true, withFileTypes: true });
  const files = found.filter((entry) => entry.isFile()).map(({ parentPath, name }) => join(parentPath, name).slice(installed.length + 1));
  assert.deepEqual(files.map((name) => name.replaceAll("\\", "/")).sort(), [
    "LICENSE-APACHE",
    "LICENSE-MIT",
    "README.md",
    "dist/growingio.browser.js",
    "dist/growingio.cjs",
    "dist/growingio.d.cts",
    "dist/growingio.d.ts",
    "dist/growingio.iife.js",
    "dist/growingio.js",
    "dist/growingio.url.js",
    "dist/growingio.wasm",
    "dist/growingio.workerd.js",
    "dist/inlong-page.wasm",
    "dist/inlong.browser.js",
    "dist/inlong.cjs",
    "dist/inlong.d.cts",
    "dist/inlong.d.ts",
    "dist/inlong.iife.js",
    "dist/inlong.js",
    "dist/inlong.url.js",
    "dist/inlong.wasm",
    "dist/inlong.workerd.js",
    "dist/testing.cjs",
    "dist/testing.d.cts",
    "dist/testing.d.ts",
    "dist/testing.js",
    "package.json",
  ]);
  for (const name of ["LICENSE-APACHE", "LICENSE-MIT"]) {
    assert.equal(readFileSync(join(installed, name), "utf8"), readFileSync(join(root, name), "utf8"), name);
  }
});

test("it depends on nothing and runs nothing when it is installed", () => {
  const { dependencies, peerDependencies, optionalDependencies, scripts } = require(join(installed, "package.json"));
  assert.deepEqual([dependencies, peerDependencies, optionalDependencies, scripts], Array(4).fill(undefined));
});

test("publint finds nothing", async () => {
  const bytes = readFileSync(tarball);
  const data = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length);
  const { messages } = await publint({ strict: true, pack: { tarball: data } });
  assert.deepEqual(messages, []);
});

test("the types are right for every way to resolve them", () => {
  const cli = join(dirname(require.resolve("@arethetypeswrong/cli/package.json")), "dist/index.js");
  const { status, stdout } = spawnSync(process.execPath, [cli, tarball, "--format", "ascii"], { encoding: "utf8" });
  assert.match(stdout, /"trackwire\/testing"/);
  assert.equal(status, 0, stdout);
});

// What a server that renders pages does with a page's imports.
const LOOK = `
const look = () => ({
  globals: Reflect.ownKeys(globalThis).map(String).sort(),
  listeners: process.eventNames().map((name) => [String(name), process.listenerCount(name)]),
  resources: process.getActiveResourcesInfo().sort(),
});
const touched = [];
const guard = (target, name) => {
  const real = target[name];
  target[name] = (...args) => (touched.push(name), Reflect.apply(real, target, args));
};
guard(globalThis, "setTimeout"), guard(globalThis, "setInterval"), guard(globalThis, "fetch"), guard(globalThis, "queueMicrotask");
guard(Math, "random"), guard(WebAssembly, "compile"), guard(WebAssembly, "instantiate");
for (const name of ["Module", "Instance"]) {
  WebAssembly[name] = new Proxy(WebAssembly[name], { construct: () => (touched.push(name), {}) });
}
const tell = (before) => console.log(JSON.stringify({ before, after: look(), touched }));
`;

for (const [name, script] of [
  ["ssr.cjs", `const before = look(); for (const name of NAMES) require(name); tell(before);`],
  ["ssr.mjs", `await import("node:fs"); const before = look(); for (const name of NAMES) await import(name); tell(before);`],
]) {
  test(`importing it has no effect: ${name}`, () => {
    const names = `const NAMES = ["trackwire", "trackwire/growingio", "trackwire/growingio/url", "trackwire/inlong", "trackwire/inlong/url", "trackwire/testing"];`;
    writeFileSync(join(dir, name), LOOK + names + script);
    const out = execFileSync(process.execPath, [name], { cwd: dir, encoding: "utf8", timeout: 20_000 });
    const { before, after, touched } = JSON.parse(out);
    assert.deepEqual(after, before);
    assert.deepEqual(touched, []);
  });
}

test("the entry with its module in a file works on a server too", () => {
  writeFileSync(
    join(dir, "url.mjs"),
    `import { GrowingTracker } from "trackwire/growingio/url";
    import { createSink } from "trackwire/testing";
    const { fetch } = createSink();
    const tracker = new GrowingTracker({ productId: "p", dataSourceId: "d", serverHost: "https://c.example", fetch });
    tracker.trackCustomEvent("buy", { loginUserId: "u" });
    console.log((await tracker.flush()).delivered);`,
  );
  assert.equal(execFileSync(process.execPath, ["url.mjs"], { cwd: dir, encoding: "utf8" }), "1\n");
});
