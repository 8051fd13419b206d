// The programs that run packages: this Node, and Deno and Bun from their packages for this machine, which need no
// script to be run at installation.

import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";

const require = createRequire(import.meta.url);
const { arch, platform } = process;
const musl = platform == "linux" && !process.report.getReport().header.glibcVersionRuntime;

/** A runtime: its name, and the command that runs a script with the least permissions it needs. */
export const runtimes = [
  { name: "Node", command: [process.execPath] },
  { name: "Deno", command: [binary("Deno", deno(), "deno"), "run", "--allow-net"] },
  { name: "Bun", command: [binary("Bun", bun(), "bin/bun"), "run"] },
];

function deno() {
  return `@deno/${platform}-${arch}${platform == "linux" ? "-glibc" : ""}`;
}

function bun() {
  const system = platform == "win32" ? "windows" : platform;
  return `@oven/bun-${system}-${arch == "arm64" ? "aarch64" : arch}${musl ? "-musl" : ""}`;
}

function binary(name, of, place) {
  try {
    if (musl && name == "Deno") throw new Error("it needs glibc");
    const path = join(dirname(require.resolve(`${of}/package.json`)), place + (platform == "win32" ? ".exe" : ""));
    if (existsSync(path)) return path;
  } catch {}
  throw new Error(`${name} for this machine (${platform} ${arch}) is not installed: it would be the npm package ${of}, \
one of package.json's optional dependencies`);
}
