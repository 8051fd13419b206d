/** The books. `accepted` is the sum of `delivered`, `rejected`, `expired`, `dropped` and `pending`, always. */
export interface Stats {
  /** Events taken. */
  accepted: number;
  /** Events the collector has taken, unconfirmed ones included. */
  delivered: number;
  /** Events the collector refused for good. */
  rejected: number;
  /** Events that became older than `maxAge`. */
  expired: number;
  /** Events given up, see `Outcome.reason`. */
  dropped: number;
  /** Events that have not ended yet. */
  pending: number;
  /** Of the delivered ones: those whose request was carried out, but whose answer the page was not allowed to read. */
  unconfirmed: number;
  /** Events not taken because the queue was full. */
  refusedFull: number;
  /** Events not taken because they were invalid. */
  invalid: number;
  /** Events that `beforeSend` dropped. */
  filtered: number;
  /** Events of users outside the sample. */
  sampledOut: number;
  /** Events not taken because the tracker was disabled or closed. */
  ignored: number;
  /** Batches made. */
  batches: number;
  /** Requests started, retries included. */
  requests: number;
  /** Requests that sent a batch again. */
  retries: number;
  /** Bytes of the events in all requests, before compression. */
  plainBytes: number;
  /** Bytes of the bodies of all requests. */
  sentBytes: number;
  /** Events that were sent again although an earlier request may have arrived. (What a browser itself sends again when a
   * connection that it kept breaks, it tells no page.) */
  maybeDuplicated: number;
  /** Bytes held by pending events, every copy counted. */
  queuedBytes: number;
}

/** The books' entries, in the order of the wasm module. @internal */
export const NAMES =
  "accepted delivered rejected expired dropped pending unconfirmed refusedFull invalid filtered sampledOut ignored batches requests retries plainBytes sentBytes maybeDuplicated queuedBytes".split(
    " ",
  ) as (keyof Stats)[];

/** No entries yet. @internal */
export const ZEROS: readonly number[] = /* @__PURE__ */ Array(19).fill(0);

/** Numbers by their names. @internal */
export function named(names: string[], numbers: readonly number[]) {
  return Object.fromEntries(names.map((name, place) => [name, numbers[place]!]));
}

/** Places in the books. @internal */
export const enum Entry {
  Accepted,
  Delivered,
  Rejected,
  Expired,
  Dropped,
  Pending,
  Unconfirmed,
  RefusedFull,
  Invalid,
  Filtered,
  SampledOut,
  Ignored,
  QueuedBytes = 18,
}

/** What became of the events that were pending when a flush or close was called. */
export interface Report {
  /** Taken by the collector. */
  delivered: number;
  /** Refused by the collector for good. */
  rejected: number;
  /** Older than `maxAge`. */
  expired: number;
  /** Given up. */
  dropped: number;
  /** Not ended within the timeout; they stay queued. */
  pending: number;
}

/** How something ended: a batch or a part of one, or a single event that had a tag. */
export interface Outcome {
  /** How it ended. `invalid` is an event that was never taken, where `onInvalid` is `"report"`. */
  fate: "delivered" | "rejected" | "expired" | "dropped" | "invalid";
  /** How many events. */
  count: number;
  /** Of `dropped`: the quick retries were used up (`onExhausted: "drop"`), the queue was full, the tracker was closed
   * or disabled, or something within the tracker failed. */
  reason?: "exhausted" | "overflow" | "closed" | "disabled" | "internal";
  /** The request was carried out, but the page was not allowed to read its answer. */
  unconfirmed?: boolean;
  /** A request whose answer was lost may have delivered the events all the same. */
  possiblyDelivered?: boolean;
  /** The batch's number. */
  batch?: number;
  /** The HTTP status of the last answer, 0 for none; of an invalid event, what is wrong. */
  code?: number | string;
  /** What the collector said, or what kept the request from being answered. */
  message?: string;
  /** Of an invalid event: the field. */
  field?: string;
  /** The event's tag. */
  tag?: number | string;
}
