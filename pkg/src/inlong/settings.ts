// The options as the wasm module takes them, and what the shell itself needs of them.

import { TrackwireError } from "../errors.js";
import { isNode } from "../settings.js";
import { openCache, type Cache } from "./cache.js";
import { ownAddress } from "./machine.js";
import { checkMapping } from "./mapping.js";
import type { Asking } from "./manager.js";
import type { Options } from "./options.js";

declare const WORKER: boolean;
declare const BROWSER: boolean;

/** Name, default, least, most; of flags the first two. In the order of the module, first those that pages have too. */
const NUMBERS = (
  `enablePack true
packSize ${BROWSER ? 6e4 : 0} 1 20971520
packTimeout 3e3 1
extPackSize 409600 11 20971520
recvBufSize 10240000 1
sendBufSize 10240000 1
maxGroupIdNum 50 1
maxStreamIdNum 50 1
maxInFlight 64 1 65536
maxAge 864e5 1 1e16
requestTimeout 2e4 1
retryTimes 1 0` +
  (BROWSER
    ? ""
    : `
managerUpdateInterval 2 1 35791
managerUrlTimeout 5 1 2147483
msgType 7 2 7
extendField 0 0 65535
isAck true
enableZip true
minZipLen 512 0
maxProxyNum 8 1
proxyRepeatTimes 1 0
isolationLevel 2 1
heartBeatInterval 6e4 1
enableBalance true
loadBalanceInterval 3e5 1
tcpDetectionInterval 6e4 1
tcpIdleTime 6e5 1`)
)
  .split("\n")
  .map((line) => line.split(" ") as [keyof Options, string, string?, string?]);

/** What has an effect besides. */
const OTHERS = "inlongGroupIds managerUrl needAuth authId authKey nodes protocol httpUrl attributes serIp enableLocalCache cacheFile".split(" ");

/** What `tw_new` takes, and what the shell decides by. */
export interface Settings extends Asking {
  texts_: string;
  numbers_: number[];
  seedAt_: number;
  requestTimeout_: number;
  askTimeout_: number;
  /** Whether messages have attributes of their own in packs, in which local time stands. */
  ownAttributes_: boolean;
  cache_: Cache | undefined;
  isAck_: boolean;
  throws_: boolean;
  wall_: () => number;
  logger_: Pick<Console, "warn">;
  options_: Options;
}

/** An error of the vendor's number. */
export function refused(sdkCode: number, code: TrackwireError["code"], field: string, hint?: string): TrackwireError {
  return Object.assign(new TrackwireError(code, field, hint), { sdkCode });
}

/** Of an option that cannot be used. */
export const badOption = (field: string, hint: string) => refused(5, "option", field, hint);

/** Reads the options. Throws a `TrackwireError` that names the one that cannot be used. */
export function settle(given: Options = {}): Settings {
  const bad = (field: string, hint = "cannot be used as given"): never => {
    throw badOption(field, hint);
  };
  const logger = given.logger ?? console;
  // What is `undefined` is not given.
  const options: Options = BROWSER ? given : { ...fromConfig(), ...Object.fromEntries(Object.entries(given).filter((option) => option[1] !== undefined)) };
  const text = (field: keyof Options): string => {
    const value = options[field] ?? "";
    return typeof value == "string" && !/[\p{Cc}\p{Cs}]/u.test(value) ? value : bad(field);
  };
  const list = (field: keyof Options): string[] => {
    const value = options[field] ?? [];
    const items = typeof value == "string" ? value.split(",") : value;
    if (!Array.isArray(items) || !items.every((item) => typeof item == "string" && !item.includes("\0"))) return bad(field);
    return items.map((item) => item.trim()).filter(Boolean);
  };
  const url = (field: keyof Options, form: RegExp) => {
    const value = text(field);
    return !value || form.test(value) ? value : bad(field, "give e.g. http://10.0.0.1:8083/path, without a query");
  };
  const oneOf = (field: keyof Options, known: unknown[], value: unknown) => {
    const at = known.indexOf(value);
    return at < 0 ? bad(field, "there are " + known.join(", ")) : at;
  };
  const browser = BROWSER || (!WORKER && !isNode());
  const number = (name: keyof Options) => numbers[NUMBERS.findIndex(([known]) => known == name)]!;
  const httpUrl = url("httpUrl", /^(https?:\/\/[^/?#\s]|\/(?!\/))[^?#\s]*$/);
  const nodes = BROWSER ? [] : list("nodes").flatMap((node) => {
    const [, v6, name, port] = /^(?:\[([\da-fA-F:.%]+)\]|([\w.-]+)):(\d+)$/.exec(node) ?? [];
    return +port! > 0 && +port! < 65536 ? [v6 ?? name!, port!] : bad("nodes", `${node}: give host:port`);
  });
  const protocol = (text("protocol") || (httpUrl || browser ? "http" : "tcp")).toLowerCase();
  const http = oneOf("protocol", ["tcp", "http"], protocol);
  if (httpUrl && (nodes[0] || !http)) bad("httpUrl", "needs `protocol` http, and no `nodes`");
  if (!browser && httpUrl[0] == "/") bad("httpUrl", "only a page has an origin: give e.g. https://gateway.example/dataproxy/message");
  if (browser && !http) bad("protocol", "a page has no TCP: post to a path of its own origin, `httpUrl`");
  if (browser && !httpUrl) bad("httpUrl", "a page posts to a path of its own origin: give e.g. /dataproxy/message");
  if (browser && options.authKey) bad("authKey", "a page keeps no secret: give `httpUrl`");
  const needed = (field: "authId" | "authKey") => text(field) || bad(field, "is missing, and `needAuth` is true");
  const auth: Asking["auth_"] = !BROWSER && options.needAuth ? [needed("authId"), needed("authKey")] : undefined;
  if (auth?.join("").includes(":")) bad("authId", "neither it nor `authKey` may hold a colon");
  const attributes = (!BROWSER && options.attributes) || {};
  if (!BROWSER && !Object.entries(attributes).flat().every((part) => typeof part == "string" && part && !part.includes("\0"))) {
    bad("attributes", "give texts");
  }
  for (const field of ["fetch", "onOutcome", "clock"] as const) {
    // Any function stands in for an absent one.
    if (typeof (options[field] ?? bad) != "function") bad(field);
  }
  const numbers = NUMBERS.map(([name, otherwise, least, most = "2147483647"]) => {
    const value = options[name];
    if (!least) return +(value === undefined ? true : typeof value == "boolean" ? value : bad(name, "give true or false"));
    if (value === undefined) return +otherwise;
    return Number.isInteger(value) && (value as number) >= +least && (value as number) <= +most
      ? (value as number)
      : bad(name, `${typeof value == "number" ? "" : "is no number: "}give ${least} to ${most}`);
  });
  if (!BROWSER && number("msgType") == 4) bad("msgType", "give 2, 3, 5, 6 or 7");
  const extendField = BROWSER ? 0 : number("extendField");
  if (!BROWSER && extendField & ~0x27) bad("extendField", "only 0x1, 0x2, 0x4 and 0x20 can be set");
  if (!BROWSER && (extendField & 0x21) == 0x21) bad("extendField", "0x1 and 0x20 do not go together");
  if (!BROWSER && http && options.isAck === false) bad("isAck", "over HTTP there is always an answer");
  checkMapping(options.mapping ?? {}, bad);
  const serIp = text("serIp");
  if (!BROWSER && serIp && !/^[\da-f.:]+$/i.test(serIp)) bad("serIp", "give an IP address");
  const ip = serIp || (!BROWSER && !WORKER && ownAddress()) || "127.0.0.1";
  return {
    url_: BROWSER ? "" : url("managerUrl", /^https?:\/\/[^/?#\s][^?#\s]*$/) || "http://127.0.0.1:8099/inlong/manager/openapi/dataproxy/getIpList",
    auth_: auth,
    askTimeout_: BROWSER ? 0 : number("managerUrlTimeout") * 1e3,
    texts_: BROWSER ? "" : [
      ip,
      httpUrl,
      ...nodes,
      "",
      ...list("inlongGroupIds"),
      "",
      ...Object.entries(attributes).flat(),
      "",
    ].join("\0"),
    numbers_: [oneOf("onExhausted", ["keep", "drop"], options.onExhausted ?? "keep"), ...numbers, http],
    seedAt_: 31,
    requestTimeout_: number("requestTimeout"),
    isTcp_: !http,
    ownAttributes_: !BROWSER && (number("msgType") == 6 || !!(extendField & 1)),
    cache_: BROWSER || WORKER ? undefined : cache(),
    isAck_: BROWSER || !!number("isAck"),
    ip_: ip,
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

  /** The file of node lists, where they are to be kept and the Manager gives any. */
  function cache(): Cache | undefined {
    const file = text("cacheFile");
    const isOff = oneOf("enableLocalCache", [true, false], options.enableLocalCache ?? !!file);
    if (isOff || nodes[0] || httpUrl) return;
    const groups = Math.max(number("maxGroupIdNum"), number("maxStreamIdNum"));
    return openCache(file || ".proxy_list.ini", groups, !http, (text) => logger.warn("trackwire: " + text));
  }

  /** The options that the vendor's file holds. */
  function fromConfig(): Options {
    let { config } = given;
    if (config === undefined) return {};
    try {
      if (typeof config == "string") config = JSON.parse(config.replace(/^\ufeff/, "")) as { "init-param": Record<string, unknown> };
    } catch (error) {
      bad("config", String(error));
    }
    const held = (config as { "init-param": unknown } | null)?.["init-param"];
    if (!held || typeof held != "object") return bad("config", "has no object `init-param`");
    const known = [...OTHERS, ...NUMBERS.map(([name]) => name)];
    const idle: string[] = [];
    const read: Record<string, unknown> = {};
    for (const [key, value] of Object.entries(held)) {
      const name = key.replace(/_([a-z])/g, (_, letter) => letter.toUpperCase());
      if (known.includes(name) && !/[A-Z]/.test(key)) read[name] = value;
      else if (key == "extend_report" && value) bad(key, "the Manager it speaks to is not supported; set false");
      else idle.push(key);
    }
    if (idle[0]) logger.warn("trackwire: without effect in the configuration: " + idle.join(", "));
    return read;
  }
}
