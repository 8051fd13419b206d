// A small page built from the packed package by each bundler, in Chromium.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, beforeEach, test } from "node:test";
import { build as esbuild } from "esbuild";
import { build as vite, createServer as viteServer } from "vite";
import webpack from "webpack";
import { assertBalance, collector, project } from "../node/setup.mjs";
import { complaints, launch, serve } from "./setup.mjs";

const MAIN = `
import { GrowingTracker } from "ENTRY";
const serverHost = new URL(location.href).searchParams.get("to");
const tracker = new GrowingTracker({ productId: "p", dataSourceId: "d", serverHost });
for (let n = 0; n < 3; n++) tracker.trackCustomEvent("buy", { loginUserId: "u" + n });
window.report = tracker.flush().then(() => tracker.stats());
`;

// What its messages go through, a path of the page's own origin, is not the bundlers' matter.
const INLONG = `
import { InLongClient } from "ENTRY";
const posted = window.posted = [];
const fetch = async (url, init) => (posted.push([url, init.body.length]), new Response('{"code":"0"}'));
const client = new InLongClient({ httpUrl: "/dataproxy/message", fetch });
for (let n = 0; n < 3; n++) client.send("g", "s", "u" + n);
window.report = client.flush().then(() => client.stats());
`;

let dir, remove, server, browser;

before(async () => {
  ({ dir, remove } = project());
  server = await collector();
  browser = await launch();
});
after(async () => {
  await browser?.close();
  server?.stop();
  remove?.();
});
beforeEach(() => server.reset());

/** A folder with the page's sources; what is built goes to its `out`. */
function sources(name, entry) {
  const root = join(dir, name.replaceAll(/\W/g, "-"));
  mkdirSync(join(root, "out"), { recursive: true });
  writeFileSync(join(root, "main.js"), (/inlong/.test(entry) ? INLONG : MAIN).replace("ENTRY", entry));
  const page = '<!doctype html><title>page</title><link rel="icon" href="data:,"><script type="module" src="./main.js"></script>';
  writeFileSync(join(root, "index.html"), page);
  if (!name.startsWith("Vite")) writeFileSync(join(root, "out/index.html"), page);
  return root;
}

const bundlers = {
  Vite: (root) => vite({ root, logLevel: "error", build: { outDir: "out", assetsInlineLimit: 0 } }),
  webpack: (root) =>
    new Promise((done, failed) => {
      const config = { context: root, mode: "production", entry: "./main.js", output: { path: join(root, "out") } };
      // The bytes of the inline form are more than webpack likes to see.
      webpack({ ...config, performance: { hints: false } }, (error, stats) => {
        if (error ?? stats.hasWarnings()) return failed(error ?? new Error(stats.toString()));
        done(stats);
      });
    }),
  esbuild: (root) =>
    esbuild({
      entryPoints: [join(root, "main.js")],
      outfile: join(root, "out/main.js"),
      bundle: true,
      minify: true,
      format: "esm",
      logLevel: "error",
    }),
};

for (const [name, build] of Object.entries(bundlers)) {
  for (const entry of ["trackwire/growingio", "trackwire/growingio/url", "trackwire/inlong", "trackwire/inlong/url"]) {
    // esbuild knows no assets by `new URL`.
    if (name == "esbuild" && entry.endsWith("url")) continue;
    test(`${name}: ${entry}`, async (t) => {
      const root = sources(`${name} ${entry}`, entry);
      await build(root);
      const files = readdirSync(join(root, "out"), { recursive: true });
      assert.equal(files.some((file) => file.endsWith(".wasm")), entry.endsWith("url"), files.join());
      const pages = await serve({ folder: join(root, "out") });
      t.after(() => pages.stop());
      await (/inlong/.test(entry) ? post : visit)(pages.origin);
    });
  }
}

test("with its module in a file, under a strict policy: without leave for wasm events are dropped, with it they arrive", async (t) => {
  const root = sources("Vite strict", "trackwire/growingio/url");
  await bundlers.Vite(root);
  for (const [leave, books] of [["", { accepted: 3, dropped: 3 }], ["'wasm-unsafe-eval'", { accepted: 3, delivered: 3 }]]) {
    const policy = `default-src 'none'; img-src data:; connect-src 'self' ${server.url}; script-src 'self' ${leave}`;
    const pages = await serve({ folder: join(root, "out"), headers: { "content-security-policy": policy } });
    t.after(() => pages.stop());
    await visit(pages.origin, books);
  }
});

for (const entry of ["trackwire/growingio", "trackwire/growingio/url"]) {
  test(`Vite's development server: ${entry}`, async (t) => {
    const root = sources(`Vite dev ${entry}`, entry);
    const pages = await viteServer({ root, logLevel: "error", server: { port: 0, host: "localhost" } });
    t.after(() => pages.close());
    await pages.listen();
    await visit(`http://localhost:${pages.httpServer.address().port}`);
  });
}

test("esbuild for Node", async () => {
  const root = sources("esbuild node", "trackwire/growingio");
  const script = MAIN.replace("ENTRY", "trackwire/growingio").replace(/new URL.*/, "process.argv[2];");
  writeFileSync(join(root, "node.js"), `globalThis.window = {};${script}window.report.then((stats) => console.log(JSON.stringify(stats)));`);
  const outfile = join(root, "out/node.mjs");
  await esbuild({ entryPoints: [join(root, "node.js")], outfile, bundle: true, platform: "node", format: "esm", logLevel: "error" });
  const out = execFileSync(process.execPath, [outfile, server.url], { encoding: "utf8", timeout: 20_000 });
  assertBalance(JSON.parse(out), { accepted: 3, delivered: 3 });
});

/** Opens the page, which posts three messages in one form. */
async function post(origin) {
  const page = await browser.newPage();
  const heard = complaints(page);
  await page.goto(origin);
  await page.waitForFunction(() => window.report);
  assertBalance(await page.evaluate(() => window.report), { accepted: 3, delivered: 3, requests: 1 });
  assert.deepEqual((await page.evaluate(() => window.posted)).map(([url]) => url), ["/dataproxy/message"]);
  assert.deepEqual(heard, []);
  await page.close();
}

/** Opens the page, which tracks three events and ends with these books. */
async function visit(origin, books = { accepted: 3, delivered: 3 }) {
  const page = await browser.newPage();
  const heard = complaints(page);
  await page.goto(`${origin}/?to=${encodeURIComponent(server.url)}`);
  await page.waitForFunction(() => window.report);
  const stats = await page.evaluate(() => window.report);
  assertBalance(stats, books);
  const users = (await server.records()).map(({ user }) => user);
  assert.deepEqual(users.sort(), books.delivered ? ["u0", "u1", "u2"] : []);
  // Of a policy the browser itself complains.
  assert.deepEqual(heard.filter((text) => !text.includes("Content Security Policy")), []);
  await page.close();
}
