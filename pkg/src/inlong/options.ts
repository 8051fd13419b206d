import type { Outcome } from "../stats.js";
import type { Delivery } from "./client.js";
import type { Mapping } from "./mapping.js";

/** What a client is told. What the vendor's file has too has its name in camel case, its unit and its default. Times are ms
 * unless said. */
export interface Options {
  /** The vendor's configuration, `{"init-param": {…}}`, as text or parsed. What stands beside it in the options wins. Keys
   * that have no effect here are named in a warning. */
  config?: string | { "init-param": Record<string, unknown> };
  /** The groups whose nodes are asked for at the start; others are when they are first sent to. */
  inlongGroupIds?: string | readonly string[];
  /** The Manager's address of node lists; a group id is appended. Not used with `nodes` or `httpUrl`. Default
   * `http://127.0.0.1:8099/inlong/manager/openapi/dataproxy/getIpList`. */
  managerUrl?: string;
  /** Between two node lists, **minutes**. Default 2. */
  managerUpdateInterval?: number;
  /** How long a request to the Manager may take, **seconds**. Default 5. */
  managerUrlTimeout?: number;
  /** Sends `authId` and `authKey` to the Manager. Default `false`. */
  needAuth?: boolean;
  /** Who asks the Manager. */
  authId?: string;
  /** The secret of `authId`. Refused in browsers. */
  authKey?: string;
  /** The nodes, `host:port`, for use without a Manager. */
  nodes?: string | readonly string[];
  /** What nodes are spoken to in. Default `"tcp"`; with `httpUrl`, and in browsers, `"http"`. */
  protocol?: "tcp" | "http";
  /** The one address that messages are posted to, for use without a Manager: absolute, or in a page a path of its own
   * origin. */
  httpUrl?: string;
  /** Keeps the Manager's node lists in a file, for a start while it cannot be reached. In Node (from 20.16), Bun, and Deno with
   * `--allow-read` and `--allow-write` for its folder; elsewhere without effect. Default: whether `cacheFile` is given. */
  enableLocalCache?: boolean;
  /** Which file that is. Default: the vendor's, `.proxy_list.ini` in the working directory. */
  cacheFile?: string;
  /** The message type of packs: 2, 3, 5, 6 or 7. Default 7. */
  msgType?: 2 | 3 | 5 | 6 | 7;
  /** Bits for the ext field of type 7: 0x1 attributes for each message, 0x2 trace, 0x20 messages joined by LF. Default 0. */
  extendField?: number;
  /** Attributes of all packs. */
  attributes?: Record<string, string>;
  /** Asks for answers. Without, what was written counts as delivered, unconfirmed. Default `true`. */
  isAck?: boolean;
  /** The address of this machine, for the Manager, for attributes and deliveries. Default: in Node (from 20.16), Bun, and Deno
   * with `--allow-sys`, its first IPv4 address that is not of the machine alone; else `127.0.0.1`. */
  serIp?: string;
  /** Puts several messages in a pack. Default `true`. */
  enablePack?: boolean;
  /** A pack closes at this size before compression, bytes. Default 409,600 within what frames may take; in browsers 60,000. */
  packSize?: number;
  /** How long a message waits for its pack to fill. Default 3,000. */
  packTimeout?: number;
  /** The largest message, with 10 for its head, bytes. Default 409,600. */
  extPackSize?: number;
  /** Compresses packs with snappy. Default `true`. */
  enableZip?: boolean;
  /** From above how many bytes packs are compressed. Default 512. */
  minZipLen?: number;
  /** What may wait in all, bytes. Default 10,240,000. */
  recvBufSize?: number;
  /** What may be on its way unanswered in all, bytes. Default 10,240,000. */
  sendBufSize?: number;
  /** Groups; the larger of this and `maxStreamIdNum` holds. Default 50. */
  maxGroupIdNum?: number;
  /** See `maxGroupIdNum`. Default 50. */
  maxStreamIdNum?: number;
  /** Frames on their way unanswered on one connection. Default 64. */
  maxInFlight?: number;
  /** How long a message is kept for delivery. Default 24 h. */
  maxAge?: number;
  /** Nodes that are connected to at a time. Default 8. */
  maxProxyNum?: number;
  /** Connections to each of them. Default 1. */
  proxyRepeatTimes?: number;
  /** What shares connections: 1 a group's packs, above 1 those of a cluster. Default 2. */
  isolationLevel?: number;
  /** How long an answer may take, once those to the packs before it on its connection have come. Default 20,000. */
  requestTimeout?: number;
  /** Quick retries after the first attempt; afterwards a pack is kept and tried at growing intervals. Default 1. */
  retryTimes?: number;
  /** Between heartbeats on a connection. Default 60,000. */
  heartBeatInterval?: number;
  /** Moves from nodes with much load to such with little. Default `true`. */
  enableBalance?: boolean;
  /** Between looks at the loads. Default 300,000. */
  loadBalanceInterval?: number;
  /** Between looks for idle connections. Default 60,000. */
  tcpDetectionInterval?: number;
  /** How long a connection without traffic is kept. Default 600,000. */
  tcpIdleTime?: number;
  /** Where events go that `track`, `user` and `item` send, and in which form. */
  mapping?: Mapping;
  /** What happens to a pack whose quick retries are used up. Default `"keep"`. */
  onExhausted?: "keep" | "drop";
  /** What a message that is refused does: throw a `TrackwireError` at the call, or come as an outcome. Default `"throw"`, in
   * browsers `"report"`. */
  onInvalid?: "throw" | "report";
  /** What carries HTTP requests. Default: the platform's `fetch`. */
  fetch?: typeof fetch;
  /** Headers for requests with messages over HTTP. */
  headers?: Record<string, string>;
  /** Where warnings go. Default `console`. */
  logger?: Pick<Console, "warn">;
  /** Called with every outcome, after the client's own work is done; sending in it is fine. Of messages that had a tag, and
   * of those that were sent with `deliver`, each has its own, with what was sent. */
  onOutcome?(outcome: Outcome, delivery?: Delivery): void;
  /** The wall clock, ms since the Unix epoch, for tests. Default `Date.now`. */
  clock?(): number;
}
