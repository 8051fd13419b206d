// What `wasm-pack.toml` lists: the builds of the npm package.

import { readFileSync } from "node:fs";

/** The builds by entry: `features`, `profile`, `rustflags`, `wasm-opt` and `budget`, as the file explains them. */
export function builds(text = readFileSync(new URL("../wasm-pack.toml", import.meta.url), "utf8")) {
  const builds = {};
  let build;
  for (const [at, whole] of text.split("\n").entries()) {
    const line = whole.trim();
    const fail = (why) => {
      throw new Error(`wasm-pack.toml, line ${at + 1}: ${why}: ${line}`);
    };
    if (!line || line.startsWith("#")) continue;
    const [, entry] = /^\[([\w-]+)\]$/.exec(line) ?? [];
    if (entry) {
      build = builds[entry] = {};
      continue;
    }
    const [, key, value] = /^([\w-]+) = (.+)$/.exec(line) ?? [];
    if (!build || !FIELDS.includes(key)) fail("not a field of a build");
    try {
      build[key] = JSON.parse(value.replace(/([\w-]+) = /g, '"$1": '));
    } catch {
      fail("neither a list nor an inline table of strings and numbers");
    }
  }
  for (const [entry, build] of Object.entries(builds)) {
    const missing = FIELDS.filter((field) => !(field in build));
    if (missing.length) throw new Error(`wasm-pack.toml: ${entry} lacks ${missing.join(", ")}`);
  }
  return builds;
}

const FIELDS = ["features", "profile", "rustflags", "wasm-opt", "budget"];
