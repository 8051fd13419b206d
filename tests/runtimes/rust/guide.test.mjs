// The examples of docs/rust-wasm.md: compiled as they stand there, and run; that of the page is in browser.test.mjs.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { Miniflare } from "miniflare";
import { collector } from "../node/setup.mjs";
import { ask, glue, wasm } from "./setup.mjs";

const here = dirname(fileURLToPath(import.meta.url));
const guide = readFileSync(join(here, "../../../docs/rust-wasm.md"), "utf8");
const blocks = (language) => [...guide.matchAll(new RegExp("```" + language + "\\n(.*?)```", "gs"))].map(([, text]) => text);

let server, app;

before(async () => {
  server = await collector();
  app = await import("data:text/javascript;base64," + Buffer.from(glue).toString("base64"));
  app.initSync({ module: wasm });
});
after(() => server?.stop());

test("the examples are those that are compiled", () => {
  const compiled = ["page", "worker", "testing"].map((name) => {
    const text = readFileSync(join(here, `app/src/guide/${name}.rs`), "utf8");
    return text.slice(text.indexOf("\n\n") + 2);
  });
  assert.deepEqual(blocks("rust"), compiled);
});

test("in a Worker", async () => {
  const [main] = blocks("js");
  const worker = new Miniflare({
    cf: false,
    modules: [
      { type: "ESModule", path: "main.mjs", contents: main },
      { type: "ESModule", path: "app.js", contents: glue },
      { type: "CompiledWasm", path: "app_bg.wasm", contents: wasm },
    ],
    compatibilityDate: "2026-04-01",
    bindings: { COLLECTOR: server.url },
  });
  try {
    assert.equal(await (await worker.dispatchFetch("http://worker.example/shop")).text(), "this is /shop");
    const [record] = await ask(server).arrived(1);
    assert.deepEqual(record.attributes, { path: "/shop" });
  } finally {
    await worker.dispose();
  }
});

test("an application's own test", async () => {
  await app.check();
});
