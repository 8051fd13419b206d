// InLong's engine: messages in, outcomes out.

import type { Abi, Exports as Common } from "../abi.js";
import { createEngine, Recorded } from "../engine.js";
import type { TrackwireError } from "../errors.js";
import { load } from "../load/inline.js";
import { Entry, type Outcome } from "../stats.js";
import { badOption, refused, type Settings } from "./settings.js";

declare const WORKER: boolean;
declare const BROWSER: boolean;

/** What the module exports besides what all modules do. */
export interface Exports extends Common {
  tw_send(length: number, start: number, time: number, tagged: number, mono: number, wall: number): number;
  tw_answer(
    batch: number,
    attempt: number,
    status: number,
    maybe: number,
    length: number,
    mono: number,
    wall: number,
  ): void;
  tw_nodes(length: number, from: NodesFrom, mono: number, wall: number): void;
  tw_happened(what: Happened, connection: number, length: number, mono: number, wall: number): void;
  tw_is_busy(): number;
}

/** Where a node list is from, or why there is none. */
export const enum NodesFrom {
  Manager,
  Cache,
  Silence,
  Refusal,
}

/** What happened to a connection, or is to happen to all. */
export const enum Happened {
  Open,
  Data,
  Written,
  Closed,
  CloseAll,
}

/** What else than a `Recorded` `tw_send` says; what is above is a kind of problem. */
const enum Sent {
  TooLong = 4,
  TooManyGroups,
}

/** A message on its way into the engine: what stands in front of it, and its tag there. */
export interface Sending {
  head_: string;
  body_: string | Uint8Array;
  time_: number | undefined;
  tag_: number;
  mono_: number;
  wall_: number;
}

/** No frame is larger. */
const LARGEST = 20971520;
const KINDS = "missing empty not_finite too_large out_of_range wrong_type unknown_field bad_character malformed".split(
  " ",
) as TrackwireError["code"][];

const encoder = new TextEncoder();

/** `tell` is called with each outcome; `lose` with the error of a message that was not taken after all;
 * `gone` when an engine has trapped; `wake` when the module is there after messages have waited for it. */
export function createCore(
  settings: Settings,
  tell: (outcome: Outcome) => void,
  lose: (error: TrackwireError, tag: number) => void,
  gone: () => void,
  wake: () => void,
) {
  /** The tags of messages in the engine, in case it traps. */
  const tags = new Set<number>();

  const engine = createEngine<Exports, Sending>(settings, {
    problem_: (abi) => problem(abi, 5, "option"),
    late_(sending) {
      sending.mono_ ||= engine.mono_();
      sending.wall_ ||= settings.wall_();
      const error = send(sending);
      if (error) lose(error, sending.tag_);
    },
    tell_(outcome) {
      tags.delete(outcome.tag as number);
      tell(outcome);
    },
    dropped_(outcome, sendings) {
      const told = sendings ? sendings.map(({ tag_ }) => tag_).filter(Boolean) : [...tags];
      for (const tag of told) tell({ ...outcome, count: 1, tag });
      outcome.count -= told.length;
      if (outcome.count) tell(outcome);
    },
    gone_() {
      tags.clear();
      gone();
    },
    wake_: wake,
  });

  /** What the module said is wrong. */
  const problem = (abi: Abi<Exports>, sdkCode: number, code: TrackwireError["code"]) => {
    const [field, hint] = abi.text_().split("\0");
    const name = field!.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
    return sdkCode == 5 ? badOption(name, hint!) : refused(sdkCode, code, name, hint);
  };

  /** Sends a message; an error if it was not taken. */
  const send = (sending: Sending): TrackwireError | undefined => {
    engine.boot_();
    const { head_: head, body_: body, time_: time, tag_: tag, mono_, wall_ } = sending;
    const text = typeof body == "string";
    if (body.length > LARGEST) {
      engine.count_(Entry.Invalid);
      return tooLong(LARGEST, body.length);
    }
    let error: TrackwireError | undefined;
    const sent = engine.enter_((abi) => {
      const { wasm_: wasm } = abi;
      const to = abi.room_(head.length * 3 + body.length * (text ? 3 : 1));
      const start = encoder.encodeInto(head, to).written;
      let length = start;
      if (text) length += encoder.encodeInto(body, to.subarray(start)).written;
      else to.set(body, start), (length += body.length);
      const numbers = abi.numbers_();
      numbers[0] = tag;
      if (settings.ownAttributes_) numbers[1] = -new Date(time ?? wall_).getTimezoneOffset();
      const sent = wasm.tw_send(length, start, time ?? -1, +!!tag, mono_, wall_);
      const [limit, size, ofQueue] = abi.numbers_();
      if (sent < Recorded.Full) {
        engine.taken_();
        if (tag) tags.add(tag);
      } else if (sent == Recorded.Full) error = full("the queue is full: send later, or raise `recvBufSize`");
      else if (sent == Recorded.Closed) error = closed();
      else if (sent == Sent.TooLong) error = tooLong(limit!, size!, ofQueue);
      else if (sent == Sent.TooManyGroups) error = refused(18, "out_of_range", "groupId", `more than ${limit} groups; raise \`maxGroupIdNum\``);
      else error = problem(abi, 7, KINDS[sent - Sent.TooManyGroups - 1]!);
      return sent;
    });
    // Nodes may take more than is known so far: their group is asked for.
    if (sent == Recorded.Wake || sent == Sent.TooLong) wake();
    if (sent === undefined && engine.wait_(sending) == Recorded.Full) return full("too many wait for the module");
    return error;
  };
  // Longer than a queue takes is the vendor's number of a full one.
  const tooLong = (limit: number, size: number, ofQueue = 0) =>
    refused(
      ofQueue ? 8 : 6,
      "too_large",
      "message",
      `${size} bytes, ${limit} are allowed by ${ofQueue ? "`recvBufSize` and `sendBufSize`" : "`extPackSize` and by what nodes take"}`,
    );
  const full = (hint: string) => refused(8, "full", "message", hint);
  const closed = () => refused(10, "closed", "client", "it is closed; make a new one");

  // Outside Workers, whose module scope allows nothing, an option that the module refuses is an error of the constructor.
  if (!WORKER && !BROWSER) {
    const module = load();
    if (module instanceof WebAssembly.Module) engine.start_(module);
  }

  return { ...engine, send_: send, closed_: closed };
}
