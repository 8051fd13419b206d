// A Rust application that is wasm itself, in Chromium.

import assert from "node:assert/strict";
import { createServer } from "node:http";
import { after, before, beforeEach, test } from "node:test";
import { chromium } from "playwright-core";
import { collector } from "../node/setup.mjs";
import { ask, assertBooks, glue, wasm } from "./setup.mjs";

const PAGE = `<!doctype html><title>page</title><script type="module">
import init, * as app from "/app.js";
await init({ module_or_path: "/app.wasm" });
window.app = app;
</script>`;

let server, collected, pages, browser, context, page, origin;

before(async () => {
  server = await collector();
  collected = ask(server);
  const files = { "/app.js": ["text/javascript", glue], "/app.wasm": ["application/wasm", wasm] };
  pages = createServer((request, response) => {
    const [type, body] = files[request.url] ?? ["text/html", PAGE];
    response.writeHead(200, { "content-type": type }).end(body);
  });
  await new Promise((done) => pages.listen(0, "127.0.0.1", done));
  origin = `http://localhost:${pages.address().port}`;
  const executablePath = process.env.CHROMIUM ?? "/usr/bin/chromium";
  browser = await chromium.launch({ executablePath, args: ["--no-sandbox", "--disable-background-networking"] });
});
after(async () => {
  await browser?.close();
  server?.stop();
  pages?.close();
  pages?.closeAllConnections();
});
beforeEach(async () => {
  await context?.close();
  await collected.fault();
  await collected.reset();
  context = await browser.newContext();
  page = await context.newPage();
});

async function open({ host = server.url, consumer = "default", format = "", timeout = 800 } = {}) {
  await page.goto(origin);
  await page.waitForFunction(() => window.app);
  await page.evaluate((options) => app.start(...options), [host, consumer, format, timeout]);
}

const track = (count, name = "buy") => page.evaluate(([name, count]) => app.track(name, "u", count), [name, count]);
const flush = async (timeout = 4000) => JSON.parse(await page.evaluate((timeout) => app.flush(timeout), timeout));
const stats = async () => JSON.parse(await page.evaluate(() => app.stats()));
const settled = (expected) =>
  page.waitForFunction((expected) => JSON.parse(app.stats()).delivered == expected, expected, { polling: 20 });

test("in the background, as simple requests, each event at once", async () => {
  await open();
  await track(3);
  await settled(3);
  const records = await collected.records();
  assert.equal(records.length, 3);
  assert.equal(records[0].request.headers["content-type"], "text/plain;charset=UTF-8");
  assert.deepEqual(records[0].attributes, { price: 9.5, app: "wasm" });
  assertBooks(await stats(), { mode: "Background", accepted: 3, delivered: 3, requests: 3, maybe_duplicated: 0 });
});

test("a flush sends many in one request, compressed where that is asked for", async () => {
  await open({ consumer: "buffered", format: "protobuf-snappy-crypt" });
  await track(20);
  assert.equal((await flush()).delivered, 20);
  const records = await collected.records();
  assert.deepEqual([records.length, records[0].request.format], [20, "protobuf"]);
  assertBooks(await stats(), { delivered: 20, requests: 1 });
});

test("503 with Retry-After, then well: not sooner than it asks", async () => {
  await open();
  await collected.fault({ status: 503, retry_after: 1 });
  // All in the page, so that nothing is timed but the page.
  const [first, second, took] = await page.evaluate(async (host) => {
    const started = performance.now();
    app.track("buy", "u", 10);
    const sick = JSON.parse(await app.flush(300));
    await fetch(host + "/trackwire/faults", { method: "POST", body: '{"faults":[]}' });
    return [sick, JSON.parse(await app.flush(4000)), performance.now() - started];
  }, server.url);
  assert.deepEqual([first.pending, second.pending], [10, 0]);
  assert.ok(took >= 950, `${took} ms`);
  assert.equal((await collected.records()).length, 10);
  assertBooks(await stats(), { delivered: 10, maybe_duplicated: 0 });
});

test("an answer that does not come in time", async () => {
  await open();
  await collected.fault({ delay_ms: 5000, count: 1 });
  await track(1);
  await settled(1);
  assert.equal((await collected.records()).length, 2);
  assertBooks(await stats(), { delivered: 1, requests: 2, maybe_duplicated: 1 });
});

test("nobody answers: few requests, then all arrives", async () => {
  let requests = 0;
  await page.route("**/collect*", (route) => (requests++, route.abort("connectionrefused")));
  await open();
  await track(50);
  assert.equal((await flush(500)).pending, 50);
  assert.ok(requests < 20, String(requests));
  await page.unroute("**/collect*");
  assert.equal((await flush(8000)).delivered, 50);
  assertBooks(await stats(), { delivered: 50 });
});

test("a redirect is not followed", async () => {
  const headers = { location: server.url, "access-control-allow-origin": "*" };
  const redirect = createServer((_, response) => response.writeHead(307, headers).end());
  await new Promise((done) => redirect.listen(0, "127.0.0.1", done));
  try {
    await open({ host: `http://127.0.0.1:${redirect.address().port}` });
    await track(1);
    await flush();
    assertBooks(await stats(), { rejected: 1 });
    assert.match((await stats()).last, /redirects are not followed/);
    assert.equal(await collected.requests(), 0);
  } finally {
    redirect.close();
    redirect.closeAllConnections();
  }
});

test("what is left out, and what is not valid, is in the books", async () => {
  await open();
  await track(2, "secret");
  const said = await page.evaluate(() => {
    app.track_json('{"track":"said","user":"u"}');
    try {
      app.track_json('{"track":""}');
    } catch (error) {
      return String(error);
    }
  });
  assert.match(said, /`event_name` is empty/);
  await page.evaluate(() => app.enable(false));
  await track(1);
  await page.evaluate(() => app.enable(true));
  await track(1);
  await flush();
  const { accepted, delivered, dropped } = await stats();
  assert.deepEqual([accepted, delivered + dropped], [2, 2]);
  assertBooks(await stats(), { filtered: 2, invalid: 1, ignored: 1 });
});

test("options that cannot be used name themselves", async () => {
  await page.goto(origin);
  await page.waitForFunction(() => window.app);
  const said = await page.evaluate(() => {
    try {
      app.start("http://user:secret@127.0.0.1", "default", "", 1000);
    } catch (error) {
      return String(error);
    }
  });
  assert.match(said, /`server_host` holds a user or password/);
});

test("close ends the background task with what it cannot deliver", async () => {
  await open();
  await collected.fault({ status: 503, retry_after: 60 });
  await track(3);
  const report = JSON.parse(await page.evaluate(() => app.close(200)));
  assert.equal(report.dropped, 3);
  assertBooks(await stats(), { accepted: 3, dropped: 3, pending: 0 });
  await page.evaluate(() => app.forget());
});

test("a navigation with events queued", async () => {
  await open({ consumer: "buffered" });
  await track(20);
  assert.equal(await collected.requests(), 0);
  await page.goto(origin + "/next");
  assert.equal((await collected.arrived(20)).length, 20);
});

test("the guide's example: what it has recorded leaves with the page", async () => {
  await page.goto(origin);
  await page.waitForFunction(() => window.app);
  await page.evaluate((host) => app.buy(host, 9.5), server.url);
  await page.goto(origin + "/next");
  const [record] = await collected.arrived(1);
  assert.deepEqual(record.attributes, { price: 9.5, app: "shop" });
});

test("hidden, with more than may leave: never over the quota; back, with the rest", async () => {
  await open({ consumer: "buffered", timeout: 5000 });
  await collected.fault({ delay_ms: 500, status: 204 });
  const show = (visibility) =>
    page.evaluate((visibility) => {
      Object.defineProperty(document, "visibilityState", { value: visibility, configurable: true });
      document.dispatchEvent(new Event("visibilitychange"));
    }, visibility);
  await page.evaluate(() => {
    for (let n = 0; n < 100; n++) app.track_large(2000);
  });
  await show("hidden");
  await page.waitForFunction(() => JSON.parse(app.stats()).requests > 0);
  const { sent_bytes, pending, requests } = await stats();
  assert.ok(sent_bytes > 50_000 && sent_bytes <= 65_536, String(sent_bytes));
  assert.ok(requests >= 1 && pending == 100, JSON.stringify({ requests, pending }));
  await collected.fault();
  await show("visible");
  await flush();
  assertBooks(await stats(), { accepted: 100, delivered: 100, maybe_duplicated: 0 });
});
