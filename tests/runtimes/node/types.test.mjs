// The types of the packed package, as a module and as CommonJS.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { project } from "./setup.mjs";

const tsc = createRequire(import.meta.url).resolve("typescript/bin/tsc");

const BODY = `
const options: Options = { productId: "p", dataSourceId: "d", serverHost: "https://collector.example" };
const tracker = new GrowingTracker<{ add_to_cart: { sku: string; price: number } }>({
  ...options,
  consumer: { type: "async", maxSize: 100 },
  beforeSend: (event) => event.track != "secret",
  onOutcome: ({ fate, count }) => console.log(fate, count),
});
tracker.trackCustomEvent("add_to_cart", { attributes: { sku: "s", price: 1 } });
// @ts-expect-error No such event.
tracker.trackCustomEvent("buy");
// @ts-expect-error Its price is a number.
tracker.trackCustomEvent("add_to_cart", { attributes: { sku: "s", price: "1" } });
// @ts-expect-error No such format.
new GrowingTracker({ ...options, format: "xml" });
const loose = new GrowingTracker({ ...options, fetch: createSink().fetch });
loose.trackCustomEvent("buy", { loginUserId: "u", attributes: { price: double(9), big: 1n, tags: ["a"], none: null, at: new Date() } });
const room: Promise<void> = loose.ready();
const pending: Promise<number> = loose.flush({ timeout: 5 }).then((report) => report.pending);
const delivered: number = loose.stats().delivered;
console.log(room, pending, delivered);
`;

const INLONG = `
const options: Options = {
  config: { "init-param": { manager_url: "http://127.0.0.1:8083/list", auth_key: "key" } },
  packTimeout: 20,
  mapping: {
    track: { groupId: "g", streamId: "events" },
    item: { groupId: "g", streamId: "items", format: { delimiter: "|", escape: "\\\\", fields: ["item", "key", "attributes.title"] } },
  },
  onOutcome: ({ fate, count }, delivery?: Delivery) => console.log(fate, count, delivery?.groupId),
};
const client = new InLongClient(options);
const taken: boolean = client.send("g", "s", "text", { time: new Date(), attributes: { k: "v" }, tag: { any: 1 } });
client.send("g", "s", new Uint8Array(2));
// @ts-expect-error No message.
client.send("g", "s");
// @ts-expect-error Neither text nor bytes.
client.send("g", "s", 1);
// @ts-expect-error No such type.
new InLongClient({ msgType: 4 });
// @ts-expect-error No such form.
new InLongClient({ mapping: { track: { groupId: "g", streamId: "s", format: "xml" } } });
const fate: Promise<string> = client.deliver("g", "s", "m").then((delivery) => delivery.outcome.fate);
const count: number = client.sendAll([{ groupId: "g", streamId: "s", message: "m", time: 1 }]);
client.track("buy", { loginUserId: "u", attributes: { price: double(9), big: 1n, tags: ["a"], none: null, at: new Date() } });
client.user({ loginUserId: "u", attributes: { plan: "pro" } });
client.item({ itemId: "i", itemKey: "k" });
const room: Promise<void> = client.ready();
const pending: Promise<number> = client.flush({ timeout: 5 }).then((report) => report.pending);
const delivered: number = client.stats().delivered;
export const handlers = withClient(() => client, { fetch: () => new Response("") });
try {
  client.send("", "s", "m");
} catch (error) {
  if (error instanceof TrackwireError) console.log(error.code, error.field, error.sdkCode! + 1);
}
console.log(taken, fate, count, room, pending, delivered);
`;

let dir, remove;
before(() => ({ dir, remove } = project()));
after(() => remove?.());

for (const [name, head, body] of [
  [
    "module.mts",
    'import { GrowingTracker, double, type Options } from "trackwire/growingio";\nimport { createSink } from "trackwire/testing";',
    BODY,
  ],
  [
    "common.cts",
    'import { GrowingTracker, double, type Options } from "trackwire";\nimport { createSink } from "trackwire/testing";',
    BODY,
  ],
  ["inlong.mts", 'import { InLongClient, TrackwireError, double, withClient, type Delivery, type Options } from "trackwire/inlong";', INLONG],
  ["inlong.cts", 'import { InLongClient, TrackwireError, double, withClient, type Delivery, type Options } from "trackwire/inlong";', INLONG],
]) {
  test(name, () => {
    writeFileSync(join(dir, name), head + body);
    const flags = "--noEmit --strict --target ES2022 --module NodeNext --lib ES2022,DOM".split(" ");
    const { status, stdout } = spawnSync(process.execPath, [tsc, ...flags, name], { cwd: dir, encoding: "utf8" });
    assert.equal(status, 0, stdout);
  });
}
