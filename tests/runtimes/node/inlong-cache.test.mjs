// The vendor's cache file of node lists, kept by the packed InLong client in Node, and by the one for Rust.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, afterEach, before, beforeEach, test } from "node:test";
import { pathToFileURL } from "node:url";
import { promisify } from "node:util";
import { collector, nobody, project, root } from "./setup.mjs";

let dir, remove, server, module, file;

before(async () => {
  ({ dir, remove } = project());
  server = await collector("--inlong-listen", "127.0.0.1:0", "--inlong-nodes", "2");
  const entry = createRequire(join(dir, "x.js")).resolve("trackwire/inlong").replace(/\.cjs$/, ".js");
  module = await import(pathToFileURL(entry));
});
after(() => {
  server?.stop();
  remove?.();
});
beforeEach(async () => {
  file = join(mkdtempSync(join(tmpdir(), "trackwire-")), "lists.ini");
  await server.reset();
});
afterEach(() => rmSync(join(file, ".."), { recursive: true }));

const noManager = async () => (await nobody()) + "/list";

/** Sends messages to groups with a client of the npm package, as a process of its own: it ends when its file is written. */
async function fromNode(options, ...groups) {
  const script = `const { InLongClient } = require("trackwire/inlong");
    const [options, groups] = JSON.parse(process.argv[1]);
    const client = new InLongClient({ packTimeout: 20, logger: { warn: (text) => console.log(text) }, ...options });
    for (const group of groups) client.send(group, "s", "to " + group);
    client.close({ timeout: 10_000 }).then(({ delivered }) => console.log("delivered " + delivered));`;
  const given = JSON.stringify([{ cacheFile: file, ...options }, groups]);
  const { stdout } = await promisify(execFile)(process.execPath, ["-e", script, given], { cwd: dir });
  return stdout.trim().split("\n");
}

/** The same with the client for Rust, of a configuration. */
async function fromRust(manager_url, group) {
  const config = join(file, "../config.json");
  const lines = join(file, "../lines");
  writeFileSync(config, JSON.stringify({ "init-param": { manager_url, cache_file: file, pack_timeout: 20 } }));
  writeFileSync(lines, `to ${group}\n`);
  const binary = process.env.TRACKWIRE_BIN ?? join(root, "target/debug/trackwire");
  await promisify(execFile)(binary, ["send", "inlong", "--config", config, "--group", group, "--stream", "s", lines]);
}

test("what the client for Rust keeps, this one reads, and the other way round", async () => {
  await fromRust(server.manager, "g1");
  assert.deepEqual(await fromNode({ managerUrl: await noManager() }, "g1"), ["delivered 1"]);
  // What is kept of others stays.
  assert.deepEqual(await fromNode({ managerUrl: server.manager }, "g2"), ["delivered 1"]);
  const text = readFileSync(file, "utf8");
  assert.match(text, /^\[groupid0\]\ngroupid=g1\nproxy_cfg=\{.+\}\n\[groupid1\]\ngroupid=g2\nproxy_cfg=\{.+\}\n\[main\]\ngroupid_count=2\n$/);
  await fromRust(await noManager(), "g2");
  assert.deepEqual((await server.messages()).sort(), ["to g1", "to g1", "to g2", "to g2"]);
  // Nothing half written is left.
  assert.deepEqual(readdirSync(join(file, "..")).sort(), ["config.json", "lines", "lists.ini"]);
});

test("the Manager's list is asked for all the same, and replaces the kept one", async () => {
  const nobodys = new URL(await nobody());
  const list = { success: true, data: { clusterId: 1, nodeList: [{ id: 1, ip: nobodys.hostname, port: +nobodys.port }] } };
  writeFileSync(file, `; a comment\r\n[groupid0]\r\n groupid = g\r\nproxy_cfg = ${JSON.stringify(list)}\r\n[main]\r\ngroupid_count=1\r\n`);
  assert.deepEqual(await fromNode({ managerUrl: server.manager }, "g"), ["delivered 1"]);
  assert.doesNotMatch(readFileSync(file, "utf8"), RegExp(nobodys.port));
});

test("the configuration turns it on with the vendor's name for the file, and off", async () => {
  const config = (more) => ({ cacheFile: undefined, config: { "init-param": { manager_url: server.manager, ...more } } });
  const own = join(dir, ".proxy_list.ini");
  await fromNode(config({}), "g");
  await fromNode({ ...config({ cache_file: file }), enableLocalCache: false }, "g");
  assert.deepEqual([existsSync(own), existsSync(file)], [false, false]);
  await fromNode(config({ enable_local_cache: true }), "g");
  assert.deepEqual([existsSync(own), existsSync(file)], [true, false]);
  await fromNode(config({ enable_local_cache: true, cache_file: file }), "g");
  assert.ok(existsSync(file));
});

test("given nodes are not kept", async () => {
  const { data } = await (await fetch(`${server.manager}/g`, { method: "POST" })).json();
  const [{ ip, port }] = data.nodeList;
  assert.deepEqual(await fromNode({ nodes: `${ip}:${port}` }, "g"), ["delivered 1"]);
  assert.equal(existsSync(file), false);
});

test("a strange file does no harm and is named", async () => {
  const read = (text) => {
    writeFileSync(file, text);
    const said = [];
    const logger = { warn: (text) => said.push(text) };
    void new module.InLongClient({ nodes: [], managerUrl: server.manager, cacheFile: file, logger }).close({ timeout: 0 });
    return said;
  };
  const list = '{"success":true,"data":{"nodeList":[{"ip":"127.0.0.1","port":1}]}}';
  assert.deepEqual(read(`[groupid0]\ngroupid=a\nproxy_cfg=${list}\n`), []);
  assert.deepEqual(read(""), []);
  for (const text of ["\0\0\0", "<html>", "x".repeat((4 << 20) + 1), `groupid=a\nproxy_cfg=${list}`]) {
    assert.match(read(text).join(), /is not read: no group stands in it/);
  }
  const [one, two, three, ...more] = read(
    `[groupid0]\ngroupid=a&b\nproxy_cfg=${list}\n[groupid1]\ngroupid=c\nproxy_cfg={\n[groupid2]\nproxy_cfg=${list}
    [other]\ngroupid=d\n[groupid3]\ngroupid=e\nproxy_cfg={"success":true,"data":{"nodeList":[{"ip":"a\\u0000b","port":1}]}}`,
  );
  assert.match(one, /lacks/);
  assert.match(two, /the answer is not the Manager's/);
  assert.match(three, /lacks/);
  assert.match(more.join(), /^[^,]*knows no node that can be used[^,]*$/);
  assert.ok(read(Array.from({ length: 1_000 }, (_, n) => `[groupid${n}]\n`).join("")).length <= 50);
});

test("a folder that cannot be written to is named, and messages go all the same", async () => {
  const [said, delivered] = await fromNode({ managerUrl: server.manager, cacheFile: join(file, "none/lists.ini") }, "g");
  assert.match([said, delivered].join(), /the node lists cannot be kept in .*ENOENT/);
});
