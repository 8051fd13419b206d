// The engine in wasm, made at first use and made anew after a trap, and the books over all of its lives, whichever system it
// is for.

import { Do, instantiate, type Abi, type Exports } from "./abi.js";
import { load } from "./load/inline.js";
import { Entry, NAMES, named, ZEROS, type Outcome, type Stats } from "./stats.js";

declare const WORKER: boolean;

/** What a module says of a record, and `Lost`: there is no engine to take it. Above `Closed` a module says what is wrong. */
export const enum Recorded {
  Yes,
  Wake,
  Full,
  Closed,
  Lost = 1e3,
}

/** What a system adds. `R` is a record on its way into the engine. */
export interface System<E extends Exports, R> {
  /** What is wrong with the options, if the module has said that something is. */
  problem_?(abi: Abi<E>): Error;
  /** Records what has waited for the module to compile. */
  late_(record: R): void;
  /** Hears of an outcome. */
  tell_(outcome: Outcome): void;
  /** Hears of records that no engine has: of these, or of those that one had which has trapped. */
  dropped_(outcome: Outcome, records?: R[]): void;
  /** An engine has trapped. */
  gone_(): void;
  /** There is something to do. */
  wake_(): void;
}

/** What it needs of the settings: what the module is told, and at which of its numbers it takes chance. */
interface Settings {
  texts_: string;
  numbers_: number[];
  seedAt_: number;
  logger_: Pick<Console, "warn">;
}

/** How many records wait for the module to compile. */
const EARLY = 1e4;

const REASONS = ["exhausted", "overflow", "closed", "disabled"] as const;

export type Engine<E extends Exports, R> = ReturnType<typeof createEngine<E, R>>;

export function createEngine<E extends Exports, R>(settings: Settings, system: System<E, R>) {
  const { logger_: logger } = settings;
  /** What happened outside the engine, and in those that trapped. */
  const past = [...ZEROS];
  /** The shell's own count of what the engine took and ended, in case it traps; the rest as its books last were. */
  let own: number[] = [];
  let abi: Abi<E> | undefined;
  let early: R[] | undefined;
  let held = false;
  let failed = false;
  let traps: number[] = [];
  let lives = 0;
  let ready: Promise<void> | undefined;

  const mono = () => performance.now();

  /** Counts and tells of records that no engine has. */
  const drop = (reason: Outcome["reason"], records?: R[], count = records!.length) => {
    past[Entry.Accepted]! += count;
    past[Entry.Dropped]! += count;
    if (count) system.dropped_({ fate: "dropped", reason, count, possiblyDelivered: !records || undefined }, records);
  };

  /** How many records wait for the module. */
  const waiting = () => early?.length ?? 0;

  /** What waits for the engine, which then waits no more. */
  const takeEarly = () => {
    const taken = early ?? [];
    early = undefined;
    return taken;
  };

  const start = (module: WebAssembly.Module) => {
    const made = instantiate<E>(module);
    const length = made.write_(settings.texts_);
    const numbers = made.numbers_();
    numbers.set(settings.numbers_);
    numbers[settings.seedAt_] = Math.random();
    if (made.wasm_.tw_new(length)) throw system.problem_!(made);
    abi = made;
    own = [...ZEROS];
    if (held) act(Do.Hold);
    takeEarly().forEach(system.late_);
  };

  // Where wasm cannot run, records are counted as dropped.
  const fail = (error: unknown) => {
    failed = true;
    logger.warn("trackwire: nothing can be sent:", error);
    drop("internal", takeEarly());
  };

  const boot = () => {
    // At module scope a Worker has no clock: what is recorded there waits for its first request.
    if (WORKER && !mono()) return void (early ??= []);
    if (abi || failed || (early && !WORKER) || (traps = traps.filter((at) => mono() - at < 6e4)).length > 2) return;
    try {
      const module = load();
      if (module instanceof WebAssembly.Module) return start(module);
      early = [];
      ready = module.then(start).then(system.wake_).catch(fail);
    } catch (error) {
      fail(error);
    }
  };

  /** Runs something on the engine, if there is one. A trap ends it and its records. */
  const enter = <T>(run: (abi: Abi<E>) => T): T | undefined => {
    if (!abi) return;
    try {
      return run(abi);
    } catch (error) {
      abi = undefined;
      lives++;
      traps.push(mono());
      logger.warn("trackwire:", error);
      const [accepted, delivered, rejected, expired, dropped] = own as [number, number, number, number, number];
      const lost = accepted - delivered - rejected - expired - dropped;
      own[Entry.Accepted]! -= lost;
      own.forEach((count, place) => (past[place]! += count));
      drop("internal", undefined, lost);
      system.gone_();
      return;
    }
  };

  /** Has the engine do something with a number; the numbers that come back, zeros without an engine. */
  const act = (what: Do, given = 0): readonly number[] =>
    enter((abi) => {
      abi.numbers_()[0] = given;
      abi.wasm_.tw_do(what);
      return [...abi.numbers_()];
    }) ?? ZEROS;

  /** The engine's books, noted in case it traps. */
  const note = () => {
    const books = act(Do.Books);
    books.forEach((count, place) => {
      if (place > Entry.Pending && place < Entry.QueuedBytes) own[place] = count;
    });
    return books;
  };

  return {
    mono_: mono,
    /** How many engines have trapped. */
    lives_: () => lives,
    enter_: enter,
    act_: act,
    start_: start,
    /** Sees to it that there is an engine, where there can be one. */
    boot_: boot,
    /** Resolves when the module is there, if something waits for it. */
    ready_: () => (WORKER && early && boot(), ready),
    waiting_: waiting,
    /** The engine has taken a record. */
    taken_() {
      own[Entry.Accepted]!++;
    },
    /** There is no engine for a record: it waits for one, or is dropped where there will be none. */
    wait_(record: R): Recorded {
      if (!early) return drop("internal", [record]), Recorded.Lost;
      if (early.length < EARLY) return early.push(record), Recorded.Yes;
      past[Entry.RefusedFull]!++;
      return Recorded.Full;
    },
    /** Drops what waits for the module. Until that is there, what comes after waits too. */
    discard_(reason: Outcome["reason"]) {
      if (early) drop(reason, early.splice(0));
    },
    /** Counts what did not reach the engine. */
    count_(entry: Entry, count = 1) {
      past[entry]! += count;
    },
    hold_(hold: boolean) {
      held = hold;
      act(hold ? Do.Hold : Do.Release);
    },
    /** Tells the outcome that `tw_poll` has just given. */
    outcome_(abi: Abi<E>) {
      const [fate, count, batch, possibly, code, tagged, number] = abi.numbers_() as unknown as number[];
      // A tag holds no zero, but an answer may.
      const [text, ...rest] = abi.text_().split("\0");
      const message = rest.join("\0");
      // Two fates are deliveries and four are drops, told apart below.
      const entry = fate! > 3 ? Entry.Dropped : fate || Entry.Delivered;
      own[entry]! += count!;
      const outcome: Outcome = { fate: NAMES[entry] as Outcome["fate"], count: count! };
      if (fate! > 3) outcome.reason = REASONS[fate! - 4]!;
      if (fate == 1) outcome.unconfirmed = true;
      if (possibly) outcome.possiblyDelivered = true;
      if (batch! >= 0) outcome.batch = batch!;
      if (message) (outcome.message = message), (outcome.code = code!);
      if (tagged) outcome.tag = tagged == 1 ? number! : text!;
      system.tell_(outcome);
    },
    note_: note,
    stats_(): Stats {
      const books = note();
      const stats = named(NAMES, past.map((count, place) => count + books[place]!)) as unknown as Stats;
      stats.accepted += waiting();
      stats.pending += waiting();
      return stats;
    },
  };
}
