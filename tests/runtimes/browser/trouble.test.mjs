// A page and endpoints that are slow, gone, blocked, or silent; and a line that is cut.

import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { assertBalance, nobody } from "../node/setup.mjs";
import { stage } from "./setup.mjs";

/** What an endpoint without CORS headers got: method, body. */
let mute = [];
/** What it answers. */
let says = 204;

const on = stage({
  async answer(request, response) {
    if (!request.url.startsWith("/mute/")) return false;
    const chunks = [];
    for await (const chunk of request) chunks.push(chunk);
    mute.push([request.method, Buffer.concat(chunks).toString()]);
    return response.writeHead(says).end();
  },
});
const { arrived, open, stats } = on;
beforeEach(() => {
  mute = [];
  says = 204;
});

const users = (records) => new Set(records.map(({ user }) => user)).size;
/** The pages' server under another origin. */
const silent = () => `http://127.0.0.1:${on.pages.port}/mute`;
const posted = () => mute.filter(([method]) => method == "POST").flatMap(([, body]) => JSON.parse(body));
const probes = () => mute.filter(([method]) => method == "HEAD");

test("40 events offline, then online", async () => {
  await open();
  await on.page.evaluate(() => (buy(1), tracker.flush()));
  await on.context.setOffline(true);
  await on.page.evaluate(() => (buy(40, {}, 1), tracker.flush({ timeout: 100 })));
  assertBalance(await stats(), { accepted: 41, delivered: 1, pending: 40, requests: 1 });
  await on.context.setOffline(false);
  assert.equal(users(await arrived(41)), 41);
  await on.page.evaluate(() => tracker.flush());
  assertBalance(await stats(), { accepted: 41, delivered: 41, maybeDuplicated: 0 });
});

test("a slow endpoint: nothing is sent twice while it may still answer", async () => {
  await on.server.fault({ delay_ms: 400, status: 204 });
  await open({ requestTimeout: 5000 });
  await on.page.evaluate(() => (buy(30), tracker.flush()));
  assertBalance(await stats(), { accepted: 30, delivered: 30, retries: 0, maybeDuplicated: 0 });
  assert.equal(users(await arrived(30)), 30);
});

test("an endpoint slower than the timeout: sent again, counted as such", async () => {
  await on.server.fault({ delay_ms: 3000, drop: "after", count: 1 });
  await open({ requestTimeout: 600 });
  await on.page.evaluate(() => (buy(1), tracker.flush({ timeout: 10_000 })));
  const books = await stats();
  assertBalance(books, { accepted: 1, delivered: 1, maybeDuplicated: books.retries });
  assert.ok(books.retries >= 1);
  const { length } = await on.server.records();
  assert.ok(length >= 1 && length <= 1 + books.maybeDuplicated, String(length));
});

test("a blocked endpoint makes no storm", async () => {
  let requests = 0;
  await on.page.route("**/collect*", (route) => (requests++, route.abort("blockedbyclient")));
  await open();
  await on.page.evaluate(() => (buy(50), tracker.flush({ timeout: 1500 })));
  assertBalance(await stats(), { accepted: 50, pending: 50 });
  assert.ok(requests > 0 && requests < 20, String(requests));
  assert.equal((await on.server.records()).length, 0);
});

test("an endpoint where nobody listens makes no storm, and is not taken for a silent one", async () => {
  await open({ serverHost: await nobody() });
  await on.page.evaluate(() => (buy(50), tracker.flush({ timeout: 1500 })));
  const books = await stats();
  assertBalance(books, { accepted: 50, pending: 50, unconfirmed: 0 });
  assert.ok(books.requests > 0 && books.requests < 20, String(books.requests));
});

test("an endpoint that answers without CORS headers: unconfirmed, one warning, nothing sent twice", async () => {
  await open({ serverHost: silent(), consumer: "buffered" });
  await on.page.evaluate(() => (buy(3), tracker.flush()));
  await on.page.evaluate(() => (buy(3, {}, 3), tracker.flush()));
  assertBalance(await stats(), { accepted: 6, delivered: 6, unconfirmed: 6, retries: 0, requests: 2 });
  assert.equal((await on.page.evaluate(() => warnings)).length, 1);
  assert.ok((await on.page.evaluate(() => outcomes)).every(({ unconfirmed }) => unconfirmed));
  assert.deepEqual(posted().map(({ userId }) => userId), ["u0", "u1", "u2", "u3", "u4", "u5"]);
  assert.equal(probes().length, 2);
  assert.ok(probes().every(([, body]) => body == ""));
});

test("an endpoint that loses its CORS headers later: not taken for delivered", async () => {
  await open();
  await on.page.evaluate(() => (buy(1), tracker.flush()));
  await on.page.route("**/collect*", (route) => route.abort("connectionreset"));
  await on.page.evaluate(() => (buy(1, {}, 1), tracker.flush({ timeout: 300 })));
  assertBalance(await stats(), { accepted: 2, delivered: 1, pending: 1, unconfirmed: 0 });
  await on.page.unroute("**/collect*");
  await on.page.evaluate(() => tracker.flush());
  assertBalance(await stats(), { accepted: 2, delivered: 2, unconfirmed: 0 });
  await arrived(2);
});
