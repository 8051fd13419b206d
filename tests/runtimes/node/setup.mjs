// A throwaway project with the packed package in it, and a collector.

import { execFileSync, spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const root = join(dirname(fileURLToPath(import.meta.url)), "../../..");
const npm = process.platform == "win32" ? "npm.cmd" : "npm";

/** Packs `pkg` and installs it in a new directory; `remove` removes that. */
export function project() {
  const dir = mkdtempSync(join(tmpdir(), "trackwire-"));
  execFileSync(npm, ["pack", "--pack-destination", dir, "--silent"], { cwd: join(root, "pkg") });
  const tarball = readdirSync(dir).find((name) => name.endsWith(".tgz"));
  writeFileSync(join(dir, "package.json"), '{ "private": true, "type": "module" }');
  mkdirSync(join(dir, "node_modules"));
  execFileSync(npm, ["install", "--silent", "--offline", "--no-audit", "--no-fund", `./${tarball}`], { cwd: dir });
  return { dir, remove: () => rmSync(dir, { recursive: true }) };
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
  return { url, get, stop: () => child.kill() };
}
