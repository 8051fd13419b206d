// The application that the budgets of `wasm-pack.toml` are for: it calls everything there is.

import { GrowingTracker, TrackwireError, double, withTracker } from "trackwire/growingio";

const tracker = new GrowingTracker({
  productId: "project",
  dataSourceId: "source",
  serverHost: "https://collector.example",
  consumer: "async",
  onOutcome: (outcome) => console.log(outcome.fate, outcome.count),
});

export function purchase(user, price) {
  tracker.trackCustomEvent("purchase", { loginUserId: user, attributes: { price: double(price), tags: ["new", "sale"] } });
}

export function signIn(user, email) {
  tracker.setLoginUserAttributes({ loginUserId: user, attributes: { plan: "pro" } });
  tracker.submitUserMapping({ identities: { user, email } });
}

export function describe(sku, title) {
  tracker.submitItem({ itemId: sku, itemKey: "product", attributes: { title } });
}

export async function forward(text) {
  await tracker.ready();
  try {
    return tracker.trackJson(text);
  } catch (error) {
    if (error instanceof TrackwireError) return false;
    throw error;
  }
}

export function consent(given) {
  if (given) tracker.enable();
  else tracker.disable();
}

export async function leave() {
  await tracker.flush({ timeout: 1000 });
  await tracker.close();
  return tracker.stats();
}

export const worker = withTracker(() => tracker, { fetch: () => new Response("hello") });
