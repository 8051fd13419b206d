// What carries GrowingIO's batches: one request for each attempt.

import type { Abi } from "./abi.js";
import { afterOf, causeOf, mayHaveArrived, statusOf } from "./answers.js";
import { callBack } from "./callback.js";
import { createCore, type Exports } from "./core.js";
import { createLoop, type Shift } from "./loop.js";
import type { Settings } from "./settings.js";
import { quietTimer, type Timer } from "./timers.js";

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

/** What an attempt is carried by. */
type Carry = (attempt: Attempt) => void;

/** What the wait of a flush grows to in Workers, where it hears nothing of what other requests do, ms. */
const STEP = 200;

export type Driver = ReturnType<typeof createDriver>;

export function createDriver(settings: Settings) {
  const { options_: options, wall_: wall, logger_: logger } = settings;
  const flights = new Set<Attempt>();
  let page: Page | undefined;

  const core = createCore(settings, (outcome) => loop.tell_(outcome), () => loop.wake_());
  const { enter_: enter, mono_: mono } = core;
  /** A flush of a Worker carries its requests itself. Those of a request that went away are taken over when their lease has
   * run out. */
  const shift = (resume: () => void): Shift => {
    let under = 0;
    let step = 5;
    const carry = (attempt: Attempt) => {
      under++;
      void send(attempt, () => (under--, resume()));
    };
    return {
      turn_(begins) {
        step = Math.min(step * 2, STEP);
        return [Math.min(loop.run_(begins, carry), step), under > 0];
      },
    };
  };

  const loop = createLoop(
    core,
    settings,
    {
      most_: () => page?.most_() ?? -1,
      perform_(what, abi, carry: Carry) {
        if (what == 2) core.outcome_(abi);
        else carry(read(abi));
      },
      by_: (attempt): void => void send(attempt, loop.pump_),
      ...(WORKER && { shift_: shift }),
    },
    (outcome) => callBack(settings, outcome),
  );

  const read = (abi: Abi<Exports>): Attempt => {
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
  const on = ({ life_ }: Attempt, act: (abi: Abi<Exports>) => void) => life_ == core.lives_() && enter(act);

  /** Carries one attempt; `done` is called when its answer has been brought. */
  const send = async (attempt: Attempt, done: () => void) => {
    const controller = new AbortController();
    attempt.abort_ = () => controller.abort();
    watch(attempt);
    // In Workers a request that goes away would leave it there.
    if (!WORKER) flights.add(attempt);
    let status = 0;
    let text = "";
    let maybe = true;
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
        status = statusOf(response!);
        after = afterOf(response!, wall());
        // A body that nobody reads keeps its connection, and its part of a page's quota.
        const body = (await response!.text().catch(() => "")).trim().slice(0, 200);
        const said = status > 299 && status < 400 ? "set serverHost to where it redirects" : body;
        text = "HTTP " + status + (said && ": " + said);
      } else {
        // It has not left.
        status = -1;
      }
    } catch (error) {
      text = BROWSER ? String(error) : causeOf(error);
      maybe = BROWSER || mayHaveArrived(text);
    }
    clearTimeout(attempt.timer_);
    flights.delete(attempt);
    if (settings.debug_) logger.log(`trackwire: ${attempt.url_} ${status}`);
    const { batch_, attempt_ } = attempt;
    on(attempt, (abi) =>
      status < 0
        ? abi.wasm_.tw_unsend(batch_, attempt_, mono())
        : abi.wasm_.tw_answer(batch_, attempt_, status, +maybe, after, abi.write_(text), mono(), wall()),
    );
    done();
  };

  /** Ends the attempt at its deadline. */
  const watch = (attempt: Attempt) => {
    clearTimeout(attempt.timer_);
    attempt.timer_ = quietTimer(attempt.abort_, attempt.deadline_ - mono());
  };

  return {
    ...settings,
    ...core,
    ...loop,
    flights_: flights,
    /** Gives a request under way until `deadline`. */
    extend_(attempt: Attempt, deadline: number) {
      attempt.deadline_ = deadline;
      on(attempt, (abi) => abi.wasm_.tw_extend(attempt.batch_, attempt.attempt_, deadline));
      watch(attempt);
    },
    page_: (made: Page) => (page = made),
  };
}
