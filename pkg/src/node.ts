// Node, Deno and Bun: one last flush when a process has nothing else to do.

import type { Report, Stats } from "./stats.js";

/** What it needs of a driver. */
interface Driver {
  requestTimeout_: number;
  logger_: Pick<Console, "warn">;
  stats_(): Stats;
  flush_(timeout: number): Promise<Report>;
}

/** What a tracker needs to know of where it runs. */
export interface Host {
  /** Ends the watching. */
  leave_(): void;
  offline_?(): boolean;
  /** Asks for the visitor's id anew: the application may have removed what was kept. */
  forget_?(): void;
  /** The visitor's id. It is kept only where that is `allowed`: not before consent. */
  anonymous_?(allowed: boolean): string;
}

const watched = /* @__PURE__ */ new Set<() => void>();
const end = () => watched.forEach((last) => last());

/** Begins to watch for the end of the process. */
export function watchProcess(driver: Driver): Host {
  let done = false;
  const last = async () => {
    if (done || !driver.stats_().pending) return;
    done = true;
    const { pending } = await driver.flush_(driver.requestTimeout_);
    if (pending) driver.logger_.warn("trackwire: the process ends with " + pending + " events pending");
  };
  // One listener for all trackers: more than ten make Node suspect a leak.
  if (!watched.size) process.on?.("beforeExit", end);
  watched.add(last);
  return {
    leave_() {
      watched.delete(last);
      if (!watched.size) process.off?.("beforeExit", end);
    },
  };
}
