// The loop: asks the engine what to do, carries its requests, brings the answers.

import { Do, type Abi } from "./abi.js";
import { createCore } from "./core.js";
import type { Settings } from "./settings.js";
import { Entry, NAMES, named, type Outcome, type Report } from "./stats.js";
import { LONG, quietTimer, givenUp, type Timer } from "./timers.js";

declare const WORKER: boolean;
declare const BROWSER: boolean;

/** One attempt to send a batch. */
export interface Attempt {
  /** Which engine's it is, see `lives_`. */
  life_: number;
  batch_: number;
  attempt_: number;
  /** Until when, by the monotonic clock. */
  deadline_: number;
  url_: string;
  headers_: Record<string, string>;
  body_: Uint8Array<ArrayBuffer>;
  /** Ends it. */
  abort_: () => void;
  timer_?: Timer;
  keepalive_?: boolean;
}

/** What a page adds to the driver. */
export interface Page {
  /** The largest body that may leave now; below 0: any. */
  most_(): number;
  /** Fetches; answers a status that is to be taken for the collector's, where it knows better. */
  fetch_(attempt: Attempt, init: RequestInit): Promise<Response | undefined>;
}

/** There is more to do at once. */
const MORE = -2;

export type Driver = ReturnType<typeof createDriver>;

export function createDriver(settings: Settings) {
  const { options_: options, wall_: wall, logger_: logger } = settings;
  const outcomes: Outcome[] = [];
  const listeners = new Set<() => void>();
  const flights = new Set<Attempt>();
  let timer: Timer | undefined;
  let woken = false;
  let telling = false;
  let page: Page | undefined;
  /** Workers: flushes begun, and when they have ended even if their request went away. */
  const begun = (WORKER && new Map()) as Map<number, number>;

  const core = createCore(settings, (outcome) => {
    if (outcomes.push(outcome) == 1) queueMicrotask(tell);
  }, () => wake());
  const { enter_: enter, mono_: mono } = core;

  const complain = (error: unknown) => logger.warn("trackwire: onOutcome:", error);

  /** Hands out what ended. */
  const tell = () => {
    if (telling) return;
    telling = true;
    // What is told of meanwhile is told too.
    for (const outcome of outcomes) {
      try {
        // It may be async.
        Promise.resolve(options.onOutcome?.(outcome)).catch(complain);
      } catch (error) {
        complain(error);
      }
    }
    outcomes.length = 0;
    telling = false;
  };

  const read = (abi: Abi): Attempt => {
    const [batch, attempt, deadline, at, length, lane, stm] = abi.numbers_() as unknown as number[];
    return {
      life_: core.lives_(),
      batch_: batch!,
      attempt_: attempt!,
      deadline_: deadline!,
      ...settings.wire_(lane!, stm!),
      body_: abi.copy_(at!, length!),
      abort_() {},
    };
  };

  /** Runs something on the engine that an attempt is of. */
  const on = ({ life_ }: Attempt, act: (abi: Abi) => void) => life_ == core.lives_() && enter(act);

  /** Carries one attempt; `done` is called when its answer has been brought. */
  const send = async (attempt: Attempt, done: () => void) => {
    const controller = new AbortController();
    attempt.abort_ = () => controller.abort();
    watch(attempt);
    // In Workers a request that goes away would leave it there.
    if (!WORKER) flights.add(attempt);
    let status = 0;
    let text = "";
    let maybe = 1;
    let after = NaN;
    try {
      const init: RequestInit = {
        method: "POST",
        headers: attempt.headers_,
        body: attempt.body_,
        redirect: "manual",
        signal: controller.signal,
      };
      const response = page ? await page.fetch_(attempt, init) : await (options.fetch ?? fetch)(attempt.url_, init);
      // A page may say that it has not left; anything else without a response is a failure.
      if (response || !page) {
        // A page may see that there was a redirect, but not which.
        status = response!.type == "opaqueredirect" ? 302 : response!.status;
        const asked = response!.headers.get("retry-after") as string;
        after = Math.max(/^ *\d+ *$/.test(asked) ? +asked * 1e3 : Date.parse(asked) - wall(), 0);
        // A body that nobody reads keeps its connection, and its part of a page's quota.
        const body = (await response!.text().catch(() => "")).trim().slice(0, 200);
        const said = status > 299 && status < 400 ? "set serverHost to where it redirects" : body;
        text = "HTTP " + status + (said && ": " + said);
      } else {
        // It has not left.
        status = -1;
      }
    } catch (error) {
      text = String(error);
      if (!BROWSER) {
        const cause = (error as { cause?: { code?: string } })?.cause;
        if (cause) text += ": " + String(cause);
        // Without a connection nothing has arrived: Node says so by a code, Bun and Deno in words.
        if (/REFUSED|NOTFOUND|AI_AGAIN|CONNECT_TIMEOUT|\(Connect\)/.test(text + cause?.code)) maybe = 0;
      }
    }
    clearTimeout(attempt.timer_);
    flights.delete(attempt);
    if (settings.debug_) logger.log(`trackwire: ${attempt.url_} ${status}`);
    const { batch_, attempt_ } = attempt;
    on(attempt, (abi) =>
      status < 0
        ? abi.wasm_.tw_unsend(batch_, attempt_, mono())
        : abi.wasm_.tw_answer(batch_, attempt_, status, maybe, after, abi.write_(text), mono(), wall()),
    );
    done();
  };

  /** Ends the attempt at its deadline. */
  const watch = (attempt: Attempt) => {
    clearTimeout(attempt.timer_);
    attempt.timer_ = quietTimer(attempt.abort_, attempt.deadline_ - mono());
  };

  /** Asks and acts until there is nothing to do; how long, in ms. Sends nothing without `carry`. */
  const run = (carry?: (attempt: Attempt) => void): number => {
    for (;;) {
      let attempt: Attempt | undefined;
      const until = enter((abi) => {
        const most = carry ? (page?.most_() ?? -1) : 0;
        const what = abi.wasm_.tw_poll(mono(), wall(), most);
        if (!what) return abi.numbers_()[0]!;
        if (what == 2) core.outcome_(abi);
        else attempt = read(abi);
        return MORE;
      });
      if (attempt) carry?.(attempt);
      if (until != MORE) {
        core.note_();
        tell();
        // Without an engine there is no time either.
        return until! >= 0 ? Math.max(until! - mono(), 0) : Infinity;
      }
    }
  };

  /** Outside Workers: acts now, and again when it is time. */
  const pump = () => {
    woken = false;
    const wait = run((attempt) => void send(attempt, pump));
    clearTimeout(timer);
    if (wait < Infinity) timer = quietTimer(pump, wait + 1);
    for (const listener of listeners) listener();
    listeners.clear();
  };

  /** Acts soon. */
  const wake = () => {
    if (WORKER || woken) return;
    woken = true;
    queueMicrotask(pump);
  };

  /** What became of what was there when a flush began. */
  const report = (what: Do, flush: number) =>
    named(NAMES.slice(Entry.Delivered, Entry.Unconfirmed), core.act_(what, flush)) as unknown as Report;

  /** Begins a flush; its number. */
  const begin = () => core.act_(Do.Flush)[0]!;

  /** Waits until what was accepted before has ended, or until the timeout. In Workers it does all its I/O itself, on
   * its own timers, for what another request began may never end; batches of a request that went away are taken over
   * when their lease has run out. */
  const flush = async (timeout: number): Promise<Report> => {
    const until = mono() + timeout;
    const late = core.ready_();
    if (late) {
      let patience: Timer;
      await Promise.race([late, new Promise<void>((done) => (patience = setTimeout(done, Math.min(timeout, LONG))))]);
      clearTimeout(patience!);
      const { waiting_: waiting } = core;
      if (waiting()) return { ...report(Do.Report, 0), pending: waiting() };
    }
    const id = begin();
    if (WORKER) {
      for (const [id, end] of begun) if (end < mono() - 1e3) report(Do.EndFlush, id), begun.delete(id);
      begun.set(id, until);
    }
    const life = core.lives_();
    let under = 0;
    let step = 5;
    let resume = () => {};
    let now = report(Do.Report, id);
    if (!WORKER) pump();
    for (;;) {
      let wait = LONG;
      if (WORKER) {
        const carry = (attempt: Attempt) => {
          under++;
          void send(attempt, () => (under--, resume()));
        };
        step = Math.min(step * 2, 200);
        wait = Math.min(run(now.pending ? carry : undefined), step);
      }
      // A trap has ended all that was pending.
      now = core.lives_() == life ? report(Do.Report, id) : givenUp(now);
      const left = until - mono();
      if ((!now.pending && !under) || !(left > 0)) break;
      await new Promise<void>((done) => {
        const timer = setTimeout(done, Math.min(left, wait));
        resume = () => (clearTimeout(timer), done());
        if (!WORKER) listeners.add(resume);
      });
    }
    if (WORKER) begun.delete(id);
    if (core.lives_() == life) report(Do.EndFlush, id);
    return now;
  };

  return {
    ...settings,
    ...core,
    flights_: flights,
    pump_: pump,
    /** Hands out what has ended; sends nothing. */
    drain_: () => run(),
    wake_: wake,
    /** Gives a request under way until `deadline`. */
    extend_(attempt: Attempt, deadline: number) {
      attempt.deadline_ = deadline;
      on(attempt, (abi) => abi.wasm_.tw_extend(attempt.batch_, attempt.attempt_, deadline));
      watch(attempt);
    },
    /** Lets everything go out without waiting for it. */
    loosen_: () => report(Do.EndFlush, begin()),
    flush_: flush,
    page_: (made: Page) => (page = made),
  };
}
