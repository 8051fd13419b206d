// The options as the wasm module takes them, and what the shell itself needs of them.

import { TrackwireError } from "./errors.js";
import type { Format, Options } from "./options.js";

declare const WORKER: boolean;
declare const VERSION: string;

const FORMATS: Format[] = ["simple", "json", "snappy", "snappy-crypt", "protobuf", "protobuf-snappy-crypt"];
const CONSUMERS = ["default", "buffered", "async", "debug"];

/** Whether this is Node, Deno or Bun. */
export const isNode = () => typeof process == "object" && !!process.versions?.node;

/** Whether this is a page or a browser's worker. */
export const isBrowser = () => !WORKER && !isNode();

/** What `tw_new` takes, and what the shell decides by. */
export interface Settings {
  texts_: string;
  numbers_: number[];
  requestTimeout_: number;
  debug_: boolean;
  throws_: boolean;
  wall_: () => number;
  logger_: Pick<Console, "warn" | "log">;
  options_: Options;
}

/** Reads the options. Throws a `TrackwireError` that names the one that cannot be used. */
export function settle(options: Options): Settings {
  const bad = (field: keyof Options): never => {
    throw new TrackwireError("option", field);
  };
  const place = (field: keyof Options, known: string[], value: string) => {
    const at = known.indexOf(value);
    return at < 0 ? bad(field) : at;
  };
  const number = (field: keyof Options, otherwise: number, least = 0, most = 2 ** 53) => {
    const value = (options[field] ?? otherwise) as number;
    return value >= least && value <= most ? value : bad(field);
  };
  const text = (field: "productId" | "dataSourceId" | "serverHost") => {
    const value = options[field];
    return value && typeof value == "string" && !value.includes("\0") ? value : bad(field);
  };
  const browser = isBrowser();
  const small = WORKER || browser;
  const consumer = options.consumer ?? "default";
  const { type, maxSize = 500, flushAfter = 1e4 } =
    typeof consumer == "string" ? { type: consumer } : (consumer as { type: string; maxSize?: number; flushAfter?: number });
  const kind = place("consumer", CONSUMERS, type);
  let format = place("format", FORMATS, options.format ?? "json");
  if (browser && format == 1) format = 0;
  if (!(maxSize >= 1 && flushAfter >= 0)) bad("consumer");
  const serverHost = text("serverHost");
  if (!/^https?:\/\/[^/?#\s][^?#\s]*$/.test(serverHost)) bad("serverHost");
  number("sampleRate", 1, 0, 1);
  const { platform = browser ? "web" : "js", sdkVersion = VERSION } = options;
  const requestTimeout = number("requestTimeout", 5e3, 1);
  return {
    texts_: [text("productId"), text("dataSourceId"), serverHost, platform ?? "", sdkVersion ?? ""].join("\0"),
    numbers_: [
      format,
      kind,
      maxSize,
      flushAfter,
      +(options.validate ?? true),
      number("maxRequestBytes", 2 << 20, 1024, 2 ** 30),
      number("retryLimit", 3),
      number("retryBackoffFactor", 0.25, 0, 3600) * 1e3,
      requestTimeout,
      number("maxQueueBytes", small ? 8 << 20 : 64 << 20, 4096, 2 ** 31),
      number("maxQueueEvents", 1e6, 1),
      number("maxAge", 864e5),
      number("maxInFlight", small ? 4 : 8, 1),
      +(options.onExhausted == "drop"),
      +(options.whenFull == "drop-oldest"),
      0,
      500,
      +WORKER,
    ],
    requestTimeout_: requestTimeout,
    debug_: kind == 3,
    throws_: (options.onInvalid ?? (browser ? "report" : "throw")) == "throw",
    wall_: options.clock ?? Date.now,
    logger_: options.logger ?? console,
    options_: options,
  };
}
