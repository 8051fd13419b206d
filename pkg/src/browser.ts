import type { Driver } from "./driver.js";
import type { Settings } from "./settings.js";

/** Begins to watch the page. */
export function watchPage(_driver: Driver, settings: Settings, _changed: () => void) {
  return { leave_() {}, anonymous_: () => settings.options_.anonymousId, offline_: () => false };
}
