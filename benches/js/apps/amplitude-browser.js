import { Identify, flush, identify, init, setUserId, track } from "@amplitude/analytics-browser";

init("key");

export const purchase = (price) => track("purchase", { price, tags: ["new", "sale"] });
export const signIn = (user) => {
  setUserId(user);
  identify(new Identify().set("plan", "pro"));
};
export const leave = () => flush();
