// A throwaway project with the packed package in it, and a collector.

import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { EventEmitter, once } from "node:events";
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { createServer as createHttpServer } from "node:http";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

export const root = join(dirname(fileURLToPath(import.meta.url)), "../../..");
const npm = process.platform == "win32" ? "npm.cmd" : "npm";

/** Packs `pkg` and installs it in a new directory, beside the packed file; `remove` removes that. */
export function project() {
  const dir = mkdtempSync(join(tmpdir(), "trackwire-"));
  execFileSync(npm, ["pack", "--pack-destination", dir, "--silent"], { cwd: join(root, "pkg") });
  const tarball = readdirSync(dir).find((name) => name.endsWith(".tgz"));
  writeFileSync(join(dir, "package.json"), '{ "private": true, "type": "module" }');
  mkdirSync(join(dir, "node_modules"));
  execFileSync(npm, ["install", "--silent", "--offline", "--no-audit", "--no-fund", `./${tarball}`], { cwd: dir });
  return { dir, tarball: join(dir, tarball), remove: () => rmSync(dir, { recursive: true }) };
}

/** Starts the collector on a free port. `faults` is what its `--fault` takes. */
export async function collector(...args) {
  const binary = process.env.TRACKWIRE_BIN ?? join(root, "target/debug/trackwire");
  const child = spawn(binary, ["collect", "--listen", "127.0.0.1:0", ...args], { stdio: ["ignore", "pipe", "inherit"] });
  const url = await new Promise((found, failed) => {
    child.on("exit", () => failed(new Error("the collector ended")));
    const seen = (line) => {
      const url = /http:\/\/127\.0\.0\.1:\d+/.exec(line);
      if (url) found(url[0]);
    };
    createInterface(child.stdout).on("line", seen);
  });
  const get = async (path) => (await fetch(url + path)).json();
  const post = (path, body) => fetch(url + path, { method: "POST", body });
  const fault = (...faults) => post("/trackwire/faults", JSON.stringify({ faults }));
  return {
    url,
    /** Where node lists are to be had, for InLong. */
    manager: url + "/inlong/manager/openapi/dataproxy/getIpList",
    get,
    /** What it does to the requests to come, instead of the faults so far. */
    fault,
    /** What it holds. */
    records: async () => (await get("/trackwire/good?limit=10000")).records,
    /** The texts of the InLong messages that it holds, of a stream where one is named. */
    messages: async (stream) => {
      const { records } = await get("/trackwire/good?limit=10000");
      return records.filter(({ name }) => !stream || name == stream).map(({ raw }) => raw.text ?? Buffer.from(raw.base64, "base64"));
    },
    /** Empty and without faults. */
    reset: () => Promise.all([post("/trackwire/reset"), fault()]),
    stop: () => child.kill(),
  };
}

/** An endpoint that takes JSON and answers what `answer` says: a status or `[status, body]` for the n-th request. */
export async function endpoint(answer = () => 204, port = 0) {
  const taken = new EventEmitter();
  const here = { bodies: [], answer };
  const server = createHttpServer(async (request, response) => {
    const chunks = [];
    for await (const chunk of request) chunks.push(chunk);
    here.bodies.push(Buffer.concat(chunks).toString());
    taken.emit("taken");
    const [status, body] = [await here.answer(here.bodies.length)].flat();
    response.writeHead(status).end(body);
  });
  await once(server.listen(port, "127.0.0.1"), "listening");
  return Object.assign(here, {
    url: `http://127.0.0.1:${server.address().port}`,
    /** The events it has got, repeated ones too. */
    events: () => here.bodies.flatMap((body) => JSON.parse(body)),
    /** Waits for so many requests in all. */
    async requests(count) {
      while (here.bodies.length < count) await once(taken, "taken");
    },
    stop() {
      server.close();
      server.closeAllConnections();
    },
  });
}

/** Never answers. */
export const hang = () => new Promise(() => {});

/** An origin where nobody listens. */
export async function nobody() {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address();
  await once(server.close(), "close");
  return `http://127.0.0.1:${port}`;
}

/** Checks that the books balance, and some entries. */
export function assertBalance(stats, expected = {}) {
  const { accepted, delivered, rejected, expired, dropped, pending } = stats;
  const said = JSON.stringify(stats);
  assert.equal(accepted, delivered + rejected + expired + dropped + pending, said);
  for (const [entry, count] of Object.entries(expected)) assert.equal(stats[entry], count, `${entry} of ${said}`);
}
