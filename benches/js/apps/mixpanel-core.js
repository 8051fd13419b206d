import mixpanel from "mixpanel-browser/src/loaders/loader-module-core";

mixpanel.init("key");

export const purchase = (price) => mixpanel.track("purchase", { price, tags: ["new", "sale"] });
export const signIn = (user) => {
  mixpanel.identify(user);
  mixpanel.people.set({ plan: "pro" });
};
export const leave = () => mixpanel.reset();
