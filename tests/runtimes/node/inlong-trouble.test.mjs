// The packed InLong client in Node through trouble: nodes that go, answers that do not come, a module that traps.

import assert from "node:assert/strict";
import { once } from "node:events";
import { createRequire } from "node:module";
import { createServer as createHttpServer } from "node:http";
import { createServer, connect } from "node:net";
import { join } from "node:path";
import { after, before, beforeEach, test } from "node:test";
import { pathToFileURL } from "node:url";
import { assertBalance, collector, nobody, project } from "./setup.mjs";

let remove, server, module, made;

before(async () => {
  let dir;
  ({ dir, remove } = project());
  server = await collector("--inlong-listen", "127.0.0.1:0", "--inlong-nodes", "3");
  const entry = createRequire(join(dir, "x.js")).resolve("trackwire/inlong").replace(/\.cjs$/, ".js");
  module = await import(pathToFileURL(entry));
});
after(() => {
  server?.stop();
  remove?.();
});
beforeEach(async () => {
  await made?.close({ timeout: 0 });
  await server.reset();
});

const make = (options) =>
  (made = new module.InLongClient({ managerUrl: server.manager, packTimeout: 20, logger: { warn() {} }, ...options }));
const fault = (...rules) => server.fault(...rules.map((rule) => ({ system: "inlong", ...rule })));
const inStats = async () => (await server.get("/trackwire/stats")).by_system.inlong.good;

test("one of three nodes goes in mid-stream: everything arrives, the books balance", async () => {
  const client = make({ packSize: 2_000, requestTimeout: 2_000 });
  const total = 20_000;
  for (let n = 0; n < total; n++) {
    client.send("g", "s", `message ${n}`);
    if (n == total / 4) await fault({ node: 2, down: true });
    if (n % 1_000 == 0) await new Promise((done) => setTimeout(done, 5));
  }
  const report = await client.flush({ timeout: 30_000 });
  assert.deepEqual([report.pending, report.dropped, report.rejected], [0, 0, 0]);
  const stats = client.stats();
  assertBalance(stats, { accepted: total, delivered: total });
  const arrived = await inStats();
  assert.ok(arrived >= total && arrived <= total + stats.maybeDuplicated, `${arrived}, ${JSON.stringify(stats)}`);
});

test("all nodes go and come back: messages wait", async () => {
  const client = make();
  await client.deliver("g", "s", "before");
  await fault({ down: true });
  client.send("g", "s", "meanwhile");
  const { pending } = await client.flush({ timeout: 300 });
  assert.equal(pending, 1);
  await fault();
  assert.equal((await client.flush()).delivered, 1);
  assert.deepEqual(await server.messages(), ["before", "meanwhile"]);
});

test("answers that never come: the pack is sent again, and counted as maybe there twice", async () => {
  await fault({ ack: "never", count: 1 });
  const client = make({ requestTimeout: 300 });
  const { outcome } = await client.deliver("g", "s", "once or twice");
  assert.equal(outcome.fate, "delivered");
  assertBalance(client.stats(), { accepted: 1, delivered: 1, requests: 2, maybeDuplicated: 1 });
});

test("answers out of order are answers", async () => {
  await fault({ ack: "swapped" });
  const client = make({ packSize: 100, nodes: undefined });
  for (let n = 0; n < 50; n++) client.send("g", "s", `m${n} ${"x".repeat(60)}`);
  assert.equal((await client.flush()).delivered, 50);
  assertBalance(client.stats(), { accepted: 50, delivered: 50, maybeDuplicated: 0 });
});

test("closed in the middle of an answer: nothing is lost", async () => {
  await fault({ drop: "midway", count: 2 });
  const client = make({ requestTimeout: 1_000 });
  for (let n = 0; n < 20; n++) client.send("g", "s" + (n % 4), "m" + n);
  assert.equal((await client.flush({ timeout: 20_000 })).delivered, 20);
  const texts = new Set(await server.messages());
  assert.equal(texts.size, 20);
});

test("no answers asked for: what was written counts, unconfirmed", async () => {
  const client = make({ isAck: false });
  const { outcome } = await client.deliver("g", "s", "m");
  assert.deepEqual([outcome.fate, outcome.unconfirmed], ["delivered", true]);
  assertBalance(client.stats(), { accepted: 1, delivered: 1, unconfirmed: 1 });
  while (!(await inStats())) await new Promise((done) => setTimeout(done, 5));
});

test("a Manager that is away delays, and what is said of it is said", async () => {
  const said = [];
  await fault({ on: "manager", status: 503, count: 4 });
  const client = make({ logger: { warn: (text) => said.push(text) } });
  client.send("g", "s", "patient");
  assert.equal((await client.flush({ timeout: 15_000 })).delivered, 1);
  assert.match(said[0], /no node list for group g: the Manager answered 503; its messages wait/);
  await client.close();
  said.length = 0;
  const other = make({ managerUrl: await nobody(), logger: { warn: (text) => said.push(text) } });
  other.send("g", "s", "m");
  const report = await other.close({ timeout: 4_000 });
  assert.equal(report.dropped, 1);
  assert.match(said[0], /the Manager was not reached: .*ECONNREFUSED/);
});

test("nodes by address need no Manager, and no node delays", async () => {
  const client = make({ nodes: [new URL(await nobody()).host] });
  client.send("g", "s", "m");
  assert.equal((await client.flush({ timeout: 200 })).pending, 1);
  assertBalance(client.stats(), { accepted: 1, pending: 1, maybeDuplicated: 0 });
  const report = await client.close({ timeout: 0 });
  assert.equal(report.dropped, 1);
});

test("close delivers what waits and returns at once, then drops what cannot be", async () => {
  const client = make({ packTimeout: 600_000 });
  client.send("g", "s", "m");
  const begun = performance.now();
  assert.equal((await client.close({ timeout: 10_000 })).delivered, 1);
  assert.ok(performance.now() - begun < 5_000);
  await fault({ ack: "never" });
  const stuck = make();
  const lost = stuck.deliver("g", "s", "m");
  const report = await stuck.close({ timeout: 300 });
  assert.equal(report.dropped, 1);
  const { outcome } = await lost;
  assert.deepEqual([outcome.fate, outcome.reason, outcome.possiblyDelivered], ["dropped", "closed", true]);
  assertBalance(stuck.stats(), { accepted: 1, dropped: 1 });
});

test("garbage and answers in pieces from a node: no trap, nothing lost", async (t) => {
  // Between client and node: hands the first connection garbage, cuts the answers of the others into single bytes.
  let connections = 0;
  const [node] = (await (await fetch(`${server.manager}/g`, { method: "POST" })).json()).data.nodeList;
  const proxy = createServer((socket) => {
    socket.on("error", () => {});
    if (++connections == 1) return socket.end(Buffer.from([0xff, 0xff, 0xff, 0xff, 1, 2, 3]));
    const upstream = connect(node.port, node.ip);
    upstream.on("error", () => {});
    socket.setNoDelay(true);
    socket.on("data", (bytes) => upstream.write(bytes));
    upstream.on("data", (bytes) => {
      for (const byte of bytes) socket.write(Uint8Array.of(byte));
    });
    socket.on("close", () => upstream.destroy());
  });
  await once(proxy.listen(0, "127.0.0.1"), "listening");
  t.after(() => proxy.close());
  const client = make({ nodes: `127.0.0.1:${proxy.address().port}` });
  for (let n = 0; n < 10; n++) client.send("g", "s" + n, "m" + n);
  assert.equal((await client.flush()).delivered, 10);
  assert.equal((await server.messages()).length, 10);
  assertBalance(client.stats(), { accepted: 10, delivered: 10 });
  await client.close();
});

test("a node list counts only where `success` is true itself", async (t) => {
  const list = await (await fetch(`${server.manager}/g`, { method: "POST" })).json();
  let success = "true";
  const manager = createHttpServer((_, answer) => answer.end(JSON.stringify({ ...list, success })));
  await once(manager.listen(0, "127.0.0.1"), "listening");
  t.after(() => manager.close());
  const managerUrl = `http://127.0.0.1:${manager.address().port}`;
  for (const [given, arrived] of [["true", 0], [1, 0], [true, 1]]) {
    success = given;
    const client = make({ managerUrl });
    client.send("g", "s", "m");
    const { delivered } = await client.flush({ timeout: arrived ? 10_000 : 300 });
    assert.equal(delivered, arrived, `${given}`);
    await client.close({ timeout: 0 });
  }
});

test("sending in a callback is fine, and one that throws is named", async () => {
  const said = [];
  let again = true;
  const client = make({
    logger: { warn: (...told) => said.push(told.join(" ")) },
    onOutcome() {
      if (again) client.send("g", "s", "from within");
      again = false;
      throw new Error("the application's");
    },
  });
  client.send("g", "s", "m");
  await client.flush();
  await client.flush();
  assert.deepEqual((await server.messages()).sort(), ["from within", "m"]);
  assert.match(said[0], /onOutcome: Error: the application's/);
});

test("several clients know nothing of one another", async () => {
  const [one, two] = [make({ packTimeout: 5 }), make({ packTimeout: 5, msgType: 5 })];
  const sent = await Promise.all([one, two].map((client, place) => client.deliver("g", "s" + place, "m" + place)));
  assert.deepEqual(sent.map(({ outcome }) => outcome.fate), ["delivered", "delivered"]);
  await one.close();
  assert.equal((await two.deliver("g", "s", "m")).outcome.fate, "delivered");
  assertBalance(one.stats(), { accepted: 1, delivered: 1 });
  assertBalance(two.stats(), { accepted: 2, delivered: 2 });
});
