import { Do } from "../abi.js";
import { callBack } from "../callback.js";
import { watchProcess, type Host } from "../node.js";
import type { TrackwireError } from "../errors.js";
import type { Attributes, CustomEvent, Item, NeutralEvent, UserAttributes, Who } from "../events.js";
import { isNode } from "../settings.js";
import { Entry, type Outcome, type Report, type Stats } from "../stats.js";
import { givenUp } from "../timers.js";
import { createDriver, type Driver } from "./driver.js";
import type { Options } from "./options.js";
import { watchPage } from "./page.js";
import { toMessage, type Kind } from "./mapping.js";
import { refused, settle } from "./settings.js";

declare const WORKER: boolean;
declare const BROWSER: boolean;

/** How long to wait. */
export interface Patience {
  /** Ms. Default: the client's `requestTimeout`. */
  timeout?: number;
}

/** What is known about a message besides itself. */
export interface About {
  /** When what it tells of happened: ms since the Unix epoch, or a date. Default: when it is sent. A frame says it with a
   * precision of seconds for all its messages, so messages of different seconds go in different frames. */
  time?: number | Date;
  /** Attributes: printable ASCII without `&` and `=`. Messages with different attributes go in different frames. */
  attributes?: Readonly<Record<string, string>>;
  /** Comes back with the outcome. */
  tag?: unknown;
}

/** A message to a stream of a group. */
export interface Message extends About {
  groupId: string;
  streamId: string;
  /** Text, which goes as UTF-8, or bytes. */
  message: string | Uint8Array;
}

/** What became of a message. */
export interface Delivery {
  groupId: string;
  streamId: string;
  /** The message, as it was given. */
  message: string | Uint8Array;
  /** Its length, bytes. */
  messageLength: number;
  /** The time that it was sent with, else when it was handed to the client; ms since the Unix epoch. */
  reportTime: number;
  /** The address of this machine, as far as the client knows it. */
  clientIp: string;
  /** How it ended, and why. */
  outcome: Outcome;
}

interface Waiting extends Omit<Delivery, "outcome" | "messageLength" | "clientIp"> {
  tag: unknown;
  resolve?(delivery: Delivery): void;
  reject?(error: TrackwireError): void;
}

/** Sends messages to InLong DataProxy in the background. Sending never waits. */
export class InLongClient {
  private readonly driver_: Driver;
  private readonly host_: Partial<Host>;
  // Messages whose outcome is told by itself.
  private readonly waiting_ = new Map<number, Waiting>();
  private tags_ = 0;
  private closed_ = false;

  /** Throws a `TrackwireError` that names the option that cannot be used. */
  constructor(options: Options) {
    this.driver_ = createDriver(
      settle(options),
      (outcome) => this.tell_(outcome),
      (error, tag) => this.lose_(error, tag),
    );
    this.host_ = WORKER ? {} : BROWSER || !isNode() ? watchPage(this.driver_) : watchProcess(this.driver_);
  }

  /** Sends a message. Throws a `TrackwireError` with the vendor's number as `sdkCode` if it is not taken: it cannot be sent
   * (7), is too long (6), the queue is full (8), the client is closed (10), there are too many groups (18). With `onInvalid:
   * "report"` that is told as an outcome, and `false` comes back. */
  send(groupId: string, streamId: string, message: string | Uint8Array, about: About = {}): boolean {
    const error = this.send_(groupId, streamId, message, about);
    if (!error) return true;
    if (this.driver_.throws_) throw error;
    this.report_(error, about.tag);
    return false;
  }

  /** Sends a message; the promise resolves when it has ended, however. It rejects with a `TrackwireError` if it was not
   * taken. */
  deliver(groupId: string, streamId: string, message: string | Uint8Array, about: About = {}): Promise<Delivery> {
    return new Promise((resolve, reject) => {
      const error = this.send_(groupId, streamId, message, about, { resolve, reject });
      if (error) reject(error);
    });
  }

  /** Sends messages in order until one is refused; how many were taken. The error says why that one was not, and has their
   * number as `taken`. */
  sendAll(messages: Iterable<Message>): number {
    let taken = 0;
    for (const { groupId, streamId, message, ...about } of messages) {
      try {
        if (!this.send(groupId, streamId, message, about)) return taken;
      } catch (error) {
        throw Object.assign(error as Error, { taken });
      }
      taken++;
    }
    return taken;
  }

  /** Sends an event as a message, as the option `mapping` says for `track`. Throws and answers as `send`. */
  track(name: string, event: CustomEvent = {}): boolean {
    return this.map_("track", event, () => {
      // What the event says by itself is not said otherwise by one of its fields.
      return { ...event.fields, ...about(event, event.attributes, name), resource_item: event.resourceItem };
    });
  }

  /** The same for what is known about a user, as `mapping` says for `user`. */
  user(event: UserAttributes): boolean {
    return this.map_("user", event, () => about(event, event.attributes));
  }

  /** The same for an item, as `mapping` says for `item`. */
  item(item: Item): boolean {
    return this.map_("item", item, () => ({ item: item.itemId, key: item.itemKey, attributes: item.attributes }));
  }

  /** Resolves when the queue has room again: for who would rather wait than be refused. In Workers it flushes for that. */
  ready(): Promise<void> {
    return this.driver_.room_();
  }

  /** Sends what waits, and returns when everything sent before has ended, or after the timeout: it is no error for something
   * to be pending. Overrides no backoff. */
  flush({ timeout = this.driver_.requestTimeout_ }: Patience = {}): Promise<Report> {
    return this.driver_.flush_(timeout);
  }

  /** Takes no more messages, delivers what it can within the timeout, returns as soon as that is done, and drops the rest. */
  async close(patience?: Patience): Promise<Report> {
    const { driver_: driver } = this;
    this.closed_ = true;
    await driver.ready_();
    driver.act_(Do.Close);
    const report = await this.flush(patience);
    driver.discard_("closed");
    driver.act_(Do.Abandon);
    driver.end_();
    driver.drain_();
    this.host_.leave_?.();
    return givenUp(report);
  }

  /** The books. */
  stats(): Stats {
    return this.driver_.stats_();
  }

  private map_(kind: Kind, { tag }: { tag?: unknown }, make: () => NeutralEvent): boolean {
    const { driver_: driver } = this;
    const route = driver.options_.mapping?.[kind];
    let text: string;
    try {
      if (!route) throw refused(7, "unknown_field", kind, "the option `mapping` has no route for it");
      const made = make();
      if (kind != "item") made.time ??= driver.wall_();
      for (const field of { track: ["track"], user: [], item: ["item", "key"] }[kind]) {
        if (!made[field] || typeof made[field] != "string") throw refused(7, "empty", field == "track" ? "event" : field, "give a text");
      }
      text = toMessage(made, route);
    } catch (error) {
      driver.count_(Entry.Invalid);
      if (driver.throws_) throw error;
      this.report_(error as TrackwireError, tag);
      return false;
    }
    return this.send(route.groupId, route.streamId, text, { tag });
  }

  private send_(
    groupId: string,
    streamId: string,
    message: string | Uint8Array,
    { time, attributes = {}, tag }: About,
    promise?: Pick<Waiting, "resolve" | "reject">,
  ): TrackwireError | undefined {
    const { driver_: driver } = this;
    if (this.closed_) return driver.count_(Entry.Ignored), driver.closed_();
    const bad = (code: TrackwireError["code"], field: string, hint: string) => {
      driver.count_(Entry.Invalid);
      return refused(7, code, field, hint);
    };
    const bytes = message instanceof Uint8Array;
    if (!bytes && typeof message != "string") return bad("wrong_type", "message", "give text or a Uint8Array");
    const texts: [string, unknown][] = [["groupId", groupId], ["streamId", streamId]];
    let head = groupId + "\0" + streamId + "\0";
    for (const key in attributes) {
      if (BROWSER) return bad("unknown_field", "attributes", "over HTTP messages have none");
      texts.push(["attributes." + key, attributes[key]], ["attributes", key]);
      head += key + "\0" + attributes[key] + "\0";
    }
    for (const [field, text] of texts) {
      if (typeof text != "string") return bad("wrong_type", field, "give a text");
      // Zeros keep them apart.
      if (!text || text.includes("\0")) return bad(text ? "bad_character" : "empty", field, "give printable ASCII");
    }
    const at = time === undefined ? time : +time;
    if (at !== undefined && !(at >= 0 && at < 1e16)) return bad("not_finite", "time", "give ms since the Unix epoch");
    let number = 0;
    const wall = driver.wall_();
    if (tag !== undefined || promise) {
      number = ++this.tags_;
      this.waiting_.set(number, { groupId, streamId, message, reportTime: at ?? wall, tag, ...promise });
    }
    const error = driver.send_({ head_: head + "\0", body_: message, time_: at, tag_: number, mono_: driver.mono_(), wall_: wall });
    if (error) this.waiting_.delete(number);
    return error;
  }

  // Tells of what has ended.
  private tell_(outcome: Outcome) {
    const { ip_: clientIp } = this.driver_;
    const { tag } = outcome;
    const waiting = this.waiting_.get(tag as number);
    let delivery: Delivery | undefined;
    if (waiting) {
      this.waiting_.delete(tag as number);
      const { groupId, streamId, message, reportTime } = waiting;
      const messageLength = typeof message == "string" ? new TextEncoder().encode(message).length : message.length;
      delete outcome.tag;
      if (waiting.tag !== undefined) outcome.tag = waiting.tag as string;
      delivery = { groupId, streamId, message, messageLength, reportTime, clientIp, outcome };
      waiting.resolve?.(delivery);
    }
    callBack(this.driver_, outcome, delivery);
  }

  // Tells of a message that was refused when its call had ended.
  private lose_(error: TrackwireError, tag: number) {
    const waiting = this.waiting_.get(tag);
    this.waiting_.delete(tag);
    waiting?.reject ? waiting.reject(error) : this.report_(error, waiting?.tag);
  }

  private report_({ code, field, message }: TrackwireError, tag: unknown) {
    callBack(this.driver_, { fate: "invalid", count: 1, code, field, message, tag: tag as string });
  }
}

function about(who: Who, attributes: Attributes | undefined, track?: string): NeutralEvent {
  const { eventTime } = who;
  return {
    track,
    user: who.loginUserId,
    user_key: who.loginUserKey,
    anonymous: who.anonymousId,
    time: eventTime && +eventTime,
    attributes,
  };
}
