// Runs an example where it belongs: in Node, in workerd, in a page of Chromium.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync, writeFileSync } from "node:fs";
import { createServer, request as ask } from "node:http";
import { basename, join } from "node:path";
import { build, transformSync } from "esbuild";
import { Miniflare } from "miniflare";

/** How long an example may take, ms. */
const PATIENCE = 30_000;

/** What an import in a page means. */
const IMPORTS = {
  trackwire: "growingio.js",
  "trackwire/growingio": "growingio.js",
  "trackwire/growingio/url": "growingio.url.js",
  "trackwire/inlong": "inlong.browser.js",
  "trackwire/inlong/url": "inlong.url.js",
  "trackwire/testing": "testing.js",
};

/** As JavaScript. */
const plain = ({ language, code }) => (/^t/.test(language) ? transformSync(code, { loader: "ts" }).code : code);

/** In a process that has to end by itself, with success. */
export async function inNode(example, { dir, place }) {
  for (const file of example.files) writeFileSync(join(dir, file.file), plain(file));
  const script = join(dir, `${place}.${/require\(/.test(example.code) ? "cjs" : "mjs"}`);
  writeFileSync(script, plain(example));
  const child = spawn(process.execPath, [script], { cwd: dir, timeout: PATIENCE, stdio: ["ignore", "pipe", "pipe"] });
  let said = "";
  let complained = "";
  child.stderr.on("data", (text) => (complained += text));
  child.stdout.on("data", async (text) => {
    said += text;
    const url = /http:\/\/[\w.:]+/.exec(said)?.[0];
    if (!example.serves || !url || child.asked) return;
    child.asked = fetch(url).then((answer) => answer.text());
    await child.asked;
    child.kill("SIGTERM");
  });
  const [code, signal] = await once(child, "close");
  assert.deepEqual([code, signal], [0, null], `${said}\n${complained}`);
  assert.ok(!example.serves || child.asked, `it did not say where it listens: ${said}`);
}

/** In workerd: each handler is called once. `done` waits for what arrives. */
export async function inWorker(example, { dir, place, url, done }) {
  const entry = join(dir, `${place}.js`);
  writeFileSync(entry, plain(example));
  // As the platform's own tool bundles: the module stays a file, which workerd imports.
  const { outputFiles } = await build({
    entryPoints: [entry],
    bundle: true,
    write: false,
    format: "esm",
    conditions: ["workerd"],
    external: ["*.wasm"],
    logLevel: "error",
  });
  const wasm = (name) => ({ type: "CompiledWasm", path: name, contents: readFileSync(join(dir, "node_modules/trackwire/dist", name)) });
  const worker = new Miniflare({
    cf: false,
    modules: [
      { type: "ESModule", path: "main.mjs", contents: outputFiles[0].text },
      wasm("growingio.wasm"),
      wasm("inlong.wasm"),
    ],
    compatibilityDate: "2026-04-01",
    bindings: { COLLECTOR: url },
    queueProducers: { QUEUE: "events" },
    queueConsumers: { events: { maxBatchTimeout: 0 } },
  });
  try {
    if (/\bfetch\(/.test(example.code)) assert.ok((await worker.dispatchFetch("http://worker.example/")).ok);
    if (/\bscheduled\(/.test(example.code)) await (await worker.getWorker()).scheduled({ cron: "* * * * *" });
    if (/\bqueue\(/.test(example.code)) await (await worker.getQueueProducer("QUEUE")).send({ user: "u1" });
    await done();
  } finally {
    await worker.dispose();
  }
}

/** In a page that is left as soon as it has run. `done` waits for what arrives. */
export async function inPage(example, { dir, url, browser, done }) {
  const dist = join(dir, "node_modules/trackwire/dist");
  const map = JSON.stringify({ imports: Object.fromEntries(Object.entries(IMPORTS).map(([name, file]) => [name, `/dist/${file}`])) });
  const files = new Map();
  let page = example.code;
  if (example.language == "html") {
    // What a document loads is built as a bundler would.
    for (const { file, ...block } of example.files) {
      const stdin = { contents: plain(block), resolveDir: dir };
      const { outputFiles } = await build({ stdin, bundle: true, write: false, format: "esm", logLevel: "error" });
      files.set(`/${file}`, outputFiles[0].text);
    }
  } else {
    for (const file of example.files) files.set(`/${file.file}`, plain(file));
    files.set("/main.js", plain(example));
    page = `<!doctype html><title>page</title><script type="importmap">${map}</script><script type="module" src="/main.js"></script>`;
  }
  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url, "http://page.example");
    const send = (type, body) => response.writeHead(200, { "content-type": type }).end(body);
    if (pathname == "/") return send("text/html", page);
    if (pathname == "/next") return send("text/html", "<!doctype html><title>next</title>");
    if (pathname == "/dataproxy/message") {
      // What a site's server hands on.
      const { method, headers } = request;
      return request.pipe(ask(url + pathname, { method, headers }, (answer) => answer.pipe(response.writeHead(answer.statusCode, answer.headers))));
    }
    if (files.has(pathname)) return send("text/javascript", files.get(pathname));
    const name = basename(pathname);
    if (/^growingio|^inlong|^testing/.test(name)) return send(name.endsWith(".wasm") ? "application/wasm" : "text/javascript", readFileSync(join(dist, name)));
    response.writeHead(404).end();
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
  const context = await browser.newContext();
  try {
    const tab = await context.newPage();
    const trouble = [];
    tab.on("pageerror", (error) => trouble.push(String(error)));
    tab.on("console", (message) => /error|warning/.test(message.type()) && !/favicon/.test(message.location().url) && trouble.push(message.text()));
    const origin = `http://localhost:${server.address().port}`;
    await tab.goto(origin, { waitUntil: "networkidle", timeout: PATIENCE });
    for (const button of await tab.locator("button").all()) await button.click();
    await tab.goto(`${origin}/next`);
    await done();
    assert.deepEqual(trouble, []);
  } finally {
    await context.close();
    server.close();
    server.closeAllConnections();
  }
}
