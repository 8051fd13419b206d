// The loop, whichever system it is for: asks the engine what to do, hands out what has ended, and waits.

import { Do, type Abi, type Exports } from "./abi.js";
import type { Engine } from "./engine.js";
import { Entry, NAMES, named, type Outcome, type Report } from "./stats.js";
import { givenUp, LONG, quietTimer, type Timer } from "./timers.js";

declare const WORKER: boolean;

/** What a system adds. `C` is what its work is carried by: a function that it calls when something has come of it, or with
 * what there is to carry. */
export interface Work<E extends Exports, C> {
  /** The largest body that may leave now; below 0: any. */
  most_(): number;
  /** Does what `tw_poll` asks for. */
  perform_(what: number, abi: Abi<E>, by: C): void;
  /** Outside Workers: what carries. */
  by_: C;
  /** Workers: what carries for a flush, until its end; `resume` makes it look again. */
  shift_?: (resume: () => void) => Shift;
}

/** A flush's part in the work. */
export interface Shift {
  /** Acts, with `begins` on new things too. For how long at most there is nothing to do, ms, and whether something is under
   * way that the flush is to wait for. */
  turn_(begins: boolean): [wait: number, busy: boolean];
  end_?(): void;
}

/** There is more to do at once. */
const MORE = -2;

/** `tell` hands out an outcome. */
export function createLoop<E extends Exports, R, C>(
  core: Pick<Engine<E, R>, "act_" | "enter_" | "lives_" | "mono_" | "note_" | "ready_" | "waiting_">,
  { wall_: wall, requestTimeout_: requestTimeout }: { wall_: () => number; requestTimeout_: number },
  work: Work<E, C>,
  tell: (outcome: Outcome) => void,
) {
  const { enter_: enter, mono_: mono } = core;
  const outcomes: Outcome[] = [];
  const listeners = new Set<() => void>();
  let timer: Timer | undefined;
  let woken = false;
  let telling = false;
  /** Workers: flushes begun, and when they have ended even if their request went away. */
  const begun = (WORKER && new Map()) as Map<number, number>;

  /** Hands out what ended. */
  const tellAll = () => {
    if (telling) return;
    telling = true;
    // What is told of meanwhile is told too.
    for (const outcome of outcomes) tell(outcome);
    outcomes.length = 0;
    telling = false;
  };

  /** Asks and acts until there is nothing to do; how long, in ms. Without `begins` nothing new leaves. */
  const run = (begins: boolean, by: C): number => {
    for (;;) {
      const until = enter((abi) => {
        const what = abi.wasm_.tw_poll(mono(), wall(), begins ? work.most_() : 0);
        if (!what) return abi.numbers_()[0]!;
        work.perform_(what, abi, by);
        return MORE;
      });
      if (until != MORE) {
        core.note_();
        tellAll();
        // Without an engine there is no time either.
        return until! >= 0 ? Math.max(until! - mono(), 0) : Infinity;
      }
    }
  };

  /** Outside Workers: acts now, and again when it is time. */
  const pump = () => {
    woken = false;
    const wait = run(true, work.by_);
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

  /** Waits until what was accepted before has ended, or until the timeout. In Workers it acts itself, on its own timers, for
   * what another request began may never end. */
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
    let resume = () => {};
    let now = report(Do.Report, id);
    const shift = (WORKER && work.shift_?.(() => resume())) as Shift;
    if (!WORKER) pump();
    for (;;) {
      let wait = LONG;
      let busy = false;
      if (WORKER) [wait, busy] = shift.turn_(!!now.pending);
      // A trap has ended all that was pending.
      now = core.lives_() == life ? report(Do.Report, id) : givenUp(now);
      const left = until - mono();
      if ((!now.pending && !busy) || !(left > 0)) break;
      await new Promise<void>((done) => {
        const timer = setTimeout(done, Math.min(left, wait));
        resume = () => (clearTimeout(timer), done());
        if (!WORKER) listeners.add(resume);
      });
    }
    if (WORKER) begun.delete(id), shift.end_?.();
    if (core.lives_() == life) report(Do.EndFlush, id);
    return now;
  };

  return {
    run_: run,
    pump_: pump,
    wake_: wake,
    /** Hands out an outcome when the work is done. */
    tell_(outcome: Outcome) {
      if (outcomes.push(outcome) == 1) queueMicrotask(tellAll);
    },
    /** Hands out what has ended; begins nothing. */
    drain_: () => run(false, work.by_),
    /** Lets everything go out without waiting for it. */
    loosen_: () => report(Do.EndFlush, begin()),
    flush_: flush,
    /** Waits until the queue has room for any record. In Workers it flushes for that. */
    async room_() {
      await core.ready_();
      while (core.act_(Do.IsFull)[0]) await (WORKER ? flush(requestTimeout) : new Promise<void>((done) => listeners.add(done)));
    },
  };
}
