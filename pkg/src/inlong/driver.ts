// What carries InLong's packs: connections to nodes, requests to them and to the Manager.

import type { Abi } from "../abi.js";
import { afterOf, causeOf, mayHaveArrived, statusOf } from "../answers.js";
import type { TrackwireError } from "../errors.js";
import { createLoop, type Shift } from "../loop.js";
import type { Outcome } from "../stats.js";
import { quietTimer } from "../timers.js";
import { createCore, Happened, NodesFrom, type Exports } from "./core.js";
import { question, readNodes, statusSays } from "./manager.js";
import type { Settings } from "./settings.js";
import { connect, type Socket } from "./sockets.js";

declare const WORKER: boolean;
declare const BROWSER: boolean;

/** What the wait of a flush is at most in Workers, where it hears nothing of what other requests do, ms. */
const STEP = 200;
/** A flush that was not seen for so long has gone away with its request, ms. */
const GONE = 2e3;
/** A page may have 64 KiB of keepalive bodies under way, all its scripts together. */
const QUOTA = 64e3;

export type Driver = ReturnType<typeof createDriver>;

/** `tell` is called with every outcome; `lose` with messages that were not taken after all. */
export function createDriver(
  settings: Settings,
  tell: (outcome: Outcome) => void,
  lose: (error: TrackwireError, tag: number) => void,
) {
  const { options_: options, wall_: wall, logger_: logger } = settings;
  const sockets = new Map<number, Socket>();
  const requests = new Set<AbortController>();
  /** Workers: the flush that carries for all, and when it was seen last. Connections belong to the request that opened
   * them. */
  let carrier: object | undefined;
  let seen = 0;
  /** Workers: its requests under way. */
  let under = 0;
  /** The engine that was brought the lists that are kept. */
  let remembered = -1;
  /** Pages: whether this one is hidden, so that its requests are to outlive it; and their bytes under way. */
  let hidden = false;
  let alive = 0;

  const closeSockets = () => {
    if (BROWSER) return;
    for (const socket of sockets.values()) socket.close_();
    sockets.clear();
  };

  const core = createCore(settings, (outcome) => loop.tell_(outcome), lose, closeSockets, () => loop.wake_());
  const { enter_: enter, mono_: mono } = core;

  /** Posts something; what came of it. */
  const fetchIt = async (url: string, headers: Record<string, string>, body: BodyInit, timeout: number) => {
    const controller = new AbortController();
    const timer = quietTimer(() => controller.abort(), timeout);
    // In Workers a request that goes away would leave it there.
    const by = carrier;
    if (WORKER) under++;
    else requests.add(controller);
    let status = 0;
    let maybe = true;
    /** What `Retry-After` asks for, ms. */
    let after = NaN;
    let answer: Uint8Array;
    try {
      const init: RequestInit = { method: "POST", headers, body, redirect: "manual", signal: controller.signal };
      if (BROWSER) init.keepalive = hidden;
      const response = await (options.fetch ?? fetch)(url, init);
      status = statusOf(response);
      after = afterOf(response, wall());
      // Who refuses a body while it goes up may cut its own answer.
      answer = new Uint8Array(await response.arrayBuffer().catch(() => new ArrayBuffer(0)));
    } catch (error) {
      const text = BROWSER ? String(error) : causeOf(error);
      maybe = BROWSER || mayHaveArrived(text);
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
      enter((abi) => {
        const { wasm_: wasm } = abi;
        const head = new TextEncoder().encode((Math.ceil(after / 1e3) || "") + "\0");
        const to = abi.room_(head.length + answer.length);
        to.set(head);
        to.set(answer, head.length);
        wasm.tw_answer(batch, attempt, status, +maybe, to.length, mono(), wall());
      });
    }
    resume();
  };

  /** Asks the Manager for a group's nodes. */
  const ask = async (group: string, resume: () => void) => {
    remember();
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
    if (life == core.lives_()) bring(group, found, typeof found == "string" ? failed : NodesFrom.Manager, after || 0);
    resume();
  };

  /** Brings a group's node list, or why there is none and how long the Manager asks to wait, ms. */
  const bring = (group: string, found: ReturnType<typeof readNodes>, from: NodesFrom, after = 0) =>
    enter((abi) => {
      const [numbers, texts] = typeof found == "string" ? [[after], [found]] : found;
      const length = abi.write_([group, ...texts, ""].join("\0"));
      abi.numbers_().set(numbers);
      abi.wasm_.tw_nodes(length, from, mono(), wall());
    });

  /** Brings an engine the lists that are kept, before the first question. */
  const remember = () => {
    if (BROWSER || WORKER || remembered == core.lives_()) return;
    remembered = core.lives_();
    for (const [group, list] of settings.cache_?.lists_ ?? []) bring(group, readNodes(list, settings.isTcp_), NodesFrom.Cache);
  };

  /** Connects for the engine. */
  const open = (number: number, host: string, port: number, resume: () => void) => {
    const life = core.lives_();
    const happened = (what: Happened, bytes: string | Uint8Array = "", count = bytes.length) => {
      if (life != core.lives_()) return;
      enter((abi) => {
        if (typeof bytes == "string") count = bytes ? abi.write_(bytes) : count;
        else abi.room_(count).set(bytes);
        abi.wasm_.tw_happened(what, number, count, mono(), wall());
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
  const perform = (what: number, abi: Abi<Exports>, resume: () => void) => {
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

  /** A flush of a Worker. One at a time carries: it opens connections, and closes them at its end; the others look on, and take
   * over when it has ended or its request went away. */
  const shift = (resume: () => void): Shift => {
    const me = {};
    return {
      turn_(begins) {
        if (!carrier || mono() - seen > GONE) take(me);
        if (carrier != me) return [10, false];
        seen = mono();
        const wait = loop.run_(begins, resume);
        return [Math.min(wait, STEP), under > 0 || !!enter(({ wasm_: wasm }) => wasm.tw_is_busy())];
      },
      end_() {
        if (carrier == me) take(undefined);
      },
    };
  };

  const loop = createLoop(
    core,
    settings,
    {
      most_: () => (hidden ? Math.max(QUOTA - alive, 0) : -1),
      perform_: perform,
      by_: (): void => loop.wake_(),
      ...(WORKER && { shift_: shift }),
    },
    tell,
  );

  /** Workers: hands the carrying over. */
  const take = (to: object | undefined) => {
    closeAll();
    carrier = to;
    under = 0;
    seen = mono();
  };

  const closeAll = () => {
    if (BROWSER) return;
    enter(({ wasm_: wasm }) => wasm.tw_happened(Happened.CloseAll, 0, 0, mono(), wall()));
    loop.run_(false, () => {});
    closeSockets();
  };

  // Asks for the nodes of the groups that are named.
  if (!WORKER && !BROWSER) loop.wake_();

  return {
    ...settings,
    ...core,
    ...loop,
    /** Ends all connections and requests. */
    end_() {
      closeAll();
      for (const request of requests) request.abort();
    },
    /** Pages: whether this one is hidden. */
    hide_: (hide: boolean) => void (hidden = hide),
  };
}
