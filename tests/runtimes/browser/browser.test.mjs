// The packed package in Chromium, by script tag, against the collector.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { join } from "node:path";
import { after, before, beforeEach, test } from "node:test";
import { chromium } from "playwright-core";
import { collector, project } from "../node/setup.mjs";

let dir, remove, server, pages, browser, context, page, origin;
/** What an endpoint without CORS headers got. */
let mute = [];

before(async () => {
  ({ dir, remove } = project());
  server = await collector();
  const script = readFileSync(join(dir, "node_modules/trackwire/dist/growingio.iife.js"));
  pages = createServer(async (request, response) => {
    const url = new URL(request.url, "http://pages.example");
    if (url.pathname == "/trackwire.js") return response.end(script);
    if (url.pathname.startsWith("/mute/")) {
      const chunks = [];
      for await (const chunk of request) chunks.push(chunk);
      mute.push([request.method, Buffer.concat(chunks).toString()]);
      return response.writeHead(204).end();
    }
    const headers = { "content-type": "text/html" };
    const csp = url.searchParams.get("csp");
    if (csp) headers["content-security-policy"] = csp;
    response.writeHead(200, headers).end('<!doctype html><title>page</title><script src="/trackwire.js"></script>');
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
  remove?.();
});
beforeEach(async () => {
  await context?.close();
  mute = [];
  await fetch(server.url + "/trackwire/reset", { method: "POST" });
  await fault();
  context = await browser.newContext();
  page = await context.newPage();
});

const fault = (...faults) =>
  fetch(server.url + "/trackwire/faults", { method: "POST", body: JSON.stringify({ faults }) });
const records = async () => (await server.get("/trackwire/good?limit=10000")).records;

/** Opens a page with a tracker. */
async function open(options = {}, path = "/", on = page) {
  await on.goto(origin + path);
  await on.evaluate(
    (options) => {
      window.outcomes = [];
      window.warnings = [];
      window.tracker = new trackwire.GrowingTracker({
        productId: "p",
        dataSourceId: "d",
        retryBackoffFactor: 0.02,
        logger: { warn: (...said) => warnings.push(said.join(" ")), log() {} },
        onOutcome: (outcome) => outcomes.push(outcome),
        ...options,
      });
      window.buy = (count, attributes) => {
        for (let n = 0; n < count; n++) tracker.trackCustomEvent("buy", { loginUserId: "u" + n, attributes });
      };
    },
    { serverHost: server.url, ...options },
  );
}

async function arrived(count) {
  for (let tries = 0; tries < 200; tries++) {
    const seen = await records();
    if (seen.length >= count) return seen;
    await new Promise((done) => setTimeout(done, 25));
  }
  assert.fail(`${(await records()).length} of ${count} arrived`);
}

const stats = () => page.evaluate(() => tracker.stats());
const show = (visibility) =>
  page.evaluate((visibility) => {
    Object.defineProperty(document, "visibilityState", { value: visibility, configurable: true });
    document.dispatchEvent(new Event("visibilitychange"));
  }, visibility);

function assertBalance(stats) {
  const { accepted, delivered, rejected, expired, dropped, pending } = stats;
  assert.equal(accepted, delivered + rejected + expired + dropped + pending, JSON.stringify(stats));
}

test("events arrive as simple requests, with a visitor's id that is kept", async () => {
  await open();
  const report = await page.evaluate(() => (tracker.trackCustomEvent("buy"), tracker.flush()));
  assert.equal(report.delivered, 1);
  const [first] = await records();
  assert.equal(first.request.headers["content-type"], "text/plain;charset=UTF-8");
  assert.equal(first.raw.platform, "web");
  await open();
  await page.evaluate(() => (tracker.trackCustomEvent("buy"), tracker.flush()));
  const [, second] = await records();
  assert.ok(first.anonymous);
  assert.equal(second.anonymous, first.anonymous);
});

test("without consent nothing is kept in the browser", async () => {
  await open({ enabled: "buffer" });
  await page.evaluate(() => buy(1));
  assert.equal(await page.evaluate(() => localStorage.length), 0);
});

test("invalid events are reported, not thrown", async () => {
  await open();
  await page.evaluate(() => (buy(1, { x: NaN }), tracker.flush()));
  const [outcome] = await page.evaluate(() => outcomes);
  assert.deepEqual([outcome.fate, outcome.field], ["invalid", "attributes.x"]);
});

test("a navigation with events queued", async () => {
  await open({ consumer: "buffered" });
  await page.evaluate(() => buy(20));
  assert.equal((await records()).length, 0);
  await page.goto(origin + "/?next");
  assert.equal((await arrived(20)).length, 20);
});

test("hidden and back", async () => {
  await open({ consumer: "buffered" });
  await page.evaluate(() => buy(3));
  await show("hidden");
  await arrived(3);
  await show("visible");
  await page.evaluate(() => (buy(3), tracker.flush()));
  assert.equal((await records()).length, 6);
  assertBalance(await stats());
  assert.equal((await stats()).requests, 2);
});

test("offline pauses, online resumes", async () => {
  await open();
  await page.evaluate(() => (buy(1), tracker.flush()));
  await context.setOffline(true);
  await page.evaluate(() => buy(40));
  await page.evaluate(() => tracker.flush({ timeout: 100 }));
  assert.deepEqual([(await stats()).pending, (await stats()).requests], [40, 1]);
  await context.setOffline(false);
  await arrived(41);
  await page.evaluate(() => tracker.flush());
  assert.equal((await stats()).delivered, 41);
});

test("200 KiB at once when hidden: never over the quota, the rest later", async () => {
  await open({ consumer: "buffered" });
  await fault({ delay_ms: 500, status: 204 });
  await page.evaluate(() => buy(100, { pad: "x".repeat(2000) }));
  await show("hidden");
  const { sentBytes, pending, requests } = await stats();
  assert.ok(sentBytes > 50_000 && sentBytes <= 65_536, String(sentBytes));
  assert.ok(requests >= 1 && pending == 100);
  await fault();
  await show("visible");
  await page.evaluate(() => tracker.flush());
  assert.equal((await stats()).delivered, 100);
  assertBalance(await stats());
});

test("an endpoint that answers without CORS headers", async () => {
  await open({ serverHost: `http://127.0.0.1:${pages.address().port}/mute` });
  await page.evaluate(() => (buy(1), tracker.flush()));
  const { delivered, unconfirmed } = await stats();
  assert.deepEqual([delivered, unconfirmed], [1, 1]);
  assert.equal((await page.evaluate(() => warnings)).length, 1);
  assert.equal((await page.evaluate(() => outcomes))[0].unconfirmed, true);
  const posts = mute.filter(([method]) => method == "POST");
  const probes = mute.filter(([method]) => method == "HEAD");
  assert.deepEqual([posts.length, probes.length, probes[0][1]], [1, 1, ""]);
});

test("a blocked endpoint makes no storm", async () => {
  let requests = 0;
  await page.route("**/collect*", (route) => (requests++, route.abort("blockedbyclient")));
  await open();
  await page.evaluate(() => (buy(50), tracker.flush({ timeout: 1500 })));
  assert.equal((await stats()).pending, 50);
  assert.ok(requests < 20, String(requests));
});

test("a policy that forbids wasm: one warning, events are dropped, nothing throws", async () => {
  const csp = (more) => encodeURIComponent(`default-src 'self'; connect-src *; script-src 'self' ${more}`);
  await open({}, `/?csp=${csp("")}`);
  await page.evaluate(() => (buy(3), tracker.flush({ timeout: 50 })));
  const { accepted, dropped } = await stats();
  assert.deepEqual([accepted, dropped], [3, 3]);
  assert.equal((await page.evaluate(() => warnings)).length, 1);
  await open({}, `/?csp=${csp("'wasm-unsafe-eval'")}`);
  await page.evaluate(() => (buy(3), tracker.flush()));
  assert.equal((await stats()).delivered, 3);
});

test("where wasm compiles only asynchronously, calls keep their order and their time", async () => {
  await page.addInitScript(() => {
    const { Module } = WebAssembly;
    WebAssembly.Module = new Proxy(Module, {
      construct(target, [bytes]) {
        if (bytes.length > 4096) throw new RangeError("too large for the main thread");
        return new target(bytes);
      },
    });
  });
  await open();
  const early = await page.evaluate(() => {
    buy(3);
    tracker.trackJson("{", { tag: "bad" });
    return tracker.stats();
  });
  assert.equal(early.pending, 4);
  await page.evaluate(() => tracker.flush());
  assert.deepEqual((await records()).map(({ user }) => user), ["u0", "u1", "u2"]);
  assert.deepEqual([(await stats()).accepted, (await stats()).invalid], [3, 1]);
  assert.equal((await page.evaluate(() => outcomes)).find(({ fate }) => fate == "invalid").tag, "bad");
});

test("two tabs share the visitor", async () => {
  const other = await context.newPage();
  await open();
  await open({}, "/", other);
  await page.evaluate(() => (buy(1), tracker.flush()));
  await other.evaluate(() => (buy(1), tracker.flush()));
  const ids = (await records()).map(({ anonymous }) => anonymous);
  assert.equal(ids.length, 2);
  assert.equal(ids[0], ids[1]);
});
