// A page: what it sends in its last moments, and whether it is online.

import type { Host } from "../node.js";
import type { Driver } from "./driver.js";

/** Begins to watch the page. */
export function watchPage(driver: Driver): Host {
  const watching = new AbortController();
  const { document } = globalThis as { document?: Document };
  const on = (name: string, act: () => void, target: EventTarget = globalThis) =>
    // Of the controller it takes the signal.
    target.addEventListener?.(name, act, watching);
  const show = (hidden: boolean) => () => {
    driver.hide_(hidden);
    if (hidden) driver.loosen_();
    driver.pump_();
  };
  const connection = () => {
    driver.hold_(navigator.onLine === false);
    driver.wake_();
  };
  if (document) on("visibilitychange", () => show(document.visibilityState == "hidden")(), document);
  on("pagehide", show(true));
  on("pageshow", show(false));
  on("online", connection);
  on("offline", connection);
  connection();
  return { leave_: () => watching.abort() };
}
