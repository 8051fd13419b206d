// The npm package makes the calls that it is told: `[what, with]` a line, answered by `{}` or `{"raised": why}`.
//
//   node conformance.mjs PROJECT      (a project that has the package installed)

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { hear, logger, say } from "./lines.mjs";

// Imported from within the project, so that the package's own map of entries decides.
const entry = join(process.argv[2], "entry.mjs");
writeFileSync(entry, 'export * from "trackwire/growingio";\n');
const { GrowingTracker } = await import(pathToFileURL(entry));

let tracker;
let now;

const acts = {
  make(options) {
    now = undefined;
    tracker = new GrowingTracker({ ...options, logger, clock: () => now ?? Date.now() });
  },
  clock(at) {
    now = at;
  },
  track(text) {
    if (!tracker.trackJson(text)) throw new Error("it was not taken");
  },
  flush: (timeout) => tracker.flush({ timeout }),
  close: (timeout) => tracker.close({ timeout }),
};

for await (const [what, given] of hear()) {
  try {
    await acts[what](given);
    say({});
  } catch (error) {
    say({ raised: error.message });
  }
}
