// What both drivers need of time, and of its end.

import type { Report } from "./stats.js";

declare const BROWSER: boolean;

export type Timer = ReturnType<typeof setTimeout>;

/** What `setTimeout` takes at most, roughly. */
export const LONG = 2e9;

/** A timer that keeps no process alive. */
export function quietTimer(act: () => void, ms: number): Timer {
  const timer = setTimeout(act, Math.min(ms, LONG)) as Timer & { unref?(): unknown };
  // In Deno a timer is a number.
  if (!BROWSER) timer.unref?.() ?? (globalThis as { Deno?: { unrefTimer?(timer: unknown): void } }).Deno?.unrefTimer?.(timer);
  return timer;
}

/** What is pending is given up. */
export const givenUp = (report: Report): Report => ({ ...report, dropped: report.dropped + report.pending, pending: 0 });
