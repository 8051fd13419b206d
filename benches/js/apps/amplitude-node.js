import { Identify, flush, identify, init, track } from "@amplitude/analytics-node";

init("key");

export const purchase = (user_id, price) => track("purchase", { price, tags: ["new", "sale"] }, { user_id });
export const signIn = (user_id) => identify(new Identify().set("plan", "pro"), { user_id });
export const leave = () => flush();
