// The packed package in Node, Deno and Bun, each as a process of its own, against the collector.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { writeFileSync } from "node:fs";
import { networkInterfaces } from "node:os";
import { join } from "node:path";
import { after, before, beforeEach, test } from "node:test";
import { promisify } from "node:util";
import { assertBalance, collector, nobody, project } from "../node/setup.mjs";
import { runtimes } from "./programs.mjs";

const HEAD = `import { GrowingTracker, double } from "trackwire/growingio";
const [serverHost] = globalThis.Deno?.args ?? process.argv.slice(2);
const make = (options) => new GrowingTracker({
  productId: "p", dataSourceId: "d", serverHost, retryBackoffFactor: 0.01,
  logger: { log() {}, warn: (text) => console.log(JSON.stringify({ warning: String(text) })) }, ...options,
});
const tell = (what) => console.log(JSON.stringify(what));
`;

let dir, remove, server;

before(async () => {
  ({ dir, remove } = project());
  server = await collector("--inlong-listen", "127.0.0.1:0", "--inlong-nodes", "2");
});
after(() => {
  server?.stop();
  remove?.();
});
beforeEach(() => server.reset());

/** Runs a script to its end; what it told, line by line. */
async function run({ name, command: [program, ...args] }, script, host = server.url, head = HEAD) {
  const file = `${name}.mjs`;
  writeFileSync(join(dir, file), head + script);
  const env = { ...process.env, DENO_NO_UPDATE_CHECK: "1", DO_NOT_TRACK: "1" };
  const { stdout } = await promisify(execFile)(program, [...args, file, host], { cwd: dir, env, timeout: 30_000 });
  return stdout.trim().split("\n").map((line) => JSON.parse(line));
}

for (const runtime of runtimes) {
  test(`${runtime.name}: every kind, flushed and closed`, async () => {
    const [report, closed, stats] = await run(
      runtime,
      `const tracker = make({ consumer: "buffered" });
      tracker.trackCustomEvent("buy", { loginUserId: "u1", attributes: { price: double(9), big: 2n ** 53n } });
      tracker.setLoginUserAttributes({ loginUserId: "u1", attributes: { cohort: "a" } });
      tracker.submitItem({ itemId: "i", itemKey: "k", attributes: { title: "Kettle" } });
      tracker.submitUserMapping({ identities: { email: "a@b.example", phone: "1" } });
      tell(await tracker.flush());
      tracker.trackJson('{"track":"raw","user":"u2"}');
      tell(await tracker.close());
      tell(tracker.stats());`,
    );
    assert.deepEqual(report, { delivered: 4, rejected: 0, expired: 0, dropped: 0, pending: 0 });
    assert.equal(closed.delivered, 1);
    assertBalance(stats, { accepted: 5, delivered: 5 });
    const kinds = (await server.records()).map(({ kind }) => kind);
    assert.deepEqual(kinds.sort(), ["item", "mapping", "track", "track", "user"]);
  });

  test(`${runtime.name}: a process with nothing else to do flushes once and ends`, async () => {
    const [{ pending }] = await run(
      runtime,
      `const tracker = make({ consumer: { type: "async", flushAfter: 60_000 } });
      for (let n = 0; n < 3; n++) tracker.trackCustomEvent("buy", { loginUserId: "u" + n });
      tell(tracker.stats());`,
    );
    assert.equal(pending, 3);
    assert.equal((await server.records()).length, 3);
    assert.equal((await server.get("/trackwire/stats")).requests, 1);
  });

  test(`${runtime.name}: a process that cannot deliver says what is pending and ends`, async () => {
    await server.fault({ delay_ms: 60_000, drop: "before" });
    const said = await run(
      runtime,
      `const tracker = make({ requestTimeout: 300, consumer: "buffered" });
      for (let n = 0; n < 3; n++) tracker.trackCustomEvent("buy", { loginUserId: "u" + n });`,
    );
    assert.deepEqual(said, [{ warning: "trackwire: the process ends with 3 events pending" }]);
  });

  test(`${runtime.name}: what a refused connection never took is no duplicate`, async () => {
    const said = await run(
      runtime,
      `const tracker = make();
      tracker.trackCustomEvent("buy", { loginUserId: "u" });
      tell(await tracker.flush({ timeout: 400 }));
      tell(tracker.stats());
      await tracker.close({ timeout: 0 });
      tell(tracker.stats());`,
      await nobody(),
    );
    const [report, before, after] = said;
    assert.equal(report.pending, 1);
    assert.ok(before.retries >= 1, JSON.stringify(before));
    assertBalance(before, { accepted: 1, pending: 1, maybeDuplicated: 0 });
    assertBalance(after, { accepted: 1, dropped: 1 });
  });

  test(`${runtime.name}: an outage, then well`, async () => {
    await server.fault({ status: 503, count: 2 });
    const [report, stats] = await run(
      runtime,
      `const tracker = make({ consumer: "buffered" });
      for (let n = 0; n < 10; n++) tracker.trackCustomEvent("buy", { loginUserId: "u" + n });
      tell(await tracker.flush());
      tell(tracker.stats());`,
    );
    assert.equal(report.delivered, 10);
    assertBalance(stats, { accepted: 10, delivered: 10, requests: 3, retries: 2 });
    assert.equal((await server.records()).length, 10);
  });
}

/** The same with more permissions, which Deno alone knows. */
const allowed = ({ name, command }, ...permissions) => ({ name, command: name == "Deno" ? [...command, ...permissions] : command });

const INLONG = `import { InLongClient } from "trackwire/inlong";
const [managerUrl] = globalThis.Deno?.args ?? process.argv.slice(2);
const make = (options) => new InLongClient({
  managerUrl, packTimeout: 20, logger: { warn: (text) => console.log(JSON.stringify({ warning: String(text) })) }, ...options,
});
const tell = (what) => console.log(JSON.stringify(what));
`;

for (const runtime of runtimes) {
  test(`${runtime.name}, InLong: text and bytes over TCP and HTTP, flushed and closed`, async () => {
    const [report, fate, closed, stats] = await run(
      runtime,
      `const client = make();
      client.send("g", "s", "grüße");
      client.send("g", "s", new Uint8Array([0, 255]));
      tell(await client.flush());
      tell((await client.deliver("g", "s", "with a promise", { attributes: { k: "v" } })).outcome.fate);
      const other = make({ httpUrl: managerUrl.replace(/.inlong.*/, "/dataproxy/message") });
      other.send("g", "http", "by HTTP");
      tell(await other.close());
      await client.close();
      tell(client.stats());`,
      server.manager,
      INLONG,
    );
    assert.deepEqual(report, { delivered: 2, rejected: 0, expired: 0, dropped: 0, pending: 0 });
    assert.deepEqual([fate, closed.delivered], ["delivered", 1]);
    assertBalance(stats, { accepted: 3, delivered: 3, maybeDuplicated: 0 });
    const [text, bytes, last] = await server.messages("g/s");
    assert.deepEqual([text, [...bytes], last], ["grüße", [0, 255], "with a promise"]);
    assert.deepEqual(await server.messages("g/http"), ["by HTTP"]);
  });

  test(`${runtime.name}, InLong: a process with nothing else to do flushes once and ends, its connections too`, async () => {
    const [{ pending }] = await run(
      runtime,
      `const client = make({ packTimeout: 600_000 });
      await client.deliver("g", "s", "m").catch(() => {}, client.flush());
      for (let n = 0; n < 3; n++) client.send("g", "s", "m" + n);
      tell(client.stats());`,
      server.manager,
      INLONG,
    );
    assert.equal(pending, 3);
    assert.equal((await server.messages("g/s")).length, 4);
  });

  test(`${runtime.name}, InLong: a node goes and comes back`, async () => {
    const down = { system: "inlong", down: true };
    await server.fault(down);
    const ran = run(
      runtime,
      `const client = make({ requestTimeout: 2000 });
      client.send("g", "s", "patient");
      tell(await client.flush({ timeout: 300 }));
      await fetch(managerUrl.replace(/.inlong.*/, "/trackwire/faults"), { method: "POST", body: '{"faults":[]}' });
      tell(await client.flush({ timeout: 15_000 }));
      tell(client.stats());`,
      server.manager,
      INLONG,
    );
    const [before, after, stats] = await ran;
    assert.deepEqual([before.pending, after.delivered], [1, 1]);
    assertBalance(stats, { accepted: 1, delivered: 1, maybeDuplicated: 0 });
  });
  test(`${runtime.name}, InLong: the machine's own address, where it may be known`, async () => {
    const script = `tell((await make().deliver("g", "s", "m")).clientIp);
      tell((await make({ serIp: "10.1.2.3" }).deliver("g", "s", "m")).clientIp);`;
    const [own] = Object.values(networkInterfaces()).flat().filter(({ family, internal }) => family == "IPv4" && !internal);
    const address = own?.address ?? "127.0.0.1";
    assert.deepEqual(await run(allowed(runtime, "--allow-sys"), script, server.manager, INLONG), [address, "10.1.2.3"]);
    if (runtime.name != "Deno") return;
    // Nothing is touched that would have Deno ask whoever sits at the terminal.
    const watched = `const { getBuiltinModule } = process;
      process.getBuiltinModule = (name) => (tell(name), getBuiltinModule(name));`;
    assert.deepEqual(await run(runtime, watched + script, server.manager, INLONG), ["127.0.0.1", "10.1.2.3"]);
  });
  test(`${runtime.name}, InLong: node lists are kept in a file, for a start without a Manager`, async () => {
    const script = `const client = make({ cacheFile: "${runtime.name}.ini" });
      client.send("g", "s", "m");
      tell(await client.close());`;
    const permitted = allowed(runtime, "--allow-read=.", "--allow-write=.");
    const delivered = { delivered: 1, rejected: 0, expired: 0, dropped: 0, pending: 0 };
    if (runtime.name == "Deno") {
      // Without permission it says so, and goes without.
      const said = await run(runtime, script, server.manager, INLONG);
      assert.deepEqual(said.filter(({ warning }) => !warning), [delivered]);
      assert.match(said.find(({ warning }) => warning).warning, /cannot be kept in Deno.ini: .*--allow-read is missing/);
    }
    assert.deepEqual(await run(permitted, script, server.manager, INLONG), [delivered]);
    assert.deepEqual(await run(permitted, script, (await nobody()) + "/list", INLONG), [delivered]);
    assert.equal((await server.messages("g/s")).length, runtime.name == "Deno" ? 3 : 2);
  });
}
