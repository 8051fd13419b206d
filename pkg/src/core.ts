// GrowingIO's engine: events in, outcomes out.

import { Do, type Abi, type Exports as Common } from "./abi.js";
import { createEngine, Recorded } from "./engine.js";
import { TrackwireError, type ErrorCode } from "./errors.js";
import { PARENTS, PROBLEMS } from "./problems.js";
import type { Settings } from "./settings.js";
import { Entry, type Outcome } from "./stats.js";

/** What the module exports besides what all modules do. */
export interface Exports extends Common {
  tw_record(length: number, tagged: number, mono: number, wall: number): number;
  tw_answer(
    batch: number,
    attempt: number,
    status: number,
    maybe: number,
    after: number,
    length: number,
    mono: number,
    wall: number,
  ): void;
  tw_unsend(batch: number, attempt: number, mono: number): void;
  tw_extend(batch: number, attempt: number, deadline: number): void;
  tw_sampled(length: number): number;
}

/** What `tw_record` says from here on is the number of a problem. */
const INVALID = 4;

type Tag = number | string | undefined;
/** What `record_` takes: the event, when it was recorded, and whom to look up in the sample. */
type Recording = [text: string, tag: Tag, mono: number, wall: number, user?: string];

/** `wake` is called when the module is there after events have waited for it. */
export function createCore(settings: Settings, tell: (outcome: Outcome) => void, wake: () => void) {
  /** Batches whose answers could not be read. */
  const unconfirmed = new Set<number>();

  const engine = createEngine<Exports, Recording>(settings, {
    late_([text, tag, at, wall, user]) {
      if (user && !sampled(user)) return engine.count_(Entry.SampledOut);
      const recorded = record(text, tag, at || engine.mono_(), wall || settings.wall_());
      if (recorded instanceof TrackwireError) report(recorded, tag);
    },
    tell_(outcome) {
      if (outcome.fate == "delivered" && unconfirmed.has(outcome.batch!)) {
        outcome.unconfirmed = true;
        engine.count_(Entry.Unconfirmed, outcome.count);
      }
      tell(outcome);
    },
    dropped_: tell,
    gone_: () => unconfirmed.clear(),
    wake_: wake,
  });
  const { enter_: enter } = engine;

  const failure = ({ numbers_, text_ }: Abi<Exports>, problem: number) => {
    const [code, field, hint] = PROBLEMS[problem]!.split("|");
    const [, at, parent] = numbers_();
    // The name comes from outside: 100 characters of it are told.
    const name = () => PARENTS[parent!] + JSON.parse(text_()).replace(/^(.{100}).+/su, "$1…");
    return new TrackwireError(code as ErrorCode, field || name(), field == "json" ? `byte ${at}: ${hint}` : hint);
  };

  const record = (...recording: Recording): Recorded | TrackwireError => {
    engine.boot_();
    const recorded = enter((abi) => {
      let [text, tag, at, wall] = recording;
      const number = typeof tag == "number";
      const tagged = tag === undefined ? 0 : number ? 1 : 2;
      const length = abi.write_(tagged > 1 ? tag + "\0" + text : text);
      if (number) abi.numbers_()[0] = tag as number;
      const recorded = abi.wasm_.tw_record(length, tagged, at, wall);
      if (recorded < Recorded.Full) engine.taken_();
      return recorded < INVALID ? recorded : failure(abi, recorded - INVALID);
    });
    return recorded ?? engine.wait_(recording);
  };

  /** Whether a user is in the sample; unknown as long as events wait for the engine, and where there is none. */
  const sampled = (user: string) => {
    engine.boot_();
    return enter((abi) => {
      const length = abi.write_(user);
      abi.numbers_()[0] = settings.rate_;
      return !!abi.wasm_.tw_sampled(length);
    });
  };

  /** Tells of an event that was refused and whose call did not say so. */
  const report = ({ code, field, message }: TrackwireError, tag: Tag) =>
    tell({ fate: "invalid", count: 1, code, field, message, tag });

  return {
    ...engine,
    record_: record,
    report_: report,
    sampled_: sampled,
    /** Drops what waits. */
    discard_() {
      engine.discard_("disabled");
      engine.act_(Do.Discard);
    },
    /** Says of a batch that its answer could not be read. */
    unconfirmed_: (batch: number) => unconfirmed.add(batch),
  };
}
