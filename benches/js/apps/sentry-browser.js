import { captureException, captureMessage, close, init, setUser } from "@sentry/browser";

init({ dsn: "https://key@collector.example/1" });

export const purchase = (price) => captureMessage("purchase", { extra: { price, tags: ["new", "sale"] } });
export const signIn = (id) => setUser({ id });
export const report = (error) => captureException(error);
export const leave = () => close(1000);
