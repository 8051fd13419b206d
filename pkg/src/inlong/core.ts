// The engine in wasm, made at first use and made anew after a trap, and the books over all of its lives.

import { instantiate, type Abi } from "../abi.js";
import type { TrackwireError } from "../errors.js";
import { load } from "../load/inline.js";
import { Entry, NAMES, named, ZEROS, type Outcome, type Stats } from "../stats.js";
import { badOption, refused, type Settings } from "./settings.js";

declare const WORKER: boolean;
declare const BROWSER: boolean;

/** What the module exports besides what all modules do. */
export interface Exports {
  memory: WebAssembly.Memory;
  tw_room(length: number): number;
  tw_new(length: number): number;
  tw_send(length: number, start: number, time: number, tagged: number, mono: number, wall: number): number;
  tw_poll(mono: number, wall: number, most: number): number;
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
  tw_do(what: number): void;
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

/** What `tw_do` does, by number. */
export const enum Do {
  Flush,
  Report,
  EndFlush,
  Close,
  Abandon,
  Hold,
  Release,
  Discard,
  Books = 12,
}

/** What `tw_send` says. */
export const enum Sent {
  Yes,
  Wake,
  Full,
  Closed,
  TooLong,
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

/** How many messages wait for the module to compile. */
const EARLY = 1e4;
/** No frame is larger. */
const LARGEST = 20971520;
const KINDS = "missing empty not_finite too_large out_of_range wrong_type unknown_field bad_character malformed".split(
  " ",
) as TrackwireError["code"][];
const REASONS = ["exhausted", "overflow", "closed", "disabled"] as const;

const encoder = new TextEncoder();

export type Core = ReturnType<typeof createCore>;

/** `tell` is called with each outcome and its tag, 0 for none; `lose` with the error of a message that was not taken after all;
 * `wake` when the module is there after messages have waited for it. */
export function createCore(
  settings: Settings,
  tell: (outcome: Outcome, tag: number) => void,
  lose: (error: TrackwireError, tag: number) => void,
  wake: () => void,
) {
  /** What happened outside the engine, and in those that trapped. */
  const past = [...ZEROS];
  /** The shell's own count of what the engine took and ended, in case it traps; the rest as its books last were. */
  let own: number[] = [];
  /** The tags of messages in the engine, likewise. */
  const tags = new Set<number>();
  let abi: Abi | undefined;
  let early: Sending[] | undefined;
  let held = false;
  let failed = false;
  let traps: number[] = [];
  let lives = 0;
  let ready: Promise<void> | undefined;

  const mono = () => performance.now();
  const wasm = (abi: Abi) => abi.wasm_ as unknown as Exports;

  /** Counts and tells of messages that no engine has. */
  const drop = (count: number, reason: Outcome["reason"], tagged: Iterable<number>, possiblyDelivered?: boolean) => {
    past[Entry.Accepted]! += count;
    past[Entry.Dropped]! += count;
    for (const tag of tagged) {
      tell({ fate: "dropped", reason, count: 1, possiblyDelivered }, tag);
      count--;
    }
    if (count) tell({ fate: "dropped", reason, count, possiblyDelivered }, 0);
  };
  const tagsOf = (sendings: Sending[]) => sendings.map(({ tag_ }) => tag_).filter(Boolean);

  /** How many messages wait for the module. */
  const waiting = () => early?.length ?? 0;

  const start = (module: WebAssembly.Module) => {
    const made = instantiate(module);
    const length = made.write_(settings.texts_);
    const numbers = made.numbers_();
    numbers.set(settings.numbers_);
    numbers[31] = Math.random();
    if (wasm(made).tw_new(length)) throw problem(made, 5, "option");
    abi = made;
    own = [...ZEROS];
    tags.clear();
    if (held) act(Do.Hold);
    const waited = early ?? [];
    early = undefined;
    for (const sending of waited) {
      sending.mono_ ||= mono();
      sending.wall_ ||= settings.wall_();
      const error = send(sending);
      if (error) lose(error, sending.tag_);
    }
  };

  // Where wasm cannot run, messages are counted as dropped.
  const fail = (error: unknown) => {
    failed = true;
    settings.logger_.warn("trackwire: messages are dropped:", error);
    const waited = early ?? [];
    early = undefined;
    drop(waited.length, "internal", tagsOf(waited));
  };

  const boot = () => {
    // At module scope a Worker has no clock: what is sent there waits for its first request.
    if (WORKER && !mono()) return void (early ??= []);
    if (abi || failed || (early && !WORKER) || (traps = traps.filter((at) => mono() - at < 6e4)).length > 2) return;
    try {
      const module = load();
      if (module instanceof WebAssembly.Module) return start(module);
      early = [];
      ready = module.then(start).then(wake).catch(fail);
    } catch (error) {
      fail(error);
    }
  };

  /** Runs something on the engine, if there is one. A trap ends it and its messages. */
  const enter = <T>(run: (wasm: Exports, abi: Abi) => T): T | undefined => {
    if (!abi) return;
    try {
      return run(wasm(abi), abi);
    } catch (error) {
      abi = undefined;
      lives++;
      traps.push(mono());
      settings.logger_.warn("trackwire:", error);
      const [accepted, delivered, rejected, expired, dropped] = own as [number, number, number, number, number];
      const lost = accepted - delivered - rejected - expired - dropped;
      own[Entry.Accepted]! -= lost;
      own.forEach((count, place) => (past[place]! += count));
      drop(lost, "internal", [...tags], true);
      return;
    }
  };

  /** Has the engine do something with a number; the numbers that come back, zeros without an engine. */
  const act = (what: Do, given = 0): readonly number[] =>
    enter((wasm, abi) => {
      abi.numbers_()[0] = given;
      wasm.tw_do(what);
      return [...abi.numbers_()];
    }) ?? ZEROS;

  /** What the module said is wrong. */
  const problem = (abi: Abi, sdkCode: number, code: TrackwireError["code"]) => {
    const [field, hint] = abi.text_().split("\0");
    const name = field!.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
    return sdkCode == 5 ? badOption(name, hint!) : refused(sdkCode, code, name, hint);
  };

  /** Room for bytes in the module. */
  const room = (wasm: Exports, size: number) => {
    const at = wasm.tw_room(size);
    return new Uint8Array(wasm.memory.buffer, at, size);
  };

  /** Sends a message. Whether there is something to do then; an error if it was not taken. */
  const send = (sending: Sending): TrackwireError | undefined => {
    boot();
    const { head_: head, body_: body, time_: time, tag_: tag, mono_, wall_ } = sending;
    const text = typeof body == "string";
    if (body.length > LARGEST) {
      past[Entry.Invalid]!++;
      return tooLong(LARGEST, body.length);
    }
    let woken = false;
    const error = enter((wasm, abi) => {
      const to = room(wasm, head.length * 3 + body.length * (text ? 3 : 1));
      const start = encoder.encodeInto(head, to).written;
      let length = start;
      if (text) length += encoder.encodeInto(body, to.subarray(start)).written;
      else to.set(body, start), (length += body.length);
      const numbers = abi.numbers_();
      numbers[0] = tag;
      if (settings.ownAttributes_) numbers[1] = -new Date(time ?? wall_).getTimezoneOffset();
      const sent = wasm.tw_send(length, start, time ?? -1, +!!tag, mono_, wall_);
      if (sent < Sent.Full) {
        own[Entry.Accepted]!++;
        if (tag) tags.add(tag);
        woken = sent == Sent.Wake;
        return;
      }
      const [limit, size] = abi.numbers_();
      if (sent == Sent.Full) return refused(8, "full", "message", "the queue is full: send later, or raise `recvBufSize`");
      if (sent == Sent.Closed) return closed();
      if (sent == Sent.TooLong) return tooLong(limit!, size!);
      if (sent == Sent.TooManyGroups) return refused(18, "out_of_range", "groupId", `more than ${limit} groups; raise \`maxGroupIdNum\``);
      return problem(abi, 7, KINDS[sent - Sent.TooManyGroups - 1]!);
    });
    if (error || abi) {
      if (woken) wake();
      return error;
    }
    if (early) {
      if (early.length < EARLY) return void early.push(sending);
      past[Entry.RefusedFull]!++;
      return refused(8, "full", "message", "too many wait for the module");
    }
    // A trap, or no engine at all.
    drop(1, "internal", tag ? [tag] : []);
  };
  const tooLong = (limit: number, size: number) =>
    refused(6, "too_large", "message", `${size} bytes, ${limit} are allowed; see \`extPackSize\``);
  const closed = () => refused(10, "closed", "client", "it is closed; make a new one");

  /** The engine's books, noted in case it traps. */
  const note = () => {
    const books = act(Do.Books);
    books.forEach((count, place) => {
      if (place > Entry.Pending && place < Entry.QueuedBytes) own[place] = count;
    });
    return books;
  };

  // Outside Workers, whose module scope allows nothing, an option that the module refuses is an error of the constructor.
  if (!WORKER && !BROWSER) {
    const module = load();
    if (module instanceof WebAssembly.Module) start(module);
  }

  return {
    mono_: mono,
    /** How many engines have trapped. */
    lives_: () => lives,
    enter_: enter,
    act_: act,
    room_: room,
    send_: send,
    ready_: () => (WORKER && early && boot(), ready),
    waiting_: waiting,
    closed_: closed,
    count_(entry: Entry) {
      past[entry]!++;
    },
    /** Drops what waits for the module. */
    discard_() {
      const waited = early?.splice(0) ?? [];
      drop(waited.length, "closed", tagsOf(waited));
    },
    hold_(hold: boolean) {
      held = hold;
      act(hold ? Do.Hold : Do.Release);
    },
    /** Tells the outcome that `tw_poll` has just given. */
    outcome_(abi: Abi) {
      const [fate, count, batch, possibly, code, tagged, tag] = abi.numbers_() as unknown as number[];
      const message = abi.text_().slice(1);
      // Two fates are deliveries and four are drops, told apart below.
      const entry = fate! > 3 ? Entry.Dropped : fate || Entry.Delivered;
      own[entry]! += count!;
      const outcome: Outcome = { fate: NAMES[entry] as Outcome["fate"], count: count! };
      if (fate! > 3) outcome.reason = REASONS[fate! - 4]!;
      if (fate == 1) outcome.unconfirmed = true;
      if (possibly) outcome.possiblyDelivered = true;
      if (batch! >= 0) outcome.batch = batch!;
      if (message) (outcome.message = message), (outcome.code = code!);
      if (tagged) tags.delete(tag!);
      tell(outcome, tagged ? tag! : 0);
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
