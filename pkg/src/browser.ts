// A page: what it sends in its last moments, whether it is online, and who its visitor is.

import type { Attempt, Driver } from "./driver.js";
import type { Settings } from "./settings.js";

/** A page may have 64 KiB of keepalive bodies under way, all its scripts together. */
const QUOTA = 64e3;

/** A fetch that fails sooner than this, ms, was refused rather than lost. */
const AT_ONCE = 20;

const KEY = "trackwire_id";

/** Begins to watch the page. `changed` is called when it goes offline or comes back. */
export function watchPage(driver: Driver, settings: Settings, changed: () => void) {
  const { options_: options, logger_: logger } = settings;
  const { storage = "local", headers } = options;
  const page = typeof document == "object" ? document : undefined;
  /** Whether the request needs no preflight, so that it is carried out even where its answer may not be read. */
  const simple = !settings.numbers_[0] && !headers;
  const watching = new AbortController();
  let hidden = false;
  let offline = navigator.onLine === false;
  /** A keepalive request was refused while the page was hidden: others have the quota. */
  let refused = false;
  /** Whether an answer was ever readable. */
  let readable = false;
  let warned = false;
  let id = options.anonymousId;
  let stored = id !== undefined;

  const flying = () => {
    let bytes = 0;
    for (const attempt of driver.flights_) if (attempt.keepalive_) bytes += attempt.body_.length;
    return bytes;
  };

  async function carry(attempt: Attempt, init: RequestInit): Promise<Response | undefined> {
    const send = options.fetch ?? fetch;
    const started = driver.mono_();
    try {
      // Keepalive outlives the page. When it fails others may have the quota, so the retry of a visible page goes without.
      attempt.keepalive_ = (hidden || attempt.attempt_ == 1) && flying() + attempt.body_.length <= QUOTA;
      const response = await send(attempt.url_, { ...init, keepalive: attempt.keepalive_ });
      readable = true;
      refused = false;
      return response;
    } catch (error) {
      if (init.signal!.aborted) throw error;
      if (hidden && readable && driver.mono_() - started < AT_ONCE) {
        refused = true;
        return;
      }
      if (!simple || readable || hidden || offline) throw error;
      // Is it there, and only does not let its answers be read? Then it has what was sent.
      await send(attempt.url_, { method: "HEAD", mode: "no-cors", signal: init.signal! });
      if (!warned) logger.warn("trackwire: no answer can be read for want of CORS headers; events count as delivered");
      warned = true;
      driver.unconfirmed_(attempt.batch_);
      return new Response(null, { status: 204 });
    }
  }

  const leave = () => {
    hidden = true;
    driver.loosen_();
    driver.pump_();
  };
  const back = () => {
    hidden = refused = false;
    // A frozen page hears no answers: they get a fresh timeout.
    const deadline = driver.mono_() + settings.requestTimeout_;
    for (const attempt of driver.flights_) driver.extend_(attempt, deadline);
    driver.wake_();
  };
  const on = (target: EventTarget | undefined, name: string, act: () => void) =>
    target?.addEventListener?.(name, act, { signal: watching.signal });
  const connection = () => {
    offline = navigator.onLine === false;
    changed();
    driver.wake_();
  };

  driver.page_({ most_: () => (hidden ? (refused ? 0 : Math.max(QUOTA - flying(), 0)) : -1), fetch_: carry });
  on(page, "visibilitychange", () => (page!.visibilityState == "hidden" ? leave() : back()));
  on(globalThis, "pagehide", leave);
  on(globalThis, "pageshow", back);
  on(globalThis, "online", connection);
  on(globalThis, "offline", connection);

  return {
    leave_: () => watching.abort(),
    offline_: () => offline,
    /** The visitor's id. It is kept only where that is `allowed`: not before consent. */
    anonymous_(allowed: boolean): string {
      if (!stored) {
        try {
          id ??= read() ?? make();
          if (allowed) {
            stored = true;
            write(id);
          }
        } catch {
          // Storage can be forbidden: then the id lives as long as the page.
          id ??= make();
          stored = true;
        }
      }
      return id!;
    },
  };

  function read(): string | undefined {
    if (storage == "local") return localStorage.getItem(KEY) ?? undefined;
    if (storage == "cookie") return new RegExp(`(?:^|; )${KEY}=([^;]+)`).exec(page!.cookie)?.[1];
    return undefined;
  }

  function write(id: string) {
    if (storage == "local") localStorage.setItem(KEY, id);
    if (storage == "cookie") page!.cookie = `${KEY}=${id}; path=/; max-age=31536000; samesite=lax`;
  }
}

function make(): string {
  // `randomUUID` exists in secure contexts only.
  return (
    globalThis.crypto.randomUUID?.() ??
    Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("")
  );
}
