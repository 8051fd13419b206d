// The options as the wasm module takes them, and what the shell itself needs of them.

import { TrackwireError } from "./errors.js";
import { createWire } from "./wire.js";
import type { Format, Options } from "./options.js";

declare const WORKER: boolean;
/** Whether this build is for browsers only. */
declare const BROWSER: boolean;
declare const VERSION: string;

const FORMATS: Format[] = ["simple", "json", "snappy", "snappy-crypt", "protobuf", "protobuf-snappy-crypt"];
const CONSUMERS = ["default", "buffered", "async", "debug"];
/** The engine takes none in ids and addresses, nor halves of a character, and zeros keep its texts apart. */
const CONTROL = /[\p{Cc}\p{Cs}]/u;

/** Whether this is Node, Deno or Bun. Builds for pages do not ask: `BROWSER` comes first, and what is not for them goes. */
export const isNode = () => !!globalThis.process?.versions?.node;

/** What `tw_new` takes, and what the shell decides by. */
export interface Settings {
  texts_: string;
  numbers_: number[];
  seedAt_: number;
  requestTimeout_: number;
  rate_: number;
  debug_: boolean;
  throws_: boolean;
  wall_: () => number;
  logger_: Pick<Console, "warn" | "log">;
  options_: Options;
  wire_: ReturnType<typeof createWire>;
}

/** Reads the options. Throws a `TrackwireError` that names the one that cannot be used. */
export function settle(options: Options): Settings {
  const bad = (field: keyof Options, hint = ""): never => {
    throw new TrackwireError("option", field, "cannot be used as given" + hint);
  };
  const oneOf = (field: keyof Options, known: unknown[], value: unknown = options[field] ?? known[0]) => {
    const at = known.indexOf(value);
    return at < 0 ? bad(field, "; there are " + known.join(", ")) : at;
  };
  const number = (field: keyof Options, otherwise: number, least = 0, most = 1e16) => {
    const value = (options[field] ?? otherwise) as number;
    return typeof value == "number" && value >= least && value <= most ? value : bad(field);
  };
  const text = (field: keyof Options, otherwise?: string | null): string => {
    const { [field]: value = otherwise } = options;
    if (value === null && otherwise) return "";
    return value && typeof value == "string" && !CONTROL.test(value) ? value : bad(field);
  };
  const browser = BROWSER || (!WORKER && !isNode());
  const large = !WORKER && !browser;
  const consumer = options.consumer ?? "default";
  const { type, maxSize = 500, flushAfter = 1e4 } =
    typeof consumer == "string" ? { type: consumer } : (consumer as { type: string; maxSize?: number; flushAfter?: number });
  const kind = oneOf("consumer", CONSUMERS, type);
  let format = oneOf("format", FORMATS, options.format ?? "json");
  if (browser && format == 1) format = 0;
  if (!(maxSize >= 1 && flushAfter >= 0)) bad("consumer");
  const productId = text("productId");
  if (/^\.\.?$/.test(productId)) bad("productId");
  const serverHost = text("serverHost");
  if (!/^https?:\/\/[^/?#\s][^?#\s]*$/.test(serverHost)) bad("serverHost", "; give e.g. https://collector.example");
  oneOf("enabled", [true, false, "buffer"]);
  oneOf("storage", ["local", "cookie", "memory"]);
  if (options.anonymousId !== undefined) text("anonymousId");
  for (const field of ["beforeSend", "fetch", "onOutcome", "clock"] as const) {
    // Any function stands in for an absent one.
    if (typeof (options[field] ?? bad) != "function") bad(field);
  }
  const logger = options.logger ?? console;
  if (!logger.warn || !logger.log) bad("logger");
  const made = <T>(field: keyof Options, make: () => T): T => {
    try {
      return make();
    } catch {
      return bad(field);
    }
  };
  const headers = made("headers", () => Object.fromEntries(new Headers(options.headers ?? {})));
  if (made("serverHost", () => new URL(serverHost)).username) bad("serverHost");
  const requestTimeout = number("requestTimeout", 5e3, 1);
  return {
    wire_: createWire(serverHost, productId, format, headers),
    texts_: [
      productId,
      text("dataSourceId"),
      text("platform", browser ? "web" : "js"),
      text("sdkVersion", VERSION),
    ].join("\0"),
    numbers_: [
      format,
      kind,
      maxSize,
      flushAfter,
      oneOf("validate", [true, false]) ^ 1,
      number("maxRequestBytes", 2 << 20, 1024, 2 ** 30),
      number("retryLimit", 3, 0, 2 ** 32 - 1),
      number("retryBackoffFactor", 0.25, 0, 3600) * 1e3,
      requestTimeout,
      number("maxQueueBytes", (large ? 64 : 8) << 20, 4096, 2 ** 31),
      number("maxQueueEvents", 1e6, 1),
      number("maxAge", 864e5),
      number("maxInFlight", large ? 8 : 4, 1),
      oneOf("onExhausted", ["keep", "drop"]),
      oneOf("whenFull", ["drop-newest", "drop-oldest"]),
      0,
      500,
      +WORKER,
    ],
    seedAt_: 15,
    requestTimeout_: requestTimeout,
    rate_: number("sampleRate", 1, 0, 1),
    debug_: kind == 3,
    throws_: !oneOf("onInvalid", ["throw", "report"], options.onInvalid ?? (browser ? "report" : "throw")),
    // An application's clock that fails must not end the engine.
    wall_: !options.clock
      ? Date.now
      : () => {
          try {
            return options.clock!();
          } catch {
            return Date.now();
          }
        },
    logger_: logger,
    options_: options,
  };
}
