// The packed InLong client in a page of Chromium: over HTTP, through a path of the page's own origin.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { request as send } from "node:http";
import { join } from "node:path";
import { after, before, beforeEach, test } from "node:test";
import { assertBalance, collector, project } from "../node/setup.mjs";
import { complaints, launch, serve } from "./setup.mjs";

let remove, server, pages, browser, context, page, heard;

before(async () => {
  let dir;
  ({ dir, remove } = project());
  server = await collector("--inlong-unknown", "nowhere");
  const script = readFileSync(join(dir, "node_modules/trackwire/dist/inlong.iife.js"));
  pages = await serve({
    answer(request, response) {
      const { pathname } = new URL(request.url, "http://pages.example");
      if (pathname == "/trackwire.js") return response.end(script);
      if (pathname == "/dataproxy/message") return forward(request, response);
      const icon = '<link rel="icon" href="data:,">';
      return response.writeHead(200, { "content-type": "text/html" }).end(`<!doctype html><title>page</title>${icon}<script src="/trackwire.js"></script>`);
    },
  });
  browser = await launch();
});
after(async () => {
  await browser?.close();
  server?.stop();
  pages?.stop();
  remove?.();
});
beforeEach(async () => {
  await context?.close();
  await server.reset();
  context = await browser.newContext();
  page = await context.newPage();
  heard = complaints(page);
});

/** As a reverse proxy in front of page and DataProxy does it. */
function forward(request, response) {
  const upstream = send(server.url + request.url, { method: request.method, headers: request.headers }, (answer) => {
    response.writeHead(answer.statusCode, answer.headers);
    answer.pipe(response);
  });
  upstream.on("error", () => response.destroy());
  return request.pipe(upstream);
}

async function open(options = {}, path = "/") {
  await page.goto(pages.origin + path);
  await page.evaluate((options) => {
    window.outcomes = [];
    window.client = new trackwire.InLongClient({
      httpUrl: "/dataproxy/message",
      packTimeout: 20,
      logger: { warn() {} },
      onOutcome: (outcome) => outcomes.push(outcome),
      ...options,
    });
  }, options);
}
const stats = () => page.evaluate(() => client.stats());
async function arrived(count) {
  let good;
  for (let tries = 0; tries < 400; tries++) {
    ({ good } = await server.get("/trackwire/stats"));
    if (good >= count) break;
    await new Promise((done) => setTimeout(done, 25));
  }
  assert.equal(good, count);
}

test("messages arrive as forms of exactly the content type that a DataProxy takes", async () => {
  await open();
  const report = await page.evaluate(() => {
    client.send("g", "s", "grüße 你好 & a=b+c%");
    client.send("g", "s", "two\nlines");
    client.send("g", "s", "third", { time: 1710325284000 });
    return client.flush();
  });
  assert.deepEqual([report.delivered, report.pending], [3, 0]);
  assert.deepEqual((await server.messages()).sort(), ["grüße 你好 & a=b+c%", "third", "two\nlines"]);
  const [{ request }] = await server.records();
  assert.equal(request.headers["content-type"], "application/x-www-form-urlencoded");
  assertBalance(await stats(), { accepted: 3, delivered: 3 });
  assert.deepEqual(heard, []);
});

test("what a page cannot send is told, not thrown", async () => {
  await open();
  const told = await page.evaluate(async () => {
    client.send("g", "s", new Uint8Array([255]));
    client.send("g", "s", " ");
    client.send("g", "s", "m", { attributes: { a: "b" } });
    client.send("g&", "s", "m");
    const delivery = await client.deliver("nowhere", "s", "m");
    const codes = outcomes.filter(({ fate }) => fate == "invalid").map(({ code, field }) => [code, field]);
    return { codes, fate: delivery.outcome.fate, code: delivery.outcome.code };
  });
  assert.deepEqual(told.codes, [["bad_character", "message"], ["empty", "message"], ["unknown_field", "attributes"], ["bad_character", "groupId"]]);
  assert.equal(told.fate, "rejected");
  assert.ok(told.code > 0);
});

test("TCP, the Manager and secrets are refused where they cannot be", async () => {
  await page.goto(pages.origin);
  const refused = await page.evaluate(() =>
    [{}, { protocol: "tcp", nodes: "a:1" }, { httpUrl: "/m", authKey: "k" }].map((options) => {
      try {
        new trackwire.InLongClient(options);
      } catch (error) {
        return [error.code, error.field, error.sdkCode];
      }
    }),
  );
  assert.deepEqual(refused, [["option", "httpUrl", 5], ["option", "protocol", 5], ["option", "authKey", 5]]);
});

test("a sick node, then well: nothing is lost", async () => {
  await server.fault({ system: "inlong", code: 114, count: 2 });
  await open();
  const report = await page.evaluate(() => {
    client.sendAll(Array.from({ length: 100 }, (_, n) => ({ groupId: "g", streamId: "s" + (n % 3), message: "m" + n })));
    return client.flush();
  });
  assert.equal(report.delivered, 100);
  await arrived(100);
  assertBalance(await stats(), { accepted: 100, delivered: 100, maybeDuplicated: 0 });
});

test("a page that is left delivers what waits", async () => {
  await open({ packTimeout: 600_000 });
  await page.evaluate(() => {
    for (let n = 0; n < 200; n++) client.send("g", "s", `m${n} ` + "x".repeat(200));
  });
  await page.goto(pages.origin + "/next");
  await arrived(200);
});

test("offline it waits, online it sends", async () => {
  await open();
  await context.setOffline(true);
  await page.evaluate(() => client.send("g", "s", "m"));
  assert.equal((await page.evaluate(() => client.flush({ timeout: 200 }))).pending, 1);
  await context.setOffline(false);
  await arrived(1);
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
  const told = await page.evaluate(async () => {
    const first = client.deliver("g", "s", "m0");
    client.send("g", "s", "m1");
    const bad = client.deliver("g", "", "m").catch((error) => error.code);
    const unfit = client.deliver("g&", "s", "m").catch((error) => error.code);
    const { pending } = client.stats();
    await client.flush();
    return { pending, fate: (await first).outcome.fate, bad: await bad, unfit: await unfit };
  });
  assert.deepEqual(told, { pending: 3, fate: "delivered", bad: "empty", unfit: "bad_character" });
  assert.deepEqual(await server.messages(), ["m0", "m1"]);
  assertBalance(await stats(), { accepted: 2, delivered: 2, invalid: 2 });
});

test("a policy that forbids wasm: events are dropped, nothing throws", async () => {
  await page.route("**/csp", (route) =>
    route.fulfill({
      headers: { "content-type": "text/html", "content-security-policy": "default-src 'self'" },
      body: '<!doctype html><title>page</title><script src="/trackwire.js"></script>',
    }),
  );
  await open({}, "/csp");
  const { fate, reason } = await page.evaluate(async () => (await client.deliver("g", "s", "m")).outcome);
  assert.deepEqual([fate, reason], ["dropped", "internal"]);
  assertBalance(await stats(), { accepted: 1, dropped: 1 });
});
