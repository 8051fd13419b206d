// Node, Deno and Bun: one last flush when a process has nothing else to do.

import type { Driver } from "./driver.js";
import type { Settings } from "./settings.js";

const watched = /* @__PURE__ */ new Set<() => void>();
const end = () => watched.forEach((last) => last());

/** Begins to watch for the end of the process; call what it returns to stop. */
export function watchProcess(driver: Driver, settings: Settings): () => void {
  let done = false;
  const last = async () => {
    if (done || !driver.stats_().pending) return;
    done = true;
    const { pending } = await driver.flush_(settings.requestTimeout_);
    if (pending) settings.logger_.warn(`trackwire: the process ends with ${pending} events pending`);
  };
  // One listener for all trackers: more than ten make Node suspect a leak.
  if (!watched.size) process.on?.("beforeExit", end);
  watched.add(last);
  return () => {
    watched.delete(last);
    if (!watched.size) process.off?.("beforeExit", end);
  };
}
