import { AnalyticsBrowser } from "@segment/analytics-next";

const analytics = AnalyticsBrowser.load({ writeKey: "key" });

export const purchase = (price) => analytics.track("purchase", { price, tags: ["new", "sale"] });
export const signIn = (user) => analytics.identify(user, { plan: "pro" });
export const leave = () => analytics.reset();
