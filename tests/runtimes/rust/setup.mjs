// The application that is wasm itself, as `cargo xtask test` has built it.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = join(dirname(fileURLToPath(import.meta.url)), "../../..");
const folder = process.env.TRACKWIRE_WASM_APP ?? join(root, "target/wasm-app");

/** The JavaScript around the module. */
export const glue = readFileSync(join(folder, "trackwire_test_app.js"), "utf8");

/** The module. */
export const wasm = readFileSync(join(folder, "trackwire_test_app_bg.wasm"));

/** What tests ask of a collector. */
export function ask(server) {
  const post = (path, body) => fetch(server.url + path, { method: "POST", body });
  const records = async () => (await server.get("/trackwire/good?limit=10000")).records;
  return {
    records,
    fault: (...faults) => post("/trackwire/faults", JSON.stringify({ faults })),
    reset: () => post("/trackwire/reset"),
    requests: async () => (await server.get("/trackwire/stats")).requests,
    /** Waits until it holds so many records. */
    async arrived(count) {
      for (let tries = 0; tries < 200; tries++) {
        const seen = await records();
        if (seen.length >= count) return seen;
        await new Promise((done) => setTimeout(done, 25));
      }
      assert.fail(`${(await records()).length} of ${count} arrived`);
    },
  };
}

/** The books balance, what was told is what they say, and of these keys they say this. */
export function assertBooks(stats, expected) {
  const { accepted, delivered, rejected, expired, dropped, pending, told_delivered, told_other } = stats;
  const text = JSON.stringify(stats);
  assert.equal(accepted, delivered + rejected + expired + dropped + pending, text);
  assert.deepEqual([told_delivered, told_other], [delivered, rejected + expired + dropped], text);
  for (const [key, value] of Object.entries(expected)) assert.equal(stats[key], value, `${key} in ${text}`);
}
