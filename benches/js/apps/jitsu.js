import { jitsuAnalytics } from "@jitsu/js";

const analytics = jitsuAnalytics({ host: "https://collector.example", writeKey: "key" });

export const purchase = (price) => analytics.track("purchase", { price, tags: ["new", "sale"] });
export const signIn = (user) => analytics.identify(user, { plan: "pro" });
export const leave = () => analytics.reset();
