// The npm package makes the calls to a tracker that it is told, a line each.
//
//   node conformance.mjs PROJECT      (a project that has the package installed)

import { logger, serve } from "./lines.mjs";
import { enter } from "./project.mjs";

const { GrowingTracker } = await enter(process.argv[2]);
let tracker;
let now;

await serve({
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
});
