// What a page sends in its last moments, and what becomes of the rest.

import assert from "node:assert/strict";
import { test } from "node:test";
import { assertBalance } from "../node/setup.mjs";
import { stage } from "./setup.mjs";

/** What all of a page's keepalive requests may have under way. */
const QUOTA = 64 << 10;

// Pages are kept for going back, as in a browser that nobody drives.
const on = stage({ more: { ignoreDefaultArgs: ["--disable-back-forward-cache"] } });
const { arrived, books, open, show, stats } = on;

const users = (records) => new Set(records.map(({ user }) => user)).size;
const leave = () => on.page.goto(on.pages.origin + "/?next");
/** 100 events of 2 KiB. */
const queue = () => on.page.evaluate(() => buy(100, { pad: "x".repeat(2048) }));

test("a navigation with events queued", async () => {
  await open({ consumer: "buffered" });
  await on.page.evaluate(() => buy(20));
  assert.equal((await on.server.records()).length, 0);
  await leave();
  assert.equal(users(await arrived(20)), 20);
  assertBalance(await books(), { accepted: 20, pending: 20, requests: 1 });
});

test("a navigation while a request is under way sends nothing twice", async () => {
  await on.server.fault({ delay_ms: 300, status: 204 });
  await open();
  await on.page.evaluate(async () => {
    buy(30);
    while (!tracker.stats().requests) await new Promise((done) => setTimeout(done));
  });
  await leave();
  assert.equal(users(await arrived(30)), 30);
  assertBalance(await books(), { accepted: 30, pending: 30, retries: 0 });
});

test("hidden and back", async () => {
  await open({ consumer: "buffered" });
  await on.page.evaluate(() => buy(4));
  await show("hidden");
  await arrived(4);
  await show("visible");
  await on.page.evaluate(() => (buy(3, {}, 4), tracker.flush()));
  assert.equal(users(await arrived(7)), 7);
  assertBalance(await stats(), { accepted: 7, delivered: 7, requests: 2, maybeDuplicated: 0 });
});

test("three events of 60 KiB when hidden: one leaves, the others when it has", async () => {
  await on.server.fault({ delay_ms: 200, status: 204 });
  await open({ consumer: "buffered" });
  await on.page.evaluate(() => buy(3, { pad: "x".repeat(60 << 10) }));
  const { sentBytes, requests } = await show("hidden");
  assert.equal(requests, 1);
  assert.ok(sentBytes > 60 << 10 && sentBytes <= QUOTA, String(sentBytes));
  assert.equal(users(await arrived(3)), 3);
  await on.page.evaluate(() => tracker.flush());
  assertBalance(await stats(), { accepted: 3, delivered: 3, requests: 3, maybeDuplicated: 0 });
});

test("200 KiB when hidden: never over the quota, the rest when the page is back", async () => {
  await open({ consumer: "buffered" });
  await on.server.fault({ delay_ms: 500, status: 204 });
  await queue();
  const hidden = await show("hidden");
  assertBalance(hidden, { accepted: 100, pending: 100 });
  assert.ok(hidden.requests && hidden.sentBytes > QUOTA * 0.8 && hidden.sentBytes <= QUOTA, JSON.stringify(hidden));
  await on.server.fault();
  await show("visible");
  await on.page.evaluate(() => tracker.flush());
  assertBalance(await stats(), { accepted: 100, delivered: 100, maybeDuplicated: 0 });
  assert.equal(users(await arrived(100)), 100);
});

test("200 KiB at unload: the quota leaves; the page comes back from the cache, and so does the rest", async () => {
  for (const delay_ms of [0, 1500]) {
    await on.server.reset();
    if (delay_ms) await on.server.fault({ delay_ms, status: 204 });
    await open({ consumer: "buffered" });
    await queue();
    await leave();
    const last = await books();
    assertBalance(last, { persisted: true, accepted: 100, pending: 100 });
    assert.ok(last.sentBytes > QUOTA * 0.8 && last.sentBytes <= QUOTA, JSON.stringify(last));
    // What is answered before the page is frozen makes room for more.
    await arrived(Math.floor(last.sentBytes / 2200), 99);
    await on.page.goBack({ waitUntil: "commit" });
    await on.page.evaluate(() => tracker.flush());
    assertBalance(await stats(), { accepted: 100, delivered: 100, maybeDuplicated: 0 });
    assert.equal(users(await arrived(100)), 100);
    assert.deepEqual(on.heard, []);
  }
});

test("200 KiB at unload of a page that is destroyed: what left arrives, the rest is lost", async () => {
  await open({ consumer: "buffered" });
  // A page with such a listener is not kept.
  await on.page.evaluate(() => addEventListener("unload", () => {}));
  await queue();
  await leave();
  const last = await books();
  assertBalance(last, { persisted: false, accepted: 100, pending: 100 });
  assert.ok(last.sentBytes <= QUOTA);
  const sent = Math.floor(last.sentBytes / 2200);
  assert.equal(users(await arrived(sent)), sent);
  await on.page.goBack({ waitUntil: "commit" });
  assert.equal(await on.page.evaluate(() => typeof tracker), "undefined");
  await arrived(sent);
});

test("offline when left, and back online: everything arrives once", async () => {
  await open({ consumer: "buffered" });
  await on.page.evaluate(() => (buy(1), tracker.flush()));
  await on.context.setOffline(true);
  await on.page.evaluate(() => buy(10, {}, 1));
  assertBalance(await show("hidden"), { accepted: 11, delivered: 1, pending: 10, requests: 1 });
  await on.context.setOffline(false);
  await show("visible");
  await on.page.evaluate(() => tracker.flush());
  assertBalance(await stats(), { accepted: 11, delivered: 11 });
  assert.equal(users(await arrived(11)), 11);
});
