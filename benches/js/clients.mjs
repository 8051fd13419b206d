// Trackwire and its peers for Node, each told to send by the hundred, to a stub in place of its transport. A client has
// `track(purchase)`, `flush()`, and `count(body)`: the events in a body that it sent.
//
// Compression is off where there is one. What else a client does on its own is left as it is.

import { createRequire } from "node:module";
import { attributes, plain } from "./sample.mjs";

/** Events in a request. */
export const BATCH = 100;

const HOST = "http://collector.example";
const LONG = 2 ** 31 - 1;

/** What the stubs answer. A `Response` of Node's would cost more than most of what is measured. */
const OK = {
  ok: true,
  status: 200,
  statusText: "OK",
  type: "default",
  headers: { get: () => null },
  text: async () => "{}",
  json: async () => ({}),
};

/** Makes a client. `send(body)` takes what it sends, and returns when that is answered. `keep` raises the bound of its
 * queue; `dir` is the project that holds trackwire. */
export async function client(name, { send, keep, dir }) {
  const answer = async (body) => (await send(body), OK);
  return CLIENTS[name]({ answer, send, keep, dir });
}

/** The module of trackwire that is installed in `dir`, as a module. */
export async function trackwire(dir) {
  const entry = createRequire(`${dir}/x.js`).resolve("trackwire/growingio").replace(/\.cjs$/, ".js");
  return import(entry);
}

const CLIENTS = {
  async "JSON.stringify into an array"({ send }) {
    let waiting = [];
    const flush = () => {
      const body = `[${waiting.join(",")}]`;
      waiting = [];
      return send(body);
    };
    return {
      track(purchase) {
        if (waiting.push(JSON.stringify(plain(purchase))) == BATCH) void flush();
      },
      flush: async () => void (waiting.length && (await flush())),
      count: (body) => JSON.parse(body).length,
    };
  },

  trackwire: (given) => ours(given, {}),
  "trackwire, trackJson": (given) => ours(given, {}, true),
  "trackwire, protobuf": (given) => ours(given, { format: "protobuf" }),
  "trackwire, held for consent": (given) => ours(given, { enabled: "buffer" }),

  async "@segment/analytics-node"({ answer }) {
    const { Analytics } = await import("@segment/analytics-node");
    const httpClient = (_, { body }) => answer(body);
    const analytics = new Analytics({ writeKey: "key", host: HOST, flushAt: BATCH, flushInterval: LONG, httpClient });
    return {
      track: (purchase) =>
        analytics.track({ userId: purchase.user, event: "purchase", properties: attributes(purchase) }),
      flush: () => analytics.flush(),
      count: (body) => JSON.parse(body).batch.length,
    };
  },

  async "posthog-node"({ answer, keep }) {
    const { PostHog } = await import("posthog-node");
    const posthog = new PostHog("key", {
      host: HOST,
      flushAt: BATCH,
      maxBatchSize: BATCH,
      flushInterval: LONG,
      maxQueueSize: keep,
      disableCompression: true,
      fetch: (_, { body }) => answer(body),
    });
    return {
      track: (purchase) =>
        posthog.capture({ distinctId: purchase.user, event: "purchase", properties: attributes(purchase) }),
      flush: () => posthog.flush(),
      count: (body) => JSON.parse(body).batch.length,
    };
  },

  async "@snowplow/node-tracker"({ answer, keep }) {
    // The package names its modules so that only CommonJS finds them.
    const { newTracker, buildSelfDescribingEvent } = createRequire(import.meta.url)("@snowplow/node-tracker");
    const { newInMemoryEventStore } = createRequire(import.meta.url)("@snowplow/tracker-core");
    const tracker = newTracker(
      { namespace: "sp", appId: "app", encodeBase64: false },
      {
        endpoint: HOST,
        bufferSize: BATCH,
        maxPostBytes: 1e6,
        eventStore: newInMemoryEventStore({ maxSize: keep }),
        customFetch: async (request) => answer(await request.text()),
      },
    );
    const schema = "iglu:com.example/purchase/jsonschema/1-0-0";
    return {
      track(purchase) {
        tracker.setUserId(purchase.user);
        tracker.track(buildSelfDescribingEvent({ event: { schema, data: attributes(purchase) } }));
      },
      flush: () => tracker.flush(),
      count: (body) => JSON.parse(body).data.length,
    };
  },

  async "@amplitude/analytics-node"({ send }) {
    const { createInstance } = await import("@amplitude/analytics-node");
    const amplitude = createInstance();
    const body = { eventsIngested: 0, payloadSizeBytes: 0, serverUploadTime: 0 };
    // Its transports are handed objects, and write them.
    const transport = async (_, payload) => {
      await send(JSON.stringify(payload));
      return { status: "success", statusCode: 200, body };
    };
    const options = { flushQueueSize: BATCH, flushIntervalMillis: 1000, transportProvider: { send: transport } };
    await amplitude.init("key", options).promise;
    return {
      track: (purchase) => amplitude.track("purchase", attributes(purchase), { user_id: purchase.user }),
      flush: () => amplitude.flush().promise,
      count: (body) => JSON.parse(body).events.length,
    };
  },
};

async function ours({ answer, dir, keep }, options, raw) {
  const { GrowingTracker } = await trackwire(dir);
  const tracker = new GrowingTracker({
    productId: "0a1b4118dd954ec3",
    dataSourceId: "90616a2bb5a4e2a8",
    serverHost: HOST,
    consumer: { type: "async", maxSize: BATCH, flushAfter: LONG },
    maxQueueEvents: keep,
    maxQueueBytes: 2 ** 28,
    fetch: (_, { body }) => answer(body),
    ...options,
  });
  // Text that is at hand: of an application that passes on what it is given.
  const texts = new WeakMap();
  const text = (purchase) =>
    JSON.stringify({ track: "purchase", user: purchase.user, attributes: attributes(purchase) });
  return {
    prepare: raw && ((purchases) => purchases.forEach((purchase) => texts.set(purchase, text(purchase)))),
    track: raw
      ? (purchase) => tracker.trackJson(texts.get(purchase))
      : (purchase) =>
          tracker.trackCustomEvent("purchase", { loginUserId: purchase.user, attributes: attributes(purchase) }),
    flush: () => (tracker.enable(), tracker.flush({ timeout: 60_000 })),
    // Every event that is sent is one that was taken.
    count: (body) => (options.format == "protobuf" ? protobufRecords(body) : JSON.parse(new TextDecoder().decode(body)).length),
  };
}

/** The elements of a message that is one repeated field. */
function protobufRecords(bytes) {
  let count = 0;
  for (let at = 0; at < bytes.length; count++) {
    at++;
    let length = 0;
    let shift = 0;
    do length |= (bytes[at] & 127) << (7 * shift++);
    while (bytes[at++] & 128);
    at += length;
  }
  return count;
}
