// The packed InLong client in Node, against the collector.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import { join } from "node:path";
import { after, before, beforeEach, test } from "node:test";
import { pathToFileURL } from "node:url";
import { assertBalance, collector, project } from "./setup.mjs";

let dir, remove, server, module, made;

before(async () => {
  ({ dir, remove } = project());
  server = await collector("--inlong-listen", "127.0.0.1:0", "--inlong-nodes", "3", "--inlong-unknown", "nowhere", "--inlong-auth", "id:key");
  const entry = createRequire(join(dir, "x.js")).resolve("trackwire/inlong").replace(/\.cjs$/, ".js");
  module = await import(pathToFileURL(entry));
});
after(async () => {
  server?.stop();
  remove?.();
});
beforeEach(async () => {
  await made?.close({ timeout: 0 });
  made = undefined;
  await server.reset();
});

/** A client, which is closed after its test. */
const make = (options) =>
  (made = new module.InLongClient({
    managerUrl: server.manager,
    needAuth: true,
    authId: "id",
    authKey: "key",
    packTimeout: 20,
    logger: { warn() {} },
    ...options,
  }));
/** Where one node takes messages over HTTP. */
const http = () => ({ httpUrl: `${server.url}/dataproxy/message` });
const numbered = (count, size = 0) => Array.from({ length: count }, (_, n) => `${n} ${"x".repeat(size)}`);

for (const options of [{}, { msgType: 5 }, { msgType: 3 }, { msgType: 6 }, { extendField: 1 }, { extendField: 0x20 }, { protocol: "http" }]) {
  test(`messages of several streams arrive: ${JSON.stringify(options)}`, async () => {
    const outcomes = [];
    const client = make({ ...options, onOutcome: (outcome) => outcomes.push(outcome) });
    const texts = ["plain", "grüße 你好 🎉", "a&b=c\ttab", "two\nlines"];
    for (const text of texts) assert.equal(client.send("g1", "s1", text), true);
    client.send("g1", "s2", "other", { time: 1710325284000 });
    client.send("g2", "s1", "another");
    assert.deepEqual(await client.flush(), { delivered: 6, rejected: 0, expired: 0, dropped: 0, pending: 0 });
    assert.deepEqual((await server.messages("g1/s1")).sort(), [...texts].sort());
    assert.deepEqual([await server.messages("g1/s2"), await server.messages("g2/s1")], [["other"], ["another"]]);
    const [dated] = (await server.records()).filter(({ name }) => name == "g1/s2");
    if (options.msgType == 6 || options.extendField == 1) {
      // It stands with the message, in local time.
      const at = new Date(1710325284000);
      const digits = [at.getFullYear(), at.getMonth() + 1, at.getDate(), at.getHours(), at.getMinutes(), at.getSeconds()];
      assert.equal(dated.attributes.__addcol1__reptime, digits.map((part) => String(part).padStart(2, "0")).join(""));
    } else {
      assert.equal(dated.time, 1710325284000);
    }
    assertBalance(client.stats(), { accepted: 6, delivered: 6, maybeDuplicated: 0 });
    assert.equal(outcomes.reduce((sum, { count }) => sum + count, 0), 6);
  });
}

test("binary messages arrive byte by byte, also out of a larger buffer", async () => {
  const all = Uint8Array.from({ length: 256 }, (_, n) => n);
  const client = make();
  client.send("g1", "s1", all);
  client.send("g1", "s1", Buffer.from("....\0\xff...", "latin1").subarray(4, 6));
  await client.flush();
  const [first, second] = await server.messages();
  assert.deepEqual(Buffer.from(first), Buffer.from(all));
  assert.deepEqual([...second], [0, 255]);
});

test("large packs are compressed and arrive whole, small ones go as they are", async () => {
  const client = make({ packTimeout: 10_000 });
  client.send("g1", "small", "x");
  const texts = numbered(20_000, 60);
  assert.equal(client.sendAll(texts.map((message) => ({ groupId: "g1", streamId: "s1", message }))), 20_000);
  const report = await client.flush({ timeout: 30_000 });
  assert.equal(report.delivered, 20_001);
  const { plainBytes, sentBytes, batches } = client.stats();
  assert.ok(sentBytes < plainBytes / 3, `${sentBytes} of ${plainBytes}`);
  assert.ok(batches < 100, batches);
  const { records } = await server.get("/trackwire/good?limit=10000&name=g1/s1");
  const types = new Set(records.map(({ request }) => request.headers.type));
  assert.deepEqual([...types], ["0x27"]);
  assert.equal((await server.get("/trackwire/stats")).good, 20_001);
  assertBalance(client.stats(), { accepted: 20_001, delivered: 20_001 });
});

for (const options of [{}, { protocol: "http", packSize: 1 << 20 }]) {
  test(`what is written for the module after a long message gets there: ${JSON.stringify(options)}`, async () => {
    const client = make(options);
    // Before its group's nodes are known, and between lists and answers of others.
    for (const [n, size] of [1400, 2000, 20_000, 5, 50_000].entries()) {
      client.send(`g${n}`, "s1", "x".repeat(size));
      assert.equal((await client.flush({ timeout: 10_000 })).delivered, 1, `${size} bytes`);
      client.send(`g${n}`, "s1", new Uint8Array(size));
      client.send(`other${n}`, "s1", "y");
      assert.equal((await client.flush({ timeout: 10_000 })).delivered, 2, `${size} bytes`);
    }
    assert.equal((await server.messages()).length, 15);
    assertBalance(client.stats(), { accepted: 15, delivered: 15, maybeDuplicated: 0 });
  });
}

test("a promise for a message says what became of it", async () => {
  const client = make({ serIp: "10.1.2.3" });
  const delivery = await client.deliver("g1", "s1", "grüße", { tag: { any: "thing" }, time: new Date(1710325284000) });
  const { outcome, ...six } = delivery;
  assert.deepEqual(six, {
    groupId: "g1",
    streamId: "s1",
    message: "grüße",
    messageLength: 7,
    reportTime: 1710325284000,
    clientIp: "10.1.2.3",
  });
  assert.deepEqual([outcome.fate, outcome.count, outcome.tag], ["delivered", 1, { any: "thing" }]);
});

test("a refusal names the node's code, the rest arrives", async () => {
  const told = [];
  const client = make({ onOutcome: (outcome, delivery) => told.push([outcome.fate, outcome.code, delivery?.message]) });
  const refused = client.deliver("nowhere", "s", "lost");
  client.send("g1", "s1", "here", { tag: 1 });
  const { outcome } = await refused;
  assert.equal(outcome.fate, "rejected");
  assert.ok(outcome.code > 0 && outcome.message, JSON.stringify(outcome));
  await client.flush();
  assert.deepEqual(told.sort(), [["delivered", undefined, "here"], ["rejected", outcome.code, "lost"]]);
  assertBalance(client.stats(), { accepted: 2, delivered: 1, rejected: 1 });
});

test("what passes is tried again: codes of the node, over TCP and HTTP", async () => {
  for (const more of [{}, http()]) {
    await server.reset();
    await server.fault({ system: "inlong", code: 114, count: 2 });
    const client = make(more);
    client.send("g1", "s1", "patient");
    assert.equal((await client.flush()).delivered, 1);
    assert.deepEqual(await server.messages(), ["patient"]);
    assertBalance(client.stats(), { accepted: 1, delivered: 1, retries: 2, maybeDuplicated: 0 });
    await client.close();
  }
});

test("what cannot be sent is refused at the call, with the vendor's number", async () => {
  const client = make({ extPackSize: 1010, maxGroupIdNum: 1, maxStreamIdNum: 1 });
  const refuse = (sdkCode, code, field, ...message) =>
    assert.throws(() => client.send(...message), (error) => {
      assert.ok(error instanceof module.TrackwireError);
      assert.deepEqual([error.sdkCode, error.code, error.field], [sdkCode, code, field], error.message);
      return true;
    });
  refuse(7, "empty", "groupId", "", "s", "m");
  refuse(7, "bad_character", "groupId", "a&b", "s", "m");
  refuse(7, "bad_character", "streamId", "g", "grün", "m");
  refuse(7, "bad_character", "streamId", "g", "a\0b", "m");
  refuse(7, "empty", "message", "g", "s", "");
  refuse(7, "wrong_type", "message", "g", "s", { not: "text" });
  refuse(7, "wrong_type", "message", "g", "s", undefined);
  refuse(7, "wrong_type", "groupId", 1, "s", "m");
  refuse(7, "not_finite", "time", "g", "s", "m", { time: NaN });
  refuse(7, "bad_character", "attributes.k", "g", "s", "m", { attributes: { k: "a=b" } });
  refuse(7, "unknown_field", "attributes.groupId", "g", "s", "m", { attributes: { groupId: "x" } });
  refuse(7, "wrong_type", "attributes.k", "g", "s", "m", { attributes: { k: 1 } });
  refuse(6, "too_large", "message", "g", "s", "x".repeat(1001));
  refuse(6, "too_large", "message", "g", "s", "ü".repeat(501));
  refuse(6, "too_large", "message", "g", "s", "x".repeat(21e6));
  client.send("g", "s", "x".repeat(1000));
  refuse(18, "out_of_range", "groupId", "g2", "s", "m");
  await assert.rejects(client.deliver("", "s", "m"), { sdkCode: 7 });
  await client.close();
  refuse(10, "closed", "client", "g", "s", "m");
  await assert.rejects(client.deliver("g", "s", "m"), { sdkCode: 10 });
  assertBalance(client.stats(), { accepted: 1, delivered: 1, invalid: 17, ignored: 2 });
});

test("a full queue says so, and takes again when it has room", async () => {
  await server.fault({ system: "inlong", on: "manager", status: 503 });
  const client = make({ recvBufSize: 100_000 });
  const texts = numbered(2_000, 100);
  assert.throws(() => client.sendAll(texts.map((message) => ({ groupId: "g", streamId: "s", message }))), (error) => {
    assert.deepEqual([error.sdkCode, error.code], [8, "full"]);
    assert.ok(error.taken > 500 && error.taken < 1_000, error.taken);
    return true;
  });
  await server.fault();
  await client.flush();
  assert.equal(client.send("g", "s", "again"), true);
  assert.equal(client.stats().refusedFull, 1);
});

test("who waits for room is never refused", async () => {
  const client = make({ recvBufSize: 100_000 });
  for (const message of numbered(5_000, 100)) {
    await client.ready();
    client.send("g", "s", message);
  }
  assert.equal((await client.flush()).pending, 0);
  assertBalance(client.stats(), { accepted: 5_000, delivered: 5_000, refusedFull: 0 });
});

test("with `onInvalid: report` nothing is thrown", async () => {
  const told = [];
  const client = make({ onInvalid: "report", onOutcome: (outcome) => told.push(outcome) });
  assert.equal(client.send("g", "", "m", { tag: "t" }), false);
  const [{ fate, code, field, tag }] = told;
  assert.deepEqual([fate, code, field, tag], ["invalid", "empty", "streamId", "t"]);
});

test("the vendor's configuration is taken as it is, and what has no effect is named", async () => {
  const said = [];
  const config = {
    "init-param": {
      inlong_group_ids: "g1,g2",
      manager_url: server.manager,
      need_auth: true,
      auth_id: "id",
      auth_key: "key",
      pack_timeout: 20,
      log_level: 2,
      ser_ip: "10.1.2.3",
      thread_num: 4,
    },
  };
  for (const given of [config, JSON.stringify(config)]) {
    const client = (made = new module.InLongClient({ config: given, logger: { warn: (text) => said.push(text) } }));
    const { clientIp, outcome } = await client.deliver("g1", "s1", "by file");
    assert.deepEqual([clientIp, outcome.fate], ["10.1.2.3", "delivered"]);
    await client.close();
  }
  assert.equal(said.length, 2);
  assert.match(said[0], /log_level, thread_num/);
});

test("an option that cannot be used is named", () => {
  const refuse = (field, options) =>
    assert.throws(() => new module.InLongClient(options), (error) => {
      assert.deepEqual([error.code, error.field, error.sdkCode], ["option", field, 5], error.message);
      return true;
    });
  refuse("packSize", { packSize: 0 });
  refuse("packSize", { config: { "init-param": { pack_size: "1" } } });
  refuse("config", { config: "{" });
  refuse("config", { config: {} });
  refuse("msgType", { msgType: 4 });
  refuse("extendField", { extendField: 8 });
  refuse("enableZip", { enableZip: 1 });
  refuse("nodes", { nodes: ["no port"] });
  refuse("nodes", { nodes: "host:70000" });
  refuse("httpUrl", { httpUrl: "ftp://x" });
  refuse("httpUrl", { httpUrl: "http://x/m", protocol: "tcp" });
  refuse("managerUrl", { managerUrl: "manager:8083" });
  refuse("authKey", { needAuth: true, authId: "id" });
  refuse("authId", { needAuth: true, authId: "i:d", authKey: "key" });
  refuse("protocol", { protocol: "udp" });
  refuse("extend_report", { config: { "init-param": { extend_report: true } } });
  refuse("httpUrl", { httpUrl: "/dataproxy/message" });
  refuse("isAck", { httpUrl: "http://x/m", isAck: false });
  refuse("extendField", { extendField: 0x21 });
  refuse("serIp", { serIp: "10.0.0.1&x=1" });
  refuse("inlongGroupIds", { inlongGroupIds: ["a&b"] });
  refuse("clock", { clock: 1 });
  const route = { groupId: "g", streamId: "s" };
  const lines = (more) => ({ ...route, format: { delimiter: "|", fields: ["item"], ...more } });
  refuse("mapping.track", { mapping: { track: { groupId: "g" } } });
  refuse("mapping.events", { mapping: { events: route } });
  refuse("mapping.user", { mapping: { user: { ...route, format: "xml" } } });
  refuse("mapping.item", { mapping: { item: lines({ delimiter: "||" }) } });
  refuse("mapping.item", { mapping: { item: lines({ escape: "|" }) } });
  refuse("mapping.item", { mapping: { item: lines({ fields: [] }) } });
  refuse("mapping.item", { mapping: { item: lines({ fields: ["event"] }) } });
  refuse("attributes.groupId", { attributes: { groupId: "x" } });
  refuse("attributes.k", { attributes: { k: "a&b" } });
  refuse("inlongGroupIds", { inlongGroupIds: "fine,gr=oup" });
});

test("what is undefined is not given, and leaves what the file says", async () => {
  const config = { "init-param": { manager_url: server.manager, pack_timeout: 20 } };
  const client = make({ config, managerUrl: undefined, packTimeout: undefined });
  client.send("g1", "s1", "m");
  await client.flush();
  assert.deepEqual(await server.messages("g1/s1"), ["m"]);
});

test("the nodes of groups that are named are asked for at the start", async () => {
  const asked = new Set();
  let both;
  const done = new Promise((resolve) => (both = resolve));
  const manager = createServer((request, response) => {
    asked.add(request.url);
    response.end('{"success":true,"errMsg":null,"data":{"clusterId":1,"load":20,"nodeList":[{"id":1,"ip":"127.0.0.1","port":9}]}}');
    if (asked.size == 2) both();
  });
  await new Promise((resolve) => manager.listen(0, "127.0.0.1", resolve));
  try {
    make({ managerUrl: `http://127.0.0.1:${manager.address().port}/list`, inlongGroupIds: "a,b" });
    await done;
    assert.deepEqual([...asked].sort(), ["/list/a", "/list/b"]);
  } finally {
    manager.closeAllConnections();
    manager.close();
  }
});

test("a long message may be the first: its group is asked for, and what its nodes take holds", async () => {
  const wide = await collector("--inlong-listen", "127.0.0.1:0", "--inlong-max-packet", "400000", "--inlong-max-frame", "400000");
  try {
    const client = make({ managerUrl: wide.manager, needAuth: false });
    const long = "x".repeat(100_000);
    assert.throws(() => client.send("g1", "s1", long), { sdkCode: 6 });
    // By a small one it is seen that the list is there.
    await client.deliver("g1", "s1", "small");
    client.send("g1", "s1", long);
    await client.flush();
    assert.equal((await wide.messages("g1/s1")).length, 2);
  } finally {
    await made.close({ timeout: 0 });
    wide.stop();
  }
});

test("what an event says by itself is not said by its fields", async () => {
  const client = make({ mapping: { track: { groupId: "g1", streamId: "events" } } });
  client.track("buy", { loginUserId: "u1", eventTime: 1710325284000, fields: { track: "evil", user: "mallory", time: 5, title: "t" } });
  await client.flush();
  const [text] = await server.messages("g1/events");
  assert.deepEqual(JSON.parse(text), { track: "buy", user: "u1", time: 1710325284000, title: "t" });
});

test("events go as messages by the mapping, as JSON and as delimited text", async () => {
  const at = Date.UTC(2024, 2, 13);
  const fields = ["event", "user", "time", "attributes.price", "attributes.a.b", "attributes.tags", "attributes.at", "resource_item.id", "resource_item.attributes.title", "fields.domain", "attributes.none"];
  const client = make({
    clock: () => at,
    mapping: {
      track: { groupId: "g", streamId: "lines", format: { delimiter: "|", escape: "\\", fields } },
      user: { groupId: "g", streamId: "users", format: "json" },
      item: { groupId: "g", streamId: "items", format: { delimiter: "\t", fields: ["item", "key", "attributes.title"] } },
    },
  });
  client.track("buy", {
    loginUserId: "u|1",
    attributes: { price: module.double(9), "a.b": true, tags: ["x|y", 1n], at: new Date(at), none: null },
    resourceItem: { id: "sku", key: "product", attributes: { title: "two\nlines" } },
    fields: { domain: "shop.example" },
  });
  client.user({ loginUserId: "u", attributes: { a: 1 } });
  client.item({ itemId: "sku", itemKey: "product", attributes: { title: "Kettle" } });
  assert.equal((await client.flush()).delivered, 3);
  const line = 'buy|u\\|1|1710288000000|9.0|true|["x\\|y",1]|2024-03-13T00:00:00.000Z|sku|two\\\nlines|shop.example|';
  assert.deepEqual(await server.messages("g/lines"), [line]);
  assert.deepEqual(await server.messages("g/users"), [`{"user":"u","time":${at},"attributes":{"a":1}}`]);
  assert.deepEqual(await server.messages("g/items"), ["sku\tproduct\tKettle"]);
  const refuse = (field, act) => assert.throws(act, { sdkCode: 7, field });
  refuse("event", () => client.track(""));
  refuse("key", () => client.item({ itemId: "i" }));
  refuse("attributes.title", () => client.item({ itemId: "i", itemKey: "k", attributes: { title: "a\tb" } }));
  refuse("attributes.n", () => client.user({ attributes: { n: NaN } }));
  refuse("track", () => make().track("buy"));
  assertBalance(client.stats(), { accepted: 3, delivered: 3, invalid: 4 });
  await client.close();
});

test("importing by require works, and a process with nothing else to do flushes once and ends", () => {
  const script = `const { InLongClient } = require("trackwire/inlong");
  const client = new InLongClient({ managerUrl: process.argv[2], needAuth: true, authId: "id", authKey: "key", packTimeout: 600000 });
  for (let n = 0; n < 3; n++) client.send("g1", "s1", "m" + n);
  process.on("exit", () => console.log(JSON.stringify(client.stats())));`;
  writeFileSync(join(dir, "last.cjs"), script);
  const out = execFileSync(process.execPath, ["last.cjs", server.manager], { cwd: dir, encoding: "utf8", timeout: 20_000 });
  assertBalance(JSON.parse(out), { accepted: 3, delivered: 3 });
});
