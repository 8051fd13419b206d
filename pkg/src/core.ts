// The engine in wasm, made at first use and made anew after a trap, and the books over all of its lives.

import { Do, instantiate, type Abi } from "./abi.js";
import { TrackwireError, type ErrorCode } from "./errors.js";
import { load } from "./load/inline.js";
import { PARENTS, PROBLEMS } from "./problems.js";
import type { Settings } from "./settings.js";
import { Entry, NAMES, type Outcome, type Stats } from "./stats.js";

declare const WORKER: boolean;

/** What `tw_record` says, from `Invalid` on with the number of the problem, and `Lost`: there is no engine to take it. */
export const enum Recorded {
  Yes,
  Wake,
  Full,
  Closed,
  Invalid,
  Lost,
}

const FATES = ["delivered", "delivered", "rejected", "expired", "dropped", "dropped", "dropped", "dropped"] as const;
const REASONS = ["exhausted", "overflow", "closed", "disabled"] as const;
/** How many events wait for the module to compile. */
const EARLY = 1e4;
const PLACES = [1, 1, 2, 3, 4, 4, 4, 4];

export type Core = ReturnType<typeof createCore>;

export function createCore(settings: Settings, tell: (outcome: Outcome) => void) {
  /** What happened outside the engine, and in those that trapped. */
  const past: number[] = Array(Entry.Count).fill(0);
  /** The shell's own count of what the engine took and ended, in case it traps. */
  let own = [0, 0, 0, 0, 0];
  /** The engine's books as they were last. */
  let last: number[] = [];
  let abi: Abi | undefined;
  let early: [text: string, tag: number | string | undefined, mono: number, wall: number, user?: string][] | undefined;
  let held = false;
  let refused = false;
  let traps: number[] = [];
  let lives = 0;
  let ready: Promise<void> | undefined;
  const unconfirmed = new Set<number>();

  const mono = () => performance.now();
  const lose = (count: number, possiblyDelivered?: boolean) => {
    if (count) tell({ fate: "dropped", reason: "internal", count, possiblyDelivered });
  };

  const start = (module: WebAssembly.Module) => {
    const made = instantiate(module);
    const length = made.write_(settings.texts_);
    const numbers = made.numbers_();
    numbers.set(settings.numbers_);
    numbers[15] = Math.random();
    made.wasm_.tw_new(length);
    abi = made;
    own = [0, 0, 0, 0, 0];
    if (held) made.wasm_.tw_do(Do.Hold);
  };

  // Where wasm cannot run, events are counted as dropped.
  const refuse = (error: unknown) => {
    refused = true;
    settings.logger_.warn("trackwire: events are dropped:", error);
    const lost = early?.length ?? 0;
    early = undefined;
    past[Entry.Accepted]! += lost;
    past[Entry.Dropped]! += lost;
    lose(lost);
  };

  /** Records what has waited. */
  const catchUp = () => {
    const waiting = early ?? [];
    early = undefined;
    for (const [text, tag, at, wall, user] of waiting) {
      if (user && !sampled(user)) past[Entry.SampledOut]!++;
      else report(record(text, tag, at || mono(), wall || settings.wall_()), tag);
    }
  };

  const boot = () => {
    // At module scope a Worker has no clock: what is recorded there waits for its first request.
    if (WORKER && !mono()) return void (early ??= []);
    if (abi || refused || (early && !WORKER) || (traps = traps.filter((at) => mono() - at < 6e4)).length > 2) return;
    try {
      const module = load();
      if (module instanceof WebAssembly.Module) {
        start(module);
        return catchUp();
      }
      early = [];
      ready = module.then((module) => (start(module), catchUp())).catch(refuse);
    } catch (error) {
      refuse(error);
    }
  };

  /** Runs something on the engine, if there is one. A trap ends it and its events. */
  const enter = <T>(act: (abi: Abi) => T): T | undefined => {
    if (!abi) return;
    try {
      return act(abi);
    } catch (error) {
      abi = undefined;
      lives++;
      traps.push(mono());
      settings.logger_.warn("trackwire:", error);
      last.forEach((count, place) => place > Entry.Pending && place < Entry.QueuedBytes && (past[place]! += count));
      last = [];
      const lost = own.reduce((rest, count) => rest - count, own[0]! * 2);
      own[Entry.Dropped]! += lost;
      own.forEach((count, place) => (past[place]! += count));
      lose(lost, true);
      return;
    }
  };

  const failure = ({ numbers_, text_ }: Abi, problem: number) => {
    const [code, field, hint] = PROBLEMS[problem]!.split("|");
    const [, at, parent] = numbers_();
    // The name comes from outside: 100 characters of it are told.
    const name = () => PARENTS[parent!] + JSON.parse(text_()).replace(/^(.{100}).+/su, "$1…");
    return new TrackwireError(code as ErrorCode, field || name(), field == "json" ? `byte ${at}: ${hint}` : hint);
  };

  let invalid: TrackwireError | undefined;
  const record = (
    text: string,
    tag: number | string | undefined,
    at: number,
    wall: number,
    user?: string,
  ): Recorded => {
    const number = typeof tag == "number";
    boot();
    const recorded = enter((abi) => {
      const length = abi.write_(tag === undefined || number ? text : tag + "\0" + text);
      if (number) abi.numbers_()[0] = tag;
      const recorded = abi.wasm_.tw_record(length, tag === undefined ? 0 : number ? 1 : 2, at, wall);
      if (recorded < 2) own[0]!++;
      if (recorded < Recorded.Invalid) return recorded;
      invalid = failure(abi, recorded - Recorded.Invalid);
      return Recorded.Invalid;
    });
    if (recorded !== undefined) return recorded;
    if (early) {
      if (early.length < EARLY) return early.push([text, tag, at, wall, user]), Recorded.Yes;
      past[Entry.RefusedFull]!++;
      return Recorded.Full;
    }
    past[Entry.Accepted]!++;
    past[Entry.Dropped]!++;
    lose(1);
    return Recorded.Lost;
  };

  /** Whether a user is in the sample; unknown as long as events wait for the engine, and where there is none. */
  const sampled = (user: string) => {
    boot();
    return enter((abi) => {
      const length = abi.write_(user);
      abi.numbers_()[0] = settings.options_.sampleRate!;
      return !!abi.wasm_.tw_sampled(length);
    });
  };

  /** Tells of an event that was refused after its call had returned. */
  const report = (recorded: Recorded, tag?: number | string, error = invalid) => {
    if (recorded == Recorded.Invalid && error) {
      tell({ fate: "invalid", count: 1, code: error.code, field: error.field, message: error.message, tag });
    }
  };

  const note = () => {
    enter((abi) => (abi.wasm_.tw_do(Do.Books), (last = [...abi.numbers_()])));
  };

  return {
    mono_: mono,
    /** How many engines have trapped. */
    lives_: () => lives,
    enter_: enter,
    record_: record,
    report_: report,
    error_: () => invalid,
    ready_: () => (WORKER && early && boot(), ready),
    sampled_: sampled,
    /** Drops what waits. */
    discard_() {
      const count = early?.length;
      if (count) {
        early = [];
        past[Entry.Accepted]! += count;
        past[Entry.Dropped]! += count;
        tell({ fate: "dropped", reason: "disabled", count });
      }
      enter((abi) => abi.wasm_.tw_do(Do.Discard));
    },
    /** Counts an event that did not reach the engine. */
    count_(entry: Entry) {
      past[entry]!++;
    },
    /** Says of a batch that its answer could not be read. */
    unconfirmed_: (batch: number) => unconfirmed.add(batch),
    hold_(hold: boolean) {
      if (held == hold) return;
      held = hold;
      enter((abi) => abi.wasm_.tw_do(hold ? Do.Hold : Do.Release));
    },
    /** Tells the outcome that `tw_poll` has just given. */
    outcome_(abi: Abi) {
      const [fate, count, batch, possibly, code, tagged, number] = abi.numbers_() as unknown as number[];
      const [message, text] = abi.text_().split("\0");
      own[PLACES[fate!]!]! += count!;
      const blind = fate! < 2 && unconfirmed.has(batch!);
      if (blind) past[Entry.Unconfirmed]! += count!;
      const outcome: Outcome = { fate: FATES[fate!]!, count: count! };
      if (fate! > 3) outcome.reason = REASONS[fate! - 4]!;
      if (blind || fate == 1) outcome.unconfirmed = true;
      if (possibly) outcome.possiblyDelivered = true;
      if (batch! >= 0) outcome.batch = batch!;
      if (message) (outcome.message = message), (outcome.code = code!);
      if (tagged) outcome.tag = tagged == 1 ? number! : text!;
      tell(outcome);
    },
    /** Notes the books, in case the engine traps. */
    note_: note,
    stats_(): Stats {
      note();
      const waiting = early?.length ?? 0;
      const entries = NAMES.map((name, place) => [
        name,
        past[place]! + (last[place] ?? 0) + (place == Entry.Accepted || place == Entry.Pending ? waiting : 0),
      ]);
      return Object.fromEntries(entries) as Stats;
    },
  };
}
