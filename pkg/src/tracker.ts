import { Do } from "./abi.js";
import { watchPage } from "./browser.js";
import { createDriver, type Driver } from "./driver.js";
import { Recorded } from "./engine.js";
import { TrackwireError } from "./errors.js";
import type { Attributes, CustomEvent, Item, NeutralEvent, UserAttributes, UserMapping, Who } from "./events.js";
import { watchProcess, type Host } from "./node.js";
import type { Options } from "./options.js";
import { isNode, settle } from "./settings.js";
import { Entry, type Report, type Stats } from "./stats.js";
import { givenUp } from "./timers.js";
import { toText } from "./values.js";

declare const WORKER: boolean;
declare const BROWSER: boolean;

/** How long to wait. */
export interface Patience {
  /** Ms. Default: the tracker's `requestTimeout`. */
  timeout?: number;
}

type Tag = number | string | undefined;

/** Records events and delivers them to GrowingIO in the background. Recording never waits. `Events` names the custom
 * events and their attributes, for the compiler only. */
export class GrowingTracker<Events extends { [name: string]: object } = { [name: string]: Attributes }> {
  private readonly driver_: Driver;
  private readonly host_: Partial<Host>;
  private enabled_: boolean | "buffer";
  private closed_ = false;

  /** Throws a `TrackwireError` that names the option that cannot be used. */
  constructor(options: Options) {
    this.driver_ = createDriver(settle(options));
    this.enabled_ = options.enabled ?? true;
    this.host_ = WORKER
      ? {}
      : BROWSER || !isNode()
        ? watchPage(this.driver_, () => this.hold_())
        : watchProcess(this.driver_);
    this.hold_();
  }

  /** Records that something happened. Whether it was taken: it is not when the queue is full, the tracker disabled or
   * closed, the user outside the sample, or `beforeSend` says so; `stats` counts each. */
  trackCustomEvent<Name extends keyof Events & string>(name: Name, event: CustomEvent<Events[Name]> = {}): boolean {
    return this.record_(event, () => {
      const made = this.about_(event, event.attributes as Attributes | undefined, given(name));
      if (event.resourceItem) made.resource_item = event.resourceItem;
      return event.fields ? { ...made, ...event.fields } : made;
    });
  }

  /** Records what is known about a user. */
  setLoginUserAttributes(event: UserAttributes): boolean {
    return this.record_(event, () => this.about_(event, event.attributes));
  }

  /** Records a row of a dimension table. */
  submitItem(item: Item): boolean {
    return this.record_(item, () => ({ item: given(item.itemId), key: item.itemKey, attributes: item.attributes }));
  }

  /** Records ids that belong to one person. */
  submitUserMapping(mapping: UserMapping): boolean {
    return this.record_(mapping, () => ({ mapping: given(mapping.identities), time: time(mapping) }));
  }

  /** Records an event in the neutral form, one JSON object, as it is. (Where `defaultAttributes` or `beforeSend` are
   * set it is parsed for them, and numbers go as JavaScript has them.) */
  trackJson(text: string, options: { tag?: number | string } = {}): boolean {
    return this.record_(options, () => String(text));
  }

  /** Resolves when the queue has room again: for who would rather wait than be refused. In Workers it flushes for that. */
  ready(): Promise<void> {
    return this.driver_.room_();
  }

  /** Sends what waits, and returns when everything recorded before has ended, or after the timeout: it is no error for
   * something to be pending. Overrides neither backoff nor `Retry-After`. */
  flush({ timeout = this.driver_.requestTimeout_ }: Patience = {}): Promise<Report> {
    return this.driver_.flush_(timeout);
  }

  /** Takes no more events, delivers what it can within the timeout, and drops the rest. */
  async close(patience?: Patience): Promise<Report> {
    const { driver_: driver } = this;
    this.closed_ = true;
    await driver.ready_();
    driver.act_(Do.Close);
    if (this.enabled_ == "buffer") driver.discard_();
    const report = await this.flush(patience);
    driver.act_(Do.Abandon);
    for (const attempt of driver.flights_) attempt.abort_();
    driver.drain_();
    this.host_.leave_?.();
    return givenUp(report);
  }

  /** The books. */
  stats(): Stats {
    return this.driver_.stats_();
  }

  /** Records and delivers from now on; what was held for consent goes out, with its time. */
  enable(): void {
    this.enabled_ = true;
    this.hold_();
    this.driver_.wake_();
  }

  /** Records nothing from now on, and drops what waits. What is under way cannot be called back. */
  disable(): void {
    this.enabled_ = false;
    this.host_.forget_?.();
    this.driver_.discard_();
    this.driver_.drain_();
  }

  private hold_() {
    this.driver_.hold_(this.enabled_ == "buffer" || !!this.host_.offline_?.());
  }

  private about_(who: Who, attributes: Attributes | undefined, track?: string): NeutralEvent {
    return {
      track,
      user: who.loginUserId,
      user_key: who.loginUserKey,
      anonymous: who.anonymousId ?? this.driver_.options_.anonymousId ?? this.host_.anonymous_?.(this.enabled_ === true),
      time: time(who),
      attributes,
    };
  }

  private record_(given: { tag?: Tag }, make: () => NeutralEvent | string): boolean {
    const { driver_: driver } = this;
    const { beforeSend, defaultAttributes } = driver.options_;
    const leave = (entry: Entry) => (driver.count_(entry), false);
    if (!this.enabled_ || this.closed_) return leave(Entry.Ignored);
    let tag: Tag;
    let event: NeutralEvent | string;
    let user: string | undefined;
    const refuse = (error: TrackwireError) => {
      if (driver.throws_) throw error;
      driver.report_(error, tag);
      return false;
    };
    try {
      try {
        tag = given.tag;
        event = make();
        if (typeof event == "string" && (beforeSend || defaultAttributes)) event = parse(event);
        if (defaultAttributes && typeof event == "object" && event.track) {
          // The event's own come first, and win.
          event.attributes = { ...event.attributes, ...defaultAttributes, ...event.attributes };
        }
      } catch {
        throw new TrackwireError("unreadable", "event");
      }
      if (tag !== undefined && !(typeof tag == "string" ? !tag.includes("\0") : Number.isSafeInteger(tag) && tag >= 0)) {
        throw new TrackwireError("wrong_type", "tag");
      }
      if (driver.rate_ < 1) {
        const { user: id, anonymous } = Object(typeof event == "string" ? parse(event) : event);
        user = String(id || anonymous || "");
        if (user && driver.sampled_(user) === false) return leave(Entry.SampledOut);
      }
      if (typeof event == "object") {
        if (beforeSend) {
          event.attributes &&= { ...event.attributes };
          if (beforeSend(event) === false) return leave(Entry.Filtered);
        }
        event = toText(event);
      }
    } catch (error) {
      if (!(error instanceof TrackwireError)) throw error;
      driver.count_(Entry.Invalid);
      return refuse(error);
    }
    const recorded = driver.record_(event, tag, driver.mono_(), driver.wall_(), user);
    // The engine counts what it refuses itself.
    if (recorded instanceof TrackwireError) return refuse(recorded);
    if (driver.debug_) driver.logger_.log("trackwire: " + event);
    if (recorded == Recorded.Wake) driver.wake_();
    return recorded < Recorded.Full;
  }
}

function time({ eventTime }: { eventTime?: number | Date }): number | undefined {
  return eventTime && +eventTime;
}

/** What says which kind of event it is. Left out it would be another kind, so it is null, which is refused. */
const given = <T>(value: T): T => value ?? (null as T);

function parse(text: string): NeutralEvent | string {
  try {
    const event = JSON.parse(text);
    // What is no object is for the engine to refuse.
    return typeof event == "object" && event ? event : text;
  } catch {
    // The engine says what is wrong with it.
    return text;
  }
}
