// The npm package makes the calls that it is told: `[what, with]` a line, answered by `{}` or `{"raised", "code", "field"}`.
//
//   node conformance.mjs PROJECT      (a project that has the package installed)

import { hear, logger, say } from "./lines.mjs";
import { enter } from "./project.mjs";

const { GrowingTracker } = await enter(process.argv[2]);
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
    say({ raised: error.message, code: error.code, field: error.field });
  }
}
