// The application that InLong's budgets of `wasm-pack.toml` are for: it calls everything there is.

import { InLongClient, TrackwireError, double, withClient } from "trackwire/inlong";

const client = new InLongClient({
  httpUrl: "/dataproxy/message",
  mapping: { track: { groupId: "group", streamId: "events" }, user: { groupId: "group", streamId: "users" } },
  onOutcome: (outcome) => console.log(outcome.fate, outcome.count),
});

export function log(line) {
  try {
    return client.send("group", "stream", line, { time: Date.now() });
  } catch (error) {
    if (error instanceof TrackwireError) return error.sdkCode;
    throw error;
  }
}

export async function logAll(lines) {
  await client.ready();
  return client.sendAll(lines.map((message) => ({ groupId: "group", streamId: "stream", message })));
}

export async function order(text) {
  const { outcome } = await client.deliver("group", "orders", text);
  return outcome.fate == "delivered";
}

export function purchase(user, price) {
  client.track("purchase", { loginUserId: user, attributes: { price: double(price), tags: ["new", "sale"] } });
  client.user({ loginUserId: user, attributes: { plan: "pro" } });
  client.item({ itemId: "sku", itemKey: "product", attributes: { title: "Kettle" } });
}

export async function leave() {
  await client.flush({ timeout: 1000 });
  await client.close();
  return client.stats();
}

export const worker = withClient(() => client, { fetch: () => new Response("hello") });
