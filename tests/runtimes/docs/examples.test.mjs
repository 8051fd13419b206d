// Every example of the documentation is type-checked and run with the packed package, and what arrives is counted.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { after, before, beforeEach, test } from "node:test";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";
import { collector, project } from "../node/setup.mjs";
import { documents, examples, read } from "./blocks.mjs";
import { inNode, inPage, inWorker } from "./run.mjs";

const root = join(dirname(fileURLToPath(import.meta.url)), "../../..");
const tsc = createRequire(import.meta.url).resolve("typescript/bin/tsc");
const RUN = { node: inNode, worker: inWorker, page: inPage };
const all = documents(root).flatMap((path) => examples(root, path));

let dir, remove, server, browser;

before(async () => {
  ({ dir, remove } = project());
  server = await collector("--inlong-listen", "127.0.0.1:0");
  browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    args: ["--no-sandbox", "--disable-background-networking"],
  });
});
after(async () => {
  await browser?.close();
  server?.stop();
  remove?.();
});
beforeEach(() => fetch(`${server.url}/trackwire/reset`, { method: "POST" }));

test("a block that does not say how it is run is found", () => {
  assert.throws(() => read("x.md", "text\n\n```js\n1;\n```"), /x\.md:3: a comment above it has to say how it is run/);
  assert.throws(() => read("x.md", "<!-- file: a.js -->\n```js\n1;\n```"), /no example uses it/);
  const text = "<!-- file: a.js -->\n```js\n1;\n```\n<!-- run: page; arrives: 2 -->\n\n```html\n<p>\n```\n\n```sh\nls\n```";
  const [{ run, arrives, language, code, files }] = read("x.md", text);
  assert.deepEqual([run, arrives, language, code, files[0].file], ["page", 2, "html", "<p>", "a.js"]);
});

test("there are examples for every runtime", () => {
  const runs = all.map(({ run }) => run);
  for (const name of Object.keys(RUN)) assert.ok(runs.includes(name), `none for ${name}`);
  for (const { name, run } of all) assert.ok(RUN[run], `${name}: there is no runtime ${run}`);
});

test("the types of all of them", () => {
  const files = all.flatMap((example) => [example, ...example.files]).filter(({ language }) => language != "html");
  for (const strict of [true, false]) {
    // Each example in a folder of its own, so that its files find one another.
    const names = [];
    for (const [place, example] of all.entries()) {
      const folder = join(dir, "types", String(place));
      mkdirSync(folder, { recursive: true });
      for (const { file, language, code } of [...example.files, example]) {
        if (language == "html" || /^t/.test(language) != strict) continue;
        const name = file ?? (strict ? "main.mts" : /require\(/.test(code) ? "main.cjs" : "main.mjs");
        writeFileSync(join(folder, name), code + (/\b(import|export)\b|require\(/.test(code) ? "" : "\nexport {};\n"));
        names.push(join(folder, name));
      }
    }
    const flags = "--noEmit --target ES2022 --module NodeNext --lib ES2022,DOM --types node --allowJs --checkJs".split(" ");
    if (strict) flags.push("--strict");
    if (!names.length) continue;
    const roots = ["--typeRoots", join(root, "node_modules/@types")];
    const { status, stdout } = spawnSync(process.execPath, [tsc, ...flags, ...roots, ...names], { cwd: dir, encoding: "utf8" });
    assert.equal(status, 0, stdout);
  }
  assert.ok(files.length > 0);
});

for (const [place, example] of all.entries()) {
  test(`${example.name}: ${example.run}`, async () => {
    assert.ok(example.arrives >= 0, "it has to say how many records arrive");
    const here = (block) => ({ ...block, code: block.code.replaceAll(/https:\/\/collector\.example|http:\/\/127\.0\.0\.1:9090/g, server.url) });
    const files = example.files.map(here);
    const done = () => arrived(example);
    await RUN[example.run]({ ...here(example), files }, { dir, place: `example-${place}`, url: server.url, browser, done });
    await done();
  });
}

/** Waits until the collector holds what the example says; no more than that may come. */
async function arrived({ arrives }) {
  const stats = async () => server.get("/trackwire/stats");
  let seen = await stats();
  for (let tries = 0; tries < 400 && seen.good < arrives; tries++) {
    await new Promise((done) => setTimeout(done, 25));
    seen = await stats();
  }
  assert.deepEqual([seen.good, seen.bad], [arrives, 0]);
}
