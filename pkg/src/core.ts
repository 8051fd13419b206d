// The engine in wasm, made at first use and made anew after a trap, and the books over all of its lives.

import { Do, instantiate, type Abi } from "./abi.js";
import { TrackwireError, type ErrorCode } from "./errors.js";
import { load } from "./load/inline.js";
import { PARENTS, PROBLEMS } from "./problems.js";
import type { Settings } from "./settings.js";
import { Entry, NAMES, named, ZEROS, type Outcome, type Stats } from "./stats.js";

declare const WORKER: boolean;

/** What `tw_record` says, from `Invalid` on with the number of the problem, and `Lost`: there is no engine to take it. For
 * `Invalid` there is an error. */
export const enum Recorded {
  Yes,
  Wake,
  Full,
  Closed,
  Invalid,
  Lost,
}

/** How many events wait for the module to compile. */
const EARLY = 1e4;

const REASONS = ["exhausted", "overflow", "closed", "disabled"] as const;
type Tag = number | string | undefined;
/** What `record_` takes: the event, when it was recorded, and whom to look up in the sample. */
type Recording = [text: string, tag: Tag, mono: number, wall: number, user?: string];

export type Core = ReturnType<typeof createCore>;

/** `wake` is called when the module is there after events have waited for it. */
export function createCore(settings: Settings, tell: (outcome: Outcome) => void, wake: () => void) {
  /** What happened outside the engine, and in those that trapped. */
  const past = [...ZEROS];
  /** The shell's own count of what the engine took and ended, in case it traps; the rest as its books last were. */
  let own: number[] = [];
  let abi: Abi | undefined;
  let early: Recording[] | undefined;
  let held = false;
  let refused = false;
  let traps: number[] = [];
  let lives = 0;
  let ready: Promise<void> | undefined;
  const unconfirmed = new Set<number>();

  const mono = () => performance.now();

  /** Counts and tells of events that no engine has. */
  const drop = (count: number, reason: Outcome["reason"], possiblyDelivered?: boolean) => {
    past[Entry.Accepted]! += count;
    past[Entry.Dropped]! += count;
    if (count) tell({ fate: "dropped", reason, count, possiblyDelivered });
  };

  /** How many events wait for the module. */
  const waiting = () => early?.length ?? 0;

  /** What waits for the engine, which then waits no more. */
  const takeEarly = () => {
    const taken = early ?? [];
    early = undefined;
    return taken;
  };

  const start = (module: WebAssembly.Module) => {
    const made = instantiate(module);
    const length = made.write_(settings.texts_);
    const numbers = made.numbers_();
    numbers.set(settings.numbers_);
    numbers[15] = Math.random();
    made.wasm_.tw_new(length);
    abi = made;
    own = [...ZEROS];
    if (held) act(Do.Hold);
    for (const [text, tag, at, wall, user] of takeEarly()) {
      if (user && !sampled(user)) past[Entry.SampledOut]!++;
      else {
        const recorded = record(text, tag, at || mono(), wall || settings.wall_());
        if (recorded instanceof TrackwireError) report(recorded, tag);
      }
    }
  };

  // Where wasm cannot run, events are counted as dropped.
  const refuse = (error: unknown) => {
    refused = true;
    settings.logger_.warn("trackwire: events are dropped:", error);
    drop(takeEarly().length, "internal");
  };

  const boot = () => {
    // At module scope a Worker has no clock: what is recorded there waits for its first request.
    if (WORKER && !mono()) return void (early ??= []);
    if (abi || refused || (early && !WORKER) || (traps = traps.filter((at) => mono() - at < 6e4)).length > 2) return;
    try {
      const module = load();
      if (module instanceof WebAssembly.Module) return start(module);
      early = [];
      ready = module.then(start).then(wake).catch(refuse);
    } catch (error) {
      refuse(error);
    }
  };

  /** Runs something on the engine, if there is one. A trap ends it and its events. */
  const enter = <T>(run: (abi: Abi) => T): T | undefined => {
    if (!abi) return;
    try {
      return run(abi);
    } catch (error) {
      abi = undefined;
      lives++;
      unconfirmed.clear();
      traps.push(mono());
      settings.logger_.warn("trackwire:", error);
      const [accepted, delivered, rejected, expired, dropped] = own as [number, number, number, number, number];
      const lost = accepted - delivered - rejected - expired - dropped;
      own[Entry.Accepted]! -= lost;
      own.forEach((count, place) => (past[place]! += count));
      drop(lost, "internal", true);
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
  const failure = ({ numbers_, text_ }: Abi, problem: number) => {
    const [code, field, hint] = PROBLEMS[problem]!.split("|");
    const [, at, parent] = numbers_();
    // The name comes from outside: 100 characters of it are told.
    const name = () => PARENTS[parent!] + JSON.parse(text_()).replace(/^(.{100}).+/su, "$1…");
    return new TrackwireError(code as ErrorCode, field || name(), field == "json" ? `byte ${at}: ${hint}` : hint);
  };

  const record = (...recording: Recording): Recorded | TrackwireError => {
    boot();
    const recorded = enter((abi) => {
      let [text, tag, at, wall] = recording;
      const number = typeof tag == "number";
      const tagged = tag === undefined ? 0 : number ? 1 : 2;
      const length = abi.write_(tagged > 1 ? tag + "\0" + text : text);
      if (number) abi.numbers_()[0] = tag as number;
      const recorded = abi.wasm_.tw_record(length, tagged, at, wall);
      if (recorded < 2) own[Entry.Accepted]!++;
      return recorded < Recorded.Invalid ? recorded : failure(abi, recorded - Recorded.Invalid);
    });
    if (recorded !== undefined) return recorded;
    if (early) {
      if (early.length < EARLY) return early.push(recording), Recorded.Yes;
      past[Entry.RefusedFull]!++;
      return Recorded.Full;
    }
    drop(1, "internal");
    return Recorded.Lost;
  };

  /** Whether a user is in the sample; unknown as long as events wait for the engine, and where there is none. */
  const sampled = (user: string) => {
    boot();
    return enter((abi) => {
      const length = abi.write_(user);
      abi.numbers_()[0] = settings.rate_;
      return !!abi.wasm_.tw_sampled(length);
    });
  };

  /** Tells of an event that was refused and whose call did not say so. */
  const report = ({ code, field, message }: TrackwireError, tag: Tag) =>
    tell({ fate: "invalid", count: 1, code, field, message, tag });

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
    record_: record,
    report_: report,
    ready_: () => (WORKER && early && boot(), ready),
    waiting_: waiting,
    sampled_: sampled,
    /** Drops what waits. */
    discard_() {
      // Until the module is compiled, what comes after waits too.
      if (early) drop(early.splice(0).length, "disabled");
      act(Do.Discard);
    },
    /** Counts an event that did not reach the engine. */
    count_(entry: Entry) {
      past[entry]!++;
    },
    /** Says of a batch that its answer could not be read. */
    unconfirmed_: (batch: number) => unconfirmed.add(batch),
    hold_(hold: boolean) {
      held = hold;
      act(hold ? Do.Hold : Do.Release);
    },
    /** Tells the outcome that `tw_poll` has just given. */
    outcome_(abi: Abi) {
      const [fate, count, batch, possibly, code, tagged, number] = abi.numbers_() as unknown as number[];
      // A tag holds no zero, but an answer may.
      const [text, ...rest] = abi.text_().split("\0");
      const message = rest.join("\0");
      // Two fates are deliveries and four are drops, told apart below.
      const entry = fate! > 3 ? Entry.Dropped : fate || Entry.Delivered;
      own[entry]! += count!;
      const blind = fate! < 2 && unconfirmed.has(batch!);
      if (blind) past[Entry.Unconfirmed]! += count!;
      const outcome: Outcome = { fate: NAMES[entry] as Outcome["fate"], count: count! };
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
      const books = note();
      const stats = named(NAMES, past.map((count, place) => count + books[place]!)) as unknown as Stats;
      stats.accepted += waiting();
      stats.pending += waiting();
      return stats;
    },
  };
}
