import { flushBuffer, newTracker, setUserId, trackSelfDescribingEvent } from "@snowplow/browser-tracker";

newTracker("sp", "https://collector.example", { appId: "app" });

const schema = "iglu:com.example/purchase/jsonschema/1-0-0";
export const purchase = (price) =>
  trackSelfDescribingEvent({ event: { schema, data: { price, tags: ["new", "sale"] } } });
export const signIn = (user) => setUserId(user);
export const leave = () => flushBuffer();
