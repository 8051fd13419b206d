import { PostHog } from "posthog-node";

const posthog = new PostHog("key", { host: "https://collector.example" });

export const purchase = (distinctId, price) =>
  posthog.capture({ distinctId, event: "purchase", properties: { price, tags: ["new", "sale"] } });
export const signIn = (distinctId) => posthog.identify({ distinctId, properties: { plan: "pro" } });
export const leave = () => posthog.shutdown();
