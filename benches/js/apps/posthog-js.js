import posthog from "posthog-js";

posthog.init("key", { api_host: "https://collector.example" });

export const purchase = (price) => posthog.capture("purchase", { price, tags: ["new", "sale"] });
export const signIn = (user) => posthog.identify(user, { plan: "pro" });
export const consent = (given) => (given ? posthog.opt_in_capturing() : posthog.opt_out_capturing());
export const leave = () => posthog.reset();
