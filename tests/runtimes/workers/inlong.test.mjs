// The packed InLong client in workerd, over `cloudflare:sockets` and over HTTP, against the collector.

import assert from "node:assert/strict";
import { get } from "node:http";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, beforeEach, test } from "node:test";
import { Miniflare } from "miniflare";
import { assertBalance, collector, project, root } from "../node/setup.mjs";

const WORKER = `
import { env } from "cloudflare:workers";
import { InLongClient, withClient } from "./inlong.workerd.js";
const warnings = [];
const client = new InLongClient({
  ...env.OPTIONS, packTimeout: 20,
  logger: { warn(...said) { warnings.push(said.join(" ")); } },
});
// At module scope there is no time, no chance and no network, and none is asked for.
client.send("g", "early", "sent at module scope");
const wrapped = withClient(() => client, {
  async fetch() {
    client.send("g", "wrapped", "m");
    return new Response("wrapped");
  },
});
const routes = {
  "/send"({ searchParams }, ctx) {
    const taken = client.send("g", searchParams.get("s") ?? "s", searchParams.get("m") ?? "m");
    ctx.waitUntil(client.flush());
    return taken;
  },
  "/silent": () => [0, 1, 2].map((n) => client.send("g", "silent", "m" + n)),
  // Not waited for: the platform ends it with the request.
  "/abandon": () => (client.send("g", "abandoned", "m"), void client.flush()),
  "/flush": ({ searchParams }) => client.flush({ timeout: +(searchParams.get("timeout") ?? 10_000) }),
  "/deliver": async () => {
    const delivery = client.deliver("g", "s", new Uint8Array([0, 255]));
    await client.flush();
    return (await delivery).outcome;
  },
  "/many": () => client.sendAll(Array.from({ length: 5000 }, (_, n) => ({ groupId: "g", streamId: "many" + n % 3, message: "message " + n }))),
  "/patient": async () => {
    for (let n = 0; n < 3000; n++) {
      await client.ready();
      client.send("g", "patient", "message " + n + "x".repeat(100));
    }
    return client.flush();
  },
  "/stats": () => client.stats(),
  "/warnings": () => warnings,
};
export default {
  async fetch(request, env, ctx) {
    const url = new URL(request.url);
    const route = routes[url.pathname];
    return route ? Response.json((await route(url, ctx)) ?? null) : wrapped.fetch(request, env, ctx);
  },
};`;

let dir, remove, server, worker;
/** What workerd itself says: its warnings and uncaught errors. */
let said;

before(async () => {
  ({ dir, remove } = project());
  server = await collector("--inlong-listen", "127.0.0.1:0", "--inlong-nodes", "3");
});
after(async () => {
  await worker?.dispose();
  server?.stop();
  remove?.();
});
beforeEach(() => server.reset());

const call = async (path) => (await worker.dispatchFetch("http://worker.example" + path)).text();
const json = async (path) => JSON.parse(await call(path));
const fault = (...rules) => server.fault(...rules.map((rule) => ({ system: "inlong", ...rule })));
/** No request's I/O was touched by another's. */
const assertQuiet = () => assert.doesNotMatch(said.join(""), /different request|hang|uncaught|error/i);
const overHttp = () => ({ httpUrl: server.url + "/dataproxy/message" });
const overTcp = () => ({ managerUrl: server.manager });

async function start(OPTIONS, wasm) {
  await worker?.dispose();
  said = [];
  const dist = join(dir, "node_modules/trackwire/dist");
  worker = new Miniflare({
    cf: false,
    modules: [
      { type: "ESModule", path: "main.mjs", contents: WORKER },
      { type: "ESModule", path: "inlong.workerd.js", contents: readFileSync(join(dist, "inlong.workerd.js"), "utf8") },
      { type: "CompiledWasm", path: "inlong.wasm", contents: readFileSync(wasm ?? join(dist, "inlong.wasm")) },
    ],
    compatibilityDate: "2026-04-01",
    bindings: { OPTIONS },
    handleRuntimeStdio(...streams) {
      for (const stream of streams) stream.on("data", (chunk) => said.push(String(chunk)));
    },
  });
  await worker.ready;
}

/** What the collector holds, as soon as it is so much, and that it is not more. */
async function arrived(count) {
  let seen;
  for (let tries = 0; tries < 400; tries++) {
    ({ good: seen } = await server.get("/trackwire/stats"));
    if (seen >= count) break;
    await new Promise((done) => setTimeout(done, 25));
  }
  assert.equal(seen, count);
}

for (const [name, options] of [["TCP", overTcp], ["HTTP", overHttp]]) {
  test(`${name}: fifty overlapping requests on a client at module scope, each with a flush of its own`, async () => {
    await start(options());
    await Promise.all(Array.from({ length: 50 }, (_, n) => call(`/send?m=m${n}`)));
    await arrived(51);
    assert.equal(new Set(await server.messages("g/s")).size, 50);
    assert.deepEqual(await server.messages("g/early"), ["sent at module scope"]);
    await json("/flush");
    assertBalance(await json("/stats"), { accepted: 51, delivered: 51, maybeDuplicated: 0 });
    assertQuiet();
  });

  test(`${name}: nothing leaves but by a flush, and a later one opens connections of its own`, async () => {
    await start(options());
    await call("/silent");
    await call("/stats");
    assert.equal((await server.get("/trackwire/stats")).good, 0);
    assert.equal((await json("/flush")).delivered, 4);
    assert.equal(await json("/many"), 5000);
    assert.equal((await json("/flush")).delivered, 5000);
    await arrived(5004);
    assertBalance(await json("/stats"), { accepted: 5004, delivered: 5004, maybeDuplicated: 0 });
    assert.deepEqual(await json("/warnings"), []);
    assertQuiet();
  });

  test(`${name}: who waits for room is never refused`, async () => {
    await start({ ...options(), recvBufSize: 100_000 });
    assert.equal((await json("/patient")).pending, 0);
    assertBalance(await json("/stats"), { accepted: 3001, delivered: 3001, refusedFull: 0 });
    await arrived(3001);
    assertQuiet();
  });

  test(`${name}: a request that ends in mid-flush: the next one delivers`, async () => {
    await start({ ...options(), requestTimeout: 1_000 });
    await fault({ delay_ms: 3_000, count: 1 });
    await call("/abandon");
    assert.equal((await json("/flush")).pending, 0);
    const stats = await json("/stats");
    assertBalance(stats, { accepted: 2, delivered: 2 });
    assertQuiet();
  });

  test(`${name}: withClient: the answer does not wait`, async () => {
    await start(options());
    await fault({ delay_ms: 300 });
    assert.equal(await call("/other"), "wrapped");
    assertBalance(await json("/stats"), { accepted: 2, pending: 2 });
    await arrived(2);
  });
}

test("a promise for a message, and bytes", async () => {
  await start(overTcp());
  assert.equal((await json("/deliver")).fate, "delivered");
  const [bytes] = await server.messages("g/s");
  assert.deepEqual([...bytes], [0, 255]);
});

test("a request whose client goes away in mid-flush: the next one delivers", async () => {
  await start({ ...overTcp(), requestTimeout: 1_000 });
  await fault({ ack: "never", count: 1 });
  await call("/silent");
  const client = get(new URL("/flush", await worker.ready));
  client.on("error", () => {});
  await arrived(3).catch(() => {});
  client.destroy();
  assert.equal((await json("/flush")).pending, 0);
  assertBalance(await json("/stats"), { accepted: 4, delivered: 4 });
  assertQuiet();
});

test("one of three nodes goes, and a sick one: everything arrives", async () => {
  await start({ ...overTcp(), requestTimeout: 1_000, packSize: 5_000 });
  await fault({ node: 1, down: true }, { node: 2, code: 114, count: 3 });
  await json("/many");
  assert.equal((await json("/flush?timeout=20000")).pending, 0);
  assertBalance(await json("/stats"), { accepted: 5001, delivered: 5001 });
  assertQuiet();
});

test("a panic within the engine: the isolate goes on serving, the books are exact", async () => {
  await start(overTcp(), process.env.TRACKWIRE_TRAP_INLONG ?? join(root, "target/trap-inlong/wasm32-unknown-unknown/debug/trackwire.wasm"));
  await call("/silent");
  assert.equal((await json("/flush")).delivered, 4);
  // Pending when it happens, and lost with it.
  await call("/silent");
  await call("/send?m=__test-panic");
  assertBalance(await json("/stats"), { accepted: 8, delivered: 4, dropped: 4 });
  await Promise.all([1, 2, 3].map((n) => call(`/send?m=m${n}`)));
  await arrived(7);
  await json("/flush");
  assertBalance(await json("/stats"), { accepted: 11, delivered: 7, dropped: 4 });
  assert.match((await json("/warnings"))[0], /unreachable/);
});
