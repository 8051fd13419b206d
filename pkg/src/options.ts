import type { NeutralEvent } from "./events.js";
import type { Outcome } from "./stats.js";
import type { Value } from "./values.js";

/** When events go out. In Workers every strategy sends only at a flush. */
export type Consumer =
  /** `default`: every event in a request of its own, at once. `buffered`: events and user attributes when 500 of them
   * wait, items at once. `async`: when 500 events wait, 10 s after the first, or when an item is recorded. `debug`: as
   * `default`, and prints what it sends. */
  | "default"
  | "buffered"
  | "async"
  | "debug"
  | {
      type: "buffered" | "async";
      /** Events in a request. Default 500. */
      maxSize?: number;
      /** Of `async`: how long an event waits at most, ms. Default 10,000. */
      flushAfter?: number;
    };

/** The wire form. `simple` is JSON without a CORS preflight. */
export type Format = "simple" | "json" | "snappy" | "snappy-crypt" | "protobuf" | "protobuf-snappy-crypt";

/** What a tracker is told. Times are ms unless said. */
export interface Options {
  /** The project's id. */
  productId: string;
  /** The data source's id. */
  dataSourceId: string;
  /** The collector's base URL, with scheme; it may have a path. */
  serverHost: string;
  /** When events go out. Default `"default"`. A flush, and a page that is hidden, send what waits in batches of up to
   * 500, whatever the strategy. */
  consumer?: Consumer;
  /** The wire form. Default `"json"`; browsers send it as a simple request, which needs no CORS preflight. */
  format?: Format;
  /** Quick retries after the first attempt. Default 3. After them a batch is kept and its endpoint probed for, see
   * `onExhausted`. */
  retryLimit?: number;
  /** How long a request may take, ms. Default 5,000. */
  requestTimeout?: number;
  /** The unit of the quick retries' schedule, **seconds**: no wait before the first, then `factor * 2^(n-1)` before the
   * n-th. Default 0.25, which gives 0, 0.5, 1 s. */
  retryBackoffFactor?: number;
  /** What happens to a batch whose quick retries are used up. Default `"keep"`. */
  onExhausted?: "keep" | "drop";
  /** Bytes of pending events, every held copy counted. Default 64 MiB, in browsers and Workers 8 MiB. */
  maxQueueBytes?: number;
  /** Pending events. Default 1,000,000. */
  maxQueueEvents?: number;
  /** What happens to a new event when the queue is full. Default: it is not taken. `"drop-oldest"` drops the oldest. */
  whenFull?: "drop-newest" | "drop-oldest";
  /** How long an event is kept for delivery, ms. Default 24 h. */
  maxAge?: number;
  /** The largest request, bytes before compression; bounds a single event too. Default 2 MiB. */
  maxRequestBytes?: number;
  /** Requests under way at once. Default 8, in browsers and Workers 4. */
  maxInFlight?: number;
  /** Whether events are validated when they are recorded. Default `true`. */
  validate?: boolean;
  /** What an invalid event does: throw a `TrackwireError` at the call, or come as an outcome. Default `"throw"`, in
   * browsers `"report"`. */
  onInvalid?: "throw" | "report";
  /** The anonymous (device) id of every event that has none of its own. In browsers one is made and kept. */
  anonymousId?: string;
  /** Browsers: where the anonymous id is kept. Default `"local"`. */
  storage?: "local" | "cookie" | "memory";
  /** What the sender calls itself in every event; `null` sends nothing. Default `"js"`, in browsers `"web"`. */
  platform?: string | null;
  /** The sender's version in every event; `null` sends nothing. Default: this package's version. */
  sdkVersion?: string | null;
  /** Attributes that every custom event gets unless it has its own. */
  defaultAttributes?: Record<string, Value>;
  /** Sees every event before it is recorded, with its default attributes, and may change it; `false` drops it. */
  beforeSend?(event: NeutralEvent): boolean | void;
  /** Whether the tracker records. `false`: events are counted as ignored. `"buffer"`: events wait, with their time, for
   * `enable` or `disable`. Default `true`. */
  enabled?: boolean | "buffer";
  /** The share of users whose events are recorded, 0 to 1: a user is in or out, always and everywhere. Default 1. */
  sampleRate?: number;
  /** What carries the requests. Default: the platform's `fetch`. */
  fetch?: typeof fetch;
  /** Headers for every request. In browsers they make a CORS preflight necessary. */
  headers?: Record<string, string>;
  /** Where warnings go, and what the `debug` strategy prints. Default `console`. */
  logger?: Pick<Console, "warn" | "log">;
  /** Called with every outcome, after the tracker's own work is done; tracking in it is fine. */
  onOutcome?(outcome: Outcome): void;
  /** The wall clock, ms since the Unix epoch, for tests. Default `Date.now`. */
  clock?(): number;
}
