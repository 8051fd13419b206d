import { buildSelfDescribingEvent, newTracker } from "@snowplow/node-tracker";

const tracker = newTracker({ namespace: "sp", appId: "app" }, { endpoint: "https://collector.example" });

const schema = "iglu:com.example/purchase/jsonschema/1-0-0";
export const purchase = (price) =>
  tracker.track(buildSelfDescribingEvent({ event: { schema, data: { price, tags: ["new", "sale"] } } }));
export const signIn = (user) => tracker.setUserId(user);
export const leave = () => tracker.flush();
