import { Analytics } from "@segment/analytics-node";

const analytics = new Analytics({ writeKey: "key" });

export const purchase = (userId, price) =>
  analytics.track({ userId, event: "purchase", properties: { price, tags: ["new", "sale"] } });
export const signIn = (userId) => analytics.identify({ userId, traits: { plan: "pro" } });
export const leave = () => analytics.closeAndFlush();
