// A page: what it sends in its last moments, whether it is online, and who its visitor is.

import type { Attempt, Driver } from "./driver.js";
import type { Host } from "./node.js";

/** A page may have 64 KiB of keepalive bodies under way, all its scripts together. */
const QUOTA = 64e3;

/** A fetch that fails sooner than this, ms, was refused rather than lost. */
const AT_ONCE = 20;

const KEY = "trackwire_id";

/** Begins to watch the page. `changed` is called when it goes offline or comes back. */
export function watchPage(driver: Driver, changed: () => void): Host {
  const { options_: options, logger_: logger } = driver;
  const { storage = "local", headers } = options;
  /** Whether the request needs no preflight, so that it is carried out even where its answer may not be read. */
  const simple = !driver.numbers_[0] && !headers;
  const watching = new AbortController();
  const { document } = globalThis as { document?: Document };
  let hidden = false;
  /** A keepalive request was refused while the page was hidden: others have the quota. */
  let refused = false;
  /** Whether an answer was ever readable. */
  let readable = false;
  let warned = false;
  let id: string | undefined;
  let stored = false;

  const offline = () => navigator.onLine === false;

  /** What is left of the quota. */
  const room = () => {
    let room = QUOTA;
    for (const attempt of driver.flights_) if (attempt.keepalive_) room -= attempt.body_.length;
    return room;
  };

  const carry = async (attempt: Attempt, init: RequestInit): Promise<Response | undefined> => {
    const send = options.fetch ?? fetch;
    const started = driver.mono_();
    try {
      // Keepalive outlives the page. When it fails others may have the quota, so the retry of a visible page goes without.
      attempt.keepalive_ = (hidden || attempt.attempt_ == 1) && attempt.body_.length <= room();
      const response = await send(attempt.url_, { ...init, keepalive: attempt.keepalive_ });
      // Throws where a stand-in for `fetch` gives nothing.
      readable = "status" in response;
      refused = false;
      return response;
    } catch (error) {
      if (init.signal!.aborted) throw error;
      if (hidden && readable && driver.mono_() - started < AT_ONCE) {
        refused = true;
        return;
      }
      if (!simple || readable || hidden || offline()) throw error;
      // Is it there, and only does not let its answers be read? Then it has what was sent.
      await send(attempt.url_, { method: "HEAD", mode: "no-cors", signal: init.signal! });
      if (!warned) logger.warn("trackwire: answers lack CORS headers; events count as delivered");
      warned = true;
      driver.unconfirmed_(attempt.batch_);
      return new Response(null, { status: 204 });
    }
  };

  const leave = () => {
    hidden = true;
    driver.loosen_();
    driver.pump_();
  };
  const back = () => {
    hidden = refused = false;
    // A frozen page hears no answers: they get a fresh timeout.
    const deadline = driver.mono_() + driver.requestTimeout_;
    for (const attempt of driver.flights_) driver.extend_(attempt, deadline);
    driver.wake_();
  };
  const connection = () => {
    changed();
    driver.wake_();
  };
  const on = (name: string, act: () => void, target: EventTarget = globalThis) =>
    // Of the controller it takes the signal.
    target.addEventListener?.(name, act, watching);

  driver.page_({ most_: () => (hidden ? (refused ? 0 : Math.max(room(), 0)) : -1), fetch_: carry });
  if (document) on("visibilitychange", () => (document.visibilityState == "hidden" ? leave() : back()), document);
  on("pagehide", leave);
  on("pageshow", back);
  on("online", connection);
  on("offline", connection);

  return {
    leave_: () => watching.abort(),
    offline_: offline,
    forget_() {
      id = undefined;
      stored = false;
    },
    anonymous_(allowed) {
      try {
        id ??= read() ?? make();
        if (allowed && !stored) {
          stored = true;
          write(id);
        }
      } catch {
        // Storage can be forbidden: then the id lives as long as the page.
        id ??= make();
      }
      return id!;
    },
  };

  function read(): string | undefined {
    if (storage == "local") return localStorage[KEY];
    if (storage == "cookie") return /(?:^|; )trackwire_id=([^;]+)/.exec(document!.cookie)?.[1];
    return undefined;
  }

  function write(id: string) {
    if (storage == "local") localStorage[KEY] = id;
    if (storage == "cookie") document!.cookie = KEY + `=${id}; path=/; max-age=31536000; samesite=lax`;
  }
}

function make(): string {
  // `randomUUID` exists in secure contexts only.
  return crypto.randomUUID?.() ?? crypto.getRandomValues(new Uint32Array(4)).join("-");
}
