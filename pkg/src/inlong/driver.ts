// The loop: asks the engine what to do, opens connections, carries requests, brings what comes in.

import type { Abi } from "../abi.js";
import { givenUp, LONG, quietTimer, type Timer } from "../timers.js";
import { Entry, NAMES, named, type Outcome, type Report } from "../stats.js";
import type { TrackwireError } from "../errors.js";
import { createCore, Do, Happened, NodesFrom } from "./core.js";
import { question, readNodes, statusSays } from "./manager.js";
import type { Settings } from "./settings.js";
import { connect, type Socket } from "./sockets.js";

declare const WORKER: boolean;
declare const BROWSER: boolean;

/** There is more to do at once. */
const MORE = -2;
/** What the wait of a flush is at most in Workers, where it hears nothing of what other requests do, ms. */
const STEP = 200;
/** A flush that was not seen for so long has gone away with its request, ms. */
const GONE = 2e3;
/** A page may have 64 KiB of keepalive bodies under way, all its scripts together. */
const QUOTA = 64e3;

export type Driver = ReturnType<typeof createDriver>;

/** `tell` is called with every outcome and its tag, 0 for none; `lose` with messages that were not taken after all. */
export function createDriver(
  settings: Settings,
  tell: (outcome: Outcome, tag: number) => void,
  lose: (error: TrackwireError, tag: number) => void,
) {
  const { options_: options, wall_: wall, logger_: logger } = settings;
  const outcomes: [Outcome, number][] = [];
  const listeners = new Set<() => void>();
  const sockets = new Map<number, Socket>();
  const requests = new Set<AbortController>();
  let timer: Timer | undefined;
  let woken = false;
  let telling = false;
  /** Workers: the flush that carries for all, and when it was seen last. Connections belong to the request that opened
   * them. */
  let carrier: object | undefined;
  let seen = 0;
  /** Workers: its requests under way. */
  let under = 0;
  /** The engine that was brought the lists that are kept. */
  let remembering = -1;
  /** Pages: whether this one is hidden, so that its requests are to outlive it; and their bytes under way. */
  let hidden = false;
  let alive = 0;
  /** Workers: flushes begun, and when they have ended even if their request went away. */
  const begun = (WORKER && new Map()) as Map<number, number>;

  const core = createCore(settings, (...told) => {
    if (outcomes.push(told) == 1) queueMicrotask(tellAll);
  }, lose, () => wake());
  const { enter_: enter, mono_: mono } = core;

  /** Hands out what ended. */
  const tellAll = () => {
    if (telling) return;
    telling = true;
    // What is told of meanwhile is told too.
    for (const told of outcomes) tell(...told);
    outcomes.length = 0;
    telling = false;
  };

  /** Posts something; what came of it. */
  const fetchIt = async (url: string, headers: Record<string, string>, body: BodyInit, timeout: number) => {
    const controller = new AbortController();
    const timer = quietTimer(() => controller.abort(), timeout);
    // In Workers a request that goes away would leave it there.
    const by = carrier;
    if (WORKER) under++;
    else requests.add(controller);
    let status = 0;
    let maybe = 1;
    /** What `Retry-After` asks for, seconds. */
    let after = 0;
    let answer: Uint8Array;
    try {
      const init: RequestInit = { method: "POST", headers, body, redirect: "manual", signal: controller.signal };
      if (BROWSER) init.keepalive = hidden;
      const response = await (options.fetch ?? fetch)(url, init);
      answer = new Uint8Array(await response.arrayBuffer());
      const asked = response.headers.get("retry-after") as string;
      after = Math.max(Math.ceil(/^ *\d+ *$/.test(asked) ? +asked : (Date.parse(asked) - wall()) / 1e3), 0) || 0;
      // A page may see that there was a redirect, but not which.
      status = response.type == "opaqueredirect" ? 302 : response.status;
    } catch (error) {
      let text = String(error);
      if (!BROWSER) {
        const cause = (error as { cause?: { code?: string } })?.cause;
        if (cause) text += ": " + String(cause);
        // Without a connection nothing has arrived: Node says so by a code, Bun and Deno in words.
        if (/REFUSED|NOTFOUND|AI_AGAIN|CONNECT_TIMEOUT|\(Connect\)/.test(text + cause?.code)) maybe = 0;
      }
      answer = new TextEncoder().encode(text);
    }
    clearTimeout(timer);
    if (!WORKER) requests.delete(controller);
    else if (by == carrier) under--;
    return { status, maybe, after, answer };
  };

  /** Posts messages. */
  const post = async (url: string, body: Uint8Array<ArrayBuffer>, batch: number, attempt: number, deadline: number, resume: () => void) => {
    const life = core.lives_();
    const headers = { ...options.headers, "content-type": "application/x-www-form-urlencoded" };
    const kept = BROWSER && hidden ? body.length : 0;
    alive += kept;
    const { status, maybe, after, answer } = await fetchIt(url, headers, body, deadline - mono());
    alive -= kept;
    if (life == core.lives_()) {
      enter((wasm) => {
        const head = new TextEncoder().encode((after || "") + "\0");
        const to = core.room_(wasm, head.length + answer.length);
        to.set(head);
        to.set(answer, head.length);
        wasm.tw_answer(batch, attempt, status, maybe, to.length, mono(), wall());
      });
    }
    resume();
  };

  /** Asks the Manager for a group's nodes. */
  const ask = async (group: string, resume: () => void) => {
    const life = core.lives_();
    const [body, headers] = question(settings);
    const url = settings.url_.replace(/\/$/, "") + "/" + encodeURIComponent(group);
    const { status, after, answer } = await fetchIt(url, headers, body, settings.askTimeout_);
    const text = new TextDecoder().decode(answer);
    const found = !status
      ? "the Manager was not reached: " + text
      : status != 200
        ? statusSays(status)
        : text
          ? readNodes(text, settings.isTcp_)
          : "the Manager answered nothing";
    const failed = status == 200 && text ? NodesFrom.Refusal : NodesFrom.Silence;
    if (typeof found != "string") settings.cache_?.keep_(group, text);
    if (life == core.lives_()) bring(group, found, typeof found == "string" ? failed : NodesFrom.Manager, after * 1e3);
    resume();
  };

  /** Brings a group's node list, or why there is none and how long the Manager asks to wait, ms. */
  const bring = (group: string, found: ReturnType<typeof readNodes>, from: NodesFrom, after = 0) =>
    enter((wasm, abi) => {
      const [numbers, texts] = typeof found == "string" ? [[after], [found]] : found;
      const length = abi.write_([group, ...texts, ""].join("\0"));
      abi.numbers_().set(numbers);
      wasm.tw_nodes(length, from, mono(), wall());
    });

  /** Brings an engine the lists that are kept. */
  const remember = (life: number) => {
    if (BROWSER || WORKER || life == remembering) return;
    remembering = life;
    for (const [group, list] of settings.cache_?.lists_ ?? []) bring(group, readNodes(list, settings.isTcp_), NodesFrom.Cache);
  };

  /** Connects for the engine. */
  const open = (number: number, host: string, port: number, resume: () => void) => {
    const life = core.lives_();
    const happened = (what: Happened, bytes: string | Uint8Array = "", count = bytes.length) => {
      if (life != core.lives_()) return;
      enter((wasm, abi) => {
        if (typeof bytes == "string") count = bytes ? abi.write_(bytes) : count;
        else core.room_(wasm, count).set(bytes);
        wasm.tw_happened(what, number, count, mono(), wall());
      });
      resume();
    };
    const socket = connect(host, port, {
      open_: () => happened(Happened.Open),
      data_: (bytes) => happened(Happened.Data, bytes),
      written_: (count) => settings.isAck_ || happened(Happened.Written, "", count),
      close_(why) {
        if (sockets.get(number) == socket) sockets.delete(number);
        happened(Happened.Closed, why);
      },
    });
    sockets.set(number, socket);
  };

  /** Does what `tw_poll` asks for. `resume` is called when something has come of it. */
  const perform = (what: number, abi: Abi, resume: () => void) => {
    const [one, two, three, four, five] = abi.numbers_() as unknown as [number, number, number, number, number];
    if (what == 1) return void post(abi.text_() || options.httpUrl!, abi.copy_(four, five), one, two, three, resume);
    if (what == 2 || BROWSER) return core.outcome_(abi);
    if (what == 3) return open(one, abi.text_(), two, resume);
    if (what == 4) return sockets.get(one)?.write_(abi.copy_(two, three));
    if (what == 5) return sockets.get(one)?.close_(), void sockets.delete(one);
    if (what == 6) return void ask(abi.text_(), resume);
    const [group, why] = abi.text_().split("\0");
    const so = two ? "its messages wait" : "the last list holds";
    logger.warn(`trackwire: no node list for group ${group}: ${why}; ${so}, next try in ${one} ms`);
  };

  /** Asks and acts until there is nothing to do; how long, in ms. Begins nothing without `begin`. */
  const run = (begin: boolean, resume: () => void): number => {
    for (;;) {
      const life = core.lives_();
      const until = enter((wasm, abi) => {
        remember(life);
        const most = begin ? (hidden ? Math.max(QUOTA - alive, 0) : -1) : 0;
        const what = wasm.tw_poll(mono(), wall(), most);
        if (!what) return abi.numbers_()[0]!;
        perform(what, abi, resume);
        return MORE;
      });
      if (life != core.lives_()) closeSockets();
      if (until != MORE) {
        core.note_();
        tellAll();
        // Without an engine there is no time either.
        return until! >= 0 ? Math.max(until! - mono(), 0) : Infinity;
      }
    }
  };

  const closeSockets = () => {
    if (BROWSER) return;
    for (const socket of sockets.values()) socket.close_();
    sockets.clear();
  };

  /** Outside Workers: acts now, and again when it is time. */
  const pump = () => {
    woken = false;
    const wait = run(true, wake);
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

  /** Waits until what was accepted before has ended, or until the timeout. In Workers one flush at a time carries: it opens
   * connections, and closes them at its end; the others look on, and take over when it has ended or its request went away. */
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
    const me = {};
    if (WORKER) {
      for (const [id, end] of begun) if (end < mono() - 1e3) report(Do.EndFlush, id), begun.delete(id);
      begun.set(id, until);
    }
    const life = core.lives_();
    let resume = () => {};
    let now = report(Do.Report, id);
    if (!WORKER) pump();
    for (;;) {
      let wait = LONG;
      let busy = false;
      if (WORKER) {
        if (!carrier || mono() - seen > GONE) take(me);
        wait = 10;
        if (carrier == me) {
          seen = mono();
          wait = Math.min(run(!!now.pending, () => resume()), STEP);
          busy = under > 0 || !!enter((wasm) => wasm.tw_is_busy());
        }
      }
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
    if (WORKER) {
      begun.delete(id);
      if (carrier == me) take(undefined);
    }
    if (core.lives_() == life) report(Do.EndFlush, id);
    return now;
  };

  /** Workers: hands the carrying over. */
  const take = (to: object | undefined) => {
    closeAll();
    carrier = to;
    under = 0;
    seen = mono();
  };

  const closeAll = () => {
    if (BROWSER) return;
    enter((wasm) => wasm.tw_happened(Happened.CloseAll, 0, 0, mono(), wall()));
    run(false, () => {});
    closeSockets();
  };

  return {
    ...settings,
    ...core,
    pump_: pump,
    wake_: wake,
    /** Hands out what has ended; begins nothing. */
    drain_: () => run(false, wake),
    /** Ends all connections and requests. */
    end_() {
      closeAll();
      for (const request of requests) request.abort();
    },
    /** Lets everything go out without waiting for it. */
    loosen_: () => report(Do.EndFlush, begin()),
    flush_: flush,
    /** Pages: whether this one is hidden. */
    hide_: (hide: boolean) => void (hidden = hide),
  };
}
